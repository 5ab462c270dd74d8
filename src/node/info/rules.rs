//! What CometBFT checks in a NodeInfo, in its order.

use super::error::{BrokenRule, NodeInfoError, NodeInfoField};
use super::{Contents, NodeInfo, ProtocolVersion, TxIndex};
use crate::address::{HostPort, PeerId};
use crate::channel::ChannelId;
use crate::proto::p2p::v1 as proto;

pub(super) fn check(raw: proto::DefaultNodeInfo) -> Result<NodeInfo, NodeInfoError> {
    let other = raw.other.unwrap_or_default();
    let id = id(&raw.default_node_id).map_err(in_field(NodeInfoField::Id))?;
    let listen_host_port =
        listen_addr(&raw.listen_addr).map_err(in_field(NodeInfoField::ListenAddr))?;
    optional_text(&raw.version).map_err(in_field(NodeInfoField::Version))?;
    let channels = channels(&raw.channels).map_err(in_field(NodeInfoField::Channels))?;
    text(&raw.moniker).map_err(in_field(NodeInfoField::Moniker))?;
    let tx_index = tx_index(&other.tx_index).map_err(in_field(NodeInfoField::TxIndex))?;
    optional_text(&other.rpc_address).map_err(in_field(NodeInfoField::RpcAddress))?;
    let protocol = raw.protocol_version.unwrap_or_default();
    let contents = Contents {
        protocol: ProtocolVersion {
            p2p: protocol.p2p,
            block: protocol.block,
            app: protocol.app,
        },
        id,
        listen_addr: raw.listen_addr,
        network: raw.network,
        version: raw.version,
        channels,
        moniker: raw.moniker,
        tx_index,
        rpc_address: other.rpc_address,
    };
    Ok(NodeInfo {
        contents,
        listen_host_port,
    })
}

pub(super) const fn tx_index_text(tx_index: TxIndex) -> &'static str {
    match tx_index {
        TxIndex::Unset => "",
        TxIndex::On => "on",
        TxIndex::Off => "off",
    }
}

fn in_field(field: NodeInfoField) -> impl FnOnce(BrokenRule) -> NodeInfoError {
    move |rule| NodeInfoError::Invalid { field, rule }
}

fn id(text: &str) -> Result<PeerId, BrokenRule> {
    let id = text.parse().map_err(|problem| BrokenRule::NotAnId {
        id: text.into(),
        problem,
    })?;
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(BrokenRule::UpperCase { id: text.into() });
    }
    Ok(id)
}

fn listen_addr(text: &str) -> Result<HostPort, BrokenRule> {
    Ok(HostPort::read_of_peer(text)?)
}

fn channels(ids: &[u8]) -> Result<Vec<ChannelId>, BrokenRule> {
    if ids.len() > CHANNELS_MAX {
        return Err(BrokenRule::TooManyChannels { count: ids.len() });
    }
    let mut channels = Vec::with_capacity(ids.len());
    for channel in ids.iter().copied().map(ChannelId::new) {
        if channels.contains(&channel) {
            return Err(BrokenRule::DuplicateChannel { channel });
        }
        channels.push(channel);
    }
    Ok(channels)
}

fn tx_index(text: &str) -> Result<TxIndex, BrokenRule> {
    let all = [TxIndex::Unset, TxIndex::On, TxIndex::Off];
    let known = all.into_iter().find(|known| tx_index_text(*known) == text);
    known.ok_or_else(|| BrokenRule::NotOnOrOff { value: text.into() })
}

fn optional_text(value: &str) -> Result<(), BrokenRule> {
    match value {
        "" => Ok(()),
        value => text(value),
    }
}

fn text(value: &str) -> Result<(), BrokenRule> {
    if value.is_empty() {
        return Err(BrokenRule::Empty);
    }
    let odd = value.char_indices().find(|(_, c)| !matches!(c, ' '..='~'));
    if let Some((position, found)) = odd {
        return Err(BrokenRule::NotPrintable { found, position });
    }
    if value.bytes().all(|byte| byte == b' ') {
        return Err(BrokenRule::OnlySpaces);
    }
    Ok(())
}

const CHANNELS_MAX: usize = 16;
