//! Dropping `run` wherever it stands: an abrupt stop that answers everybody.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::kit::*;
use super::wire::{Wire, wire};
use crate::config::Config;
use crate::driver::{CloseReason, Closed, Handle, Sender};

#[tokio::test(start_paused = true)]
async fn run_can_be_dropped_after_any_number_of_polls() {
    for polls in 0..40 {
        let outcome = dropped_after(polls, 37, 0).await;
        outcome.check();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn run_can_be_dropped_anywhere(
        polls in 0usize..200,
        piece in 1usize..2000,
        buffer in prop_oneof![Just(0usize), 1usize..5000],
    ) {
        paused(dropped_after(polls, piece, buffer)).check();
    }
}

/// What was left when `run` was dropped.
struct Outcome {
    closed: Closed,
    /// What everybody would have sent, on one channel.
    accepted: Vec<Bytes>,
    /// Which of them a delivery said to be written.
    written: Vec<bool>,
    refused: Vec<Bytes>,
    received: Vec<Bytes>,
    peer: Wire,
}

impl Outcome {
    fn check(&self) {
        assert!(matches!(
            self.closed.reason,
            CloseReason::Dropped | CloseReason::Stopped
        ));
        let stream = expected(self.accepted.iter().map(|message| &message[..]));
        let taken = self.peer.taken();
        assert!(stream.starts_with(&taken), "a prefix of what was sent");
        assert!(self.peer.is_closed());
        let complete = messages_on(BULK, &taken).len();
        let written = self.written.iter().filter(|written| **written).count();
        assert!(self.written[..written].iter().all(|written| *written));
        assert!(written <= complete, "{written} of {complete}");
        let unsent: usize = self.closed.unsent.iter().map(|left| left.messages).sum();
        assert!(self.accepted.len() - unsent >= written);
        assert_eq!(self.accepted.len() + self.refused.len(), 3 * MESSAGES);
        let received = self.received.iter().cloned();
        assert!(received.eq((0..self.received.len() as u64).map(|n| numbered(n, 100))));
    }
}

/// Polls `run` so many times, with a stop in the middle, while all kinds of callers wait.
async fn dropped_after(polls: usize, piece: usize, buffer: usize) -> Outcome {
    let (io, peer) = wire();
    peer.in_pieces_of(piece);
    peer.buffer(buffer);
    let channel = bulk().with_send_capacity(4).with_recv_capacity(3);
    let (connection, [(sender, mut receiver)]) = connection(io, Config::default(), [channel]);
    let handle = connection.handle();
    let mut senders = JoinSet::new();
    senders.spawn(send_all(sender));
    let mut received = JoinSet::new();
    received.spawn(async move { take_all(&mut receiver).await });
    let mut others = JoinSet::new();
    others.spawn(ask_all(handle.clone()));
    for number in 0..20 {
        peer.feed(&message(BULK, &numbered(number, 100)));
    }
    let stop = CancellationToken::new();
    poll_with_stop(polls, &peer, connection.run(stop.clone()), stop).await;
    let sent = soon(senders.join_next()).await.unwrap().unwrap();
    soon(others.join_all()).await;
    Outcome {
        closed: soon(handle.closed()).await,
        accepted: sent.0,
        written: sent.1,
        refused: sent.2,
        received: soon(received.join_next()).await.unwrap().unwrap(),
        peer,
    }
}

async fn poll_with_stop<T>(
    polls: usize,
    peer: &Wire,
    run: impl Future<Output = T>,
    stop: CancellationToken,
) {
    let mut run = pin!(run);
    for poll in 0..polls {
        if cancelled(1, poll % 5, run.as_mut()).await.is_some() {
            return;
        }
        if poll == 30 {
            stop.cancel();
        }
        if poll == 50 {
            peer.end();
        }
    }
}

/// Messages that were accepted, whether they were written, and messages that came back.
async fn send_all(sender: Sender) -> (Vec<Bytes>, Vec<bool>, Vec<Bytes>) {
    let (mut accepted, mut deliveries, mut refused) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..3 * MESSAGES as u64 {
        let message = numbered(number, 700);
        match sender.send_tracked(message.clone()).await {
            Ok(delivery) => {
                accepted.push(message);
                deliveries.push(delivery);
            }
            Err(error) => refused.push(error.into_message()),
        }
    }
    let mut written = Vec::new();
    for delivery in deliveries {
        written.push(delivery.await.is_ok());
    }
    (accepted, written, refused)
}

/// Asks again and again until the connection has ended.
async fn ask_all(handle: Handle) {
    while handle.stats().await.is_some() {
        let _ = handle.flush().await;
        pass(Duration::from_millis(1)).await;
    }
    handle.closed().await;
}

const MESSAGES: usize = 10;
