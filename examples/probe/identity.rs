//! What we are toward other nodes.

use std::sync::Arc;

use mconn::ChannelDescriptor;
use mconn::address::PeerId;
use mconn::node::{NodeInfo, PeerConfig, ProtocolVersion};
use mconn::secret::Identity;

use crate::failure::Failure;

/// A node of this network that speaks on the channels of a stock node.
pub(crate) fn node(
    identity: Arc<Identity>,
    network: &str,
    block_protocol: u64,
    moniker: &str,
) -> Result<PeerConfig, Failure> {
    let protocol = ProtocolVersion {
        block: block_protocol,
        ..ProtocolVersion::default()
    };
    let info = NodeInfo::builder(PeerId::from(identity.public_key()), network, moniker)
        .protocol(protocol)
        .version(env!("CARGO_PKG_VERSION"))
        .channels(
            ChannelDescriptor::cometbft()
                .iter()
                .map(|channel| channel.id()),
        )
        .build()?;
    Ok(PeerConfig::new(identity, info)?)
}
