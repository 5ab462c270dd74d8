//! Pings, pongs and silence, in virtual time.

use std::num::NonZeroU64;
use std::time::Duration;

use tokio::io::duplex;

use super::kit::*;
use super::wire::wire;
use crate::config::Config;
use crate::error::{Error, Fault};
use crate::packet::Packet;

#[tokio::test(start_paused = true)]
async fn a_ping_goes_out_after_its_interval_and_its_pong_measures_the_round_trip() {
    let (io, peer) = wire();
    let (running, [_ends]) = start(io, Config::default(), [bulk()]);
    pass(Duration::from_millis(59_999)).await;
    assert_eq!(peer.taken(), b"");
    pass(Duration::from_millis(2)).await;
    assert_eq!(peer.taken(), framed(&Packet::Ping));
    pass(Duration::from_millis(69)).await;
    peer.feed(&framed(&Packet::Pong));
    idle().await;
    let stats = running.handle.stats().await.unwrap();
    assert_eq!(stats.round_trip, Some(Duration::from_millis(70)));
    assert_eq!((stats.pings_sent, stats.pongs_received), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_given_up_at_ping_and_timeout_exactly() {
    let (io, _peer) = wire();
    let (mut running, [_ends]) = start(io, Config::default(), [bulk()]);
    let (closed, after) = timed(running.ended()).await;
    let error = closed.reason.error().unwrap();
    assert!(matches!(error, Error::PongTimeout { .. }));
    assert_eq!(error.fault(), Fault::Silence);
    assert_eq!(after, Duration::from_secs(105));
}

#[tokio::test(start_paused = true)]
async fn any_packet_is_a_sign_of_life() {
    let (io, peer) = wire();
    let (running, [(_, mut receiver)]) = start(io, Config::default(), [bulk()]);
    for number in 0..30 {
        pass(Duration::from_secs(40)).await;
        peer.feed(&message(BULK, &numbered(number, 8)));
        assert_eq!(soon(receiver.recv()).await.unwrap(), numbered(number, 8));
    }
    let stats = running.handle.stats().await.unwrap();
    assert_eq!((stats.pings_sent, stats.pongs_received), (20, 0));
}

#[tokio::test(start_paused = true)]
async fn two_idle_connections_keep_each_other_alive() {
    let (here, there) = duplex(2);
    let (mut here, [_here_ends]) = start(here, Config::default(), [bulk()]);
    let (there, [_there_ends]) = start(there, Config::default(), [bulk()]);
    pass(Duration::from_secs(3601)).await;
    let stats = there.handle.stats().await.unwrap();
    assert_eq!((stats.pings_sent, stats.pings_received), (60, 60));
    assert_eq!((stats.pongs_sent, stats.pongs_received), (60, 60));
    assert!(soon(here.stopped()).await.is_clean());
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_pings_costs_a_burst_of_pongs_and_then_ten_a_second() {
    let (io, peer) = wire();
    let (running, [_ends]) = start(io, quiet().build().unwrap(), [bulk()]);
    for _ in 0..5000 {
        peer.feed(&framed(&Packet::Ping));
        idle().await;
    }
    pass(Duration::from_secs(1)).await;
    let pongs = packets(&peer.taken()).len();
    assert!((50..=62).contains(&pongs), "{pongs} in five seconds");
    let stats = running.handle.stats().await.unwrap();
    assert_eq!(stats.pings_received, 5000);
    assert_eq!(stats.pongs_sent, pongs as u64);
}

#[tokio::test(start_paused = true)]
async fn pings_that_come_at_once_get_one_pong() {
    let (io, peer) = wire();
    let (_running, [_ends]) = start(io, Config::default(), [bulk()]);
    peer.feed(&framed(&Packet::Ping).repeat(500));
    idle().await;
    assert_eq!(peer.taken(), framed(&Packet::Pong));
}

#[tokio::test(start_paused = true)]
async fn a_pong_does_not_wait_for_the_send_limit() {
    let config = quiet().send_rate(NonZeroU64::new(1000)).build().unwrap();
    let (io, peer) = wire();
    let (_running, [(sender, _)]) = start(io, config, [bulk()]);
    sender.send(vec![0; 100_000]).await.unwrap();
    pass(Duration::from_secs(10)).await;
    let before = peer.taken().len();
    peer.feed(&framed(&Packet::Ping));
    idle().await;
    assert_eq!(peer.taken()[before..], framed(&Packet::Pong));
}

#[tokio::test(start_paused = true)]
async fn a_pong_overtakes_what_is_queued_on_a_blocked_link() {
    let (io, peer) = wire();
    peer.take_only(0);
    let (_running, [(sender, _)]) = start(io, quiet().build().unwrap(), [bulk()]);
    sender.send(vec![0; 500_000]).await.unwrap();
    idle().await;
    peer.feed(&framed(&Packet::Ping));
    idle().await;
    peer.take_only(20_000);
    idle().await;
    assert!(packets(&peer.taken()).contains(&Packet::Pong));
}

#[tokio::test(start_paused = true)]
async fn silence_is_not_held_against_the_peer_while_our_inbox_is_full() {
    let config = Config::builder().inbox_stall_timeout(None).build().unwrap();
    let (io, peer) = wire();
    let channel = bulk().with_recv_capacity(1);
    let (mut running, [(_, mut receiver)]) = start(io, config, [channel]);
    for number in 0..3 {
        peer.feed(&message(BULK, &numbered(number, 8)));
    }
    pass(Duration::from_secs(10_000)).await;
    for number in 0..3 {
        assert_eq!(soon(receiver.recv()).await.unwrap(), numbered(number, 8));
    }
    assert!(running.handle.stats().await.is_some(), "it lives");
    // From here the silence is the peer's own.
    let (closed, after) = timed(running.ended()).await;
    assert!(matches!(
        closed.reason.error(),
        Some(Error::PongTimeout { .. })
    ));
    assert!(after <= Duration::from_secs(105), "{after:?}");
}

#[tokio::test(start_paused = true)]
async fn a_slow_but_steady_receiver_is_not_taken_for_dead() {
    for phase in 0..10 {
        let (io, peer) = wire();
        peer.take_only(200 * 1024);
        let channel = bulk().with_send_bytes(8 << 20);
        let (running, [(sender, _)]) = start(io, Config::default(), [channel]);
        pass(Duration::from_secs(6 * phase)).await;
        for number in 0..6 {
            sender.try_send(numbered(number, 1_000_000)).unwrap();
        }
        // Our pings wait behind the data, and it answers none.
        for _ in 0..300 {
            pass(Duration::from_secs(1)).await;
            peer.take_only(16 * 1024);
        }
        assert!(running.handle.stats().await.is_some(), "it lives");
    }
}

#[tokio::test(start_paused = true)]
async fn a_ping_and_a_pong_are_flushed_at_once_whatever_the_delay() {
    let config = Config::builder().flush_delay(Duration::from_secs(3600));
    let (io, peer) = wire();
    peer.buffer(1024 * 1024);
    let (running, [(sender, _)]) = start(io, config.build().unwrap(), [bulk()]);
    sender.send("waits").await.unwrap();
    idle().await;
    assert_eq!(peer.taken(), b"");
    peer.feed(&framed(&Packet::Ping));
    idle().await;
    assert!(packets(&peer.taken()).contains(&Packet::Pong));
    for _ in 0..20 {
        pass(Duration::from_secs(60)).await;
        peer.feed(&framed(&Packet::Pong));
    }
    let taken = peer.taken();
    let pings = packets(&taken);
    let pings = pings.iter().filter(|packet| **packet == Packet::Ping);
    assert!(pings.count() >= 19);
    assert!(running.handle.stats().await.is_some(), "it lives");
}

#[tokio::test(start_paused = true)]
async fn a_ping_that_the_peer_does_not_take_does_not_hide_that_it_reads_nothing() {
    let (io, peer) = wire();
    peer.take_only(0);
    let (mut running, [_ends]) = start(io, Config::default(), [bulk()]);
    let (closed, after) = timed(running.ended()).await;
    assert!(closed.reason.error().is_some());
    assert!(after <= Duration::from_secs(120), "{after:?}");
}
