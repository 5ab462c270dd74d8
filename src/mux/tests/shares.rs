//! Saturated channels share the link as their priorities say.

use crate::channel::ChannelDescriptor;
use crate::testing::Solo;

#[test]
fn a_stock_node_shares_1_kb_per_second_by_priority() {
    assert_shares(Some(1_000), &stock(), LARGE);
}

#[test]
fn a_stock_node_shares_512_kb_per_second_by_priority() {
    assert_shares(Some(512_000), &stock(), LARGE);
}

#[test]
fn a_stock_node_shares_an_unlimited_link_by_priority() {
    assert_shares(None, &stock(), LARGE);
}

#[test]
fn a_hundred_to_one_is_kept_at_1_kb_per_second() {
    assert_shares(Some(1_000), &[100, 1], LARGE);
    assert_shares(Some(1_000), &[1, 100], LARGE);
}

#[test]
fn a_hundred_to_one_is_kept_at_512_kb_per_second() {
    assert_shares(Some(512_000), &[100, 1], LARGE);
}

#[test]
fn a_hundred_to_one_is_kept_on_an_unlimited_link() {
    assert_shares(None, &[100, 1], LARGE);
}

#[test]
fn all_256_channels_share_1_kb_per_second_by_priority() {
    assert_shares(Some(1_000), &every_channel(), SMALL);
}

#[test]
fn all_256_channels_share_512_kb_per_second_by_priority() {
    assert_shares(Some(512_000), &every_channel(), SMALL);
}

#[test]
fn all_256_channels_share_an_unlimited_link_by_priority() {
    assert_shares(None, &every_channel(), SMALL);
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
    let [high, middle, low, ..] = bytes_sent(&solo, before);
    assert_close(high, 2.0 * middle);
    assert_close(middle, 5.0 * low);
}

/// Runs until the link has carried `rounds` packets, as large as the mix has them, for each unit of priority.
fn assert_shares(rate: Option<u64>, priorities: &[u16], mix: Mix) {
    let mut solo = Solo::with_priorities(rate, priorities);
    let ids = (0..=u8::MAX).zip(mix.lengths.iter().cycle());
    for (channel, lengths) in ids.take(priorities.len()) {
        solo.saturate(channel, lengths);
    }
    let sum: u32 = priorities.iter().copied().map(u32::from).sum();
    let (mut bytes, enough) = (0.0, f64::from(sum) * mix.largest * ROUNDS);
    while bytes < enough {
        bytes += solo
            .next()
            .iter()
            .map(|sent| sent.framed as f64)
            .sum::<f64>();
    }
    for (actual, &priority) in bytes_sent(&solo, 0).into_iter().zip(priorities) {
        assert_close(actual, bytes * f64::from(priority) / f64::from(sum));
    }
}

/// Bytes of each channel's packets, apart from the first ones.
fn bytes_sent(solo: &Solo, skipped: usize) -> [f64; 256] {
    let mut bytes = [0.0; 256];
    for sent in &solo.sent[skipped..] {
        if let Some(channel) = sent.channel() {
            bytes[channel.index()] += sent.framed as f64;
        }
    }
    bytes
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

/// 256 priorities.
fn every_channel() -> Vec<u16> {
    [1, 1, 1, 1, 1, 2, 2, 5].repeat(32)
}

/// What the channels send, in turn, and the bytes of the largest packet in it.
#[derive(Clone, Copy)]
struct Mix {
    lengths: &'static [&'static [usize]],
    largest: f64,
}

/// Full packets, small ones, messages of several packets with a short rest, and all of it on one channel.
const LARGE: Mix = Mix {
    lengths: &[
        &[1024],
        &[5000],
        &[200, 90, 700],
        &[64 * 1024],
        &[1, 1024, 3000, 0, 400],
    ],
    largest: 1036.0,
};
/// Many of them fit into one write, so that long runs are short.
const SMALL: Mix = Mix {
    lengths: &[&[100], &[64, 8], &[0, 1, 100], &[32]],
    largest: 110.0,
};
/// A packet more or less is less than one percent.
const ROUNDS: f64 = 110.0;
