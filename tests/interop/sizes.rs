//! Message sizes and channel ids at every edge, both ways, in both roles.

use mconn::{CloseReason, Config, Error, ProtocolError};
use serde_json::json;

use crate::go::{Amount, BOTH_ROLES, Remote, Role};
use crate::session::{Channel, STOCK, connect};
use crate::traffic::{Digests, digest_of};

/// Every size up to its own largest message crosses on each of a stock node's channels.
pub(crate) async fn every_size_on_the_stock_channels(remote: Remote) {
    for role in BOTH_ROLES {
        from_go(remote, role, &STOCK, &SIZES[1..]).await;
        from_us(remote, role, &STOCK, Config::default()).await;
    }
}

/// Ids at the edges of one byte and of one varint byte. From Go this has final chunks that are full on ids from 0x80 on,
/// which are one byte longer than Go itself accepts; from us these chunks are cut so that Go accepts them.
pub(crate) async fn every_size_on_the_edge_ids(remote: Remote) {
    for role in BOTH_ROLES {
        from_go(remote, role, &EDGES, &SIZES[1..]).await;
        from_us(remote, role, &EDGES, Config::default()).await;
    }
}

/// Go's sender loses empty messages that wait while several channels are busy, so there is one channel at a time.
pub(crate) async fn empty_messages_from_go(remote: Remote) {
    for (role, channel) in BOTH_ROLES.into_iter().cycle().zip(EDGES) {
        from_go(remote, role, &[channel], &SIZES).await;
    }
}

/// At Go's exact packet limit we refuse what Go refuses: its own full final chunk on a high id.
pub(crate) async fn the_exact_limit_of_go(remote: Remote) {
    let config = Config::builder().max_packet(GO_MAX_PACKET).build().unwrap();
    let channel = Channel::new(0x80, 4_096);
    let (mut go, ours) = connect(remote, Role::GoDials, &[channel], json!({}), config).await;
    go.send(0x80, &[1023, 1024], Amount::Messages(2)).await;
    let (closed, received) = ours.end().await;
    assert_eq!(
        received[&0x80],
        digest_of(0x80, &[1023], 1),
        "the message before it is delivered"
    );
    let CloseReason::Failed(error) = closed.reason else {
        panic!("ended by {closed}")
    };
    let too_large = ProtocolError::PacketTooLarge {
        len: 1_035,
        max: GO_MAX_PACKET,
    };
    assert!(
        matches!(&error, Error::Protocol(rule) if *rule == too_large),
        "{error}"
    );
}

/// Everything that we send here, under another configuration.
pub(crate) async fn from_us_with(remote: Remote, config: impl Fn() -> Config) {
    from_us(remote, Role::GoDials, &STOCK, config()).await;
    from_us(remote, Role::GoListens, &EDGES, config()).await;
}

async fn from_go(remote: Remote, role: Role, channels: &[Channel], sizes: &[usize]) {
    let (mut go, ours) = connect(remote, role, channels, json!({}), Config::default()).await;
    let expected = expected(channels, sizes);
    for channel in channels {
        let sizes = up_to_maximum(channel, sizes);
        go.send(channel.id, &sizes, Amount::Messages(sizes.len()))
            .await;
    }
    assert_eq!(
        go.sent(channels.len()).await,
        expected,
        "sent by Go, {remote:?} {role:?}"
    );
    assert_eq!(
        ours.received(&expected).await,
        expected,
        "received from Go, {remote:?} {role:?}"
    );
}

async fn from_us(remote: Remote, role: Role, channels: &[Channel], config: Config) {
    let (mut go, ours) = connect(remote, role, channels, json!({}), config).await;
    let expected = expected(channels, &SIZES);
    for channel in channels {
        let sizes = up_to_maximum(channel, &SIZES);
        let sent = ours.send(channel.id, &sizes, sizes.len()).await;
        assert_eq!(sent, expected[&channel.id]);
    }
    assert_eq!(
        go.received(&expected).await,
        expected,
        "received by Go, {remote:?} {role:?}"
    );
}

fn expected(channels: &[Channel], sizes: &[usize]) -> Digests {
    let all = |channel: &Channel| {
        let sizes = up_to_maximum(channel, sizes);
        (channel.id, digest_of(channel.id, &sizes, sizes.len()))
    };
    channels.iter().map(all).collect()
}

fn up_to_maximum(channel: &Channel, sizes: &[usize]) -> Vec<usize> {
    let below = sizes
        .iter()
        .copied()
        .filter(|&size| size < channel.max_message);
    below.chain([channel.max_message]).collect()
}

const SIZES: [usize; 7] = [0, 1, 1_023, 1_024, 1_025, 64 << 10, 1 << 20];

/// Their largest message ends in a full chunk.
const EDGES: [Channel; 4] = [
    Channel::new(0x00, 2 << 20),
    Channel::new(0x7f, 2 << 20),
    Channel::new(0x80, 2 << 20),
    Channel::new(0xff, 2 << 20),
];

/// What Go computes for a payload of 1024 bytes.
const GO_MAX_PACKET: usize = 1_034;
