//! The graceful stop: everything accepted is sent, and it ends in bounded time.

use std::num::NonZeroU64;
use std::time::Duration;

use tokio::io::duplex;
use tokio::task::JoinSet;

use super::kit::*;
use super::wire::wire;
use crate::config::Config;
use crate::driver::outbox::Queued;
use crate::driver::{CloseReason, Unsent};
use crate::driver::{ReserveError, SendError, TrySendError};
use crate::error::Error;
use crate::packet::Packet;

#[tokio::test(start_paused = true)]
async fn a_stop_sends_exactly_what_was_accepted_and_closes_the_write_half() {
    for piece in [1, 7, 1000, usize::MAX] {
        let (io, peer) = wire();
        peer.in_pieces_of(piece);
        let (mut running, [(sender, _)]) = start(io, Config::default(), [bulk()]);
        let sent = [0, 1, 1023, 1024, 1025, 5000].map(|len| vec![7u8; len]);
        for message in &sent {
            sender.send(message.clone()).await.unwrap();
        }
        running.stop.cancel();
        idle().await;
        assert!(peer.is_shut());
        assert_eq!(peer.taken(), expected(sent.iter().map(Vec::as_slice)));
        assert!(!peer.is_closed(), "it waits for the peer to close");
        peer.end();
        assert!(soon(running.ended()).await.is_clean());
        assert!(peer.is_closed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_before_the_connection_runs_sends_what_was_accepted() {
    let (io, peer) = wire();
    let (connection, [(first, _), (second, _)]) =
        connection(io, Config::default(), [bulk(), urgent()]);
    first.send("one").await.unwrap();
    second.send("two").await.unwrap();
    let mut running = Running::start(connection);
    peer.end();
    assert!(soon(running.stopped()).await.is_clean());
    assert_eq!(messages(&peer.taken()).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_stop_sends_what_asender_has_accepted_and_not_told_of_yet() {
    let (io, peer) = wire();
    let (connection, [(sender, _)]) = connection(io, Config::default(), [bulk()]);
    let outbox = sender.outbox.clone();
    let mut running = Running::start(connection);
    idle().await;
    let queued = Queued {
        message: "quiet".into(),
        written: None,
    };
    outbox.queue.try_push(queued, 5).unwrap();
    peer.end();
    assert!(soon(running.stopped()).await.is_clean());
    assert_eq!(messages_on(BULK, &peer.taken()), ["quiet"]);
}

#[tokio::test(start_paused = true)]
async fn a_stop_with_nothing_to_send_writes_nothing() {
    let (io, peer) = wire();
    let (mut running, [_ends]) = start(io, Config::default(), [bulk()]);
    peer.end();
    running.stop.cancel();
    assert!(soon(running.ended()).await.is_clean());
    assert_eq!(peer.taken(), b"");
}

#[tokio::test(start_paused = true)]
async fn a_stop_flushes_a_transport_that_buffers_before_it_closes_the_write_half() {
    let (io, peer) = wire();
    peer.buffer(1024 * 1024);
    peer.block_flush(true);
    let delay = Config::builder().flush_delay(Duration::from_secs(60));
    let (mut running, [(sender, _)]) = start(io, delay.build().unwrap(), [bulk()]);
    sender.send("last").await.unwrap();
    running.stop.cancel();
    idle().await;
    assert!(!peer.is_shut());
    peer.block_flush(false);
    idle().await;
    assert!(peer.is_shut());
    assert_eq!(messages_on(BULK, &peer.taken()), ["last"]);
    peer.end();
    assert!(soon(running.ended()).await.is_clean());
}

#[tokio::test(start_paused = true)]
async fn a_hundred_blocked_senders_get_their_messages_back_at_once() {
    let (io, peer) = wire();
    peer.take_only(0);
    let channel = bulk().with_send_capacity(1);
    let (running, [(sender, _)]) = start(io, Config::default(), [channel]);
    sender.send("in the queue").await.unwrap();
    let mut senders = JoinSet::new();
    for number in 0..100 {
        let sender = sender.clone();
        senders.spawn(async move { sender.send(numbered(number, 8)).await });
    }
    idle().await;
    assert!(senders.try_join_next().is_none(), "all of them wait");
    running.stop.cancel();
    let (outcomes, after) = timed(senders.join_all()).await;
    assert_eq!(after, Duration::ZERO);
    let mut back: Vec<_> = outcomes.into_iter().map(Result::unwrap_err).collect();
    back.sort_by_key(|refused| refused.clone().into_message());
    let all = (0..100).map(|number| SendError::Closed(numbered(number, 8)));
    assert!(back.into_iter().eq(all));
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_room_is_told_of_the_stop() {
    let (io, peer) = wire();
    peer.take_only(0);
    let channel = bulk().with_send_capacity(1);
    let (running, [(sender, _)]) = start(io, Config::default(), [channel]);
    let held = sender.reserve(1).await.unwrap();
    let mut waiting = std::pin::pin!(sender.reserve(1));
    assert!(is_waiting(waiting.as_mut()).await);
    running.stop.cancel();
    assert_eq!(soon(waiting).await.map(drop), Err(ReserveError::Closed));
    assert!(held.send("x").is_err());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_accepted_after_a_stop() {
    let (io, peer) = wire();
    let (mut running, [(sender, _)]) = start(io, Config::default(), [bulk()]);
    running.stop.cancel();
    idle().await;
    let refused = bytes::Bytes::from("late");
    assert!(sender.is_closed());
    assert_eq!(sender.capacity(), 0);
    let closed = Err(SendError::Closed(refused.clone()));
    assert_eq!(sender.send("late").await, closed);
    assert_eq!(sender.send_tracked("late").await.map(drop), closed);
    assert_eq!(sender.try_send("late"), Err(TrySendError::Closed(refused)));
    assert_eq!(sender.reserve(4).await.map(drop), Err(ReserveError::Closed));
    peer.end();
    assert!(soon(running.ended()).await.is_clean());
    assert_eq!(peer.taken(), b"");
}

#[tokio::test(start_paused = true)]
async fn a_permit_used_after_the_stop_gets_its_message_back() {
    let (io, peer) = wire();
    let (mut running, [(sender, _)]) = start(io, Config::default(), [bulk()]);
    let plain = sender.reserve(10).await.unwrap();
    let tracked = sender.reserve(10).await.unwrap();
    peer.end();
    running.stop.cancel();
    idle().await;
    let closed = Err(SendError::Closed("late".into()));
    assert_eq!(plain.send("late"), closed);
    assert_eq!(tracked.send_tracked("late").map(drop), closed);
    assert!(soon(running.ended()).await.is_clean());
}

#[tokio::test(start_paused = true)]
async fn a_drain_that_takes_too_long_names_what_was_not_sent_by_channel() {
    let (io, peer) = wire();
    peer.take_only(0);
    let (mut running, [(bulk, _), (urgent, _), (_idle, _)]) =
        start(io, Config::default(), [bulk(), urgent(), other()]);
    for number in 0..5 {
        bulk.send(numbered(number, 1000)).await.unwrap();
    }
    urgent.send("now").await.unwrap();
    let (closed, after) = timed(running.stopped()).await;
    assert_eq!(after, Duration::from_secs(10));
    assert!(matches!(
        closed.reason,
        CloseReason::Failed(Error::DrainTimeout { .. })
    ));
    assert!(!closed.is_clean());
    let unsent = |channel, messages, bytes| Unsent {
        channel,
        messages,
        bytes,
    };
    assert_eq!(closed.unsent, [unsent(BULK, 5, 5000), unsent(URGENT, 1, 3)]);
}

#[tokio::test(start_paused = true)]
async fn a_drain_that_is_cut_off_does_not_name_what_was_sent() {
    let (io, peer) = wire();
    peer.take_only(0);
    let (mut running, [(sender, _)]) = start(io, Config::default(), [bulk()]);
    for number in 0..20 {
        sender.send(numbered(number, 50_000)).await.unwrap();
    }
    running.stop.cancel();
    idle().await;
    peer.take_only(500_000);
    let closed = running.ended().await;
    let whole = messages(&peer.taken()).len();
    assert!(whole >= 9);
    // The last batch counts as a whole, of which a message may have been taken.
    let unsent = closed.unsent[0].messages;
    assert!(unsent == 20 - whole || unsent == 21 - whole, "{unsent}");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_close_its_half_is_waited_for_until_the_drain_timeout() {
    let (io, peer) = wire();
    let (mut running, [(sender, _)]) = start(io, Config::default(), [bulk()]);
    sender.send("all").await.unwrap();
    let (closed, after) = timed(running.stopped()).await;
    assert_eq!(after, Duration::from_secs(10));
    assert!(closed.is_clean(), "everything was sent");
    assert_eq!(messages(&peer.taken()).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_arrives_while_draining_is_delivered() {
    let (io, peer) = wire();
    peer.take_only(0);
    let (mut running, [(sender, mut receiver)]) = start(io, Config::default(), [bulk()]);
    sender.send("ours").await.unwrap();
    running.stop.cancel();
    idle().await;
    peer.feed(&message(BULK, b"while draining"));
    assert_eq!(soon(receiver.recv()).await.unwrap(), "while draining");
    peer.take_only(usize::MAX);
    idle().await;
    assert!(peer.is_shut());
    peer.feed(&message(BULK, b"behind it"));
    peer.end();
    assert!(soon(running.ended()).await.is_clean());
    assert_eq!(soon(receiver.recv()).await.unwrap(), "behind it");
    assert_eq!(soon(receiver.recv()).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_drain_obeys_the_send_limit() {
    let rate = NonZeroU64::new(100_000);
    let config = quiet().send_rate(rate).build().unwrap();
    let (io, peer) = wire();
    let (mut running, [(sender, _)]) = start(io, config, [bulk()]);
    sender.send(vec![0; 200_000]).await.unwrap();
    peer.end();
    let (closed, after) = timed(running.stopped()).await;
    assert!(closed.is_clean());
    let wanted = Duration::from_secs_f64(peer.taken().len() as f64 / 100_000.0);
    assert!(
        after.abs_diff(wanted) < Duration::from_millis(40),
        "{after:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn pings_are_answered_while_draining_and_none_are_sent() {
    let config = Config::builder()
        .send_rate(NonZeroU64::new(1000))
        .drain_timeout(Duration::from_secs(300))
        .build();
    let (io, peer) = wire();
    let (mut running, [(sender, _)]) = start(io, config.unwrap(), [bulk()]);
    sender.send(vec![0; 100_000]).await.unwrap();
    running.stop.cancel();
    idle().await;
    pass(Duration::from_secs(80)).await;
    let before = peer.taken().len();
    peer.feed(&framed(&Packet::Ping));
    idle().await;
    assert_eq!(peer.taken()[before..], framed(&Packet::Pong));
    peer.end();
    assert!(running.ended().await.is_clean());
    assert!(!packets(&peer.taken()).contains(&Packet::Ping));
}

#[tokio::test(start_paused = true)]
async fn both_sides_drain_at_once_through_a_pipe_that_is_always_full() {
    for size in [1, 2, 3, 64] {
        let (here, there) = duplex(size);
        let (mut here, [(to_there, mut from_there)]) = start(here, Config::default(), [bulk()]);
        let (mut there, [(to_here, mut from_here)]) = start(there, Config::default(), [bulk()]);
        for number in 0..30 {
            to_there.send(numbered(number, 400)).await.unwrap();
            to_here.send(numbered(number, 300)).await.unwrap();
        }
        here.stop.cancel();
        there.stop.cancel();
        assert!(soon(here.ended()).await.is_clean());
        assert!(soon(there.ended()).await.is_clean());
        for number in 0..30 {
            assert_eq!(from_here.recv().await.unwrap(), numbered(number, 400));
            assert_eq!(from_there.recv().await.unwrap(), numbered(number, 300));
        }
        assert_eq!(from_here.recv().await, None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_the_peers_connection_too_and_loses_nothing() {
    let (here, there) = duplex(16);
    let (mut here, [(sender, _)]) = start(here, Config::default(), [bulk()]);
    let (mut there, [(_, mut receiver)]) = start(there, Config::default(), [bulk()]);
    for number in 0..50 {
        sender.send(numbered(number, 100)).await.unwrap();
    }
    assert!(soon(here.stopped()).await.is_clean());
    let closed = soon(there.ended()).await;
    assert!(matches!(closed.reason, CloseReason::PeerClosed));
    for number in 0..50 {
        assert_eq!(receiver.recv().await.unwrap(), numbered(number, 100));
    }
    assert_eq!(receiver.recv().await, None);
}
