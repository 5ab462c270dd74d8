//! Bytes keep moving: over tiny pipes, when both sides are blocked, and in the order of priorities.

use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use tokio::io::duplex;
use tokio::task::JoinSet;

use super::kit::*;
use super::wire::wire;
use crate::config::Config;
use crate::driver::{CloseReason, Receiver, Sender};
use crate::error::{Error, Fault};
use crate::packet::Packet;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    #[test]
    fn every_message_arrives_in_order_over_any_pipe(
        pipe in 1usize..64,
        payload in 8usize..1025,
        lens in prop::collection::vec(0usize..1500, 1..8),
    ) {
        paused(async move {
            let config = Config::builder().max_packet_payload(payload).build().unwrap();
            let (here, there) = duplex(pipe);
            let (_here, here_ends) = start(here, config.clone(), [bulk(), urgent(), other()]);
            let (_there, there_ends) = start(there, config, [bulk(), urgent(), other()]);
            let mut flows = JoinSet::new();
            for ((to, from), (back_to, back_from)) in here_ends.into_iter().zip(there_ends) {
                flows.spawn(flow(to, back_from, lens.clone()));
                flows.spawn(flow(back_to, from, lens.clone()));
            }
            soon(flows.join_all()).await;
        });
    }
}

#[tokio::test(start_paused = true)]
async fn both_sides_write_blocked_still_progress() {
    let (here, there) = duplex(64);
    let (here, [(to_there, from_there)]) = start(here, Config::default(), [bulk()]);
    let (there, [(to_here, from_here)]) = start(there, Config::default(), [bulk()]);
    let megabyte = vec![50_000; 20];
    let mut flows = JoinSet::new();
    flows.spawn(flow(to_there, from_here, megabyte.clone()));
    flows.spawn(flow(to_here, from_there, megabyte));
    soon(flows.join_all()).await;
    assert!(here.polls() > 0 && there.polls() > 0);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_reads_is_found_out_after_the_write_timeout() {
    let (io, peer) = wire();
    peer.take_only(5000);
    let (mut running, [(sender, _)]) = start(io, Config::default(), [bulk()]);
    pass(Duration::from_secs(5)).await;
    sender.send(vec![0; 10_000]).await.unwrap();
    let (closed, after) = timed(running.ended()).await;
    let error = closed.reason.error().unwrap();
    assert!(matches!(error, Error::WriteTimeout { .. }));
    assert_eq!(error.fault(), Fault::Silence);
    assert_eq!(after, Duration::from_secs(60));
    assert_eq!(closed.unsent[0].messages, 1);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_reads_is_found_out_although_it_sends() {
    let (io, peer) = wire();
    peer.take_only(0);
    let (mut running, [(sender, _receiver)]) = start(io, Config::default(), [bulk()]);
    sender.send("blocked").await.unwrap();
    for second in 0..59 {
        peer.feed(&message(BULK, &numbered(second, 8)));
        pass(Duration::from_secs(1)).await;
    }
    let (closed, after) = timed(running.ended()).await;
    assert!(matches!(
        closed.reason.error(),
        Some(Error::WriteTimeout { .. })
    ));
    assert_eq!(after, Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn without_a_least_rate_a_peer_that_takes_a_byte_now_and_then_is_not_given_up() {
    let (io, peer) = wire();
    peer.take_only(0);
    let config = quiet().min_write_rate(None).build().unwrap();
    let (mut running, [(sender, _)]) = start(io, config, [bulk()]);
    sender.send(vec![0; 30]).await.unwrap();
    for _ in 0..expected([&[0; 30][..]]).len() {
        pass(Duration::from_secs(59)).await;
        peer.take_only(1);
    }
    idle().await;
    assert_eq!(messages(&peer.taken()).len(), 1);
    peer.end();
    let closed = soon(running.ended()).await;
    assert!(matches!(closed.reason, CloseReason::PeerClosed));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_a_byte_every_59_seconds_is_given_up_after_the_first() {
    let (io, peer) = wire();
    peer.take_only(0);
    let (mut running, [(sender, _)]) = start(io, Config::default(), [bulk()]);
    sender.send(vec![0; 1_000_000]).await.unwrap();
    pass(Duration::from_secs(59)).await;
    peer.take_only(1);
    let (closed, after) = timed(running.ended()).await;
    let Some(Error::WriteTimeout { taken, blocked, .. }) = closed.reason.error() else {
        panic!("{closed}");
    };
    assert_eq!((*taken, blocked.as_secs(), after.as_secs()), (1, 60, 1));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_holds_unfinished_messages_with_pongs_is_given_up() {
    let (io, peer) = wire();
    let (mut running, [_bulk, _urgent]) = start(io, Config::default(), [bulk(), urgent()]);
    for channel in [BULK, URGENT] {
        peer.feed(&piece(channel, false, &[7; 1000]).repeat(1000));
    }
    let mut pongs = JoinSet::new();
    let hand = peer.clone();
    pongs.spawn(async move {
        loop {
            pass(Duration::from_secs(1)).await;
            hand.feed(&framed(&Packet::Pong));
        }
    });
    let (closed, after) = timed(running.ended()).await;
    let error = closed.reason.error().unwrap();
    assert!(matches!(error, Error::MessageStalled { channel: BULK, .. }));
    assert_eq!((error.fault(), after.as_secs()), (Fault::Silence, 120));
    assert_eq!(closed.unfinished.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_flush_that_was_not_done_is_forgotten_when_the_peer_takes_more() {
    let (io, peer) = wire();
    peer.buffer(100);
    peer.take_only(0);
    let config = quiet().min_write_rate(None).build().unwrap();
    let (_running, [(sender, _)]) = start(io, config, [bulk()]);
    sender.send(vec![0; 30]).await.unwrap();
    pass(Duration::from_secs(1)).await;
    sender.send(vec![0; 500]).await.unwrap();
    let whole = expected([&[0; 30][..], &[0; 500]]).len();
    for _ in 0..whole.div_ceil(100) {
        pass(Duration::from_secs(40)).await;
        peer.take_only(100);
    }
    pass(Duration::from_secs(1)).await;
    assert_eq!(messages(&peer.taken()).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_urgent_message_overtakes_a_queued_megabyte() {
    let (io, peer) = wire();
    peer.take_only(0);
    let (_running, [(bulk, _), (urgent, _)]) = start(io, Config::default(), [bulk(), urgent()]);
    bulk.send(vec![0; 1_000_000]).await.unwrap();
    idle().await;
    urgent.send("now").await.unwrap();
    let mut until_then = 0;
    while messages_on(URGENT, &peer.taken()).is_empty() {
        peer.take_only(1000);
        until_then += 1000;
        idle().await;
    }
    assert!(until_then <= 17_000, "one batch at most: {until_then}");
}

#[tokio::test(start_paused = true)]
async fn reading_goes_on_while_the_link_out_is_blocked() {
    let (io, peer) = wire();
    peer.take_only(0);
    let (_running, [(sender, mut receiver)]) = start(io, Config::default(), [bulk()]);
    sender.send(vec![0; 100_000]).await.unwrap();
    for number in 0..100 {
        peer.feed(&message(BULK, &numbered(number, 500)));
        assert_eq!(soon(receiver.recv()).await.unwrap(), numbered(number, 500));
    }
}

#[tokio::test(start_paused = true)]
async fn packets_of_a_megabyte_pass_where_both_sides_allow_them() {
    let config = Config::builder()
        .max_packet_payload(1_000_000)
        .max_packet(1_000_100)
        .build()
        .unwrap();
    let (here, there) = duplex(10_000);
    let channel = bulk().with_max_message(3_000_000);
    let (mut here, [(sender, _)]) = start(here, config.clone(), [channel.clone()]);
    let (there, [(_, mut receiver)]) = start(there, config, [channel]);
    let large: Bytes = (0..2_500_000u32)
        .map(|n| n.to_le_bytes()[1])
        .collect::<Vec<_>>()
        .into();
    sender.send(large.clone()).await.unwrap();
    assert_eq!(soon(receiver.recv()).await.unwrap(), large);
    let stats = soon(there.handle.stats()).await.unwrap();
    assert_eq!(stats.received.packets, 3);
    assert!(soon(here.stopped()).await.is_clean());
}

#[tokio::test(start_paused = true)]
async fn empty_messages_are_messages() {
    let (here, there) = duplex(5);
    let (_here, [(first, _), (second, _)]) = start(here, Config::default(), [bulk(), urgent()]);
    let (_there, [(_, mut from_first), (_, mut from_second)]) =
        start(there, Config::default(), [bulk(), urgent()]);
    for _ in 0..20 {
        first.send("").await.unwrap();
        second.send("").await.unwrap();
    }
    for _ in 0..20 {
        assert_eq!(soon(from_first.recv()).await.unwrap(), "");
        assert_eq!(soon(from_second.recv()).await.unwrap(), "");
    }
    assert_eq!((first.capacity(), second.capacity()), (64, 64));
}

/// Sends messages of these lengths from one end to the other, each as soon as it fits.
async fn flow(sender: Sender, mut receiver: Receiver, lens: Vec<usize>) {
    let mut sending = JoinSet::new();
    let sent: Vec<_> = lens.iter().map(|len| Bytes::from(vec![7; *len])).collect();
    let messages = sent.clone();
    sending.spawn(async move {
        for message in messages {
            sender.send(message).await.unwrap();
        }
    });
    for message in sent {
        assert_eq!(receiver.recv().await.unwrap(), message);
    }
    sending.join_all().await;
}
