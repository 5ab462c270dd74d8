//! Our own program's say about addresses and ids.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::kit::*;
use crate::address::{HostName, Lookup, Resolver};
use crate::peer::HandshakeError;
use crate::peer::tests::kit::*;
use crate::transport::{Direction, UpgradeError};

#[tokio::test(start_paused = true)]
async fn an_address_that_is_not_admitted_hears_no_byte_and_the_reason_keeps_its_type() {
    let filter = Asking::about_address(|address, direction| {
        assert_eq!(direction, Direction::Inbound);
        if address.port() == 1 { no(1) } else { yes() }
    });
    let mut stage = Stage::new(unlimited().with_filter(filter));
    let mut io = stage.door.knock("192.0.2.7:1").await;
    let error = stage.turned_away("192.0.2.7:1").await;
    let UpgradeError::Filtered(reason) = &error else {
        panic!("{error:?}");
    };
    assert_eq!(reason.downcast_ref(), Some(&Unwelcome(1)));
    assert_eq!(error.source().unwrap().downcast_ref(), Some(&Unwelcome(1)));
    let mut heard = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut io, &mut heard)
        .await
        .unwrap();
    assert!(heard.is_empty());
    assert_eq!(stage.transport.connections().all(), 0);
    let _peer = stage.welcome("192.0.2.7:2", &node("one")).await;
}

#[tokio::test(start_paused = true)]
async fn a_filter_sees_an_ipv4_address_in_ipv6_clothes_as_what_it_is() {
    let denied: SocketAddr = "192.0.2.7:1".parse().unwrap();
    let filter =
        Asking::about_address(move |address, _| if address == denied { no(1) } else { yes() });
    let mut stage = Stage::new(unlimited().with_filter(filter));
    let _io = stage.door.knock("[::ffff:192.0.2.7]:1").await;
    let error = stage.turned_away("192.0.2.7:1").await;
    assert!(matches!(error, UpgradeError::Filtered(_)), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn an_id_that_is_not_admitted_does_not_learn_ours_and_the_reason_keeps_its_type() {
    let friend = node("friend");
    let id = *friend.id();
    let filter = Asking::about_id(move |asked, direction| {
        assert_eq!(direction, Direction::Inbound);
        if asked == id { yes() } else { no(2) }
    });
    let mut stage = Stage::new(unlimited().with_filter(filter));
    let (accepted, visited) = stage.visit(&seat(1), &node("foe")).await;
    let error = why(accepted, &seat(1));
    let UpgradeError::Handshake(HandshakeError::Rejected(reason)) = &error else {
        panic!("{error:?}");
    };
    assert_eq!(reason.downcast_ref(), Some(&Unwelcome(2)));
    assert!(
        matches!(visited, Err(HandshakeError::Closed)),
        "{visited:?}"
    );
    assert_eq!(stage.transport.connections().all(), 0);
    let _peer = stage.welcome(&seat(1), &friend).await;
}

#[tokio::test(start_paused = true)]
async fn a_filter_that_does_not_answer_about_an_address_is_given_up() {
    let after = Duration::from_millis(10);
    let filter = Asking::about_address(|_, _| never());
    let mut stage = Stage::new(unlimited().with_filter(filter).with_filter_timeout(after));
    let mut io = stage.door.knock(&seat(1)).await;
    let (error, time) = timed(stage.turned_away(&seat(1))).await;
    assert!(
        matches!(error, UpgradeError::FilterTimeout { after: a } if a == after),
        "{error:?}"
    );
    assert_eq!(time, after);
    assert!(is_closed(&mut io).await);
    assert_eq!(stage.transport.connections().all(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_filter_that_does_not_answer_about_an_id_is_given_up() {
    let after = Duration::from_millis(10);
    let filter = Asking::about_id(|_, _| never());
    let mut stage = Stage::new(unlimited().with_filter(filter).with_filter_timeout(after));
    let (accepted, visited) = stage.visit(&seat(1), &node("one")).await;
    let error = why(accepted, &seat(1));
    assert!(
        matches!(error, UpgradeError::FilterTimeout { after: a } if a == after),
        "{error:?}"
    );
    assert!(
        matches!(visited, Err(HandshakeError::Closed)),
        "{visited:?}"
    );
    assert_eq!(stage.transport.connections().all(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_filter_has_5_seconds_unless_said_otherwise() {
    let filter = Asking::about_address(|_, _| never());
    let mut stage = Stage::new(unlimited().with_filter(filter));
    let _io = stage.door.knock(&seat(1)).await;
    let (accepted, time) = timed(stage.listener.accept()).await;
    let error = why(accepted, &seat(1));
    let after = Duration::from_secs(5);
    assert!(
        matches!(error, UpgradeError::FilterTimeout { after: a } if a == after),
        "{error:?}"
    );
    assert_eq!(time, after);
}

#[tokio::test(start_paused = true)]
async fn a_filter_may_take_its_time_and_holds_up_nobody_else() {
    let first = seat(1);
    let slow = first.parse().unwrap();
    let filter = Asking::about_address(move |address, _| {
        if address != slow {
            return yes();
        }
        Box::pin(async {
            pass(Duration::from_secs(2)).await;
            Ok(())
        })
    });
    let mut stage = Stage::new(unlimited().with_filter(filter));
    let (one, two) = (node("one"), node("two"));
    let door = stage.door.clone();
    let slow_visit = door.visit(&first, &one);
    let program = async {
        // The slow one has come first.
        idle().await;
        let (fast, _far) = stage.welcome(&seat(2), &two).await;
        assert_eq!(fast.id(), two.id());
        timed(stage.listener.accept()).await
    };
    let (visited, (accepted, time)) = tokio::join!(slow_visit, program);
    assert_eq!(accepted.unwrap().id(), one.id());
    drop(visited.unwrap());
    assert!(time > Duration::from_secs(1), "{time:?}");
}

#[tokio::test(start_paused = true)]
async fn a_filter_that_panics_takes_neither_the_listener_nor_a_place_along() {
    let filter = Asking {
        address: Box::new(|address, _| match address.port() {
            1 => panic!("at once"),
            2 => Box::pin(async { panic!("later") }),
            _ => yes(),
        }),
        id: Box::new(|_, _| panic!("about the id")),
    };
    let mut stage = Stage::new(unlimited().with_filter(filter));
    let door = stage.door.clone();
    for from in ["192.0.2.7:1", "192.0.2.7:2"] {
        let mut io = door.knock(from).await;
        assert_nothing_comes(&mut stage).await;
        assert!(is_closed(&mut io).await);
    }
    let one = node("one");
    let (visited, ()) = tokio::join!(
        door.visit("192.0.2.7:3", &one),
        assert_nothing_comes(&mut stage)
    );
    assert!(
        matches!(visited, Err(HandshakeError::Closed)),
        "{visited:?}"
    );
    assert_eq!(
        (
            stage.transport.connections().all(),
            stage.listener.pending()
        ),
        (0, 0)
    );
    // It still takes connections: this one is closed at once by our own fault again.
    let mut io = door.knock("192.0.2.7:1").await;
    assert_nothing_comes(&mut stage).await;
    assert!(is_closed(&mut io).await);
}

#[tokio::test(start_paused = true)]
async fn both_ends_of_a_visit_to_ourselves_find_it_out_and_no_filter_is_asked_for_it() {
    let filter = Asking::about_id(|id, _| panic!("asked about {id}"));
    let us = Arc::new(node_config("us"));
    let transport =
        crate::transport::Transport::new((*us).clone(), unlimited().with_filter(filter)).unwrap();
    let mut stage = Stage::of(transport);
    let (accepted, visited) = stage.visit(&seat(1), &us).await;
    let error = why(accepted, &seat(1));
    assert!(
        matches!(
            error,
            UpgradeError::Handshake(HandshakeError::SelfConnection)
        ),
        "{error:?}"
    );
    assert!(
        matches!(visited, Err(HandshakeError::SelfConnection)),
        "{visited:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn no_name_that_a_remote_states_is_looked_up() {
    #[derive(Debug)]
    struct Unused(Arc<Mutex<Vec<String>>>);
    impl Resolver for Unused {
        fn lookup<'a>(&'a self, name: &'a HostName) -> Lookup<'a> {
            self.0.lock().unwrap().push(name.to_string());
            Box::pin(std::future::pending())
        }
    }
    let asked = Arc::default();
    let mut stage = Stage::new(unlimited().with_resolver(Unused(Arc::clone(&asked))));
    let named = node_with("named", |info| {
        info.listen_addr("tcp://collect.example.com:26656")
            .rpc_address("tcp://rpc.example.com:1")
    });
    let (peer, _far) = stage.welcome(&seat(1), &named).await;
    assert_eq!(
        peer.node_info().listen_addr(),
        "tcp://collect.example.com:26656"
    );
    assert_eq!(peer.node_info().peer_addr().id(), named.id());
    assert!(asked.lock().unwrap().is_empty());
}

async fn assert_nothing_comes(stage: &mut Stage) {
    tokio::select! {
        accepted = stage.listener.accept() => panic!("{accepted:?}"),
        () = idle() => {}
    }
}
