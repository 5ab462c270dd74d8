//! A stop sends everything that was accepted before it, and nothing after.

use std::time::Duration;

use crate::channel::ChannelId;
use crate::config::Config;
use crate::testing::{Link, Pair, Setup, Side, Solo, What, build, channels, limit, silent};

#[test]
fn a_drain_delivers_every_accepted_message_and_nothing_after() {
    let mut pair = pair(None);
    for len in [0, 1, 5000, 100_000] {
        pair.send(Side::A, 0, len);
        pair.send(Side::A, 1, len);
    }
    pair.a.begin_drain();
    pair.run_for(SECOND);
    assert!(matches!(pair.b.ended, Some(Ok(()))));
    assert_eq!(pair.take(Side::B), 8);
    let sent = pair.a.sent.len();
    pair.send(Side::A, 0, 10);
    pair.run_for(SECOND * 300);
    assert_eq!(pair.a.sent.len(), sent);
}

#[test]
fn a_drain_obeys_the_send_limit_and_the_priorities() {
    let mut solo = Solo::with_priorities(Some(10_000), &[1, 10]);
    let start = solo.now;
    solo.push_len(0, 20_000);
    solo.push_len(1, 20_000);
    solo.mux.begin_drain();
    while !solo.mux.is_drained() {
        solo.next();
    }
    let took = (solo.now - start).as_secs_f64();
    assert!((3.8..4.1).contains(&took), "40 kB took {took} s");
    let order: Vec<u8> = solo
        .sent
        .iter()
        .filter_map(|sent| Some(sent.channel()?.get()))
        .collect();
    let last_urgent = order.iter().rposition(|&channel| channel == 1);
    let bulk_before = order[..last_urgent.unwrap()]
        .iter()
        .filter(|&&channel| channel == 0);
    assert!(bulk_before.count() <= 2);
}

#[test]
fn it_is_not_drained_before_the_transport_took_everything() {
    let mut pair = pair(None);
    pair.send(Side::A, 0, 100_000);
    pair.a.begin_drain();
    while !pair.a.mux.is_drained() {
        assert!(pair.a_to_b.held() + pair.a.unwritten() > 0 || pair.a.outbox.waiting() > 0);
        pair.step();
    }
    assert_eq!(pair.a.unwritten() + pair.a.outbox.waiting(), 0);
}

#[test]
fn an_idle_connection_is_drained_at_once() {
    let mut solo = Solo::with_priorities(None, &[1]);
    assert!(!solo.mux.is_drained());
    solo.mux.begin_drain();
    assert!(solo.mux.is_drained());
    solo.mux.finish();
    solo.push_len(0, 1);
    assert!(solo.transmit().is_empty());
}

#[test]
fn both_sides_drain_at_once_and_both_deliver_all() {
    let mut pair = pair(None);
    for side in [Side::A, Side::B] {
        pair.send(side, 0, 300_000);
        pair.send(side, 1, 300_000);
        pair.end(side).begin_drain();
    }
    while pair.a.ended.is_none() || pair.b.ended.is_none() {
        assert!(pair.step());
    }
    assert_eq!((pair.take(Side::A), pair.take(Side::B)), (2, 2));
    assert!(matches!(
        (&pair.a.ended, &pair.b.ended),
        (Some(Ok(())), Some(Ok(())))
    ));
}

#[test]
fn while_draining_pings_are_answered_and_none_are_sent() {
    let slow = Config::builder().send_rate(limit(Some(1_000)));
    let config = slow.ping_interval(SECOND).pong_timeout(SECOND / 2);
    let mut pair = Pair::new(Setup::new(build(config), Link::default(), channels(&[1])));
    pair.send(Side::A, 0, 20_000);
    pair.a.begin_drain();
    pair.run_for(SECOND * 15);
    assert!(pair.a.ended.is_none() && pair.b.ended.is_none());
    let count = |what| pair.a.sent.iter().filter(|sent| sent.what == what).count();
    assert_eq!(count(What::Ping), 0);
    assert!(count(What::Pong) >= 14);
}

#[test]
fn reading_goes_on_while_draining() {
    let mut pair = pair(Some(20_000));
    pair.send(Side::A, 0, 20_000);
    pair.a.begin_drain();
    (0..5).for_each(|_| pair.send(Side::B, 0, 1000));
    pair.drive();
    assert_eq!(pair.take(Side::A), 5);
}

#[test]
fn a_message_that_was_queued_but_never_announced_is_not_lost_behind_another() {
    // One announcement is enough for all that the channel's queue holds.
    let mut solo = Solo::with_priorities(None, &[1]);
    (0..5).for_each(|_| solo.outbox.push_len(ChannelId::new(0), 10));
    solo.push_len(0, 10);
    solo.mux.begin_drain();
    assert_eq!(solo.transmit().len(), 6);
    assert!(solo.mux.is_drained());
}

fn pair(rate: Option<u64>) -> Pair {
    let config = build(silent().send_rate(limit(rate)));
    Pair::new(Setup::new(
        config,
        Link::with_capacity(20_000),
        channels(&[1, 10]),
    ))
}

const SECOND: Duration = Duration::from_secs(1);
