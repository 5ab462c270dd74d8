//! Pings, pongs and silence, through the machine.

use std::time::Duration;

use crate::config::ConfigError;
use crate::config::{Config, ConfigBuilder};
use crate::error::Error;
use crate::packet::{PING, PONG};
use crate::testing::{Inbox, Link, Pair, Setup, Side, Solo, What, build, channels, limit, silent};

#[test]
fn unsolicited_pongs_are_counted_and_change_nothing() {
    let mut solo = timed();
    for _ in 0..3 {
        solo.receive(&PONG);
    }
    assert_eq!(solo.mux.stats(solo.now).round_trip, None);
    ping_after(&mut solo, 60);
    assert!(times_out_in(&mut solo, 45));
    assert_eq!(solo.mux.stats(solo.now).pongs_received, 3);
}

#[test]
fn a_late_pong_is_welcome_as_long_as_the_connection_lives() {
    let mut solo = timed();
    let start = solo.now;
    ping_after(&mut solo, 60);
    solo.now = start + SECOND * 104;
    solo.receive(&PONG);
    solo.now = start + SECOND * 106;
    assert!(solo.mux.handle_timeout(solo.now).is_ok());
    assert_eq!(solo.mux.stats(solo.now).round_trip, Some(SECOND * 44));
}

#[test]
fn the_round_trip_is_measured_from_ping_to_pong() {
    let mut solo = timed();
    for (round, ms) in [30, 7, 250].into_iter().enumerate() {
        solo.now += SECOND * 60;
        assert!(matches!(solo.transmit(), [sent] if sent.what == What::Ping));
        solo.advance(Duration::from_millis(ms));
        solo.receive(&PONG);
        let stats = solo.mux.stats(solo.now);
        assert_eq!(stats.round_trip, Some(Duration::from_millis(ms)));
        assert_eq!(stats.pings_sent, round as u64 + 1);
    }
}

#[test]
fn a_pong_that_may_answer_either_of_two_pings_is_no_measurement() {
    let mut solo = timed();
    let start = solo.now;
    ping_after(&mut solo, 60);
    solo.receive(&PING);
    solo.transmit();
    ping_after(&mut solo, 60);
    solo.now = start + SECOND * 121;
    solo.receive(&PONG);
    assert_eq!(solo.mux.stats(solo.now).round_trip, None);
    ping_after(&mut solo, 60);
    solo.advance(SECOND);
    solo.receive(&PONG);
    assert_eq!(solo.mux.stats(solo.now).round_trip, Some(SECOND));
}

#[test]
fn pings_go_out_at_their_interval_however_busy_the_link_is() {
    let config = Config::builder()
        .ping_interval(SECOND)
        .pong_timeout(SECOND / 2);
    let mut solo = Solo::new(
        build(config.send_rate(limit(Some(20_000)))),
        &channels(&[1]),
    );
    solo.saturate(0, &[1024]);
    while solo.sent.len() < 300 {
        solo.next();
        solo.receive(&PONG);
    }
    let pings = solo.sent.iter().filter(|sent| sent.what == What::Ping);
    let times: Vec<_> = pings.map(|sent| sent.at).collect();
    assert!(times.len() > 10);
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] == SECOND));
}

#[test]
fn a_ping_flood_is_answered_by_one_pong_a_write_step() {
    let mut solo = timed();
    let flood = PING.repeat(100_000);
    solo.receive(&flood);
    assert!(matches!(solo.transmit(), [sent] if sent.what == What::Pong));
    assert!(solo.transmit().is_empty());
    let stats = solo.mux.stats(solo.now);
    assert_eq!((stats.pings_received, stats.pongs_sent), (100_000, 1));
    assert_eq!(stats.sent.bytes, 3);
}

#[test]
fn beyond_a_burst_of_ten_pongs_go_out_once_in_100_ms() {
    let mut solo = timed();
    let start = solo.now;
    for _ in 0..5_000 {
        solo.receive(&PING);
        solo.transmit();
        solo.advance(Duration::from_millis(1));
    }
    let times: Vec<_> = solo.sent.iter().map(|sent| sent.at - start).collect();
    let burst: Vec<_> = (0..10).map(Duration::from_millis).collect();
    assert_eq!(times[..10], burst);
    assert!(
        times[10..]
            .windows(2)
            .all(|pair| pair[1] - pair[0] == Duration::from_millis(100))
    );
    assert_eq!(times.len(), 10 + 49);
}

#[test]
fn a_delayed_pong_is_never_dropped_for_good() {
    let mut solo = timed();
    for _ in 0..11 {
        solo.receive(&PING);
        solo.transmit();
    }
    assert_eq!(solo.sent.len(), 10);
    let start = solo.now;
    assert_eq!(
        solo.mux.poll_timeout(),
        Some(start + Duration::from_millis(100))
    );
    solo.now += Duration::from_millis(99);
    assert!(solo.transmit().is_empty());
    solo.now += Duration::from_millis(1);
    assert!(matches!(solo.transmit(), [sent] if sent.what == What::Pong));
    assert_eq!(solo.mux.poll_timeout(), Some(start + SECOND * 60));
}

#[test]
fn the_burst_of_pongs_is_there_again_after_a_second() {
    let mut solo = timed();
    for _ in 0..3 {
        let before = solo.sent.len();
        for _ in 0..20 {
            solo.receive(&PING);
            solo.transmit();
        }
        assert_eq!(solo.sent.len() - before, 10);
        solo.advance(Duration::from_millis(100));
        solo.transmit();
        solo.advance(SECOND);
    }
}

#[test]
fn a_ping_flood_does_not_grow_memory_while_writes_are_blocked() {
    let mut solo = timed();
    solo.push_len(0, 100_000);
    let mut batch = Vec::new();
    let blocked = solo
        .mux
        .poll_transmit(solo.now, &mut solo.outbox, &mut batch);
    solo.mux.on_write_blocked(solo.now);
    let flood = PING.repeat(50_000);
    for _ in 0..10 {
        solo.receive(&flood);
        assert_eq!(
            solo.mux
                .poll_transmit(solo.now, &mut solo.outbox, &mut batch),
            0
        );
    }
    assert_eq!(
        batch.len(),
        blocked,
        "nothing is encoded behind a blocked batch"
    );
    solo.mux.on_written(solo.now, blocked);
    let sent = solo.transmit();
    assert_eq!(
        sent.iter().filter(|sent| sent.what == What::Pong).count(),
        1
    );
    assert_eq!(sent[0].what, What::Pong, "it goes before the data");
}

#[test]
fn data_is_a_sign_of_life() {
    let mut solo = timed();
    let start = solo.now;
    ping_after(&mut solo, 60);
    solo.now = start + SECOND * 104;
    solo.receive(&[6, 0x1a, 4, 0x08, 0x00, 0x10, 1]);
    for second in 105..120 {
        assert!(solo.mux.handle_timeout(start + SECOND * second).is_ok());
    }
    assert_eq!(solo.mux.stats(solo.now).round_trip, None);
    ping_after(&mut solo, 16);
    assert!(times_out_in(&mut solo, 45));
}

#[test]
fn a_piece_of_a_packet_is_no_sign_of_life() {
    let mut solo = timed();
    ping_after(&mut solo, 60);
    solo.advance(SECOND * 10);
    let mut input = bytes::BytesMut::from(&PONG[..2]);
    let _ = solo
        .mux
        .handle_input(solo.now, &mut input, &mut Inbox::default())
        .unwrap();
    assert!(times_out_in(&mut solo, 35));
}

#[test]
fn a_transport_that_takes_bytes_after_it_was_blocked_is_a_sign_of_life() {
    let mut solo = timed();
    let batch = blocked_behind_a_ping(&mut solo);
    for _ in 0..10 {
        solo.advance(SECOND * 44);
        assert!(solo.mux.handle_timeout(solo.now).is_ok());
        solo.mux.on_written(solo.now, 1);
        solo.mux.on_write_blocked(solo.now);
    }
    solo.mux.on_written(solo.now, batch);
    assert!(times_out_in(&mut solo, 45));
}

#[test]
fn a_transport_that_was_never_blocked_shows_nothing_by_taking_bytes() {
    let mut solo = timed();
    ping_after(&mut solo, 60);
    solo.advance(SECOND * 10);
    solo.push_len(0, 1000);
    assert_eq!(solo.transmit().len(), 1);
    assert!(times_out_in(&mut solo, 35));
}

#[test]
fn a_blocked_flush_hides_the_ping_and_its_end_is_a_sign_of_life() {
    let mut solo = timed();
    ping_after(&mut solo, 60);
    solo.mux.on_flush_blocked(solo.now);
    solo.advance(SECOND * 50);
    assert!(solo.mux.handle_timeout(solo.now).is_ok());
    solo.mux.on_flushed(solo.now);
    assert!(times_out_in(&mut solo, 45));
}

#[test]
fn a_ping_and_a_pong_want_to_be_flushed_and_data_does_not() {
    let mut solo = timed();
    solo.push_len(0, 1000);
    solo.transmit();
    assert!(!solo.mux.wants_flush());
    solo.receive(&PING);
    solo.transmit();
    assert!(solo.mux.wants_flush());
    solo.mux.on_flushed(solo.now);
    assert!(!solo.mux.wants_flush());
    ping_after(&mut solo, 60);
    assert!(solo.mux.wants_flush());
}

#[test]
fn our_full_inbox_is_not_held_against_the_peer() {
    let mut pair = Pair::new(Setup::new(
        Config::default(),
        Link::default(),
        channels(&[1]),
    ));
    pair.b.inbox.capacity = 1;
    // B reads nothing for an hour; its peer answers pings all the time, and its own write side is open.
    pair.send(Side::A, 0, 10);
    pair.send(Side::A, 0, 10);
    pair.a.config = build(silent());
    pair.run_for(SECOND * 100);
    assert!(pair.b.inbox.is_paused());
    assert!(pair.b.ended.is_none());
    pair.take(Side::B);
    pair.b.inbox.capacity = 10;
    pair.run_for(SECOND * 3600);
    assert!(pair.a.ended.is_none() && pair.b.ended.is_none());
}

#[test]
fn after_a_pause_the_peer_has_the_rest_of_its_time() {
    let mut solo = timed();
    let start = solo.now;
    ping_after(&mut solo, 60);
    solo.now = start + SECOND * 70;
    solo.mux.on_read_paused(solo.now);
    solo.now = start + SECOND * 1070;
    assert!(solo.mux.handle_timeout(solo.now).is_ok());
    solo.mux.on_read_resumed(solo.now);
    assert!(times_out_in(&mut solo, 35));
}

#[test]
fn our_read_limit_is_not_held_against_the_peer() {
    let config = Config::builder()
        .ping_interval(SECOND * 2)
        .pong_timeout(SECOND);
    let mut setup = Setup::new(build(silent()), Link::default(), channels(&[1]));
    setup.configs[1] = build(config.recv_rate(limit(Some(1_000))));
    let mut pair = Pair::new(setup);
    pair.send(Side::A, 0, 300_000);
    pair.run_for(SECOND * 60);
    assert!(pair.b.ended.is_none());
    assert!(pair.b.mux.stats(pair.now).pings_sent >= 29);
}

#[test]
fn both_pauses_together_count_once() {
    let config = Config::builder().recv_rate(limit(Some(1_000)));
    let mut solo = Solo::new(build(config), &channels(&[1]));
    let start = solo.now;
    ping_after(&mut solo, 60);
    solo.mux.on_read(solo.now, 31_000);
    assert_eq!(solo.mux.read_allowance(solo.now), 0);
    solo.now = start + SECOND * 70;
    solo.mux.on_read_paused(solo.now);
    solo.now = start + SECOND * 80;
    solo.mux.on_read_resumed(solo.now);
    assert!(
        solo.mux.handle_timeout(start + SECOND * 105).is_ok(),
        "the limit still forbids to read"
    );
    solo.now = start + SECOND * 100;
    assert!(solo.mux.read_allowance(solo.now) > 0);
    assert!(times_out_in(&mut solo, 45));
}

#[test]
fn a_pong_timeout_not_below_the_ping_interval_is_refused() {
    for (ping, pong) in [(10, 10), (10, 11), (1, 60)] {
        let (ping, pong) = (SECOND * ping, SECOND * pong);
        let refused = Config::builder()
            .ping_interval(ping)
            .pong_timeout(pong)
            .build();
        assert_eq!(
            refused.unwrap_err(),
            ConfigError::PongTimeout { pong, ping }
        );
    }
    assert!(Config::builder().ping_interval(SECOND * 46).build().is_ok());
}

#[test]
fn times_may_be_as_long_as_thirty_years() {
    let ages = SECOND * (30 * 365 * 24 * 60 * 60);
    let config = Config::builder()
        .ping_interval(ages)
        .pong_timeout(ages - SECOND);
    let mut pair = Pair::new(Setup::new(
        build(config.write_timeout(ages)),
        Link::stalled(SECOND, SECOND * 2),
        channels(&[1]),
    ));
    pair.run_for(SECOND);
    pair.send(Side::A, 0, 100_000);
    pair.drive();
    pair.run_for(SECOND * 1_000_000);
    assert!(pair.a.sent.iter().all(|sent| sent.channel().is_some()));
}

#[test]
fn after_the_end_of_the_stream_silence_is_no_fault() {
    let mut solo = timed();
    ping_after(&mut solo, 60);
    solo.mux.handle_end(solo.now, &[]).unwrap();
    solo.advance(SECOND * 1000);
    assert!(solo.mux.handle_timeout(solo.now).is_ok());
}

fn timed() -> Solo {
    let config: ConfigBuilder = Config::builder()
        .ping_interval(SECOND * 60)
        .pong_timeout(SECOND * 45)
        .min_write_rate(None);
    Solo::new(build(config), &channels(&[1]))
}

/// Lets so many seconds pass and a ping go out.
fn ping_after(solo: &mut Solo, seconds: u32) {
    solo.advance(SECOND * seconds);
    assert!(matches!(solo.transmit(), [sent] if sent.what == What::Ping));
}

/// A ping goes out with data behind it, of which the transport takes nothing. Says how much there is.
fn blocked_behind_a_ping(solo: &mut Solo) -> usize {
    solo.advance(SECOND * 60);
    solo.push_len(0, 10_000);
    let mut batch = Vec::new();
    let len = solo
        .mux
        .poll_transmit(solo.now, &mut solo.outbox, &mut batch);
    assert!(batch.starts_with(&PING));
    solo.mux.on_write_blocked(solo.now);
    len
}

/// Whether the connection fails for silence in so many seconds, and not before.
fn times_out_in(solo: &mut Solo, seconds: u32) -> bool {
    let at = solo.now + SECOND * seconds;
    assert!(
        solo.mux
            .handle_timeout(at - Duration::from_nanos(1))
            .is_ok()
    );
    assert!(solo.mux.poll_timeout() <= Some(at));
    solo.now = at;
    matches!(solo.mux.handle_timeout(at), Err(Error::PongTimeout { .. }))
}

const SECOND: Duration = Duration::from_secs(1);
