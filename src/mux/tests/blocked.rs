//! A peer that takes nothing.

use std::time::Duration;

use crate::config::{Config, ConfigBuilder};
use crate::error::Error;
use crate::packet::PING;
use crate::testing::{Link, Pair, Setup, Side, Solo, build, channels, limit};

#[test]
fn a_peer_that_takes_no_byte_is_dead_after_the_write_timeout() {
    let mut pair = pair(impatient(), Link::stalled(SECOND * 3, SECOND * 1000));
    pair.run_for(SECOND * 7);
    pair.send(Side::A, 0, 100);
    pair.run_for(SECOND * 100);
    assert!(
        matches!(pair.error(Side::A), Some(Error::WriteTimeout { after, .. }) if *after == SECOND * 5)
    );
}

#[test]
fn the_write_timeout_ends_it_at_that_instant_and_not_before() {
    let mut pair = pair(impatient(), Link::stalled(SECOND * 3, SECOND * 1000));
    pair.run_for(SECOND * 7);
    pair.send(Side::A, 0, 100);
    while pair.a.ended.is_none() {
        assert!(pair.step());
    }
    assert_eq!(pair.elapsed(), SECOND * 12);
}

#[test]
fn it_is_dead_even_if_it_sends_all_the_time() {
    let mut pair = pair(impatient(), Link::stalled(SECOND, SECOND * 1000));
    pair.run_for(SECOND);
    pair.send(Side::A, 0, 100);
    for _ in 0..5 {
        assert!(pair.a.ended.is_none());
        pair.send(Side::B, 0, 100);
        pair.run_for(SECOND);
    }
    assert!(matches!(
        pair.error(Side::A),
        Some(Error::WriteTimeout { .. })
    ));
}

#[test]
fn without_a_least_rate_any_byte_taken_starts_the_write_timeout_anew() {
    let mut link = Link::with_capacity(1);
    link.stalls = (0..20)
        .map(|n| {
            (
                SECOND * 5 * n + Duration::from_millis(5),
                SECOND * 5 * (n + 1) - Duration::from_millis(1),
            )
        })
        .collect();
    let mut pair = pair(impatient().min_write_rate(None), link);
    pair.send(Side::A, 0, 2000);
    pair.run_for(SECOND * 99);
    assert!(pair.a.ended.is_none());
    assert!(pair.a.unwritten() > 1000, "most of the batch still waits");
}

#[test]
fn a_peer_that_takes_a_byte_now_and_then_is_given_up_in_bounded_time() {
    let mut link = Link::with_capacity(1);
    link.stalls = (0..1000)
        .map(|n| (SECOND * 4 * n + MS * 5, SECOND * 4 * (n + 1)))
        .collect();
    let mut pair = pair(impatient(), link);
    pair.send(Side::A, 0, 2000);
    pair.run_for(SECOND * 4000);
    let Some(Error::WriteTimeout {
        taken,
        blocked,
        min_rate,
        ..
    }) = pair.error(Side::A)
    else {
        panic!("it is kept");
    };
    assert!((1..20).contains(taken));
    assert!(*blocked < SECOND * 6, "{blocked:?}");
    assert_eq!(*min_rate, 1000);
}

#[test]
fn a_link_of_twice_the_least_rate_passes_for_as_long_as_there_is_something_to_send() {
    let mut link = Link::with_capacity(2000);
    link.latency = SECOND;
    let mut pair = pair(impatient(), link);
    (0..10).for_each(|_| pair.send(Side::A, 0, 100_000));
    pair.drive();
    assert_eq!(pair.take(Side::B), 10);
    assert!(pair.elapsed() > SECOND * 100, "{:?}", pair.elapsed());
}

#[test]
fn a_limit_of_ours_below_the_least_rate_is_not_held_against_the_peer() {
    let mut link = Link::with_capacity(1500);
    link.latency = SECOND;
    let slow = impatient().send_rate(limit(Some(300)));
    let mut pair = pair(slow, link);
    pair.send(Side::A, 0, 100_000);
    pair.run_for(SECOND * 300);
    assert!(pair.a.ended.is_none());
}

#[test]
fn nothing_is_timed_while_no_write_is_pending() {
    let mut pair = pair(impatient(), Link::default());
    pair.run_for(SECOND * 50);
    pair.send(Side::A, 0, 100_000);
    pair.run_for(SECOND * 50);
    assert!(pair.a.ended.is_none() && pair.b.ended.is_none());
}

#[test]
fn a_write_that_blocks_for_less_than_the_timeout_goes_on() {
    let mut pair = pair(impatient(), Link::stalled(SECOND, SECOND * 5));
    pair.run_for(SECOND);
    pair.send(Side::A, 0, 200_000);
    pair.drive();
    assert_eq!(pair.take(Side::B), 1);
}

#[test]
fn what_is_due_while_a_write_is_blocked_waits_without_spinning() {
    // The pair checks after every step that nothing is due in the past.
    let config = Config::builder()
        .ping_interval(SECOND * 2)
        .pong_timeout(SECOND);
    let config = config
        .write_timeout(SECOND * 60)
        .send_rate(std::num::NonZeroU64::new(10_000));
    let mut pair = pair(config, Link::stalled(SECOND, SECOND * 30));
    pair.run_for(SECOND);
    pair.send(Side::A, 0, 5_000);
    pair.send(Side::B, 0, 500_000);
    pair.run_for(SECOND * 28);
    assert!(pair.a.ended.is_none());
    pair.run_for(SECOND * 10);
    assert_eq!(pair.take(Side::B), 1);
}

#[test]
fn nothing_is_encoded_while_a_flush_is_blocked() {
    let mut solo = Solo::new(build(impatient()), &channels(&[1]));
    solo.push_len(0, 100);
    solo.transmit();
    solo.mux.on_flush_blocked(solo.now);
    solo.push_len(0, 100);
    solo.receive(&PING);
    solo.mux.begin_drain();
    assert!(solo.transmit().is_empty());
    assert!(!solo.mux.is_drained());
    solo.mux.on_flushed(solo.now);
    assert_eq!(solo.transmit().len(), 2);
    assert!(solo.mux.is_drained());
}

#[test]
fn a_flush_that_stays_blocked_is_a_peer_that_takes_nothing() {
    let mut solo = Solo::new(build(impatient()), &channels(&[1]));
    solo.push_len(0, 100);
    solo.transmit();
    solo.mux.on_flush_blocked(solo.now);
    solo.advance(SECOND * 5 - Duration::from_nanos(1));
    solo.mux.on_flush_blocked(solo.now);
    assert!(solo.mux.handle_timeout(solo.now).is_ok());
    // The time of what is in the transport's buffer, at 1000 bytes per second.
    let buffered = u32::try_from(solo.sent.iter().map(|sent| sent.framed).sum::<usize>()).unwrap();
    solo.advance(Duration::from_millis(1) * buffered + Duration::from_nanos(1));
    assert_eq!(solo.mux.poll_timeout(), Some(solo.now));
    assert!(matches!(
        solo.mux.handle_timeout(solo.now),
        Err(Error::WriteTimeout { .. })
    ));
    solo.mux.on_flushed(solo.now);
    assert!(solo.transmit().is_empty());
    assert!(solo.mux.handle_timeout(solo.now).is_ok());
}

fn pair(config: ConfigBuilder, a_to_b: Link) -> Pair {
    let mut setup = Setup::new(build(config), Link::default(), channels(&[1]));
    // B would find A silent, which is not what is looked at here.
    setup.configs[1] = build(crate::testing::silent());
    setup.links[0] = a_to_b;
    Pair::new(setup)
}

fn impatient() -> ConfigBuilder {
    Config::builder().write_timeout(SECOND * 5)
}

const SECOND: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);
