//! One connection with one peer, and one with one address and port (G17).

use std::sync::Arc;

use super::kit::*;
use crate::node::LocalNode;
use crate::peer::HandshakeError;
use crate::peer::tests::kit::*;
use crate::transport::{Incoming, Refusal, UpgradeError};

#[tokio::test(start_paused = true)]
async fn a_second_connection_from_one_address_and_port_is_refused_before_a_byte() {
    let mut stage = Stage::new(unlimited());
    let (peer, _far) = stage.welcome("192.0.2.7:1", &node("one")).await;
    let address = "192.0.2.7:1".parse().unwrap();
    assert_eq!(
        stage.refusal("192.0.2.7:1").await,
        Refusal::DuplicateAddress { address }
    );
    drop(peer);
    let _peer = stage.welcome("192.0.2.7:1", &node("one")).await;
}

#[tokio::test(start_paused = true)]
async fn one_address_and_port_in_ipv6_clothes_is_the_same() {
    let mut stage = Stage::new(unlimited());
    let _peer = stage.welcome("192.0.2.7:1", &node("one")).await;
    let _io = stage.door.knock("[::ffff:192.0.2.7]:1").await;
    let error = stage.turned_away("192.0.2.7:1").await;
    assert!(
        matches!(
            error,
            UpgradeError::Refused(Refusal::DuplicateAddress { .. })
        ),
        "{error:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_second_connection_with_one_peer_is_refused_before_it_learns_our_id() {
    let mut stage = Stage::new(unlimited());
    let one = node("one");
    let (peer, _far) = stage.welcome(&seat(1), &one).await;
    let (accepted, visited) = stage.visit(&seat(2), &one).await;
    assert_duplicate(&why(accepted, &seat(2)), &one);
    assert!(
        matches!(visited, Err(HandshakeError::Closed)),
        "{visited:?}"
    );
    assert_eq!(stage.transport.connections().all(), 1);
    drop(peer);
    let _peer = stage.welcome(&seat(2), &one).await;
}

#[tokio::test(start_paused = true)]
async fn no_filter_is_asked_about_a_peer_that_is_connected() {
    let one = node("one");
    let (id, mut first) = (*one.id(), true);
    let asked = std::sync::Mutex::new(move || {
        assert!(std::mem::take(&mut first), "asked about {id} twice");
    });
    let filter = Asking::about_id(move |_, _| {
        asked.lock().unwrap()();
        yes()
    });
    let mut stage = Stage::new(unlimited().with_filter(filter));
    let _peer = stage.welcome(&seat(1), &one).await;
    let (accepted, _) = stage.visit(&seat(2), &one).await;
    assert_duplicate(&why(accepted, &seat(2)), &one);
}

#[tokio::test(start_paused = true)]
async fn of_many_connections_of_one_peer_at_once_exactly_one_stays() {
    for many in [2, 2, 2, 20] {
        let mut stage = Stage::new(unlimited());
        let one = node("one");
        let door = stage.door.clone();
        let from: Vec<String> = (0..many).map(seat).collect();
        let visits = from.iter().map(|from| door.visit(from, &one));
        let accepts = async {
            let mut accepted = Vec::new();
            for _ in 0..many {
                accepted.push(stage.listener.accept().await);
            }
            accepted
        };
        let (_visited, accepted) =
            soon(async { tokio::join!(futures::future::join_all(visits), accepts) }).await;
        let mut peers = Vec::new();
        for accepted in accepted {
            match accepted {
                Ok(peer) => peers.push(peer),
                Err(error) => {
                    let Incoming::Refused { error, .. } = error else {
                        panic!("{error:?}");
                    };
                    assert_duplicate(&error, &one);
                }
            }
        }
        assert_eq!(peers.len(), 1);
        assert_eq!(stage.transport.connections().all(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stranger_in_its_handshake_does_not_reserve_the_id_that_it_will_have() {
    let mut stage = Stage::new(unlimited());
    let one = node("one");
    let _stalled = stage.stall(&seat(1)).await;
    let _peer = stage.welcome(&seat(2), &one).await;
}

fn assert_duplicate(error: &UpgradeError, who: &Arc<LocalNode>) {
    let UpgradeError::Refused(refusal) = error else {
        panic!("{error:?}");
    };
    assert_eq!(*refusal, Refusal::DuplicateId { id: *who.id() });
}
