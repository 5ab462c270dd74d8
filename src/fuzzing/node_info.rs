//! NodeInfo against prost, and against itself.

use prost::Message;

use crate::address::PeerAddr;
use crate::channel::ChannelId;
use crate::node::{MAX_NODE_INFO_BYTES, NodeInfo, NodeInfoError};
use crate::proto::p2p::v1 as proto;

/// Decodes `data` as a NodeInfo.
///
/// What is accepted must say what prost reads, keep the rules, come again from its own encoding and from the builder, and fit
/// itself; what is refused as malformed must be so for prost too.
pub fn node_info(data: &[u8]) {
    let theirs = proto::DefaultNodeInfo::decode(data);
    match NodeInfo::decode(data) {
        Ok(info) => {
            check_fields(&info, theirs.expect("it was accepted"));
            check_rules(&info);
            check_again(&info);
        }
        Err(NodeInfoError::TooLong { len }) => assert!(len > MAX_NODE_INFO_BYTES),
        Err(NodeInfoError::Malformed { .. }) => assert!(theirs.is_err()),
        Err(_) => assert!(theirs.is_ok()),
    }
}

fn check_fields(info: &NodeInfo, theirs: proto::DefaultNodeInfo) {
    let protocol = theirs.protocol_version.unwrap_or_default();
    let other = theirs.other.unwrap_or_default();
    let ours = info.protocol();
    assert_eq!(ours.p2p, protocol.p2p);
    assert_eq!(ours.block, protocol.block);
    assert_eq!(ours.app, protocol.app);
    assert_eq!(info.id().to_string(), theirs.default_node_id);
    assert_eq!(info.listen_addr(), theirs.listen_addr);
    assert_eq!(info.network(), theirs.network);
    assert_eq!(info.version(), theirs.version);
    let channels: Vec<u8> = info.channels().iter().map(|id| id.get()).collect();
    assert_eq!(channels, theirs.channels);
    assert_eq!(info.moniker(), theirs.moniker);
    assert_eq!(info.rpc_address(), other.rpc_address);
}

/// The rules again, in the plainest way.
fn check_rules(info: &NodeInfo) {
    let is_text = |text: &str| {
        text.bytes().all(|byte| (32..127).contains(&byte)) && text.bytes().any(|byte| byte != 32)
    };
    assert!(is_text(info.moniker()));
    assert!(info.version().is_empty() || is_text(info.version()));
    assert!(info.rpc_address().is_empty() || is_text(info.rpc_address()));
    assert!(info.channels().len() <= 16);
    let listed = |channel| info.channels().iter().filter(|id| **id == channel).count();
    for channel in (0..=u8::MAX).map(ChannelId::new) {
        assert_eq!(listed(channel), usize::from(info.has_channel(channel)));
    }
    let address = info.peer_addr();
    assert_eq!(address.id(), info.id());
    assert_eq!(address.to_string().parse::<PeerAddr>(), Ok(address));
}

fn check_again(info: &NodeInfo) {
    assert_eq!(info.compatible_with(info), Ok(()));
    let bytes = info.encode();
    let builder = NodeInfo::builder(*info.id(), info.network(), info.moniker())
        .protocol(info.protocol())
        .listen_addr(info.listen_addr())
        .version(info.version())
        .channels(info.channels().iter().copied())
        .tx_index(info.tx_index())
        .rpc_address(info.rpc_address());
    if bytes.len() <= MAX_NODE_INFO_BYTES {
        assert_eq!(NodeInfo::decode(&bytes).as_ref(), Ok(info));
        assert_eq!(builder.build().as_ref(), Ok(info));
    } else {
        let left_out = bytes.len() - MAX_NODE_INFO_BYTES;
        assert!(left_out <= 4, "two empty parts, not {left_out} bytes");
        let len = bytes.len();
        assert_eq!(builder.build(), Err(NodeInfoError::TooLong { len }));
    }
}
