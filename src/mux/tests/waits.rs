//! How long a channel waits for its turn, counted in packets of other channels.

use std::time::Duration;

use crate::channel::ChannelId;
use crate::testing::{Random, Sent, Solo};

#[test]
fn a_saturated_priority_10_waits_at_most_2_packets_when_a_priority_5_wakes() {
    for moment in 0..60 {
        let mut solo = one_packet_at_a_time(&[10, 5]);
        solo.saturate(0, &[LONG]);
        solo.run_to(moment);
        solo.saturate(1, &[LONG]);
        solo.run_to(moment + 100);
        assert!(
            longest_wait(&solo.sent, 0) <= 2,
            "woken after {moment} packets"
        );
    }
}

#[test]
fn it_waits_no_longer_when_the_priority_5_wakes_in_a_gap_of_one_packet() {
    for moment in 1..60 {
        let mut solo = one_packet_at_a_time(&[10, 5]);
        (0..moment).for_each(|_| solo.push_len(0, 1024));
        solo.run_to(moment);
        solo.saturate(1, &[LONG]);
        solo.run_to(moment + 1);
        solo.saturate(0, &[LONG]);
        solo.run_to(moment + 100);
        assert!(
            longest_wait(&solo.sent, 0) <= 2,
            "a gap after {moment} packets"
        );
    }
}

#[test]
fn it_waits_no_longer_when_the_link_was_idle_in_the_gap() {
    for moment in 1..60 {
        let mut solo = one_packet_at_a_time(&[10, 5]);
        (0..moment).for_each(|_| solo.push_len(0, 1024));
        solo.run_to(moment);
        solo.advance(Duration::from_millis(4));
        assert!(solo.transmit().is_empty());
        solo.saturate(1, &[LONG]);
        solo.saturate(0, &[LONG]);
        solo.run_to(moment + 100);
        assert!(
            longest_wait(&solo.sent, 0) <= 2,
            "a gap after {moment} packets"
        );
    }
}

#[test]
fn a_saturated_priority_10_waits_at_most_10_packets_when_nine_of_priority_1_wake() {
    for moment in 0..60 {
        let mut solo = one_packet_at_a_time(&[10, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
        solo.saturate(0, &[LONG]);
        solo.run_to(moment);
        (1..10).for_each(|channel| solo.saturate(channel, &[LONG]));
        solo.run_to(moment + 150);
        assert!(
            longest_wait(&solo.sent, 0) <= 10,
            "woken after {moment} packets"
        );
    }
}

#[test]
fn a_sparse_priority_10_waits_at_most_1_packet_among_nine_saturated_of_priority_1() {
    let waits = sparse_waits(9, 0, 5..=60, 4_000);
    assert!(waits <= 1, "waited {waits} packets");
}

#[test]
fn a_sparse_priority_10_waits_at_most_1_packet_among_255_saturated_of_priority_1() {
    let waits = sparse_waits(255, 0, 30..=160, 12_000);
    assert!(waits <= 1, "waited {waits} packets");
}

#[test]
fn a_sparse_priority_10_waits_at_most_10_packets_when_255_of_priority_1_wake_together() {
    for moment in 1..40 {
        let waits = sparse_waits(255, moment * 7, 54..=160, 700);
        assert!(waits <= 10, "waited {waits} packets, woken after {moment}");
    }
}

#[test]
fn a_small_sparse_message_goes_soon_whatever_its_priority() {
    let mut solo = one_packet_at_a_time(&[1, 10, 10, 10, 10, 10, 10, 10, 10, 10]);
    (1..10).for_each(|channel| solo.saturate(channel, &[LONG]));
    let mut random = Random::new(1);
    for _ in 0..40 {
        solo.run_to(solo.sent.len() + random.between(100, 300));
        solo.push_len(0, random.between(0, 450));
        let waited = packets_until(&mut solo, 0);
        assert!(
            waited <= 9,
            "waited {waited} packets, its fair period is 91"
        );
    }
}

#[test]
fn a_saturated_channel_waits_its_fair_period_when_a_higher_priority_wakes() {
    for (low, high, fair) in [(5, 10, 3), (1, 10, 11), (1, 100, 101), (7, 700, 101)] {
        for moment in 1..20 {
            let mut solo = one_packet_at_a_time(&[low, high]);
            solo.saturate(0, &[LONG]);
            solo.run_to(moment);
            solo.saturate(1, &[LONG]);
            solo.run_to(moment + fair * 4);
            let waited = longest_wait(&solo.sent, 0);
            assert!(waited <= fair + 1, "{low} waited {waited} for {high}");
        }
    }
}

#[test]
fn a_lone_message_of_a_low_priority_is_not_held_against_its_next_one() {
    let mut solo = one_packet_at_a_time(&[1, 10]);
    solo.push_len(0, 1024);
    solo.run_to(1);
    solo.saturate(1, &[LONG]);
    solo.saturate(0, &[LONG]);
    solo.run_to(60);
    assert!(longest_wait(&solo.sent, 0) <= 12);
}

#[test]
fn a_burst_after_silence_is_no_claim_to_the_time_of_silence() {
    // In Go the newcomer gets the whole link until it has caught up with what the other sent in the last seconds.
    let mut solo = one_packet_at_a_time(&[10, 5]);
    solo.saturate(0, &[LONG]);
    solo.run_to(20_000);
    solo.saturate(1, &[LONG]);
    solo.run_to(20_300);
    let newcomer = solo.sent[20_000..].iter();
    let newcomer = newcomer.filter(|sent| sent.channel() == Some(ChannelId::new(1)));
    assert_eq!(newcomer.count(), 100);
    assert!(longest_wait(&solo.sent, 0) <= 2);
}

/// A limit under which every packet is chosen by itself.
fn one_packet_at_a_time(priorities: &[u16]) -> Solo {
    Solo::with_priorities(Some(512_000), priorities)
}

/// The longest wait of one-packet messages of priority 10, sent at random intervals, among `others` of priority 1, which wake
/// together after so many packets' time.
fn sparse_waits(
    others: u8,
    wake_after: usize,
    intervals: std::ops::RangeInclusive<usize>,
    packets: usize,
) -> usize {
    let mut random = Random::new(wake_after as u64);
    let priorities: Vec<u16> = std::iter::once(10)
        .chain([1; 255])
        .take(usize::from(others) + 1)
        .collect();
    let mut solo = one_packet_at_a_time(&priorities);
    let (mut next, mut longest) = (0, 0);
    for step in 0..packets {
        if step == wake_after {
            (1..=others).for_each(|channel| solo.saturate(channel, &[LONG]));
        }
        if step >= next {
            solo.push_len(0, random.between(1, 1024));
            longest = longest.max(packets_until(&mut solo, 0));
            next = step + random.between(*intervals.start(), *intervals.end());
        } else if step >= wake_after {
            solo.next();
        }
    }
    longest
}

/// Sends up to a packet of this channel, and counts those before it.
fn packets_until(solo: &mut Solo, channel: u8) -> usize {
    let before = solo.sent.len();
    loop {
        solo.next();
        let mut since = solo.sent[before..].iter();
        if let Some(waited) = since.position(|sent| sent.channel() == Some(ChannelId::new(channel)))
        {
            return waited;
        }
    }
}

/// The most packets in a row that are not of this channel, after its first.
fn longest_wait(sent: &[Sent], channel: u8) -> usize {
    let channel = Some(ChannelId::new(channel));
    let runs = sent.split(|sent| sent.channel() == channel);
    runs.skip(1).map(<[Sent]>::len).max().unwrap_or(0)
}

/// A message that does not end within a test.
const LONG: usize = 200 * 1024;
