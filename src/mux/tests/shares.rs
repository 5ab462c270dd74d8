//! Saturated channels share the link as their priorities say.

use crate::channel::ChannelDescriptor;
use crate::testing::Solo;

#[test]
fn a_stock_node_shares_1_kb_per_second_by_priority() {
    assert_shares(Some(1_000), &stock(), 49 * 120);
}

#[test]
fn a_stock_node_shares_512_kb_per_second_by_priority() {
    assert_shares(Some(512_000), &stock(), 49 * 120);
}

#[test]
fn a_stock_node_shares_an_unlimited_link_by_priority() {
    assert_shares(None, &stock(), 49 * 120);
}

#[test]
fn a_hundred_to_one_is_kept_at_1_kb_per_second() {
    assert_shares(Some(1_000), &[100, 1], 101 * 120);
    assert_shares(Some(1_000), &[1, 100], 101 * 120);
}

#[test]
fn a_hundred_to_one_is_kept_at_512_kb_per_second() {
    assert_shares(Some(512_000), &[100, 1], 101 * 120);
}

#[test]
fn a_hundred_to_one_is_kept_on_an_unlimited_link() {
    assert_shares(None, &[100, 1], 101 * 120);
}

#[test]
fn all_256_channels_share_1_kb_per_second_by_priority() {
    assert_shares(Some(1_000), &every_channel(), 576 * 110);
}

#[test]
fn all_256_channels_share_512_kb_per_second_by_priority() {
    assert_shares(Some(512_000), &every_channel(), 576 * 110);
}

#[test]
fn all_256_channels_share_an_unlimited_link_by_priority() {
    assert_shares(None, &every_channel(), 576 * 110);
}

#[test]
fn shares_stay_exact_after_a_long_time_of_another_mix() {
    let mut solo = Solo::with_priorities(Some(512_000), &[10, 5, 1]);
    solo.saturate(0, &[1024]);
    solo.run_to(5_000);
    let before = solo.sent.len();
    solo.saturate(1, &[300]);
    solo.saturate(2, &[1024, 7]);
    solo.run_to(before + 8_000);
    let bytes = |channel| bytes_sent(&solo, before, channel);
    assert_close(bytes(0), 2.0 * bytes(1));
    assert_close(bytes(1), 5.0 * bytes(2));
}

/// Runs until the link has carried so many full packets' worth of bytes.
fn assert_shares(rate: Option<u64>, priorities: &[u16], full_packets: usize) {
    let mut solo = Solo::with_priorities(rate, priorities);
    for (channel, lengths) in (0..=u8::MAX)
        .zip(MIXES.iter().cycle())
        .take(priorities.len())
    {
        solo.saturate(channel, lengths);
    }
    let (mut bytes, mut at) = (0, 0);
    while bytes < full_packets * FULL {
        bytes += solo.next().iter().map(|sent| sent.framed).sum::<usize>();
        at = solo.sent.len();
    }
    assert_eq!(at, solo.sent.len());
    let sum: u32 = priorities.iter().copied().map(u32::from).sum();
    for (channel, &priority) in (0..=u8::MAX).zip(priorities) {
        let fair = bytes as f64 * f64::from(priority) / f64::from(sum);
        assert_close(bytes_sent(&solo, 0, channel), fair);
    }
}

fn bytes_sent(solo: &Solo, since: usize, channel: u8) -> f64 {
    let packets = solo.sent[since..].iter();
    let mine = packets.filter(|sent| sent.channel().is_some_and(|id| id.get() == channel));
    mine.map(|sent| sent.framed as f64).sum()
}

#[track_caller]
fn assert_close(actual: f64, fair: f64) {
    assert!(
        (actual / fair - 1.0).abs() <= 0.01,
        "{actual} bytes, fair are {fair}"
    );
}

fn stock() -> Vec<u16> {
    let channels = ChannelDescriptor::cometbft();
    channels.iter().map(ChannelDescriptor::priority).collect()
}

/// 256 priorities with the sum of 576.
fn every_channel() -> Vec<u16> {
    [1, 1, 2, 5].repeat(64)
}

/// Full packets, small ones, messages of several packets with a short rest, and all of it on one channel.
const MIXES: [&[usize]; 5] = [
    &[1024],
    &[5000],
    &[200, 90, 700],
    &[64 * 1024],
    &[1, 1024, 3000, 0, 400],
];
const FULL: usize = 1036;
