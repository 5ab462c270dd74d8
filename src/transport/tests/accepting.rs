//! The accept loop: nothing slow runs in it, and nothing ends it (G19 among them).

use std::io;
use std::time::Duration;

use futures::future::join_all;
use tokio::io::AsyncWriteExt;
use tokio::task::yield_now;
use tokio_util::sync::CancellationToken;

use super::kit::*;
use crate::peer::tests::kit::*;
use crate::peer::{HandshakeError, Handshaking};
use crate::transport::{Incoming, UpgradeError};

#[tokio::test(start_paused = true)]
async fn a_handshake_that_stalls_does_not_hold_up_a_fast_one() {
    let mut stage = Stage::new(unlimited());
    let mut stalled = stage.stall(&seat(1)).await;
    // Half an ephemeral key.
    stalled.write_all(&[34, 10, 32, 1]).await.unwrap();
    let fast = node("fast");
    let ((peer, _far), time) = timed(stage.welcome(&seat(2), &fast)).await;
    assert_eq!(peer.node_info(), fast.node_info());
    assert_eq!(time, Duration::ZERO);
    assert_eq!(stage.listener.pending(), 1);
    let (accepted, time) = timed(stage.listener.accept()).await;
    let error = why(accepted, &seat(1));
    assert!(
        matches!(
            error,
            UpgradeError::Handshake(HandshakeError::FirstMessageTimeout { .. })
        ),
        "{error:?}"
    );
    assert!(time <= Duration::from_secs(3), "{time:?}");
}

#[tokio::test(start_paused = true)]
async fn many_dialers_at_once_are_all_accepted_and_run() {
    for many in [64, 127] {
        let mut stage = Stage::new(unlimited());
        let (door, stop) = (stage.door.clone(), CancellationToken::new());
        let nodes: Vec<_> = (0..many)
            .map(|number| (seat(number), node("dialer")))
            .collect();
        let visits = nodes.iter().map(async |(from, node)| {
            let peer = door.visit(from, node).await.unwrap();
            peer.run(CancellationToken::new()).await
        });
        let accepts = async {
            let mut peers = Vec::new();
            for _ in 0..many {
                peers.push(stage.listener.accept().await.unwrap());
            }
            assert_eq!(stage.transport.connections().all(), usize::from(many));
            stop.cancel();
            join_all(peers.into_iter().map(|peer| peer.run(stop.clone()))).await
        };
        let (visits, runs) = soon(async { tokio::join!(join_all(visits), accepts) }).await;
        assert_eq!(visits.len(), runs.len());
        assert!(runs.iter().all(|closed| closed.is_clean()));
        assert_eq!((stage.transport.connections().all(), tasks()), (0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn dropping_the_future_of_accept_loses_nothing() {
    let mut stage = Stage::new(unlimited());
    let door = stage.door.clone();
    let nodes: Vec<_> = (0..20)
        .map(|number| (seat(number), node("dialer")))
        .collect();
    let visits = join_all(nodes.iter().map(|(from, node)| door.visit(from, node)));
    let accepts = async {
        let (mut peers, mut dropped) = (Vec::new(), 0);
        while peers.len() < nodes.len() {
            // It is polled once.
            tokio::select! {
                biased;
                accepted = stage.listener.accept() => peers.push(accepted.unwrap()),
                () = std::future::ready(()) => {
                    dropped += 1;
                    yield_now().await;
                }
            }
        }
        (peers, dropped)
    };
    let (visits, (peers, dropped)) = soon(async { tokio::join!(visits, accepts) }).await;
    assert!(visits.iter().all(Result::is_ok));
    assert_eq!(peers.len(), nodes.len());
    assert!(dropped > 0);
}

#[tokio::test(start_paused = true)]
async fn handshakes_under_way_go_on_while_nobody_accepts_but_no_new_one_begins() {
    let mut stage = Stage::new(unlimited());
    let first = stage.stall(&seat(1)).await;
    let second = stage.door.knock(&seat(2)).await;
    let cancel = CancellationToken::new();
    let (one, two) = (node("one"), node("two"));
    let peer = Handshaking::outbound(first, one.clone(), None).handshake(&cancel, anybody);
    drop(soon(peer).await.unwrap());
    let mut waits = std::pin::pin!(
        Handshaking::outbound(second, two.clone(), None).handshake(&cancel, anybody)
    );
    tokio::select! {
        result = &mut waits => panic!("{result:?}"),
        () = pass(Duration::from_secs(1)) => {}
    }
    assert_eq!(
        (
            stage.listener.pending(),
            stage.transport.connections().all()
        ),
        (1, 1)
    );
    assert_eq!(soon(stage.listener.accept()).await.unwrap().id(), one.id());
    let (accepted, visited) = soon(async { tokio::join!(stage.listener.accept(), waits) }).await;
    assert_eq!(accepted.unwrap().id(), two.id());
    drop(visited.unwrap());
}

#[tokio::test(start_paused = true)]
async fn without_descriptors_it_tries_again_after_5_milliseconds_and_then_ever_longer_up_to_a_second()
 {
    let mut stage = Stage::new(unlimited());
    let pauses = [5, 10, 20, 40, 80, 160, 320, 640, 1000, 1000];
    let mut waited = Duration::ZERO;
    for expected in pauses.map(Duration::from_millis) {
        stage.door.jam(no_descriptors()).await;
        let (pause, time) = timed(jammed(&mut stage)).await;
        assert_eq!((pause, time), (expected, waited));
        waited = pause;
    }
    let one = node("one");
    let (from, door) = (seat(1), stage.door.clone());
    let both = async { tokio::join!(stage.listener.accept(), door.visit(&from, &one)) };
    let ((accepted, visited), time) = timed(both).await;
    drop((accepted.unwrap(), visited.unwrap()));
    assert_eq!(time, waited);
}

#[tokio::test(start_paused = true)]
async fn after_a_connection_the_pauses_begin_anew() {
    let mut stage = Stage::new(unlimited());
    for _ in 0..3 {
        stage.door.jam(no_descriptors()).await;
        jammed(&mut stage).await;
    }
    let _peer = stage.welcome(&seat(1), &node("one")).await;
    stage.door.jam(no_descriptors()).await;
    assert_eq!(jammed(&mut stage).await, Duration::from_millis(5));
}

#[tokio::test(start_paused = true)]
async fn a_pause_holds_although_accept_is_dropped_in_it() {
    let mut stage = Stage::new(unlimited());
    stage.door.jam(no_descriptors()).await;
    jammed(&mut stage).await;
    let _waits = stage.door.knock(&seat(1)).await;
    for _ in 0..3 {
        tokio::select! {
            biased;
            accepted = stage.listener.accept() => panic!("{accepted:?}"),
            () = idle() => assert_eq!(stage.listener.pending(), 0),
        }
    }
    tokio::select! {
        biased;
        accepted = stage.listener.accept() => panic!("{accepted:?}"),
        () = pass(Duration::from_millis(3)) => assert_eq!(stage.listener.pending(), 1),
    }
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_ends_in_a_pause_is_told_at_once() {
    let mut stage = Stage::new(unlimited());
    let io = stage.stall(&seat(1)).await;
    for _ in 0..9 {
        stage.door.jam(no_descriptors()).await;
        jammed(&mut stage).await;
    }
    let (cancel, one) = (CancellationToken::new(), node("one"));
    let far = Handshaking::outbound(io, one.clone(), None).handshake(&cancel, anybody);
    let both = async { tokio::join!(stage.listener.accept(), far) };
    let ((accepted, visited), time) = timed(both).await;
    assert_eq!(accepted.unwrap().id(), one.id());
    drop(visited.unwrap());
    assert_eq!(time, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_went_before_it_was_taken_is_no_reason_to_pause() {
    let mut stage = Stage::new(unlimited());
    for kind in [
        io::ErrorKind::ConnectionAborted,
        io::ErrorKind::ConnectionRefused,
        io::ErrorKind::ConnectionReset,
        io::ErrorKind::Interrupted,
    ] {
        stage.door.jam(kind.into()).await;
        let (pause, time) = timed(jammed(&mut stage)).await;
        assert_eq!((pause, time), (Duration::ZERO, Duration::ZERO));
        let ((_peer, _far), time) = timed(stage.welcome(&seat(1), &node("one"))).await;
        assert_eq!(time, Duration::ZERO);
    }
}

#[tokio::test(start_paused = true)]
async fn close_ends_handshakes_and_waiting_peers_and_returns_when_the_last_has_ended() {
    let mut stage = Stage::new(unlimited());
    let mut streams = vec![stage.stall(&seat(1)).await, stage.stall(&seat(2)).await];
    let done = stage.stall(&seat(3)).await;
    let cancel = CancellationToken::new();
    let far = Handshaking::outbound(done, node("one"), None).handshake(&cancel, anybody);
    let far = soon(far).await.unwrap();
    assert_eq!(stage.listener.pending(), 3);
    let ((), time) = timed(stage.listener.close()).await;
    assert_eq!(time, Duration::ZERO);
    assert_eq!((tasks(), stage.transport.connections().all()), (0, 0));
    for stream in &mut streams {
        assert!(is_closed(stream).await);
    }
    let closed = soon(far.run(CancellationToken::new())).await;
    assert!(
        matches!(closed.reason, crate::CloseReason::PeerClosed),
        "{closed}"
    );
    assert!(stage.door.is_shut());
}

#[tokio::test(start_paused = true)]
async fn peers_outlive_their_listener() {
    let mut stage = Stage::new(unlimited());
    let (mut peer, mut far) = stage.welcome(&seat(1), &node("one")).await;
    stage.listener.close().await;
    let (_, mut received) = peer.open(BLOCKS).unwrap();
    let (sender, _) = far.open(BLOCKS).unwrap();
    let token = CancellationToken::new;
    tokio::select! {
        _ = async { tokio::join!(peer.run(token()), far.run(token())) } => panic!("they ended"),
        message = async {
            sender.send("still here").await.unwrap();
            soon(received.recv()).await
        } => assert_eq!(message.as_deref(), Some(&b"still here"[..])),
    }
}

#[tokio::test(start_paused = true)]
async fn a_listener_says_where_it_listens() {
    let stage = Stage::new(unlimited());
    assert_eq!(
        stage.listener.local_addr().unwrap(),
        "192.0.2.1:26656".parse().unwrap()
    );
    let tcp = stage
        .transport
        .listen("127.0.0.1:0".parse().unwrap())
        .await
        .unwrap();
    assert_ne!(tcp.local_addr().unwrap().port(), 0);
}

/// The pause that the listener announces.
async fn jammed(stage: &mut Stage) -> Duration {
    match stage.listener.next().await {
        Incoming::Paused { pause, .. } => pause,
        other => panic!("{other:?}"),
    }
}

fn no_descriptors() -> io::Error {
    io::Error::from_raw_os_error(EMFILE)
}

/// "Too many open files", the same number on all Unix systems.
const EMFILE: i32 = 24;
