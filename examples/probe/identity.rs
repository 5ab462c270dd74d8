//! What we are toward other nodes.

use std::sync::Arc;

use mconn::ChannelDescriptor;
use mconn::node::{LocalNode, LocalNodeBuilder, ProtocolVersion};
use mconn::secret::Identity;

/// A node of this network that speaks on the channels of a stock node.
pub(crate) fn node(
    identity: Arc<Identity>,
    network: &str,
    block_protocol: u64,
    moniker: &str,
) -> LocalNodeBuilder {
    let protocol = ProtocolVersion {
        block: block_protocol,
        ..ProtocolVersion::default()
    };
    LocalNode::builder(identity, network, moniker)
        .protocol(protocol)
        .version(env!("CARGO_PKG_VERSION"))
        .channels(ChannelDescriptor::cometbft())
}
