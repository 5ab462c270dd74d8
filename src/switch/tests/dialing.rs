//! Persistent peers and dials.

use std::time::Duration;

use tokio::time::sleep;

use super::kit::*;
use crate::address::PeerAddr;
use crate::switch::{Event, NotATarget, Reason};

/// C2 and C3 of the stack's defects: Go gives up after a day, and sleeps for hours before.
#[tokio::test(start_paused = true)]
async fn a_persistent_peer_that_was_away_for_two_days_is_back_within_the_longest_wait() {
    let web = Web::default();
    let (mut alice, mut bob) = (Draft::new(&web, 1), Draft::new(&web, 2));
    let (mut here, mut there) = (alice.reactor("notes", NOTES), bob.reactor("notes", NOTES));
    let address = PeerAddr::new(
        *node(1).build().unwrap().id(),
        "10.0.1.1:26656".parse::<std::net::SocketAddr>().unwrap(),
    );
    let bob = bob.persistent(address).run();
    sleep(Duration::from_secs(2 * 24 * 60 * 60)).await;
    let _alice = alice.run();
    let came = tokio::time::timeout(Duration::from_secs(5 * 60 + 1), there.next()).await;
    assert!(came.is_ok());
    drop(soon(here.next()).await);
    bob.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_persistent_peer_comes_back_whoever_let_go_and_however_it_came() {
    let mut pair = Pair::new();
    for round in 0..10 {
        let (ours, theirs) = pair.sessions().await;
        let by = if round % 2 == 0 { &ours } else { &theirs };
        by.peer().disconnect(Reason::Requested);
        let gone = [ours.peer().clone(), theirs.peer().clone()];
        drop((ours, theirs));
        for peer in gone {
            soon(peer.gone()).await;
        }
    }
}

/// B6: Go's sleeps before a redial outlive its switch.
#[tokio::test(start_paused = true)]
async fn a_stop_interrupts_dials_and_waits_at_once() {
    let web = Web::default();
    let nobody = format!("{}@10.0.9.9:26656", "ab".repeat(20));
    let bob = Draft::new(&web, 2)
        .persistent(nobody.parse().unwrap())
        .run();
    sleep(Duration::from_secs(3600)).await;
    let before = tokio::time::Instant::now();
    bob.stop().await;
    assert!(before.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_dial_is_made_once_and_what_came_of_it_is_told() {
    let web = Web::default();
    let mut alice = Draft::new(&web, 1).run();
    let mut bob = Draft::new(&web, 2).run();
    let nobody: PeerAddr = format!("{}@10.0.9.9:26656", "ab".repeat(20))
        .parse()
        .unwrap();
    bob.handle.dial(nobody.clone()).unwrap();
    let failed = |event| match event {
        Event::DialFailed { address, .. } => Some(address),
        _ => None,
    };
    assert_eq!(bob.event(failed).await, nobody);
    bob.handle.dial(alice.address()).unwrap();
    let peer = bob.event(connected).await;
    assert_eq!(peer.id(), alice.handle.id());
    assert_eq!(alice.event(connected).await.id(), bob.handle.id());
    peer.disconnect(Reason::Requested);
    soon(peer.gone()).await;
    sleep(Duration::from_secs(3600)).await;
    assert!(bob.handle.peers().is_empty() && bob.handle.dialing().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_node_does_not_dial_itself() {
    let web = Web::default();
    let alice = Draft::new(&web, 1).run();
    let id = *alice.handle.id();
    let ourselves = Err(NotATarget::Ourselves { id });
    assert_eq!(alice.handle.dial(alice.address()), ourselves);
    assert_eq!(alice.handle.add_persistent(alice.address()), ourselves);
    let draft = Draft::new(&web, 1).persistent(alice.address());
    assert!(draft.builder.build().is_err());
}

/// C6: `AddPersistentPeers` replaces the list that was configured.
#[tokio::test(start_paused = true)]
async fn persistent_peers_are_added_and_removed_while_it_runs_without_touching_others() {
    let web = Web::default();
    let (alice, carol) = (Draft::new(&web, 1).run(), Draft::new(&web, 3).run());
    let mut bob = Draft::new(&web, 2).persistent(alice.address()).run();
    assert_eq!(bob.event(connected).await.id(), alice.handle.id());
    bob.handle.add_persistent(carol.address()).unwrap();
    let peer = bob.event(connected).await;
    assert_eq!(peer.id(), carol.handle.id());
    assert!(bob.handle.remove_persistent(carol.handle.id()));
    assert!(!bob.handle.remove_persistent(carol.handle.id()));
    for peer in bob.handle.peers().iter() {
        peer.disconnect(Reason::Requested);
        soon(peer.gone()).await;
    }
    sleep(Duration::from_secs(600)).await;
    let peers = bob.handle.peers();
    let left: Vec<_> = peers.iter().map(|peer| peer.id()).collect();
    assert_eq!(left, [alice.handle.id()]);
}
