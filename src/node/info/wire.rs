//! The bytes of a NodeInfo.

use prost::Message;

use super::error::NodeInfoError;
use super::rules::{check, tx_index_text};
use super::{Contents, MAX_NODE_INFO_BYTES, NodeInfo};
use crate::proto::p2p::v1 as proto;

pub(super) fn decode(bytes: &[u8]) -> Result<NodeInfo, NodeInfoError> {
    if bytes.len() > MAX_NODE_INFO_BYTES {
        return Err(NodeInfoError::TooLong { len: bytes.len() });
    }
    match proto::DefaultNodeInfo::decode(bytes) {
        Ok(raw) => check(raw),
        Err(error) => Err(NodeInfoError::Malformed {
            reason: error.to_string(),
        }),
    }
}

/// Fields 1 and 8 are there even if they are empty, as CometBFT writes them.
pub(super) fn generated(contents: Contents) -> proto::DefaultNodeInfo {
    proto::DefaultNodeInfo {
        protocol_version: Some(proto::ProtocolVersion {
            p2p: contents.protocol.p2p,
            block: contents.protocol.block,
            app: contents.protocol.app,
        }),
        default_node_id: contents.id.to_string(),
        listen_addr: contents.listen_addr,
        network: contents.network,
        version: contents.version,
        channels: contents.channels.iter().map(|id| id.get()).collect(),
        moniker: contents.moniker,
        other: Some(proto::DefaultNodeInfoOther {
            tx_index: tx_index_text(contents.tx_index).to_owned(),
            rpc_address: contents.rpc_address,
        }),
    }
}
