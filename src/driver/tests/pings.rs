//! Pings that a handle asks for.

use std::time::Duration;

use tokio::io::duplex;
use tokio::task::JoinSet;

use super::kit::*;
use super::wire::{Wire, wire};
use crate::config::Config;
use crate::error::Error;
use crate::packet::Packet;

#[tokio::test(start_paused = true)]
async fn a_ping_gives_the_time_until_its_pong() {
    let (io, peer) = wire();
    let (running, [_ends]) = start(io, quiet().build().unwrap(), [bulk()]);
    let answer = answered(&running, &peer, Duration::from_millis(70)).await;
    assert_eq!(answer, Some(Duration::from_millis(70)));
    assert_eq!(peer.taken(), framed(&Packet::Ping));
    let stats = running.handle.stats().await.unwrap();
    assert_eq!(stats.round_trip, answer);
}

#[tokio::test(start_paused = true)]
async fn two_connections_ping_each_other_as_often_as_they_may() {
    let (here, there) = duplex(10);
    let (here, [_here_ends]) = start(here, Config::default(), [bulk()]);
    let (there, [_there_ends]) = start(there, Config::default(), [bulk()]);
    let ((), after) = timed(async {
        for _ in 0..50 {
            let (a, b) = tokio::join!(here.handle.ping(), there.handle.ping());
            assert_eq!((a, b), (Some(Duration::ZERO), Some(Duration::ZERO)));
        }
    })
    .await;
    assert!(after >= Duration::from_millis(4900), "{after:?}");
    assert!(after <= Duration::from_millis(5100), "{after:?}");
}

#[tokio::test(start_paused = true)]
async fn calls_share_a_ping_and_those_that_come_later_get_the_next() {
    let (io, peer) = wire();
    let (running, [_ends]) = start(io, quiet().build().unwrap(), [bulk()]);
    let early = calls(&running, 500);
    pass(Duration::from_millis(40)).await;
    let mut late = calls(&running, 500);
    pass(Duration::from_millis(40)).await;
    assert_eq!(pings(&peer), 1);
    peer.feed(&framed(&Packet::Pong));
    let early = soon(early.join_all()).await;
    assert_eq!(early, [Some(Duration::from_millis(80)); 500]);
    pass(Duration::from_millis(98)).await;
    assert_eq!(pings(&peer), 1);
    pass(Duration::from_millis(3)).await;
    assert_eq!(pings(&peer), 2);
    assert!(late.try_join_next().is_none());
    peer.feed(&framed(&Packet::Pong));
    let late = soon(late.join_all()).await;
    assert!(late.iter().all(|time| *time == late[0] && time.is_some()));
}

#[tokio::test(start_paused = true)]
async fn the_next_regular_ping_comes_a_whole_interval_later() {
    let (io, peer) = wire();
    let (running, [_ends]) = start(io, Config::default(), [bulk()]);
    pass(Duration::from_secs(50)).await;
    answered(&running, &peer, Duration::from_millis(10)).await;
    pass(Duration::from_millis(59_980)).await;
    assert_eq!(pings(&peer), 1);
    pass(Duration::from_millis(20)).await;
    assert_eq!(pings(&peer), 2);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_answers_ends_the_connection_and_the_call() {
    let (io, _peer) = wire();
    let (mut running, [_ends]) = start(io, Config::default(), [bulk()]);
    let (answer, after) = timed(running.handle.ping()).await;
    assert_eq!((answer, after), (None, Duration::from_secs(45)));
    let closed = running.ended().await;
    let error = closed.reason.error().unwrap();
    assert!(matches!(error, Error::PongTimeout { .. }), "{error}");
    assert_eq!(soon(running.handle.ping()).await, None, "also later");
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_for_the_connection_to_run_and_ends_with_it() {
    let (io, peer) = wire();
    let (connection, [_ends]) = connection(io, Config::default(), [bulk()]);
    let handle = connection.handle();
    let mut ping = Box::pin(handle.ping());
    assert!(is_waiting(ping.as_mut()).await);
    let running = Running::start(connection);
    assert!(is_waiting(ping.as_mut()).await);
    assert_eq!(pings(&peer), 1);
    drop(running);
    assert_eq!(soon(ping).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_call_in_a_graceful_stop_is_answered_when_it_ends() {
    let (io, peer) = wire();
    let (mut running, [_ends]) = start(io, Config::default(), [bulk()]);
    idle().await;
    running.stop.cancel();
    idle().await;
    let handle = running.handle.clone();
    let mut ping = Box::pin(handle.ping());
    assert!(is_waiting(ping.as_mut()).await);
    peer.end();
    assert!(running.ended().await.is_clean());
    assert_eq!(soon(ping).await, None);
    assert_eq!(pings(&peer), 0);
}

#[tokio::test(start_paused = true)]
async fn asked_a_thousand_times_it_pings_as_often_as_the_pause_permits() {
    let (io, peer) = wire();
    let (running, [_ends]) = start(io, quiet().build().unwrap(), [bulk()]);
    let mut asking = JoinSet::new();
    for _ in 0..1000 {
        let handle = running.handle.clone();
        asking.spawn(async move { handle.ping().await });
        pass(Duration::from_millis(1)).await;
        let owed = pings(&peer) as u64 - running.handle.stats().await.unwrap().pongs_received;
        peer.feed(&framed(&Packet::Pong).repeat(usize::try_from(owed).unwrap()));
    }
    assert!((9..=11).contains(&pings(&peer)), "{}", pings(&peer));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_changes_nothing_for_others() {
    let (io, peer) = wire();
    let (running, [_ends]) = start(io, quiet().build().unwrap(), [bulk()]);
    for polls in 0..3 {
        for turns in 0..3 {
            assert_eq!(cancelled(polls, turns, running.handle.ping()).await, None);
        }
    }
    idle().await;
    assert_eq!(pings(&peer), 1);
    peer.feed(&framed(&Packet::Pong));
    pass(Duration::from_millis(200)).await;
    assert_eq!(
        pings(&peer),
        2,
        "some were dropped while the first one was out"
    );
    peer.feed(&framed(&Packet::Pong));
    pass(Duration::from_millis(200)).await;
    let answer = answered(&running, &peer, Duration::from_millis(5)).await;
    assert_eq!(answer, Some(Duration::from_millis(5)));
    assert_eq!(pings(&peer), 3);
}

#[tokio::test(start_paused = true)]
async fn a_ping_waits_while_the_peer_takes_nothing_and_overtakes_what_is_queued() {
    let (io, peer) = wire();
    peer.take_only(0);
    let (running, [(sender, _)]) = start(io, quiet().build().unwrap(), [bulk()]);
    sender.send(vec![0; 500_000]).await.unwrap();
    idle().await;
    let mut ping = Box::pin(running.handle.ping());
    assert!(is_waiting(ping.as_mut()).await);
    pass(Duration::from_secs(10)).await;
    peer.take_only(40_000);
    idle().await;
    assert_eq!(pings(&peer), 1);
    peer.feed(&framed(&Packet::Pong));
    assert!(soon(ping).await.unwrap() < Duration::from_millis(10));
}

/// What a call gives when the pong comes so long after the ping.
async fn answered(running: &Running, peer: &Wire, after: Duration) -> Option<Duration> {
    let pong = async {
        pass(after).await;
        peer.feed(&framed(&Packet::Pong));
    };
    tokio::join!(running.handle.ping(), pong).0
}

fn calls(running: &Running, number: usize) -> JoinSet<Option<Duration>> {
    let mut calls = JoinSet::new();
    for _ in 0..number {
        let handle = running.handle.clone();
        calls.spawn(async move { handle.ping().await });
    }
    calls
}

/// Pings that reached the peer.
fn pings(peer: &Wire) -> usize {
    let taken = peer.taken();
    let pings = packets(&taken).into_iter();
    pings.filter(|packet| *packet == Packet::Ping).count()
}
