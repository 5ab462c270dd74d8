//! Two connections between the same two nodes.

use std::time::Duration;

use tokio::time::sleep;

use super::kit::*;
use crate::peer::Handshaking;
use crate::switch::{Cause, Event, Reason};

/// B3 and B4: two nodes of Go that dial each other at once may each drop the connection that the other keeps.
#[tokio::test(start_paused = true)]
async fn two_nodes_that_dial_each_other_at_once_have_one_connection_and_the_same() {
    for round in 0..50_u8 {
        let web = Web::default();
        let numbers = [1 + round, 100 + round];
        let mut drafts = numbers.map(|number| Draft::new(&web, number));
        let reactors: Vec<_> = drafts
            .iter_mut()
            .map(|it| it.reactor("notes", NOTES))
            .collect();
        let _serving: Vec<_> = reactors
            .into_iter()
            .map(|reactor| {
                Background::of(reactor.serve(8, async |session| {
                    session.peer().ending().await;
                    Ok(())
                }))
            })
            .collect();
        let addresses = numbers.map(address_of);
        let [one, two] = drafts;
        let one = one.persistent(addresses[1].clone()).run();
        let two = two.persistent(addresses[0].clone()).run();
        let nodes = [one, two];
        sleep(Duration::from_secs(10)).await;
        let peers = nodes.each_ref().map(|node| node.handle.peers());
        assert_eq!(peers.each_ref().map(|peers| peers.len()), [1, 1]);
        let [one, two] = peers.each_ref().map(|peers| peers[0].clone());
        assert!(!one.is_ending() && !two.is_ending());
        assert_ne!(one.direction(), two.direction());
        // It has been there since they met.
        let age = one.since().elapsed();
        assert!(age > Duration::from_secs(9), "{age:?}");
        let counts = nodes.each_ref().map(|node| node.handle.connections().all());
        assert_eq!(counts, [1, 1]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_connection_of_a_peer_that_is_alive_is_refused_and_the_first_goes_on() {
    let mut pair = Pair::new();
    let (mut ours, mut theirs) = pair.sessions().await;
    let address = pair.alice.address();
    // The same key, from elsewhere.
    let twin = Draft::new(&Web::at(&pair.web, 77), 2);
    let mut twin = twin.persistent(address).run();
    let failed = |event| matches!(event, Event::DialFailed { .. }).then_some(());
    twin.event(failed).await;
    twin.event(failed).await;
    assert!(!ours.peer().is_ending() && !theirs.peer().is_ending());
    let (to_bob, _) = ours.channel(NOTES).unwrap();
    let (_, mut from_alice) = theirs.channel(NOTES).unwrap();
    to_bob.send("still here").await.unwrap();
    assert_eq!(from_alice.recv().await.unwrap(), "still here");
}

#[tokio::test(start_paused = true)]
async fn a_second_connection_takes_the_place_of_one_whose_peer_does_not_answer_a_ping() {
    let web = Web::default();
    let mut alice = Draft::new(&web, 1);
    let mut here = alice.reactor("notes", NOTES);
    let mut alice = alice.run();
    let listening = |event| matches!(event, Event::Listening { .. }).then_some(());
    alice.event(listening).await;
    // It shakes hands, and then its machine is gone without a word.
    let bob = std::sync::Arc::new(
        node(2)
            .channel(crate::ChannelDescriptor::new(NOTES, 1))
            .build()
            .unwrap(),
    );
    let cancel = tokio_util::sync::CancellationToken::new();
    let shake = async || {
        let io = web.stream(&address_of(1), 2).await;
        let handshaking = Handshaking::outbound(io, bob.clone(), None);
        handshaking
            .handshake(&cancel, crate::peer::tests::kit::anybody)
            .await
            .unwrap()
    };
    let _silent = shake().await;
    let first = soon(here.next()).await.unwrap();
    let ending = Background::of(async move {
        first.peer().ending().await;
        first
    });
    let again = shake().await;
    let stop = tokio_util::sync::CancellationToken::new();
    let _running = Background::of(again.run(stop));
    let first = soon(ending.ended()).await.unwrap();
    let begins_early = tokio::select! {
        _ = here.next() => true,
        () = sleep(Duration::from_secs(1)) => false,
    };
    assert!(!begins_early, "before the first session has ended");
    drop(first);
    let second = soon(here.next()).await.unwrap();
    assert!(!second.peer().is_ending());
    let end = alice.event(disconnected).await;
    assert!(matches!(end.cause, Cause::Supplanted));
    assert_eq!(end.cause.reason(), Reason::AlreadyConnected);
}
