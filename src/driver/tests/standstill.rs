//! A deadline that passes while we stand still, or at the very moment at which it is met, is nobody's fault.
//!
//! Time jumps here as it does for a program that was stopped: all timers fire at once, and whoever is woken first sees nothing of what
//! others do at that time.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{advance, sleep};

use super::kit::*;
use super::wire::wire;
use crate::config::{Config, ConfigBuilder};
use crate::driver::CloseReason;
use crate::error::Error;
use crate::packet::Packet;

#[tokio::test(start_paused = true)]
async fn a_peer_that_reads_while_we_stand_still_is_not_blamed_for_a_write() {
    let (io, peer) = wire();
    peer.take_only(0);
    let (running, [(sender, _)]) = start(io, quiet().build().unwrap(), [bulk()]);
    sender.send("blocked").await.unwrap();
    idle().await;
    advance(HOUR).await;
    idle().await;
    peer.take_only(usize::MAX);
    idle().await;
    assert_eq!(messages_on(BULK, &peer.taken()), ["blocked"]);
    assert!(soon(running.handle.stats()).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn nor_for_a_flush() {
    let (io, peer) = wire();
    peer.buffer(1000);
    peer.block_flush(true);
    let (running, [(sender, _)]) = start(io, quiet().build().unwrap(), [bulk()]);
    sender.send("blocked").await.unwrap();
    idle().await;
    advance(HOUR).await;
    idle().await;
    peer.block_flush(false);
    idle().await;
    assert_eq!(messages_on(BULK, &peer.taken()), ["blocked"]);
    assert!(soon(running.handle.stats()).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_pong_that_is_read_after_a_standstill_is_in_time() {
    let (io, peer) = wire();
    let (running, [_ends]) = start(io, Config::default(), [bulk()]);
    pass(Duration::from_secs(61)).await;
    assert_eq!(peer.taken(), framed(&Packet::Ping));
    advance(HOUR).await;
    idle().await;
    peer.feed(&framed(&Packet::Pong));
    idle().await;
    let stats = soon(running.handle.stats()).await.unwrap();
    assert_eq!(stats.pongs_received, 1);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_stood_still_with_us_goes_on_taking() {
    let (io, peer) = wire();
    let channel = bulk().with_recv_capacity(1);
    let (running, [(_, mut receiver)]) = start(io, quiet().build().unwrap(), [channel]);
    for number in 0..10 {
        peer.feed(&message(BULK, &numbered(number, 8)));
    }
    let mut taking = JoinSet::new();
    taking.spawn(async move {
        for number in 0..10 {
            sleep(Duration::from_millis(900)).await;
            assert_eq!(receiver.recv().await.unwrap(), numbered(number, 8));
        }
    });
    idle().await;
    advance(HOUR).await;
    taking.join_next().await.unwrap().unwrap();
    assert!(soon(running.handle.stats()).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_drain_has_the_time_of_a_standstill_besides() {
    let (io, peer) = wire();
    peer.take_only(0);
    let (mut running, [(sender, _)]) = start(io, quiet().build().unwrap(), [bulk()]);
    sender.send("last").await.unwrap();
    running.stop.cancel();
    idle().await;
    advance(HOUR).await;
    idle().await;
    peer.take_only(usize::MAX);
    peer.end();
    assert!(soon(running.ended()).await.is_clean());
    assert_eq!(messages_on(BULK, &peer.taken()), ["last"]);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_under_way_has_the_time_of_a_standstill_besides() {
    let (io, peer) = wire();
    let (running, [(_, mut receiver)]) = start(io, quiet().build().unwrap(), [bulk()]);
    peer.feed(&piece(BULK, false, b"begun"));
    idle().await;
    advance(HOUR * 5).await;
    idle().await;
    peer.feed(&piece(BULK, true, b" and ended"));
    assert_eq!(soon(receiver.recv()).await.unwrap(), "begun and ended");
    assert!(soon(running.handle.stats()).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn what_comes_at_the_very_moment_of_a_deadline_is_in_time() {
    for order in [Duration::ZERO, Duration::from_millis(1)] {
        let (io, peer) = wire();
        peer.take_only(0);
        let (running, [(sender, _)]) = start(io, quiet().build().unwrap(), [bulk()]);
        let mut reading = JoinSet::new();
        let reader = peer.clone();
        reading.spawn(async move {
            sleep(order).await;
            sleep(Duration::from_secs(60) - order).await;
            reader.take_only(usize::MAX);
        });
        sender.send("blocked").await.unwrap();
        pass(Duration::from_secs(61)).await;
        assert_eq!(messages_on(BULK, &peer.taken()), ["blocked"]);
        assert!(soon(running.handle.stats()).await.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_is_dead_is_found_out_a_grace_after_a_standstill() {
    for config in [impatient(), Config::builder()] {
        let (io, peer) = wire();
        let (mut running, [(sender, _)]) = start(io, config.build().unwrap(), [bulk()]);
        pass(Duration::from_secs(61)).await;
        peer.take_only(0);
        sender.send("blocked").await.unwrap();
        idle().await;
        advance(HOUR).await;
        let (closed, after) = timed(running.ended()).await;
        assert!(matches!(
            closed.reason.error(),
            Some(Error::PongTimeout { .. } | Error::WriteTimeout { .. })
        ));
        assert_eq!(after.as_secs(), 1, "{closed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_program_that_is_always_late_finds_out_too() {
    let (io, peer) = wire();
    peer.take_only(0);
    let (mut running, [(sender, _)]) = start(io, quiet().build().unwrap(), [bulk()]);
    sender.send("blocked").await.unwrap();
    idle().await;
    for _ in 0..64 {
        advance(Duration::from_secs(1)).await;
        tokio::task::yield_now().await;
    }
    let closed = soon(running.ended()).await;
    assert!(matches!(
        closed.reason,
        CloseReason::Failed(Error::WriteTimeout { .. })
    ));
}

fn impatient() -> ConfigBuilder {
    quiet().write_timeout(Duration::from_secs(5))
}

const HOUR: Duration = Duration::from_secs(3600);
