//! What a delivery and a flush promise: written, and the transport flushed.

use std::io::ErrorKind;
use std::pin::pin;
use std::time::Duration;

use proptest::prelude::*;
use tokio::task::JoinSet;

use super::kit::*;
use super::wire::{Wire, wire};
use crate::config::Config;
use crate::driver::NotSent;
use crate::driver::Sender;
use crate::error::Error;

#[tokio::test(start_paused = true)]
async fn a_delivery_resolves_once_its_last_byte_is_taken() {
    let (io, peer) = wire();
    peer.take_only(0);
    let (_running, [(sender, _)]) = start(io, Config::default(), [bulk()]);
    let mut delivery = pin!(sender.send_tracked(numbered(1, 200_000)).await.unwrap());
    let whole = expected([&numbered(1, 200_000)[..]]).len();
    peer.take_only(whole - 1);
    assert!(is_waiting(delivery.as_mut()).await);
    peer.take_only(1);
    assert_eq!(soon(delivery).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_delivery_waits_for_the_flush_of_a_transport_that_buffers() {
    let (io, peer) = wire();
    peer.buffer(1024 * 1024);
    peer.block_flush(true);
    let (_running, [(sender, _)]) = start(io, Config::default(), [bulk()]);
    let mut delivery = pin!(sender.send_tracked("here").await.unwrap());
    assert!(is_waiting(delivery.as_mut()).await);
    assert_eq!(peer.taken(), b"");
    peer.block_flush(false);
    assert_eq!(soon(delivery).await, Ok(()));
    assert_eq!(messages_on(BULK, &peer.taken()), ["here"]);
}

#[tokio::test(start_paused = true)]
async fn a_delivery_resolves_while_others_keep_the_link_saturated() {
    let (io, peer) = wire();
    let (running, [(bulk, _), (urgent, _)]) = start(io, Config::default(), [bulk(), urgent()]);
    saturate(&peer, &bulk, &urgent).await;
    assert!(running.polls() > 0);
}

#[tokio::test(start_paused = true)]
async fn a_delivery_resolves_on_a_saturated_link_behind_a_transport_that_buffers() {
    let (io, peer) = wire();
    peer.buffer(8 * 1024);
    let (running, [(bulk, _), (urgent, _)]) = start(io, Config::default(), [bulk(), urgent()]);
    saturate(&peer, &bulk, &urgent).await;
    assert!(running.polls() > 0);
}

#[tokio::test(start_paused = true)]
async fn a_flush_on_an_idle_connection_is_done_at_once() {
    let (io, _peer) = wire();
    let (running, [_]) = start(io, Config::default(), [bulk()]);
    assert_eq!(soon(running.handle.flush()).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_flush_waits_for_what_was_accepted_before_it_on_every_channel() {
    let (io, peer) = wire();
    peer.take_only(0);
    let (running, [(bulk, _), (urgent, _)]) = start(io, Config::default(), [bulk(), urgent()]);
    bulk.send(numbered(1, 50_000)).await.unwrap();
    urgent.send("now").await.unwrap();
    let mut flush = pin!(running.handle.flush());
    let bytes = 50_000 + 49 * 12 + 20;
    for _ in 0..bytes / 1000 {
        assert!(is_waiting(flush.as_mut()).await);
        peer.take_only(1000);
    }
    peer.take_only(usize::MAX);
    assert_eq!(soon(flush).await, Ok(()));
    assert_eq!(messages(&peer.taken()).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_flush_does_not_wait_for_what_is_accepted_after_it() {
    let (io, peer) = wire();
    peer.take_only(0);
    let (running, [(sender, _)]) = start(io, Config::default(), [bulk()]);
    sender.send(numbered(0, 50_000)).await.unwrap();
    let handle = running.handle.clone();
    let mut flush = JoinSet::new();
    flush.spawn(async move { handle.flush().await });
    idle().await;
    let mut sent = 1;
    while flush.try_join_next().is_none() {
        assert!(sent < 20, "the flush waits for later messages");
        let _ = sender.try_send(numbered(sent, 50_000));
        sent += 1;
        peer.take_only(30_000);
        idle().await;
    }
    assert!(!messages(&peer.taken()).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_flush_that_the_end_overtakes_says_so() {
    let (io, peer) = wire();
    peer.take_only(0);
    let (mut running, [(sender, _)]) = start(io, Config::default(), [bulk()]);
    sender.send("never").await.unwrap();
    let handle = running.handle.clone();
    let mut flush = pin!(handle.flush());
    assert!(is_waiting(flush.as_mut()).await);
    peer.end();
    running.ended().await;
    assert_eq!(soon(flush).await, Err(NotSent));
    assert_eq!(soon(handle.flush()).await, Err(NotSent));
}

#[tokio::test(start_paused = true)]
async fn a_delivery_is_answered_when_the_connection_is_dropped_before_it_ran() {
    let (io, peer) = wire();
    let (connection, [(sender, _)]) = connection(io, Config::default(), [bulk()]);
    let handle = connection.handle();
    let delivery = sender.send_tracked("never").await.unwrap();
    drop(connection);
    assert_eq!(soon(delivery).await, Err(NotSent));
    let closed = handle.closed().await;
    assert_eq!(
        closed.to_string(),
        "the connection was dropped; not sent: 1 messages, 5 bytes on channel 0x30"
    );
    assert!(peer.is_closed());
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_nobody_awaits_changes_nothing() {
    let (io, peer) = wire();
    let (_running, [(sender, _)]) = start(io, Config::default(), [bulk()]);
    for number in 0..10 {
        drop(sender.send_tracked(numbered(number, 8)).await.unwrap());
    }
    idle().await;
    assert_eq!(messages(&peer.taken()).len(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_flush_that_never_ends_is_a_peer_that_takes_nothing() {
    let (io, peer) = wire();
    peer.buffer(1024 * 1024);
    peer.take_only(0);
    let config = Config::builder().write_timeout(Duration::from_secs(20));
    let (mut running, [(sender, _)]) = start(io, config.build().unwrap(), [bulk()]);
    sender.send("lost").await.unwrap();
    let (closed, after) = timed(running.ended()).await;
    assert!(matches!(
        closed.reason.error(),
        Some(Error::WriteTimeout { .. })
    ));
    // With the time of the eleven bytes in the buffer.
    assert_eq!(after.as_secs(), 20);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_delivery_resolves_and_tells_the_truth(
        lens in prop::collection::vec(8usize..5000, 1..40),
        taken in 0usize..100_000,
        piece in 1usize..3000,
    ) {
        let deliveries = paused(deliveries_of(&lens, taken, piece));
        let written = deliveries.iter().filter(|outcome| outcome.is_ok()).count();
        prop_assert!(deliveries[..written].iter().all(Result::is_ok), "in order");
        let sizes: Vec<_> = lens.iter().map(|len| expected([&vec![0; *len][..]]).len()).collect();
        let complete = sizes.iter().scan(0, |sum, len| { *sum += len; Some(*sum) });
        let complete = complete.filter(|end| *end <= taken).count();
        prop_assert!(written <= complete, "{written} of {complete}");
        prop_assert!(written == lens.len() || complete < lens.len());
    }
}

/// What became of tracked messages of these lengths where the peer takes so many bytes and is gone then.
async fn deliveries_of(lens: &[usize], taken: usize, piece: usize) -> Vec<Result<(), NotSent>> {
    let (io, peer) = wire();
    peer.in_pieces_of(piece);
    peer.take_only(taken);
    let (mut running, [(sender, _)]) = start(io, Config::default(), [bulk()]);
    let mut deliveries = Vec::new();
    for len in lens {
        deliveries.push(sender.send_tracked(vec![0; *len]).await.unwrap());
    }
    idle().await;
    peer.fail_writes(ErrorKind::BrokenPipe);
    // Nothing more to write would not notice it.
    let _ = sender.try_send("more");
    running.ended().await;
    let mut outcomes = Vec::new();
    for delivery in deliveries {
        outcomes.push(soon(delivery).await);
    }
    outcomes
}

/// Sends a tracked message beside bulk that never ends, and awaits it.
async fn saturate(peer: &Wire, bulk: &Sender, urgent: &Sender) {
    peer.take_only(0);
    for number in 0..60 {
        bulk.try_send(numbered(number, 16 * 1024)).unwrap();
    }
    idle().await;
    let mut delivery = pin!(urgent.send_tracked("now").await.unwrap());
    let mut steps = 0;
    while is_waiting(delivery.as_mut()).await {
        peer.take_only(1000);
        steps += 1;
        assert!(steps < 200, "it waits for the link to fall idle");
    }
    let sent = messages_on(BULK, &peer.taken()).len();
    assert!(sent < 30, "the link was to stay busy");
}
