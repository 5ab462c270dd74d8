//! Cancelling calls at every point where they wait: nothing is lost and nothing doubled.

use bytes::Bytes;
use proptest::prelude::*;
use tokio::io::duplex;
use tokio::sync::oneshot;

use super::kit::*;
use super::wire::wire;
use crate::config::Config;
use crate::driver::outboxes::Outboxes;

/// Where a call is given up: after so many polls, and so many turns of the others after the last of them.
type Cuts = Vec<(usize, usize)>;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_cancelled_send_was_not_accepted(pipe in 1usize..64, cuts in cuts()) {
        paused(async {
            let (sent, received) = exchange(pipe, cuts, Call::Send).await;
            assert_eq!(received, sent);
        });
    }

    #[test]
    fn a_cancelled_tracked_send_was_not_accepted(pipe in 1usize..64, cuts in cuts()) {
        paused(async {
            let (sent, received) = exchange(pipe, cuts, Call::SendTracked).await;
            assert_eq!(received, sent);
        });
    }

    #[test]
    fn a_cancelled_reservation_leaves_its_room_to_others(pipe in 1usize..64, cuts in cuts()) {
        paused(async {
            let (sent, received) = exchange(pipe, cuts, Call::Reserve).await;
            assert_eq!(received, sent);
        });
    }

    #[test]
    fn a_cancelled_recv_loses_nothing(pipe in 1usize..64, cuts in cuts()) {
        paused(receive_with(pipe, cuts));
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_can_be_cancelled_after_any_number_of_polls() {
    for call in [Call::Send, Call::SendTracked, Call::Reserve] {
        for polls in 0..6 {
            for turns in 0..6 {
                let (sent, received) = exchange(3, vec![(polls, turns); 20], call).await;
                assert_eq!(received, sent);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_flush_leaves_the_next_one_whole() {
    for polls in 0..4 {
        for turns in 0..4 {
            let (io, peer) = wire();
            peer.take_only(0);
            let (running, [(sender, _)]) = start(io, Config::default(), [bulk()]);
            sender.send("kept").await.unwrap();
            for _ in 0..5 {
                let flush = running.handle.flush();
                assert_eq!(cancelled(polls, turns, flush).await, None);
            }
            peer.take_only(usize::MAX);
            assert_eq!(soon(running.handle.flush()).await, Ok(()));
            assert_eq!(messages_on(BULK, &peer.taken()), ["kept"]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn cancelled_questions_do_not_disturb_later_ones() {
    for polls in 0..4 {
        for turns in 0..4 {
            let (io, peer) = wire();
            let (mut running, [_ends]) = start(io, Config::default(), [bulk()]);
            cancelled(polls, turns, running.handle.stats()).await;
            assert!(
                cancelled(polls, turns, running.handle.closed())
                    .await
                    .is_none()
            );
            assert!(soon(running.handle.stats()).await.is_some());
            peer.end();
            let closed = soon(running.ended()).await.to_string();
            assert_eq!(soon(running.handle.closed()).await.to_string(), closed);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_waiter_that_is_cancelled_leaves_its_place_to_the_next() {
    let (io, peer) = wire();
    peer.take_only(0);
    let channel = bulk().with_send_capacity(1);
    let (_running, [(sender, _)]) = start(io, Config::default(), [channel]);
    sender.send("first").await.unwrap();
    let mut first = Box::pin(sender.send("gone"));
    assert!(is_waiting(first.as_mut()).await);
    let mut second = Box::pin(sender.send("second"));
    assert!(is_waiting(second.as_mut()).await);
    // The first of them is granted the room, and is gone before it can use it.
    peer.take_only(usize::MAX);
    idle().await;
    drop(first);
    assert_eq!(soon(second).await, Ok(()));
    idle().await;
    assert_eq!(messages_on(BULK, &peer.taken()), ["first", "second"]);
}

#[tokio::test(start_paused = true)]
async fn cancelled_waiters_leave_nothing_behind() {
    let (io, peer) = wire();
    peer.take_only(0);
    let channel = bulk().with_send_capacity(1);
    let (running, [(sender, mut receiver)]) = start(io, Config::default(), [channel]);
    sender.send("in the queue").await.unwrap();
    for _ in 0..1000 {
        assert_eq!(cancelled(1, 0, sender.send("gone")).await, None);
        assert!(cancelled(1, 0, sender.reserve(5)).await.is_none());
        assert_eq!(cancelled(1, 0, receiver.recv()).await, None);
        assert_eq!(cancelled(1, 2, running.handle.flush()).await, None);
        assert!(cancelled(1, 0, running.handle.stats()).await.is_none());
    }
    let held = format!("{sender:?} {running:?}");
    assert!(held.contains("waiters: {}"), "{held}");
    let waiters = held.matches("Sender").count() + held.matches("Waiter ").count();
    assert!(waiters < 20, "{held}");
}

#[tokio::test(start_paused = true)]
async fn cancelled_questions_are_forgotten_before_the_connection_runs() {
    let (io, _peer) = wire();
    let (connection, [_ends]) = connection(io, Config::default(), [bulk()]);
    let handle = connection.handle();
    for _ in 0..1000 {
        assert!(cancelled(1, 0, handle.stats()).await.is_none());
        assert!(cancelled(1, 0, handle.flush()).await.is_none());
    }
    let held = format!("{handle:?}");
    assert!(held.matches("Sender").count() < 10, "{held}");
}

#[test]
fn cancelled_flushes_are_forgotten_while_the_link_stands_still() {
    let mut outboxes = Outboxes::default();
    for _ in 0..1000 {
        let (done, caller) = oneshot::channel();
        outboxes.add_flush(done);
        drop(caller);
    }
    assert!(format!("{outboxes:?}").matches("Flush {").count() <= 1);
}

/// What is called with a message.
#[derive(Clone, Copy, Debug)]
enum Call {
    Send,
    SendTracked,
    Reserve,
}

fn cuts() -> impl Strategy<Value = Cuts> {
    prop::collection::vec((0usize..6, 0usize..8), 1..60)
}

/// Sends as many messages as there are cuts, each given up there: what was accepted, and what came.
async fn exchange(pipe: usize, cuts: Cuts, call: Call) -> (Vec<Bytes>, Vec<Bytes>) {
    let (here, there) = duplex(pipe);
    let channel = bulk().with_send_capacity(2).with_send_bytes(60);
    let (mut here, [(sender, _)]) = start(here, Config::default(), [channel]);
    let (mut there, [(_, mut receiver)]) = start(there, Config::default(), [bulk()]);
    let (mut sent, mut deliveries) = (Vec::new(), Vec::new());
    for (number, (polls, turns)) in cuts.into_iter().enumerate() {
        let message = numbered(number as u64, 8 + number % 40);
        let accepted = match call {
            Call::Send => cancelled(polls, turns, sender.send(message.clone())).await,
            Call::SendTracked => {
                let delivery = cancelled(polls, turns, sender.send_tracked(message.clone())).await;
                delivery.map(|delivery| delivery.map(|delivery| deliveries.push(delivery)))
            }
            Call::Reserve => {
                let permit = cancelled(polls, turns, sender.reserve(message.len())).await;
                permit.map(|permit| permit.unwrap().send(message.clone()))
            }
        };
        if let Some(accepted) = accepted {
            accepted.unwrap();
            sent.push(message);
        }
    }
    soon(here.handle.flush()).await.unwrap();
    assert_eq!(sender.capacity(), 2, "all the room is given back");
    for delivery in deliveries {
        assert_eq!(soon(delivery).await, Ok(()));
    }
    assert!(soon(here.stopped()).await.is_clean());
    soon(there.ended()).await;
    (sent, take_all(&mut receiver).await)
}

/// Receives messages by calls that are given up at these cuts.
async fn receive_with(pipe: usize, cuts: Cuts) {
    let (here, there) = duplex(pipe);
    let (mut here, [(sender, _)]) = start(here, Config::default(), [bulk()]);
    let channel = bulk().with_recv_capacity(2);
    let (_there, [(_, mut receiver)]) = start(there, Config::default(), [channel]);
    let sent: Vec<_> = (8..58).map(|len| numbered(len as u64, len)).collect();
    for message in &sent {
        sender.try_send(message.clone()).unwrap();
    }
    here.stop.cancel();
    let mut received = Vec::new();
    for (polls, turns) in cuts {
        received.extend(cancelled(polls, turns, receiver.recv()).await.flatten());
    }
    received.extend(take_all(&mut receiver).await);
    assert!(soon(here.ended()).await.is_clean());
    assert_eq!(received, sent);
}
