//! What one wake-up does against each kind of flood.

use std::pin::pin;

use tokio_util::sync::CancellationToken;

use super::kit::*;
use super::wire::wire;
use crate::channel::ChannelDescriptor;
use crate::config::Config;
use crate::packet::Packet;

#[tokio::test(start_paused = true)]
async fn full_packets_are_bounded_in_bytes() {
    let (packets, bytes) = first_wake_up(bulk(), &message(BULK, &[7; 1000])).await;
    assert!(bytes <= 5 * 256 * 1024, "{bytes} bytes");
    assert!(packets >= 500, "{packets} packets");
}

#[tokio::test(start_paused = true)]
async fn pings_are_bounded_in_number() {
    bounded(bulk(), &framed(&Packet::Ping)).await;
}

#[tokio::test(start_paused = true)]
async fn pongs_that_nobody_asked_for_are_bounded_in_number() {
    bounded(bulk(), &framed(&Packet::Pong)).await;
}

#[tokio::test(start_paused = true)]
async fn empty_pieces_of_a_message_are_bounded_in_number() {
    bounded(bulk(), &piece(BULK, false, b"")).await;
}

#[tokio::test(start_paused = true)]
async fn messages_to_a_receiver_that_is_gone_are_bounded_in_number() {
    bounded(bulk(), &message(BULK, b"")).await;
    bounded(bulk(), &message(BULK, b"small")).await;
}

#[tokio::test(start_paused = true)]
async fn messages_to_a_channel_that_sheds_are_bounded_in_number() {
    bounded(
        bulk().with_recv_capacity(1).shedding(),
        &message(BULK, b"small"),
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn empty_messages_of_ours_are_bounded_in_number() {
    let (io, peer) = wire();
    let channel = bulk().with_send_capacity(40_000);
    let (connection, [(sender, _)]) = connection(io, Config::default(), [channel]);
    for _ in 0..40_000 {
        sender.try_send("").unwrap();
    }
    let mut run = pin!(connection.run(CancellationToken::new()));
    assert!(cancelled(1, 0, run.as_mut()).await.is_none());
    let sent = packets(&peer.taken()).len();
    assert!((1000..=20_480).contains(&sent), "{sent}");
    assert!(is_waiting(run).await);
    assert_eq!(messages(&peer.taken()).len(), 40_000);
}

/// Holds that a wake-up decodes no more packets like this one than the bound, and that all are decoded in the end.
async fn bounded(channel: ChannelDescriptor, packet: &[u8]) {
    let (packets, bytes) = first_wake_up(channel, packet).await;
    assert!(
        (1000..=PACKETS_PER_WAKE).contains(&packets),
        "{packets} packets in one wake-up"
    );
    assert!(bytes > 0);
}

/// The packets that the first wake-up decodes of a flood of them, and the bytes that it reads.
async fn first_wake_up(channel: ChannelDescriptor, packet: &[u8]) -> (usize, usize) {
    let (io, peer) = wire();
    let (connection, [(_sender, receiver)]) =
        connection(io, quiet().build().unwrap(), [channel.clone()]);
    // One that sheds keeps its receiver, which takes nothing.
    let _kept = channel.sheds().then_some(receiver);
    let handle = connection.handle();
    let flood = packet.repeat((2 << 20) / packet.len());
    peer.feed(&flood);
    let mut run = pin!(connection.run(CancellationToken::new()));
    assert!(cancelled(1, 0, run.as_mut()).await.is_none());
    let bytes = flood.len() - peer.unread();
    let mut stats = pin!(handle.stats());
    assert!(cancelled(1, 0, stats.as_mut()).await.is_none());
    // It answers before it does anything else.
    assert!(cancelled(1, 0, run.as_mut()).await.is_none());
    let packets = soon(stats).await.unwrap().received.packets;
    assert!(is_waiting(run.as_mut()).await);
    assert_eq!(peer.unread(), 0, "all is read in the end");
    (usize::try_from(packets).unwrap(), bytes)
}

const PACKETS_PER_WAKE: usize = 4096;
