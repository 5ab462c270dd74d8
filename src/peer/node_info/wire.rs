//! The bytes of a NodeInfo.

use prost::Message;

use super::error::NodeInfoError;
use super::rules::{check, tx_index_text};
use super::{Fields, MAX_NODE_INFO_BYTES, NodeInfo};
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
pub(super) fn generated(fields: Fields) -> proto::DefaultNodeInfo {
    proto::DefaultNodeInfo {
        protocol_version: Some(proto::ProtocolVersion {
            p2p: fields.protocol.p2p,
            block: fields.protocol.block,
            app: fields.protocol.app,
        }),
        default_node_id: fields.id.to_string(),
        listen_addr: fields.listen_addr,
        network: fields.network,
        version: fields.version,
        channels: fields.channels.iter().map(|id| id.get()).collect(),
        moniker: fields.moniker,
        other: Some(proto::DefaultNodeInfoOther {
            tx_index: tx_index_text(fields.tx_index).to_owned(),
            rpc_address: fields.rpc_address,
        }),
    }
}
