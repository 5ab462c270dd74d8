//! What a handle tells and changes.

use std::num::NonZeroU64;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::duplex;
use tokio::task::JoinSet;

use super::kit::*;
use super::wire::wire;
use crate::config::Config;
use crate::config::ConfigError;

#[tokio::test(start_paused = true)]
async fn statistics_tell_what_passed_and_what_waits() {
    let (io, peer) = wire();
    let (running, [(bulk, mut receiver), (urgent, _)]) =
        start(io, Config::default(), [bulk(), urgent()]);
    bulk.send(numbered(1, 2000)).await.unwrap();
    peer.feed(&expected([&numbered(2, 1500)[..], &numbered(3, 10)]));
    peer.feed(&piece(URGENT, false, &[0; 100]));
    soon(receiver.recv()).await.unwrap();
    peer.take_only(0);
    urgent.send(numbered(4, 300)).await.unwrap();
    urgent.send(numbered(5, 400)).await.unwrap();
    pass(Duration::from_secs(2)).await;
    let stats = soon(running.handle.stats()).await.unwrap();
    assert_eq!(stats.uptime, Duration::from_secs(2));
    assert_eq!((stats.sent.packets, stats.received.packets), (4, 4));
    assert_eq!(stats.received.bytes, 1500 + 10 + 100 + 2 * 12 + 10 + 6 - 2);
    assert_eq!(stats.reassembly_bytes, 100);
    let [first, second] = &stats.channels[..] else {
        panic!("two channels");
    };
    assert_eq!((first.id, first.priority), (BULK, 1));
    assert_eq!((first.messages_sent, first.messages_received), (1, 2));
    assert_eq!((first.inbox_messages, first.queued_messages), (1, 0));
    assert_eq!((second.id, second.priority), (URGENT, 10));
    assert_eq!((second.queued_messages, second.queued_bytes), (2, 700));
    assert_eq!(second.send_capacity, 64);
}

#[tokio::test(start_paused = true)]
async fn statistics_wait_for_the_connection_to_run() {
    let (io, _peer) = wire();
    let (connection, [_ends]) = connection(io, Config::default(), [bulk()]);
    let handle = connection.handle();
    let mut stats = Box::pin(handle.stats());
    assert!(is_waiting(stats.as_mut()).await);
    let _running = Running::start(connection);
    assert!(soon(stats).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn many_may_ask_at_once() {
    let (io, _peer) = wire();
    let (running, [_ends]) = start(io, Config::default(), [bulk()]);
    let mut asking = JoinSet::new();
    for _ in 0..100 {
        let handle = running.handle.clone();
        asking.spawn(async move { handle.stats().await.is_some() && handle.flush().await.is_ok() });
    }
    assert_eq!(soon(asking.join_all()).await, [true; 100]);
}

#[tokio::test(start_paused = true)]
async fn a_send_limit_can_be_set_changed_and_lifted_while_it_runs() {
    let (io, peer) = wire();
    let (running, [(sender, _)]) = start(io, quiet().build().unwrap(), [bulk()]);
    let mut sent = 0;
    let mut within = async |time| {
        let _ = sender.try_send(vec![0; 1_000_000]);
        pass(time).await;
        let before = std::mem::replace(&mut sent, peer.taken().len());
        sent - before
    };
    let handle = &running.handle;
    handle.set_send_rate(NonZeroU64::new(10_000)).unwrap();
    idle().await;
    near(within(Duration::from_secs(10)).await, 100_000);
    handle.set_send_rate(NonZeroU64::new(20_000)).unwrap();
    near(within(Duration::from_secs(10)).await, 200_000);
    handle.set_send_rate(None).unwrap();
    assert!(within(Duration::from_millis(10)).await > 700_000);
}

#[tokio::test(start_paused = true)]
async fn a_receive_limit_can_be_set_changed_and_lifted_while_it_runs() {
    let (io, peer) = wire();
    let (running, [_ends]) = start(io, quiet().build().unwrap(), [bulk()]);
    let whole = expected([&[0; 1_000_000][..]]);
    let mut unread = whole.len();
    let mut within = async |time| {
        pass(time).await;
        let before = std::mem::replace(&mut unread, peer.unread());
        before - unread
    };
    let handle = &running.handle;
    handle.set_recv_rate(NonZeroU64::new(10_000)).unwrap();
    idle().await;
    peer.feed(&whole);
    near(within(Duration::from_secs(10)).await, 100_000);
    handle.set_recv_rate(NonZeroU64::new(20_000)).unwrap();
    near(within(Duration::from_secs(10)).await, 200_000);
    handle.set_recv_rate(None).unwrap();
    assert!(within(Duration::from_millis(10)).await > 700_000);
}

#[tokio::test(start_paused = true)]
async fn a_limit_set_before_the_connection_runs_is_in_force_from_the_start() {
    let (io, peer) = wire();
    let (connection, [(sender, _)]) = connection(io, quiet().build().unwrap(), [bulk()]);
    connection
        .handle()
        .set_send_rate(NonZeroU64::new(10_000))
        .unwrap();
    sender.try_send(vec![0; 1_000_000]).unwrap();
    let _running = Running::start(connection);
    pass(Duration::from_secs(10)).await;
    near(peer.taken().len(), 100_000);
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_cannot_be_kept_is_refused_and_the_old_one_stays() {
    let (io, peer) = wire();
    let config = quiet().send_rate(NonZeroU64::new(10_000)).build().unwrap();
    let (running, [(sender, _)]) = start(io, config, [bulk()]);
    let refused = running.handle.set_send_rate(NonZeroU64::new(10));
    assert_eq!(
        refused,
        Err(ConfigError::Size {
            name: "send_rate",
            value: 10,
            min: 242,
            max: u64::MAX
        })
    );
    let refused = running.handle.set_recv_rate(NonZeroU64::new(1));
    assert!(matches!(
        refused,
        Err(ConfigError::Size {
            name: "recv_rate",
            value: 1,
            ..
        })
    ));
    sender.send(vec![0; 1_000_000]).await.unwrap();
    pass(Duration::from_secs(10)).await;
    near(peer.taken().len(), 100_000);
}

#[tokio::test(start_paused = true)]
async fn equal_limits_on_both_sides_reach_the_rate() {
    let limit = NonZeroU64::new(100_000);
    let config = quiet().send_rate(limit).recv_rate(limit).build().unwrap();
    let (here, there) = duplex(4096);
    let (_here, [(sender, _)]) = start(here, config.clone(), [bulk()]);
    let (there, [(_, mut receiver)]) = start(there, config, [bulk()]);
    sender.send(vec![0; 500_000]).await.unwrap();
    sender.send(vec![0; 500_000]).await.unwrap();
    let (_, after) = timed(async { (receiver.recv().await, receiver.recv().await) }).await;
    let stats = there.handle.stats().await.unwrap();
    let wanted = stats.received.bytes as f64 / 100_000.0;
    let off = after.as_secs_f64() / wanted - 1.0;
    assert!(off.abs() < 0.01, "{after:?} for {wanted} s");
}

#[track_caller]
fn near(bytes: usize, wanted: usize) {
    assert!(
        bytes.abs_diff(wanted) <= wanted / 50 + 1200,
        "{bytes}, not {wanted}"
    );
}

#[test]
fn a_send_that_finds_room_moves_little() {
    let (ours, _theirs) = duplex(10);
    let (_connection, [(sender, _)]) = connection(ours, Config::default(), [bulk()]);
    let message = || Bytes::from_static(b"message");
    assert!(size_of_val(&sender.send(message())) <= 128);
    assert!(size_of_val(&sender.send_tracked(message())) <= 128);
}
