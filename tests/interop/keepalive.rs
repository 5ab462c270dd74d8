//! Pings and pongs, both ways and at once.

use std::time::Duration;

use mconn::{CloseReason, Config, Error};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::go::{Amount, BOTH_ROLES, Go, Remote, Role};
use crate::ours::Ours;
use crate::session::{Channel, connect, for_go};
use crate::traffic::{Digests, digest_of};

/// Both sides ping each other for a while without any other traffic, then a message still crosses each way.
pub(crate) async fn ping_pong_cycles(remote: Remote) {
    for role in BOTH_ROLES {
        let (mut go, ours) = connect(remote, role, &[CHANNEL], go_pings(), we_ping()).await;
        sleep(CYCLES * PING).await;
        let stats = ours.handle.stats().await.unwrap();
        let cycles = [
            stats.pings_sent,
            stats.pongs_received,
            stats.pings_received,
            stats.pongs_sent,
        ];
        assert!(
            cycles.iter().all(|n| *n >= u64::from(CYCLES) / 2),
            "{cycles:?} in {CYCLES} periods"
        );
        assert!(
            stats.round_trip.is_some_and(|time| time < PONG),
            "Go answered: {:?}",
            stats.round_trip
        );
        assert!(!go.has_failed().await, "we answered Go's pings");
        messages_cross(&mut go, &ours, &[5]).await;
    }
}

/// The same while both sides send all they can.
pub(crate) async fn ping_pong_beside_traffic(remote: Remote) {
    let (mut go, ours) = connect(remote, Role::GoListens, &[CHANNEL], go_pings(), we_ping()).await;
    for _ in 0..CYCLES {
        messages_cross(&mut go, &ours, &[1, 70_000, 100_000]).await;
        sleep(PING / 2).await;
    }
    let stats = ours.handle.stats().await.unwrap();
    assert!(stats.pongs_received > 0 && stats.pongs_sent > 0);
    assert!(!go.has_failed().await);
}

/// A peer that never answers our ping.
pub(crate) async fn we_end_a_silent_peer(remote: Remote) {
    let mut go = Go::start(remote);
    let stream = go.open(Role::GoListens, json!({ "do": "raw" })).await;
    let ours = Ours::start(stream, we_ping(), vec![CHANNEL.for_us()]);
    let (closed, _) = ours.end().await;
    assert!(
        matches!(
            closed.reason,
            CloseReason::Failed(Error::PongTimeout { .. })
        ),
        "{closed}"
    );
    go.event("ended").await;
}

/// Go finds that we do not answer its ping: here nobody of ours is behind the socket.
pub(crate) async fn go_ends_a_silent_peer(remote: Remote) {
    let mut go = Go::start(remote);
    let _silent = go.open(Role::GoDials, for_go(&[CHANNEL], go_pings())).await;
    assert_eq!(go.failure().await, "pong timeout");
}

async fn messages_cross(go: &mut Go, ours: &Ours, sizes: &[usize]) {
    let before = ours.received(&Digests::new()).await;
    let already = before.get(&CHANNEL.id).map_or(0, |digest| digest.messages);
    go.send(CHANNEL.id, sizes, Amount::Messages(sizes.len()))
        .await;
    let by_us = ours.send(CHANNEL.id, sizes, sizes.len()).await;
    let mut by_go = go.sent(1).await.remove(&CHANNEL.id).unwrap();
    assert_eq!(
        [&by_us, &by_go],
        [&digest_of(CHANNEL.id, sizes, sizes.len()); 2]
    );
    by_go.messages += already;
    ours.received(&[(CHANNEL.id, by_go.clone())].into()).await;
    go.received(&[(CHANNEL.id, by_go)].into()).await;
}

fn go_pings() -> Value {
    json!({ "ping_millis": PING.as_millis(), "pong_millis": PONG.as_millis() })
}

fn we_ping() -> Config {
    Config::builder()
        .ping_interval(PING)
        .pong_timeout(PONG)
        .build()
        .unwrap()
}

const CHANNEL: Channel = Channel::new(0x20, 1 << 20);

/// Short enough for many cycles, long enough for a machine that is busy with other tests.
const PING: Duration = Duration::from_millis(200);
const PONG: Duration = Duration::from_millis(190);
const CYCLES: u32 = 16;
