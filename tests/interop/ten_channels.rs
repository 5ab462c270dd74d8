//! The ten channels of a stock node, all busy both ways for half a minute or a whole one.

use std::num::NonZeroU64;
use std::time::Duration;

use mconn::{ChannelDescriptor, Config};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::go::{Amount, Go, Remote, Role};
use crate::ours::{Ours, send, until};
use crate::session::{STOCK, for_go};
use crate::traffic::Digests;

pub(crate) async fn ten_channels_unlimited(remote: Remote) {
    unlimited(remote, Role::GoListens, TIME).await;
}

pub(crate) async fn ten_channels_for_a_minute(remote: Remote) {
    unlimited(remote, Role::GoDials, LONG).await;
}

async fn unlimited(remote: Remote, role: Role, time: Duration) {
    let (_, received) = both_ways(remote, role, [NO_LIMIT; 2], time, &LARGE).await;
    assert!(received.iter().all(|bytes| *bytes > 0));
}

pub(crate) async fn ten_channels_limited_by_us(remote: Remote) {
    both_ways_limited(remote, Role::GoDials, NO_LIMIT, Some(LIMIT)).await;
}

pub(crate) async fn ten_channels_limited_by_go(remote: Remote) {
    both_ways_limited(remote, Role::GoListens, Some(LIMIT), NO_LIMIT).await;
}

pub(crate) async fn ten_channels_limited_by_both(remote: Remote) {
    both_ways_limited(remote, Role::GoDials, Some(LIMIT), Some(LIMIT)).await;
}

/// A limit also has to be used: one that let hardly anything through would make this a weak proof.
async fn both_ways_limited(
    remote: Remote,
    role: Role,
    go: Option<NonZeroU64>,
    us: Option<NonZeroU64>,
) {
    let (time, received) = both_ways(remote, role, [go, us], TIME, &SMALL).await;
    for bytes in received {
        let share = bytes as f64 / (LIMIT.get() as f64 * time.as_secs_f64());
        assert!(
            (0.5..1.1).contains(&share),
            "{bytes} bytes in {time:?} are {share:.2} of the limit"
        );
    }
}

/// Lets both sides send on all channels, compares all digests, and returns the time it took and the bytes each received.
async fn both_ways(
    remote: Remote,
    role: Role,
    [go_limit, our_limit]: [Option<NonZeroU64>; 2],
    time: Duration,
    sizes: &[usize],
) -> (Duration, [u64; 2]) {
    let mut go = Go::start(remote);
    let rate = go_limit.map_or(0, NonZeroU64::get);
    let settings: Value = json!({ "send_rate": rate, "recv_rate": rate });
    let stream = go.open(role, for_go(&STOCK, settings)).await;
    let config = Config::builder()
        .send_rate(our_limit)
        .recv_rate(our_limit)
        .build()
        .unwrap();
    let channels = STOCK
        .iter()
        .map(|channel| channel.id)
        .zip(ChannelDescriptor::cometbft())
        .collect();
    let ours = Ours::start(stream, config, channels);

    let start = Instant::now();
    let mut sending = JoinSet::new();
    for channel in STOCK {
        go.send(channel.id, sizes, Amount::For(time)).await;
        let (sender, sizes) = (ours.sender(channel.id), sizes.to_vec());
        sending.spawn(async move {
            (
                channel.id,
                send(sender, channel.id, &sizes, until(time)).await,
            )
        });
    }
    let sent_by_us: Digests = sending.join_all().await.into_iter().collect();
    let sent_by_go = go.sent(STOCK.len()).await;
    let (by_us, by_go) = (
        ours.received(&sent_by_go).await,
        go.received(&sent_by_us).await,
    );
    let time = start.elapsed();
    assert_eq!(by_us, sent_by_go, "Go to us");
    assert_eq!(by_go, sent_by_us, "us to Go");
    assert_eq!(by_us.len(), STOCK.len(), "every channel had its share");
    assert_eq!(by_go.len(), STOCK.len(), "every channel had its share");
    let bytes = [by_us, by_go].map(|digests| digests.values().map(|digest| digest.bytes).sum());
    println!("{remote:?}: {bytes:?} bytes received by us and by Go in {time:?}");
    (time, bytes)
}

const TIME: Duration = Duration::from_secs(30);
const LONG: Duration = Duration::from_secs(60);
const NO_LIMIT: Option<NonZeroU64> = None;
const LIMIT: NonZeroU64 = NonZeroU64::new(512_000).unwrap();

const LARGE: [usize; 8] = [1, 100, 1_023, 1_024, 1_025, 5_000, 64_000, 250];

/// Small enough that what waits in ten full queues leaves within a few seconds.
const SMALL: [usize; 6] = [1, 100, 1_023, 1_024, 1_025, 3_000];
