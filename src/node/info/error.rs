use std::fmt;

use super::MAX_NODE_INFO_BYTES;
use crate::address::{AddressError, PeerIdError, PeerText};
use crate::channel::ChannelId;
use crate::error::Fault;

/// Why there is no NodeInfo. What it says of the peer's texts is an excerpt, as [`PeerText`] prints.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NodeInfoError {
    /// A field that breaks a rule.
    #[error("NodeInfo field {field}: {rule}")]
    Invalid {
        /// The field.
        field: NodeInfoField,
        /// The rule, and what broke it.
        rule: BrokenRule,
    },
    /// Bytes that are no NodeInfo.
    #[error("malformed NodeInfo: {reason}")]
    Malformed {
        /// What is wrong with the bytes.
        reason: String,
    },
    /// More than [`MAX_NODE_INFO_BYTES`].
    #[error("NodeInfo of {len} bytes, the maximum is {MAX_NODE_INFO_BYTES}")]
    TooLong {
        /// The bytes that it has.
        len: usize,
    },
}

/// A field of a NodeInfo that has rules. It prints as the protobuf definition names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NodeInfoField {
    /// `default_node_id`.
    Id,
    /// `listen_addr`.
    ListenAddr,
    /// `version`.
    Version,
    /// `channels`.
    Channels,
    /// `moniker`.
    Moniker,
    /// `other.tx_index`.
    TxIndex,
    /// `other.rpc_address`.
    RpcAddress,
}

impl fmt::Display for NodeInfoField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Id => "default_node_id",
            Self::ListenAddr => "listen_addr",
            Self::Version => "version",
            Self::Channels => "channels",
            Self::Moniker => "moniker",
            Self::TxIndex => "other.tx_index",
            Self::RpcAddress => "other.rpc_address",
        })
    }
}

/// A rule for a field of a NodeInfo, and what broke it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BrokenRule {
    /// The listen address is no address.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// A channel is listed twice.
    #[error("channel {channel} twice")]
    DuplicateChannel {
        /// The channel.
        channel: ChannelId,
    },
    /// Nothing where something must be.
    #[error("it must not be empty")]
    Empty,
    /// The id is none.
    #[error("{id} is not a peer id: {problem}")]
    NotAnId {
        /// What stands in its place.
        id: PeerText,
        /// What is wrong with it.
        problem: PeerIdError,
    },
    /// Neither `on`, nor `off`, nor empty.
    #[error("{value} is neither \"on\" nor \"off\" nor empty")]
    NotOnOrOff {
        /// What stands there.
        value: PeerText,
    },
    /// Something other than printable ASCII.
    #[error("'{}' at byte {position} is not printable ASCII", found.escape_default())]
    NotPrintable {
        /// The first such character.
        found: char,
        /// The byte at which it begins.
        position: usize,
    },
    /// Spaces and nothing else.
    #[error("it must not consist of spaces only")]
    OnlySpaces,
    /// More than 16 channels.
    #[error("{count} channels, the maximum is 16")]
    TooManyChannels {
        /// How many there are.
        count: usize,
    },
    /// The id has upper-case digits: CometBFT compares its text with the lower-case one of the key.
    #[error("peer id {id} is not in lower case")]
    UpperCase {
        /// The id.
        id: PeerText,
    },
}

/// Why two nodes cannot work together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Incompatible {
    /// They speak different block protocols.
    #[error("the peer's block protocol is {theirs}, ours is {ours}")]
    Block {
        /// Ours.
        ours: u64,
        /// Theirs.
        theirs: u64,
    },
    /// They belong to different networks.
    #[error("the peer's network is {theirs}, ours is {ours}")]
    Network {
        /// Ours.
        ours: PeerText,
        /// Theirs.
        theirs: PeerText,
    },
    /// They have no channel in common.
    #[error(
        "no channel in common: the peer has {}, we have {}",
        list(theirs),
        list(ours)
    )]
    NoCommonChannel {
        /// Ours.
        ours: Vec<ChannelId>,
        /// Theirs.
        theirs: Vec<ChannelId>,
    },
}

fn list(channels: &[ChannelId]) -> String {
    let channels: Vec<String> = channels.iter().map(ToString::to_string).collect();
    match channels.is_empty() {
        true => "none".to_owned(),
        false => channels.join(" "),
    }
}

impl NodeInfoError {
    /// Who is at fault: whoever wrote it.
    pub const fn fault(&self) -> Fault {
        Fault::Peer
    }
}

impl Incompatible {
    /// Who is at fault: nobody is, the two do not go together.
    pub const fn fault(&self) -> Fault {
        Fault::Nobody
    }
}
