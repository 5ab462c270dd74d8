//! The checksum in every packet, an extension of ours that Go does not know.

use mconn::{ChannelId, CloseReason, Config, Error, ProtocolError};
use serde_json::json;

use crate::go::{Amount, Remote, Role};
use crate::session::{Channel, connect};
use crate::sizes;

/// Go skips the field, and no packet with it exceeds Go's limit.
pub(crate) async fn go_accepts_checksums(remote: Remote) {
    let config = || Config::builder().send_checksum(true).build().unwrap();
    sizes::from_us_with(remote, config).await;
}

/// Go never sends one, so a side that requires it refuses Go's first packet and says what is missing.
pub(crate) async fn we_miss_the_checksum_where_required(remote: Remote) {
    let config = Config::builder().require_checksum(true).build().unwrap();
    let (mut go, ours) = connect(
        remote,
        Role::GoListens,
        &[Channel::new(0x20, 10)],
        json!({}),
        config,
    )
    .await;
    go.send(0x20, &[5], Amount::Messages(1)).await;
    let (closed, received) = ours.end().await;
    let CloseReason::Failed(error) = closed.reason else {
        panic!("not refused: {closed}")
    };
    let missing = ProtocolError::ChecksumMissing {
        channel: ChannelId::new(0x20),
    };
    assert!(
        matches!(&error, Error::Protocol(rule) if *rule == missing),
        "{error}"
    );
    assert!(received.is_empty());
}
