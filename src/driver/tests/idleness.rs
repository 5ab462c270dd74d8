//! A connection that has nothing to do does nothing, whatever it waits for.

use std::num::NonZeroU64;
use std::time::Duration;

use tokio::io::duplex;
use tokio_util::sync::CancellationToken;

use super::kit::*;
use super::wire::wire;
use crate::config::Config;
use crate::packet::Packet;

#[tokio::test(start_paused = true)]
async fn an_idle_connection_wakes_only_for_its_pings() {
    let (here, there) = duplex(1000);
    let (here, [_here_ends]) = start(here, Config::default(), [bulk()]);
    let (_there, [_there_ends]) = start(there, Config::default(), [bulk()]);
    idle().await;
    let before = here.polls();
    pass(Duration::from_secs(3600)).await;
    let polls = here.polls() - before;
    assert!(polls <= 60 * 6, "{polls} in an hour of 60 pings");
}

#[tokio::test(start_paused = true)]
async fn a_throttled_sender_wakes_about_once_per_batch() {
    let config = quiet().send_rate(NonZeroU64::new(100_000)).build().unwrap();
    let (io, peer) = wire();
    let (running, [(sender, _)]) = start(io, config, [bulk()]);
    sender.send(vec![0; 200_000]).await.unwrap();
    pass(Duration::from_secs(3)).await;
    let batches = peer.taken().len() / 1036;
    assert_eq!(messages(&peer.taken()).len(), 1);
    assert!(
        running.polls() < 2 * batches + 20,
        "{} polls",
        running.polls()
    );
}

#[tokio::test(start_paused = true)]
async fn a_throttled_reader_wakes_about_once_per_batch() {
    let config = quiet().recv_rate(NonZeroU64::new(100_000)).build().unwrap();
    let (io, peer) = wire();
    let (running, [(_, mut receiver)]) = start(io, config, [bulk()]);
    peer.feed(&expected([&[0; 200_000][..]]));
    let (message, after) = timed(receiver.recv()).await;
    assert_eq!(message.unwrap().len(), 200_000);
    assert!((1900..2100).contains(&after.as_millis()), "{after:?}");
    assert!(running.polls() < 450, "{} polls", running.polls());
}

#[tokio::test(start_paused = true)]
async fn a_blocked_link_wakes_nobody_also_when_a_pong_is_due() {
    let (io, peer) = wire();
    peer.take_only(100);
    let (running, [(sender, _)]) = start(io, quiet().build().unwrap(), [bulk()]);
    sender.send(vec![0; 1000]).await.unwrap();
    idle().await;
    peer.feed(&framed(&Packet::Ping));
    idle().await;
    let before = running.polls();
    pass(Duration::from_secs(50)).await;
    assert!(running.polls() - before < 5, "{} polls", running.polls());
}

#[tokio::test(start_paused = true)]
async fn a_flush_that_is_not_done_wakes_nobody_also_when_a_pong_is_due() {
    let (io, peer) = wire();
    peer.buffer(1024 * 1024);
    peer.block_flush(true);
    let (running, [(sender, _)]) = start(io, quiet().build().unwrap(), [bulk()]);
    let _delivery = sender.send_tracked("waits").await.unwrap();
    sender.send("behind it").await.unwrap();
    idle().await;
    peer.feed(&framed(&Packet::Ping));
    idle().await;
    let before = running.polls();
    pass(Duration::from_secs(50)).await;
    assert!(running.polls() - before < 5, "{} polls", running.polls());
    peer.block_flush(false);
    idle().await;
    assert_eq!(messages(&peer.taken()).len(), 2);
    assert!(packets(&peer.taken()).contains(&Packet::Pong));
}

#[tokio::test(start_paused = true)]
async fn a_full_inbox_wakes_nobody() {
    let config = quiet().inbox_stall_timeout(None).build().unwrap();
    let (io, peer) = wire();
    let (running, [_ends]) = start(io, config, [bulk().with_recv_capacity(1)]);
    for number in 0..10 {
        peer.feed(&message(BULK, &numbered(number, 8)));
    }
    idle().await;
    let before = running.polls();
    pass(Duration::from_secs(1000)).await;
    assert!(running.polls() - before < 5, "{} polls", running.polls());
}

#[tokio::test(start_paused = true)]
async fn a_lingering_connection_wakes_nobody() {
    let (io, peer) = wire();
    let (mut running, [(sender, _)]) = start(io, Config::default(), [bulk()]);
    sender.send("last").await.unwrap();
    running.stop.cancel();
    idle().await;
    assert!(peer.is_shut());
    let before = running.polls();
    pass(Duration::from_secs(9)).await;
    assert!(running.polls() - before < 5, "{} polls", running.polls());
    peer.end();
    assert!(soon(running.ended()).await.is_clean());
}

#[tokio::test(start_paused = true)]
async fn messages_are_flushed_at_once_by_default() {
    let (io, peer) = wire();
    peer.buffer(1024 * 1024);
    let (_running, [(sender, _)]) = start(io, Config::default(), [bulk()]);
    sender.send("now").await.unwrap();
    idle().await;
    assert_eq!(messages_on(BULK, &peer.taken()), ["now"]);
    assert_eq!(peer.calls().flushes, 1);
}

#[tokio::test(start_paused = true)]
async fn a_flush_delay_gathers_messages_for_its_time_and_no_longer() {
    let config = quiet().flush_delay(Duration::from_millis(50)).build();
    let (io, peer) = wire();
    peer.buffer(1024 * 1024);
    let (_running, [(sender, _)]) = start(io, config.unwrap(), [bulk()]);
    for number in 0..10 {
        sender.send(numbered(number, 8)).await.unwrap();
        pass(Duration::from_millis(4)).await;
    }
    assert_eq!((peer.taken().len(), peer.calls().flushes), (0, 0));
    pass(Duration::from_millis(11)).await;
    assert_eq!(messages(&peer.taken()).len(), 10);
    assert_eq!(peer.calls().flushes, 1);
}

#[tokio::test(start_paused = true)]
async fn a_flush_delay_does_not_delay_whoever_waits() {
    let config = quiet().flush_delay(Duration::from_secs(50)).build();
    let (io, peer) = wire();
    peer.buffer(1024 * 1024);
    let (running, [(sender, _)]) = start(io, config.unwrap(), [bulk()]);
    sender.send("plain").await.unwrap();
    idle().await;
    assert_eq!(peer.calls().flushes, 0);
    assert_eq!(soon(running.handle.flush()).await, Ok(()));
    let delivery = sender.send_tracked("tracked").await.unwrap();
    assert_eq!(soon(delivery).await, Ok(()));
    assert_eq!(peer.calls().flushes, 2);
}

#[tokio::test(start_paused = true)]
async fn a_burst_of_small_messages_is_one_write() {
    let (io, peer) = wire();
    let (connection, [(sender, _)]) = connection(io, Config::default(), [bulk()]);
    for number in 0..50 {
        sender.try_send(numbered(number, 100)).unwrap();
    }
    let _running = Running::start(connection);
    idle().await;
    assert_eq!(messages(&peer.taken()).len(), 50);
    assert_eq!((peer.calls().writes, peer.calls().flushes), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn one_wake_up_does_a_bounded_amount_and_asks_for_another() {
    let (io, peer) = wire();
    let (connection, [(_, receiver)]) = connection(io, Config::default(), [bulk()]);
    drop(receiver);
    let much = message(BULK, &[0; 1000]).repeat(20_000);
    peer.feed(&much);
    let mut run = Box::pin(connection.run(CancellationToken::new()));
    assert!(cancelled(1, 0, run.as_mut()).await.is_none());
    let left = peer.unread();
    assert!(left > much.len() / 2, "{left} bytes left");
    assert!(is_waiting(run).await);
    assert_eq!(peer.unread(), 0);
}
