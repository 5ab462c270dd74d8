//! The ways to take messages.

use std::future::poll_fn;
use std::pin::Pin;

use futures_core::Stream;

use super::kit::*;
use super::wire::wire;
use crate::config::Config;
use crate::driver::TryRecvError;

#[tokio::test(start_paused = true)]
async fn a_receiver_is_a_stream_that_ends_with_the_connection() {
    let (io, peer) = wire();
    let (mut running, [(_, receiver)]) = start(io, Config::default(), [bulk()]);
    let mut stream: Pin<Box<dyn Stream<Item = _>>> = Box::pin(receiver);
    for number in 0..3 {
        peer.feed(&message(BULK, &numbered(number, 8)));
    }
    for number in 0..3 {
        let next = soon(poll_fn(|cx| stream.as_mut().poll_next(cx))).await;
        assert_eq!(next.unwrap(), numbered(number, 8));
    }
    peer.feed(&message(BULK, b"last"));
    peer.end();
    soon(running.ended()).await;
    let next = soon(poll_fn(|cx| stream.as_mut().poll_next(cx))).await;
    assert_eq!(next.unwrap(), "last");
    for _ in 0..3 {
        let next = soon(poll_fn(|cx| stream.as_mut().poll_next(cx))).await;
        assert_eq!(next, None);
    }
}

#[tokio::test(start_paused = true)]
async fn trying_to_receive_tells_none_at_present_from_none_any_more() {
    let (io, peer) = wire();
    let (mut running, [(_, mut receiver)]) = start(io, Config::default(), [bulk()]);
    assert_eq!(receiver.channel(), BULK);
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    peer.feed(&message(BULK, b"one"));
    peer.feed(&message(BULK, b"two"));
    idle().await;
    assert_eq!(receiver.try_recv().unwrap(), "one");
    peer.end();
    soon(running.ended()).await;
    assert_eq!(receiver.try_recv().unwrap(), "two");
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
}

#[tokio::test(start_paused = true)]
async fn the_ways_to_receive_can_be_mixed() {
    let (io, peer) = wire();
    let channel = bulk().with_recv_capacity(3);
    let (_running, [(_, mut receiver)]) = start(io, Config::default(), [channel]);
    for number in 0..30 {
        peer.feed(&message(BULK, &numbered(number, 8)));
    }
    for number in 0..10 {
        let first = soon(receiver.recv()).await.unwrap();
        assert_eq!(first, numbered(3 * number, 8));
        idle().await;
        assert_eq!(receiver.try_recv().unwrap(), numbered(3 * number + 1, 8));
        let third = soon(poll_fn(|cx| receiver.poll_recv(cx))).await.unwrap();
        assert_eq!(third, numbered(3 * number + 2, 8));
    }
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
}

#[tokio::test(start_paused = true)]
async fn messages_are_the_callers_to_keep() {
    let (io, peer) = wire();
    let (_running, [(_, mut receiver)]) = start(io, Config::default(), [bulk()]);
    let mut kept = Vec::new();
    let sent: Vec<_> = (0..100).map(|n| numbered(n as u64, 50 * n)).collect();
    for message in &sent {
        peer.feed(&expected([&message[..]]));
        kept.push(soon(receiver.recv()).await.unwrap());
    }
    assert_eq!(kept, sent);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_on_a_channel_that_only_sends_waits_for_the_end() {
    let (io, peer) = wire();
    let (mut running, [(_, mut receiver)]) = start(io, Config::default(), [bulk().send_only()]);
    assert!(is_waiting(receiver.recv()).await);
    peer.end();
    soon(running.ended()).await;
    assert_eq!(soon(receiver.recv()).await, None);
}
