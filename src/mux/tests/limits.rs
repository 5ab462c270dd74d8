//! The limits of both directions as a machine keeps them.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::window::Windows;
use crate::channel::ChannelId;
use crate::config::Config;
use crate::config::ConfigError;
use crate::packet::{MsgHeader, PING, encode_msg};
use crate::rate::LinkRate;
use crate::testing::{
    Link, Pair, Random, Setup, Side, Solo, What, build, cases, channels, limit, silent,
};

proptest! {
    #![proptest_config(cases(30))]

    #[test]
    fn what_is_sent_keeps_to_the_limit_through_changes_late_timers_and_pings(
        rates in prop::collection::vec(1_000..20_000_000u64, 1..5),
        seed: u64,
    ) {
        let mut random = Random::new(seed);
        let mut solo = Solo::with_priorities(Some(rates[0]), &[1, 10]);
        solo.saturate(0, &[1024, 70_000, 3]);
        solo.saturate(1, &[200]);
        let (mut whole, mut promised) = (Windows::default(), 0);
        for turn in 0..20 {
            let rate = rates[turn % rates.len()];
            solo.mux.set_send_rate(solo.now, limit(Some(rate))).unwrap();
            promised = promised.max(beyond(rate));
            let mut since_change = Windows::default();
            for _ in 0..random.below(20) {
                ping(&mut solo, &mut random);
                let data = solo.transmit().iter().filter(|sent| sent.channel().is_some());
                let data: usize = data.map(|sent| sent.framed).sum();
                if data == 0 {
                    wait(&mut solo, &mut random);
                }
                whole.add(solo.now, data, rate);
                since_change.add(solo.now, data, rate);
            }
            prop_assert!(since_change.worst() <= beyond(rate));
            prop_assert!(whole.worst() <= promised);
        }
    }

    #[test]
    fn what_is_read_keeps_to_the_limit_through_changes_and_late_timers(
        rates in prop::collection::vec(1_000..20_000_000u64, 1..5),
        seed: u64,
    ) {
        let mut random = Random::new(seed);
        let mut solo = Solo::with_priorities(None, &[1]);
        let (mut whole, mut promised) = (Windows::default(), 0);
        for turn in 0..20 {
            let rate = rates[turn % rates.len()];
            solo.mux.set_recv_rate(solo.now, limit(Some(rate))).unwrap();
            promised = promised.max(beyond(rate));
            for _ in 0..random.below(20) {
                let allowance = solo.mux.read_allowance(solo.now);
                let read = allowance.min(random.between(1, 100_000));
                solo.mux.on_read(solo.now, read);
                whole.add(solo.now, read, rate);
                if allowance == 0 {
                    wait(&mut solo, &mut random);
                }
            }
            prop_assert!(whole.worst() <= promised);
        }
    }
}

#[test]
fn the_rate_limit_holds_over_any_window_of_one_second_in_both_directions() {
    let fast = build(silent().send_rate(limit(Some(200_000))));
    let slow = build(silent().recv_rate(limit(Some(100_000))));
    let mut pair = Pair::new(Setup {
        channels: channels(&[1, 10]),
        configs: [fast, slow],
        links: [Link::default(), Link::default()],
    });
    (0..2).for_each(|channel| pair.send(Side::A, channel, 600_000));
    pair.run_for(Duration::from_secs(10));
    let sent: Vec<_> = pair
        .a
        .sent
        .iter()
        .map(|sent| (sent.at, sent.framed))
        .collect();
    assert!(fullest_second(&sent) <= 200_000 + 2_000 + 3 * 1036);
    let read = fullest_second(&pair.b.reads);
    assert!(read <= 100_000 + 1_000 + 3 * 1037, "{read}");
    let received = pair.b.mux.stats(pair.now).received;
    assert!(
        (980_000..1_005_000).contains(&received.bytes),
        "{}",
        received.bytes
    );
}

#[test]
fn what_is_sent_is_exact_within_one_percent() {
    for rate in [1_000, 512_000, 5_120_000, 50_000_000] {
        let mut solo = Solo::with_priorities(Some(rate), &[1, 10]);
        solo.saturate(0, &[1024]);
        solo.saturate(1, &[300, 20]);
        while !solo.transmit().is_empty() {}
        let (start, packets) = (solo.now, solo.sent.len());
        // To the next time that the limit closes after enough packets.
        solo.run_to(packets + 300);
        while !solo.transmit().is_empty() {}
        solo.next();
        let bytes: usize = solo.sent[packets..]
            .iter()
            .filter(|sent| sent.at < solo.now)
            .map(|sent| sent.framed)
            .sum();
        let actual = bytes as f64 / (solo.now - start).as_secs_f64();
        assert!(
            (actual / rate as f64 - 1.0).abs() <= 0.01,
            "{actual} of {rate}"
        );
    }
}

#[test]
fn both_directions_open_at_the_announced_instant_and_not_before() {
    let config = silent()
        .send_rate(limit(Some(7_777)))
        .recv_rate(limit(Some(7_777)));
    let mut solo = Solo::new(build(config), &channels(&[1]));
    solo.saturate(0, &[1000, 13, 5000]);
    for _ in 0..100 {
        while !solo.transmit().is_empty() {}
        let opens = solo.mux.poll_timeout().unwrap();
        solo.now = opens - Duration::from_nanos(1);
        assert!(solo.transmit().is_empty());
        solo.now = opens;
        assert!(!solo.transmit().is_empty());
    }
    solo.outbox.set_endless(ChannelId::new(0), &[]);
    solo.mux.set_send_rate(solo.now, None).unwrap();
    while !solo.transmit().is_empty() {}
    for read in (0..2000).step_by(77) {
        solo.mux.on_read(solo.now, 1000 + read);
        if solo.mux.read_allowance(solo.now) == 0 {
            let opens = solo.mux.poll_timeout().unwrap();
            assert_eq!(solo.mux.read_allowance(opens - Duration::from_nanos(1)), 0);
            assert_ne!(solo.mux.read_allowance(opens), 0);
            solo.now = opens;
        }
    }
}

#[test]
fn control_packets_go_out_while_the_limit_is_closed_and_count() {
    let mut solo = Solo::with_priorities(Some(1_000), &[1]);
    solo.saturate(0, &[1024]);
    while !solo.transmit().is_empty() {}
    let opens = solo.mux.poll_timeout().unwrap();
    solo.receive(&PING);
    assert!(matches!(solo.transmit(), [sent] if sent.what == What::Pong));
    assert!(solo.transmit().is_empty());
    let opens_later = solo.mux.poll_timeout().unwrap();
    assert_eq!(opens_later - opens, Duration::from_millis(3));
}

#[test]
fn with_a_read_limit_control_packets_wait_behind_data() {
    let config = build(silent().recv_rate(limit(Some(1_000))));
    let mut pair = Pair::new(Setup {
        channels: channels(&[1]),
        configs: [build(silent()), config],
        links: [Link::default(), Link::default()],
    });
    pair.send(Side::A, 0, 20_000);
    pair.run_for(Duration::from_secs(10));
    let read: usize = pair.b.reads.iter().map(|(_, len)| len).sum();
    assert!((9_000..13_000).contains(&read), "{read}");
}

#[test]
fn a_rate_too_low_for_one_packet_is_refused_now_and_later() {
    let refused = Config::builder().send_rate(limit(Some(241))).build();
    assert!(matches!(
        refused,
        Err(ConfigError::Size {
            value: 241,
            min: 242,
            ..
        })
    ));
    let refused = Config::builder().recv_rate(limit(Some(241))).build();
    assert!(matches!(
        refused,
        Err(ConfigError::Size {
            name: "recv_rate",
            ..
        })
    ));
    let mut solo = Solo::with_priorities(Some(1_000), &[1]);
    assert!(solo.mux.set_send_rate(solo.now, limit(Some(100))).is_err());
    assert!(solo.mux.set_recv_rate(solo.now, limit(Some(100))).is_err());
    solo.saturate(0, &[1024]);
    solo.run_to(100);
    let seconds = (solo.sent[99].at - solo.sent[0].at).as_secs();
    assert!(
        (98..=102).contains(&seconds),
        "the old limit is in force: {seconds} s"
    );
}

#[test]
fn a_limit_lifted_lets_everything_go_at_once() {
    let mut solo = Solo::with_priorities(Some(1_000), &[1]);
    solo.push_len(0, 200_000);
    while !solo.transmit().is_empty() {}
    solo.mux.set_send_rate(solo.now, None).unwrap();
    while !solo.transmit().is_empty() {}
    let sent: usize = solo.sent.iter().map(|sent| sent.framed).sum();
    assert!(sent > 200_000);
}

#[test]
fn an_unlimited_machine_may_always_read() {
    let mut solo = Solo::with_priorities(None, &[1]);
    for _ in 0..10 {
        assert_eq!(solo.mux.read_allowance(solo.now), usize::MAX);
        solo.mux.on_read(solo.now, 1 << 40);
    }
}

#[test]
fn while_an_inbox_is_full_the_read_limit_wakes_nobody() {
    let config = Config::builder().recv_rate(limit(Some(1_000)));
    let mut solo = Solo::new(build(config), &channels(&[1]));
    let ping = solo.mux.poll_timeout();
    solo.mux.on_read(solo.now, 5_000);
    assert_eq!(solo.mux.read_allowance(solo.now), 0);
    let opens = solo.mux.poll_timeout();
    assert!(opens < ping);
    solo.mux.on_read_paused(solo.now);
    assert_eq!(solo.mux.poll_timeout(), ping);
    solo.mux.on_read_resumed(solo.now);
    assert_eq!(solo.mux.poll_timeout(), opens);
}

#[test]
fn a_batch_is_two_milliseconds_of_the_rate() {
    for (rate, packets) in [(512_000, 1), (5_120_000, 10), (10_000_000_000, 61)] {
        let mut solo = Solo::with_priorities(Some(rate), &[1]);
        solo.saturate(0, &[1024]);
        let largest = (0..10).map(|_| solo.transmit().len()).max().unwrap();
        assert!(largest <= packets + 1, "{largest} at {rate}");
        assert!(largest >= packets, "{largest} at {rate}");
    }
}

/// Nanoseconds of link time that any window may carry beyond its length: the burst, and one packet.
fn beyond(rate: u64) -> u128 {
    let link = LinkRate::new("send_rate", limit(Some(rate)).unwrap(), PACKET).unwrap();
    u128::from(link.burst().get()) + PACKET as u128 * 1_000_000_000 / u128::from(rate) + 1
}

fn wait(solo: &mut Solo, random: &mut Random) {
    let late = Duration::from_nanos(random.below(20_000_000) as u64);
    solo.now = solo.mux.poll_timeout().unwrap().max(solo.now) + late;
}

/// Now and then, a ping from the peer.
fn ping(solo: &mut Solo, random: &mut Random) {
    if random.one_in(4) {
        solo.receive(&PING);
    }
}

/// The most bytes in any window of one second.
fn fullest_second(events: &[(Instant, usize)]) -> usize {
    let windows = (0..events.len()).map(|first| {
        let end = events[first].0 + Duration::from_secs(1);
        let inside = events[first..].iter().take_while(|(at, _)| *at <= end);
        inside.map(|(_, bytes)| bytes).sum()
    });
    windows.max().unwrap_or(0)
}

/// The largest packet that is accepted by default, its prefix included; the largest sent is a byte shorter.
const PACKET: usize = 1037;

#[test]
fn the_largest_packets_have_the_sizes_assumed_here() {
    let mut out = Vec::new();
    assert_eq!(
        encode_msg(
            &MsgHeader::new(ChannelId::new(0x80)).with_eof(true),
            &[0; 1024],
            &mut out
        ),
        PACKET
    );
}
