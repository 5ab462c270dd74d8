//! Events: their pairs and their order, whatever happens.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use super::kit::*;
use crate::switch::{Cause, Event, EventStream, Reason, Session};
use crate::testing::Random;

/// P3, P4, P5, P6 and D18: pairs, and the sessions within their connection.
#[derive(Default)]
struct Ledger {
    listening: i32,
    /// By connection: its sessions that have begun and not ended.
    connected: HashMap<u64, Vec<String>>,
    rounds: usize,
}

impl Ledger {
    fn enter(&mut self, event: &Event) {
        match event {
            Event::Listening { .. } => self.listening += 1,
            Event::ListenClosed { .. } => self.listening -= 1,
            Event::Connected { peer } => {
                assert!(
                    self.connected
                        .insert(peer.connection(), Vec::new())
                        .is_none()
                );
            }
            Event::Disconnected { peer, .. } => {
                let sessions = self.connected.remove(&peer.connection());
                assert_eq!(sessions.expect("gone before it came"), [""; 0]);
                self.rounds += 1;
            }
            Event::SessionStarted { peer, reactor } => {
                let sessions = self.connected.get_mut(&peer.connection()).unwrap();
                assert!(!sessions.iter().any(|it| **it == **reactor));
                sessions.push(reactor.to_string());
            }
            Event::SessionEnded { peer, reactor, .. } => {
                let sessions = self.connected.get_mut(&peer.connection()).unwrap();
                let at = sessions.iter().position(|it| **it == **reactor);
                sessions.remove(at.expect("ended before it began"));
            }
            Event::DialFailed { .. } | Event::Refused { .. } => {}
            other => panic!("{other:?}"),
        }
    }

    async fn keep(mut self, mut events: EventStream) -> Self {
        while let Some(event) = events.next().await {
            self.enter(&event);
        }
        self
    }

    fn is_balanced(&self) -> bool {
        self.listening == 0 && self.connected.is_empty()
    }
}

#[tokio::test(start_paused = true)]
async fn each_event_that_opens_is_followed_by_its_end_in_10_000_random_rounds() {
    const ROUNDS: usize = 10_000;
    let mut pair = Pair::new();
    let ledgers = [&pair.alice, &pair.bob].map(|node| {
        // Before it runs, so that no event is missed.
        Background::of(Ledger::default().keep(node.handle.events()))
    });
    let mut random = Random::new(11);
    for _ in 0..ROUNDS {
        let (ours, theirs) = pair.sessions().await;
        let peers = [ours.peer().clone(), theirs.peer().clone()];
        match random.below(6) {
            0 => peers[0].disconnect(Reason::Requested),
            1 => peers[1].disconnect(Reason::UselessPeer),
            2 => peers
                .iter()
                .for_each(|peer| peer.disconnect(Reason::Quitting)),
            _ => {}
        }
        match random.below(3) {
            0 => ours.end(Err(Reason::Breach.into())),
            1 => panic_with(ours).await,
            _ => drop(ours),
        }
        drop(theirs);
        for peer in peers {
            soon(peer.gone()).await;
        }
    }
    pair.alice.stop().await;
    pair.bob.stop().await;
    for ledger in ledgers {
        let ledger = soon(ledger.ended()).await.unwrap();
        assert!(ledger.is_balanced());
        assert!(ledger.rounds >= ROUNDS);
    }
}

/// Has a session end in a panic.
async fn panic_with(session: Session) {
    let panicking = Background::of(async move {
        let _session = session;
        // Without a word from the panic hook, thousands of times.
        std::panic::resume_unwind(Box::new("as it should"));
    });
    assert!(panicking.ended().await.unwrap_err().is_panic());
}

#[tokio::test(start_paused = true)]
async fn a_switch_that_is_dropped_tells_the_end_of_all_that_it_told_the_begin_of() {
    let mut pair = Pair::new();
    let (ours, _theirs) = pair.sessions().await;
    pair.alice.running.abort();
    let mut ledger = Ledger::default();
    let mut dropped = false;
    while let Some(event) = soon(pair.alice.events.next()).await {
        ledger.enter(&event);
        if let Event::Disconnected { end, .. } = &event {
            dropped |= matches!(end.cause, Cause::Dropped);
        }
    }
    assert!(ledger.is_balanced() && dropped);
    assert!(ours.peer().is_ending());
    assert!(soon(pair.here.next()).await.is_none());
}

/// B6: Go's stop returns with tasks left, or not at all, as the moment has it.
#[tokio::test(start_paused = true)]
async fn a_switch_may_be_stopped_or_dropped_at_any_moment() {
    for (turns, dropped) in (0..400).map(|round| (round / 2, round % 2 == 0)) {
        let mut pair = Pair::new();
        let ledger = Background::of(Ledger::default().keep(pair.alice.handle.events()));
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        let handle = pair.alice.handle.clone();
        let before = Instant::now();
        if dropped {
            pair.alice.running.abort();
            assert!(soon(pair.alice.running.ended()).await.is_err());
        } else {
            pair.alice.stop().await;
        }
        assert!(soon(ledger.ended()).await.unwrap().is_balanced(), "{turns}");
        assert!(handle.peers().is_empty());
        assert_eq!(handle.connections().all(), 0);
        // Nobody took the sessions, so that they held up nothing.
        assert!(
            before.elapsed() < Duration::from_secs(1),
            "{turns}: {:?}",
            before.elapsed()
        );
    }
}

/// P2 and P10.
#[tokio::test(start_paused = true)]
async fn who_subscribes_before_it_listens_hears_of_it_with_the_address_that_came_of_it() {
    let web = Web::default();
    let mut alice = Draft::new(&web, 1).run();
    let address = alice.event(|event| match event {
        Event::Listening { address } => Some(address),
        _ => None,
    });
    assert_eq!(address.await, "10.0.1.1:26656".parse().unwrap());
}

/// P12: go-libp2p's #2373 and its kin: a subscriber that asks back while an event is told.
#[tokio::test(start_paused = true)]
async fn the_peers_are_as_the_events_say_when_asked_from_within_one() {
    let mut pair = Pair::new();
    let (ours, theirs) = pair.sessions().await;
    let peer = pair.alice.event(connected).await;
    assert_eq!(pair.alice.handle.peer(peer.id()), Some(peer.clone()));
    pair.alice.handle.disconnect(peer.id(), Reason::Requested);
    drop((ours, theirs));
    pair.alice.event(disconnected).await;
    assert_ne!(pair.alice.handle.peer(peer.id()), Some(peer));
}
