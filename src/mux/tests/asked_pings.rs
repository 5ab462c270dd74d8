//! Pings that somebody asks for, through the machine.

use std::time::Duration;

use crate::config::Config;
use crate::error::Error;
use crate::packet::PONG;
use crate::testing::{Solo, What, build, channels};

#[test]
fn the_round_trip_of_a_ping_that_is_asked_for_is_exact() {
    let mut solo = timed();
    for ms in [30, 7, 250] {
        solo.advance(SECOND);
        let request = solo.mux.request_ping();
        assert!(pings(&mut solo));
        assert_eq!(solo.mux.ping_answer(request), None);
        solo.advance(MS * ms);
        solo.receive(&PONG);
        assert_eq!(solo.mux.ping_answer(request), Some(MS * ms));
        assert_eq!(solo.mux.stats(solo.now).round_trip, Some(MS * ms));
    }
    assert_eq!(solo.mux.stats(solo.now).pings_sent, 3);
}

#[test]
fn two_requests_share_a_ping() {
    let mut solo = timed();
    let first = solo.mux.request_ping();
    let second = solo.mux.request_ping();
    assert!(pings(&mut solo));
    solo.advance(MS * 5);
    solo.receive(&PONG);
    assert_eq!(solo.mux.ping_answer(first), Some(MS * 5));
    assert_eq!(solo.mux.ping_answer(second), Some(MS * 5));
    solo.advance(SECOND);
    assert!(!pings(&mut solo));
}

#[test]
fn a_request_during_a_ping_gets_one_that_is_sent_after_it() {
    let mut solo = timed();
    let first = solo.mux.request_ping();
    assert!(pings(&mut solo));
    let second = solo.mux.request_ping();
    let third = solo.mux.request_ping();
    solo.advance(MS * 40);
    assert!(!pings(&mut solo), "one is out");
    solo.receive(&PONG);
    assert_eq!(solo.mux.ping_answer(first), Some(MS * 40));
    assert_eq!(solo.mux.ping_answer(second), None);
    assert_eq!(solo.mux.poll_timeout(), Some(solo.now + PAUSE));
    solo.advance(PAUSE - NANO);
    assert!(!pings(&mut solo));
    solo.advance(NANO);
    assert!(pings(&mut solo));
    solo.advance(MS * 9);
    solo.receive(&PONG);
    assert_eq!(solo.mux.ping_answer(second), Some(MS * 9));
    assert_eq!(solo.mux.ping_answer(third), Some(MS * 9));
}

#[test]
fn a_request_during_a_regular_ping_gets_one_of_its_own() {
    let mut solo = timed();
    solo.advance(INTERVAL);
    assert!(pings(&mut solo));
    let request = solo.mux.request_ping();
    solo.advance(MS);
    solo.receive(&PONG);
    assert_eq!(solo.mux.ping_answer(request), None);
    solo.advance(PAUSE);
    assert!(pings(&mut solo));
}

#[test]
fn a_regular_ping_that_is_due_first_serves_a_request() {
    let mut solo = timed();
    solo.mux.request_ping();
    assert!(pings(&mut solo));
    solo.receive(&DATA);
    solo.advance(INTERVAL - PAUSE / 2);
    solo.receive(&PONG);
    let request = solo.mux.request_ping();
    assert!(!pings(&mut solo));
    solo.advance(PAUSE / 2);
    assert!(pings(&mut solo));
    solo.advance(MS * 4);
    solo.receive(&PONG);
    assert_eq!(solo.mux.ping_answer(request), Some(MS * 4));
    solo.advance(PAUSE);
    assert!(!pings(&mut solo), "it is served");
}

#[test]
fn the_next_regular_ping_comes_a_whole_interval_after_one_that_was_asked_for() {
    let mut solo = timed();
    solo.advance(SECOND * 50);
    solo.mux.request_ping();
    assert!(pings(&mut solo));
    let sent = solo.now;
    solo.receive(&PONG);
    assert_eq!(solo.mux.poll_timeout(), Some(sent + INTERVAL));
    solo.advance(INTERVAL - NANO);
    assert!(!pings(&mut solo));
    solo.advance(NANO);
    assert!(pings(&mut solo));
}

#[test]
fn the_pong_timeout_holds_for_a_ping_that_was_asked_for() {
    let mut solo = timed();
    let request = solo.mux.request_ping();
    assert!(pings(&mut solo));
    solo.advance(SECOND * 45 - NANO);
    assert!(solo.mux.handle_timeout(solo.now).is_ok());
    solo.advance(NANO);
    assert!(matches!(
        solo.mux.handle_timeout(solo.now),
        Err(Error::PongTimeout { .. })
    ));
    assert_eq!(solo.mux.ping_answer(request), None);
}

#[test]
fn asked_at_every_moment_it_pings_once_in_the_pause_and_the_round_trip() {
    let mut solo = timed();
    let start = solo.now;
    for _ in 0..1000 {
        solo.mux.request_ping();
        if pings(&mut solo) {
            solo.advance(MS * 2);
            solo.receive(&PONG);
        }
        solo.advance(MS);
    }
    let times: Vec<_> = solo.sent.iter().map(|sent| sent.at - start).collect();
    let wanted: Vec<_> = (0..10).map(|n| (PAUSE + MS * 2) * n).collect();
    assert_eq!(times, wanted);
}

#[test]
fn a_thousand_requests_without_an_answer_cost_one_ping() {
    let mut solo = timed();
    for _ in 0..1000 {
        solo.mux.request_ping();
        pings(&mut solo);
        solo.advance(MS);
    }
    assert_eq!(solo.sent.len(), 1);
}

#[test]
fn a_pong_that_nothing_asked_for_answers_no_request_and_delays_none() {
    let mut solo = timed();
    solo.receive(&PONG);
    let request = solo.mux.request_ping();
    solo.receive(&PONG);
    assert_eq!(solo.mux.ping_answer(request), None);
    assert!(pings(&mut solo));
}

#[test]
fn a_request_whose_ping_a_later_one_made_unclear_gets_another() {
    let mut solo = timed();
    let request = solo.mux.request_ping();
    assert!(pings(&mut solo));
    // It is alive, answers nothing, and the regular ping is due.
    solo.advance(SECOND);
    solo.receive(&DATA);
    solo.advance(INTERVAL - SECOND);
    assert!(pings(&mut solo));
    solo.receive(&DATA);
    solo.advance(SECOND);
    solo.receive(&PONG);
    assert_eq!(solo.mux.ping_answer(request), None);
    solo.advance(PAUSE);
    assert!(pings(&mut solo));
    solo.advance(MS * 3);
    solo.receive(&PONG);
    assert_eq!(solo.mux.ping_answer(request), Some(MS * 3));
}

#[test]
fn a_request_waits_behind_a_blocked_write_and_for_nothing_else_to_happen() {
    let mut solo = timed();
    solo.push_len(0, 1000);
    let mut batch = Vec::new();
    let now = solo.now;
    let len = solo.mux.poll_transmit(now, &mut solo.outbox, &mut batch);
    solo.mux.on_write_blocked(now);
    let request = solo.mux.request_ping();
    let more = solo.mux.poll_transmit(now, &mut solo.outbox, &mut batch);
    assert_eq!(more, 0);
    assert!(solo.mux.poll_timeout() > Some(now), "nothing is due");
    solo.advance(SECOND);
    solo.mux.on_written(solo.now, len);
    assert!(pings(&mut solo));
    solo.receive(&PONG);
    assert_eq!(solo.mux.ping_answer(request), Some(Duration::ZERO));
}

#[test]
fn a_drain_sends_no_ping_that_was_asked_for() {
    let mut solo = timed();
    solo.mux.request_ping();
    solo.mux.begin_drain();
    assert!(!pings(&mut solo));
    assert_eq!(solo.mux.poll_timeout(), None);
    assert!(solo.mux.is_drained());
}

fn timed() -> Solo {
    let config = Config::builder()
        .ping_interval(INTERVAL)
        .pong_timeout(SECOND * 45);
    Solo::new(build(config), &channels(&[1]))
}

/// Whether a ping goes out now.
fn pings(solo: &mut Solo) -> bool {
    match solo.transmit() {
        [] => false,
        [sent] => sent.what == What::Ping,
        sent => panic!("{sent:?}"),
    }
}

/// A message in one packet.
const DATA: [u8; 7] = [6, 0x1a, 4, 0x08, 0x00, 0x10, 1];
const NANO: Duration = Duration::from_nanos(1);
const MS: Duration = Duration::from_millis(1);
const PAUSE: Duration = Duration::from_millis(100);
const SECOND: Duration = Duration::from_secs(1);
const INTERVAL: Duration = Duration::from_secs(60);
