//! What the statistics say.

use std::time::Duration;

use crate::mux::monitor::Monitor;
use crate::testing::{Link, Pair, Setup, Side, Solo, build, channels, epoch, limit, silent};

#[test]
fn the_rate_is_the_average_of_about_a_second() {
    let start = epoch();
    let mut monitor = Monitor::new(start);
    for ms in 0..5_000 {
        monitor.on_bytes(start + MS * ms, 1_000);
    }
    let steady = monitor.snapshot(start + SECOND * 5);
    assert!(
        (990_000..=1_010_000).contains(&steady.rate),
        "{}",
        steady.rate
    );
    let later = monitor.snapshot(start + SECOND * 6).rate;
    assert!(
        (350_000..=400_000).contains(&later),
        "a second later {later}, a factor of e"
    );
    assert!(monitor.snapshot(start + SECOND * 15).rate < 20_000);
}

#[test]
fn the_peak_is_the_fastest_sample_and_stays() {
    let start = epoch();
    let mut monitor = Monitor::new(start);
    for ms in 0..1_000 {
        let bytes = if (400..600).contains(&ms) {
            5_000
        } else {
            1_000
        };
        monitor.on_bytes(start + MS * ms, bytes);
    }
    let peak = monitor.snapshot(start + SECOND).peak_rate;
    assert!((4_500_000..=5_500_000).contains(&peak), "{peak}");
    assert_eq!(monitor.snapshot(start + SECOND * 1000).peak_rate, peak);
}

#[test]
fn totals_are_exact_and_the_average_is_over_the_whole_life() {
    let start = epoch();
    let mut monitor = Monitor::new(start);
    for second in 0..10 {
        monitor.on_bytes(start + SECOND * second, 777);
        monitor.on_packet();
    }
    let stats = monitor.snapshot(start + SECOND * 20);
    assert_eq!((stats.bytes, stats.packets), (7770, 10));
    assert_eq!(stats.average_rate, 389);
}

#[test]
fn idle_time_counts_from_the_last_bytes_to_a_tenth_of_a_second() {
    let start = epoch();
    let mut monitor = Monitor::new(start);
    assert_eq!(monitor.snapshot(start + SECOND * 3).idle, SECOND * 3);
    monitor.on_bytes(start + SECOND * 5, 1);
    assert_eq!(
        monitor.snapshot(start + SECOND * 5 + MS * 50).idle,
        Duration::ZERO
    );
    monitor.on_bytes(start + SECOND * 5 + MS * 60, 1);
    let idle = monitor.snapshot(start + SECOND * 9).idle;
    assert!(idle >= MS * 3_840 && idle <= MS * 3_940, "{idle:?}");
}

#[test]
fn a_channel_is_idle_while_others_are_busy() {
    let mut solo = Solo::with_priorities(Some(100_000), &[1, 1]);
    solo.push_len(0, 1000);
    solo.saturate(1, &[1024]);
    let start = solo.now;
    while solo.now < start + SECOND * 20 {
        solo.next();
    }
    let stats = solo.mux.stats(solo.now);
    assert!(stats.channels[0].sent.idle > SECOND * 19);
    assert!(stats.channels[1].sent.idle < MS * 100);
    assert!(stats.channels[0].received.idle >= SECOND * 20);
    assert_eq!(
        (stats.channels[0].sent.rate, stats.channels[0].received.rate),
        (0, 0)
    );
}

#[test]
fn each_channel_has_its_own_rate_and_peak() {
    let mut solo = Solo::with_priorities(Some(150_000), &[10, 5]);
    solo.saturate(0, &[1024]);
    solo.saturate(1, &[100]);
    let start = solo.now;
    while solo.now < start + SECOND * 6 {
        solo.next();
    }
    let channels = solo.mux.stats(solo.now).channels;
    for (channel, rate) in channels.iter().zip([100_000, 50_000]) {
        let (average, peak) = (channel.sent.rate, channel.sent.peak_rate);
        assert!(
            (rate * 95 / 100..=rate * 105 / 100).contains(&average),
            "{average}"
        );
        assert!((rate..=rate * 125 / 100).contains(&peak), "{peak}");
        let recently = channel.recently_sent;
        assert!((rate * 3..rate * 5).contains(&recently), "{recently}");
    }
}

#[test]
fn nothing_moved_is_no_rate() {
    let start = epoch();
    let monitor = Monitor::new(start);
    for at in [start, start + MS, start + SECOND * 100] {
        let stats = monitor.snapshot(at);
        assert_eq!((stats.rate, stats.peak_rate, stats.average_rate), (0, 0, 0));
    }
}

#[test]
fn reading_the_statistics_changes_nothing() {
    let mut seen = Solo::with_priorities(Some(10_000), &[1, 5]);
    let mut unseen = Solo::with_priorities(Some(10_000), &[1, 5]);
    for solo in [&mut seen, &mut unseen] {
        solo.saturate(0, &[1024]);
        solo.saturate(1, &[100]);
    }
    for packet in 1..200 {
        seen.run_to(packet);
        unseen.run_to(packet);
        let _ = seen.mux.stats(seen.now);
    }
    let at = |solo: &Solo| solo.mux.stats(solo.now);
    assert_eq!(at(&seen), at(&unseen));
    assert_eq!(at(&seen), at(&seen));
    assert!(at(&seen).sent.throttled > SECOND);
}

#[test]
fn channels_add_up_to_the_connection() {
    let mut pair = Pair::new(Setup::new(
        build(silent()),
        Link::default(),
        channels(&[1, 5, 10]),
    ));
    for (channel, len) in [(0, 100_000), (1, 5_000), (2, 0), (2, 1)] {
        pair.send(Side::A, channel, len);
    }
    pair.drive();
    let (sent, received) = (pair.a.mux.stats(pair.now), pair.b.mux.stats(pair.now));
    let sum: u64 = sent.channels.iter().map(|channel| channel.sent.bytes).sum();
    assert_eq!(sum, sent.sent.bytes);
    let packets: u64 = sent
        .channels
        .iter()
        .map(|channel| channel.sent.packets)
        .sum();
    assert_eq!((packets, sent.sent.packets), (98 + 5 + 2, 98 + 5 + 2));
    for (ours, theirs) in sent.channels.iter().zip(&received.channels) {
        assert_eq!(ours.sent.bytes, theirs.received.bytes);
        assert_eq!(ours.sent.packets, theirs.received.packets);
        assert_eq!(ours.messages_sent, theirs.messages_received);
        assert_eq!((ours.received.bytes, theirs.sent.bytes), (0, 0));
    }
    assert_eq!(sent.channels[2].messages_sent, 2);
}

#[test]
fn throttled_time_is_the_time_in_which_bytes_were_held_back() {
    let mut solo = Solo::with_priorities(Some(100_000), &[1]);
    solo.advance(SECOND * 10);
    assert!(solo.transmit().is_empty());
    assert_eq!(
        solo.mux.stats(solo.now).sent.throttled,
        Duration::ZERO,
        "nothing was held back"
    );
    solo.push_len(0, 500_000);
    while solo.mux.stats(solo.now).channels[0].messages_sent == 0 {
        solo.next();
    }
    solo.advance(SECOND * 10);
    assert!(solo.transmit().is_empty());
    let throttled = solo.mux.stats(solo.now).sent.throttled;
    assert!(
        (SECOND * 48 / 10..SECOND * 52 / 10).contains(&throttled),
        "{throttled:?}"
    );
}

#[test]
fn a_limit_lifted_while_it_holds_bytes_back_ends_the_throttled_time() {
    let mut solo = Solo::with_priorities(Some(1_000), &[1]);
    solo.push_len(0, 100_000);
    while !solo.transmit().is_empty() {}
    solo.advance(SECOND / 2);
    solo.mux.set_send_rate(solo.now, limit(None)).unwrap();
    while !solo.transmit().is_empty() {}
    solo.advance(SECOND * 100);
    assert_eq!(solo.mux.stats(solo.now).sent.throttled, SECOND / 2);
}

#[test]
fn a_read_limit_reports_the_time_in_which_it_forbade_to_read() {
    let config = silent().recv_rate(limit(Some(10_000)));
    let mut setup = Setup::new(build(config), Link::default(), channels(&[1]));
    setup.configs[0] = build(silent());
    let mut pair = Pair::new(setup);
    pair.send(Side::A, 0, 50_000);
    pair.drive();
    let received = pair.b.mux.stats(pair.now).received;
    assert!(
        (SECOND * 46 / 10..SECOND * 51 / 10).contains(&received.throttled),
        "{:?}",
        received.throttled
    );
    assert_eq!(pair.a.mux.stats(pair.now).sent.throttled, Duration::ZERO);
}

#[test]
fn time_with_a_full_inbox_is_reported_as_paused() {
    let mut pair = Pair::new(Setup::new(build(silent()), Link::default(), channels(&[1])));
    pair.b.inbox.capacity = 1;
    pair.send(Side::A, 0, 10);
    pair.run_for(SECOND * 5);
    pair.take(Side::B);
    pair.run_for(SECOND * 5);
    let paused = pair.b.mux.stats(pair.now).reading_paused;
    assert_eq!(paused, SECOND * 5 - MS, "the message took a millisecond");
}

const SECOND: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);
