//! What a send queue holds, whom it serves first, and what it refuses.

use bytes::Bytes;
use tokio::task::JoinSet;

use super::kit::*;
use super::wire::wire;
use crate::config::Config;
use crate::driver::{ReserveError, SendError, TryReserveError, TrySendError};

#[tokio::test(start_paused = true)]
async fn a_send_queue_is_bounded_in_messages() {
    let (io, peer) = wire();
    peer.take_only(0);
    let channel = bulk().with_send_capacity(3);
    let (_running, [(sender, _)]) = start(io, Config::default(), [channel]);
    for free in (0..3).rev() {
        sender.try_send("fits").unwrap();
        idle().await;
        assert_eq!(sender.capacity(), free);
    }
    let full = Err(TrySendError::Full("back".into()));
    assert_eq!(sender.try_send("back"), full);
    assert!(is_waiting(sender.send("waits")).await);
    assert!(is_waiting(sender.reserve(0)).await);
    peer.take_only(usize::MAX);
    idle().await;
    assert_eq!(sender.capacity(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_send_queue_is_bounded_in_bytes() {
    let (io, peer) = wire();
    peer.take_only(0);
    let channel = bulk().with_send_bytes(1000);
    let (_running, [(sender, _)]) = start(io, Config::default(), [channel]);
    sender.try_send(vec![0; 600]).unwrap();
    sender.try_send(vec![0; 400]).unwrap();
    assert!(matches!(sender.try_send("x"), Err(TrySendError::Full(_))));
    assert!(sender.try_send("").is_ok(), "it has no bytes");
    assert!(is_waiting(sender.send("x")).await);
}

#[tokio::test(start_paused = true)]
async fn an_empty_send_queue_admits_one_large_message() {
    let (io, peer) = wire();
    peer.take_only(0);
    let channel = bulk().with_send_bytes(1000);
    let (_running, [(sender, _)]) = start(io, Config::default(), [channel]);
    sender.try_send(vec![7; 100_000]).unwrap();
    assert!(matches!(sender.try_send("x"), Err(TrySendError::Full(_))));
    let mut next = Box::pin(sender.send(vec![8; 5000]));
    assert!(is_waiting(next.as_mut()).await);
    peer.take_only(usize::MAX);
    soon(next).await.unwrap();
    idle().await;
    assert_eq!(messages_on(BULK, &peer.taken())[0], vec![7; 100_000]);
    assert_eq!(messages_on(BULK, &peer.taken())[1], vec![8; 5000]);
}

#[tokio::test(start_paused = true)]
async fn blocked_senders_are_served_in_order_of_arrival() {
    let (io, peer) = wire();
    peer.take_only(0);
    let channel = bulk().with_send_capacity(2).with_send_bytes(100);
    let (_running, [(sender, _)]) = start(io, Config::default(), [channel]);
    let mut senders = JoinSet::new();
    let sent: Vec<_> = (0..60usize)
        .map(|n| numbered(n as u64, 8 + n * 7 % 120))
        .collect();
    for message in sent.clone() {
        let sender = sender.clone();
        senders.spawn(async move { sender.send(message).await });
        idle().await;
    }
    while messages(&peer.taken()).len() < sent.len() {
        peer.take_only(100);
        idle().await;
        while senders.try_join_next().is_some() {}
        let newcomer = sender.try_send("pushes in");
        assert!(newcomer.is_err() || senders.is_empty());
    }
    assert_eq!(messages_on(BULK, &peer.taken())[..60], sent);
}

#[tokio::test(start_paused = true)]
async fn a_permit_holds_its_room_until_it_is_used_or_dropped() {
    let (io, peer) = wire();
    peer.take_only(0);
    let channel = bulk().with_send_capacity(2).with_send_bytes(100);
    let (_running, [(sender, _)]) = start(io, Config::default(), [channel]);
    let used = sender.reserve(90).await.unwrap();
    let dropped = sender.reserve(10).await.unwrap();
    assert_eq!(sender.capacity(), 0);
    assert!(matches!(sender.try_send(""), Err(TrySendError::Full(_))));
    drop(dropped);
    assert_eq!(sender.capacity(), 1);
    assert!(matches!(
        sender.try_send(vec![0; 11]),
        Err(TrySendError::Full(_))
    ));
    // What it does not need of its room is free at once.
    used.send("little").unwrap();
    assert!(sender.try_send(vec![0; 94]).is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_owned_permit_holds_its_room_until_it_is_used_or_dropped() {
    let (io, peer) = wire();
    peer.take_only(0);
    let channel = bulk().with_send_capacity(2).with_send_bytes(100);
    let (_running, [(sender, _)]) = start(io, Config::default(), [channel]);
    let used = sender.clone().reserve_owned(90).await.unwrap();
    let dropped = sender.clone().reserve_owned(10).await.unwrap();
    assert!(is_waiting(sender.clone().reserve_owned(0)).await);
    drop(dropped);
    assert_eq!(sender.capacity(), 1);
    let mut kept = vec![used];
    let used = kept.remove(0);
    let delivery = used.send_tracked("little").unwrap();
    assert!(sender.try_send(vec![0; 94]).is_ok());
    peer.take_only(usize::MAX);
    assert_eq!(soon(delivery).await, Ok(()));
    let too_small = sender.clone().reserve_owned(3).await.unwrap();
    let back = too_small.send("four").unwrap_err();
    assert!(matches!(&back, SendError::TooLarge { max: 3, .. }));
    idle().await;
    assert_eq!(sender.capacity(), 2, "the room is given back");
}

#[tokio::test(start_paused = true)]
async fn trying_to_reserve_never_waits_and_says_why_there_is_no_room() {
    let (io, peer) = wire();
    peer.take_only(0);
    let channel = bulk().with_send_capacity(2).with_max_message(50);
    let (mut running, [(sender, _)]) = start(io, Config::default(), [channel]);
    let first = sender.try_reserve(50).unwrap();
    let _second = sender.try_reserve(0).unwrap();
    let tried = |len| sender.try_reserve(len).map(drop);
    assert_eq!(tried(1), Err(TryReserveError::Full));
    let too_large = TryReserveError::TooLarge { len: 51, max: 50 };
    assert_eq!(tried(51), Err(too_large));
    first.send("uses its room").unwrap();
    peer.take_only(usize::MAX);
    idle().await;
    assert_eq!(messages_on(BULK, &peer.taken()), ["uses its room"]);
    running.stop.cancel();
    peer.end();
    soon(running.ended()).await;
    assert_eq!(tried(1), Err(TryReserveError::Closed));
}

#[tokio::test(start_paused = true)]
async fn a_sender_is_told_when_nothing_more_is_accepted() {
    let (io, peer) = wire();
    let channels = [bulk(), urgent().receive_only()];
    let (running, [(sender, _), (never, _)]) = start(io, Config::default(), channels);
    soon(never.closed()).await;
    let mut closed = Box::pin(sender.closed());
    assert!(is_waiting(closed.as_mut()).await);
    // The drain is not over, but nothing more is accepted.
    peer.take_only(0);
    sender.send("accepted").await.unwrap();
    running.stop.cancel();
    soon(closed).await;
    soon(sender.closed()).await;
    assert!(sender.is_closed());
}

#[tokio::test(start_paused = true)]
async fn a_permit_answers_when_its_message_is_written() {
    let (io, peer) = wire();
    let (_running, [(sender, _)]) = start(io, Config::default(), [bulk()]);
    let permit = sender.reserve(20).await.unwrap();
    let delivery = permit.send_tracked("tracked").unwrap();
    assert_eq!(soon(delivery).await, Ok(()));
    assert_eq!(messages_on(BULK, &peer.taken()), ["tracked"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_too_large_is_refused_when_made_and_handed_back() {
    let (io, peer) = wire();
    let channel = bulk().with_max_message(100);
    let (_running, [(sender, _)]) = start(io, Config::default(), [channel]);
    let message = Bytes::from(vec![1; 101]);
    let refused = SendError::TooLarge {
        message: message.clone(),
        max: 100,
    };
    assert_eq!(sender.send(message.clone()).await, Err(refused.clone()));
    let tracked = sender.send_tracked(message.clone()).await.map(drop);
    assert_eq!(tracked, Err(refused.clone()));
    assert_eq!(
        refused.to_string(),
        "message of 101 bytes, the maximum is 100"
    );
    assert_eq!(refused.into_message(), message);
    let tried = sender.try_send(message.clone()).unwrap_err();
    assert!(matches!(tried, TrySendError::TooLarge { max: 100, .. }));
    assert_eq!(tried.into_message(), message);
    let reserved = sender.reserve(101).await.map(drop);
    assert_eq!(reserved, Err(ReserveError::TooLarge { len: 101, max: 100 }));
    let permit = sender.reserve(10).await.unwrap();
    let back = permit.send(vec![2; 11]).unwrap_err();
    assert!(matches!(&back, SendError::TooLarge { max: 10, .. }));
    assert_eq!(back.into_message(), vec![2; 11]);
    assert_eq!(sender.capacity(), 64, "the room is given back");
    sender.send(vec![3; 100]).await.unwrap();
    idle().await;
    assert_eq!(messages(&peer.taken()).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_only_receives_refuses_to_send() {
    let (io, _peer) = wire();
    let (_running, [(sender, _)]) = start(io, Config::default(), [bulk().receive_only()]);
    assert!(sender.is_closed());
    assert_eq!(sender.capacity(), 0);
    let closed = Err(SendError::Closed("back".into()));
    assert_eq!(soon(sender.send("back")).await, closed);
}

#[tokio::test(start_paused = true)]
async fn before_the_connection_runs_a_queue_fills_and_waits() {
    let (io, peer) = wire();
    let channel = bulk().with_send_capacity(2);
    let (connection, [(sender, _)]) = connection(io, Config::default(), [channel]);
    sender.send("one").await.unwrap();
    sender.send("two").await.unwrap();
    let mut third = Box::pin(sender.send("three"));
    assert!(is_waiting(third.as_mut()).await);
    let _running = Running::start(connection);
    soon(third).await.unwrap();
    idle().await;
    assert_eq!(messages_on(BULK, &peer.taken()), ["one", "two", "three"]);
}
