//! What CometBFT's reactors may rely on (G1 to G6), and what they may not there and may here (N1 to N7).

use std::time::Duration;

use tokio::time::sleep;

use super::kit::*;
use crate::driver::TrySendError;
use crate::switch::{Event, Reason};

/// G1, G2, G3: in Go a message may come before the peer was told of.
#[tokio::test(start_paused = true)]
async fn what_the_peer_sent_before_the_session_was_taken_is_there_in_order_and_nothing_comes_before()
 {
    let mut pair = Pair::new();
    let mut theirs = soon(pair.there.next()).await.unwrap();
    let (to_alice, _) = theirs.channel(NOTES).unwrap();
    for number in 0..100_u8 {
        to_alice.send(vec![number]).await.unwrap();
    }
    sleep(Duration::from_secs(5)).await;
    while let Some(event) = pair.alice.events.try_next() {
        assert!(
            !matches!(event, Event::SessionStarted { .. }),
            "nobody has taken it"
        );
    }
    let mut ours = soon(pair.here.next()).await.unwrap();
    let (_, mut from_bob) = ours.channel(NOTES).unwrap();
    for number in 0..100_u8 {
        assert_eq!(soon(from_bob.recv()).await.unwrap(), [number][..]);
    }
}

/// G4, N7: in Go messages may come after the peer's removal.
#[tokio::test(start_paused = true)]
async fn from_the_end_on_nothing_is_sent_and_what_was_received_can_be_taken() {
    let mut pair = Pair::new();
    let (mut ours, mut theirs) = pair.sessions().await;
    let (to_bob, mut from_bob) = ours.channel(NOTES).unwrap();
    let (to_alice, _) = theirs.channel(NOTES).unwrap();
    to_alice.send("last words").await.unwrap();
    theirs.end(Ok(()));
    soon(ours.peer().ending()).await;
    let refused = to_bob.try_send("too late");
    assert!(
        matches!(refused, Err(TrySendError::Closed(_))),
        "{refused:?}"
    );
    assert_eq!(
        pair.alice.handle.try_broadcast(NOTES, "too late").accepted,
        0
    );
    assert_eq!(from_bob.recv().await.unwrap(), "last words");
    assert!(from_bob.recv().await.is_none());
}

/// N2, N3, B2: in Go what was kept for a peer may stay for ever, or be taken away twice.
#[tokio::test(start_paused = true)]
async fn a_session_with_the_same_peer_knows_nothing_of_the_one_before() {
    let mut pair = Pair::new();
    for round in 0..20_u8 {
        let (mut ours, mut theirs) = pair.sessions().await;
        let (to_alice, _) = theirs.channel(NOTES).unwrap();
        // More than is taken.
        to_alice.send(vec![round]).await.unwrap();
        to_alice.send(vec![round]).await.unwrap();
        let (_, mut from_bob) = ours.channel(NOTES).unwrap();
        assert_eq!(soon(from_bob.recv()).await.unwrap(), [round][..]);
        let peer = ours.peer().clone();
        ours.end(Err(Reason::Requested.into()));
        drop((theirs, from_bob));
        soon(peer.gone()).await;
    }
}

/// N5: in Go no reactor can refuse a peer.
#[tokio::test(start_paused = true)]
async fn a_reactor_may_refuse_a_peer_and_others_hear_of_it_by_the_end_of_their_sessions() {
    let web = Web::default();
    let (mut alice, mut bob) = (Draft::new(&web, 1), Draft::new(&web, 2));
    let (mut notes, mut votes) = (alice.reactor("notes", NOTES), alice.reactor("votes", VOTES));
    let _theirs = [bob.reactor("notes", NOTES), bob.reactor("votes", VOTES)];
    let mut alice = alice.run();
    let _bob = bob.persistent(alice.address()).run();
    let (one, other) = soon(async { tokio::join!(notes.next(), votes.next()) }).await;
    let mut other = other.unwrap();
    let (_, mut receiver) = other.channel(VOTES).unwrap();
    one.unwrap().end(Err(Reason::UselessPeer.into()));
    assert!(soon(receiver.recv()).await.is_none());
    assert!(other.peer().is_ending());
    drop(other);
    assert_eq!(
        alice.event(disconnected).await.cause.reason(),
        Reason::UselessPeer
    );
}

/// G6, and what is left of ten thousand peers: nothing.
#[tokio::test(start_paused = true)]
async fn after_many_rounds_and_a_stop_no_task_and_no_place_is_left() {
    let tasks = tokio::runtime::Handle::current().metrics();
    let before = tasks.num_alive_tasks();
    let mut pair = Pair::new();
    for _ in 0..1000 {
        let (ours, theirs) = pair.sessions().await;
        let peers = [ours.peer().clone(), theirs.peer().clone()];
        drop((ours, theirs));
        for peer in peers {
            soon(peer.gone()).await;
        }
    }
    let handles = [pair.alice.handle.clone(), pair.bob.handle.clone()];
    pair.alice.stop().await;
    pair.bob.stop().await;
    tokio::task::yield_now().await;
    assert_eq!(tasks.num_alive_tasks(), before);
    for handle in handles {
        assert_eq!(handle.connections().all(), 0);
        assert!(handle.peers().is_empty() && handle.dialing().is_empty());
    }
}
