//! What a node says of itself before the first packet.

mod error;
mod rules;
#[cfg(test)]
mod tests;
mod wire;

use std::fmt;

use prost::Message;

use crate::address::{Excerpt, HostPort, PeerAddr, PeerId};
use crate::channel::ChannelId;

pub use error::{BrokenRule, Incompatible, NodeInfoError, NodeInfoField};

/// What a node says of itself: to whom it belongs, what it speaks, where it listens (CometBFT p2p specification, "CometBFT Version
/// Handshake").
///
/// Every value of this type keeps the rules that CometBFT has for it, so that another node takes ours and nothing odd comes from
/// theirs:
///
/// | field | rule |
/// | --- | --- |
/// | id | 40 hex digits in lower case |
/// | listen address | `host:port`, with any scheme or none in front; the host is an IP address or could be a name |
/// | version | printable ASCII with something other than spaces, or empty |
/// | channels | at most 16, each once |
/// | moniker | printable ASCII with something other than spaces |
/// | transaction index | `on`, `off`, or empty |
/// | RPC address | printable ASCII with something other than spaces, or empty |
/// | all of it | at most 10,240 bytes when encoded, all text in UTF-8 |
///
/// Only the id is proven, by the handshake that the NodeInfo came with; the rest is what the other side wants us to think. The accessors give
/// its texts as they came, and the rules let much pass: a network name of 10,000 bytes, control characters and line breaks in it, characters
/// that turn the text around in the scheme of a listen address. Show such a text as a [`PeerText`](crate::address::PeerText); errors, and `Debug` of
/// this type, do.
///
/// Three of the rules differ from those of CometBFT. It resolves the name in a listen address, at a moment that the other side chooses,
/// and refuses one without an address; here no name that a peer states is ever looked up, so such a one passes. It reads an id in upper case
/// and then takes it for another than the one of the key; here that is said at once. And it carries text that is not UTF-8 where no rule
/// looks at it, which no protobuf string may be.
///
/// ```
/// use mconn::ChannelId;
/// use mconn::address::PeerId;
/// use mconn::node::NodeInfo;
/// use mconn::secret::Identity;
///
/// let identity = Identity::generate()?;
/// let ours = NodeInfo::builder(PeerId::from(identity.public_key()), "test-chain", "a node")
///     .listen_addr("tcp://192.0.2.1:26656")
///     .channels([ChannelId::new(0x20)])
///     .build()?;
/// assert_eq!(NodeInfo::decode(&ours.encode())?, ours);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeInfo {
    contents: Contents,
    listen_host_port: HostPort,
}

impl NodeInfo {
    /// A NodeInfo of our own: the id of our key, the name of the network (CometBFT's chain id), and what to call the node.
    pub fn builder(
        id: PeerId,
        network: impl Into<String>,
        moniker: impl Into<String>,
    ) -> NodeInfoBuilder {
        NodeInfoBuilder {
            contents: Contents {
                protocol: ProtocolVersion::default(),
                id,
                listen_addr: NOT_LISTENING.to_owned(),
                network: network.into(),
                version: String::new(),
                channels: Vec::new(),
                moniker: moniker.into(),
                tx_index: TxIndex::Unset,
                rpc_address: String::new(),
            },
        }
    }

    /// The NodeInfo in these bytes, without a length prefix. Fields that CometBFT does not have are skipped.
    ///
    /// # Errors
    ///
    /// [`NodeInfoError::TooLong`] above [`MAX_NODE_INFO_BYTES`], [`NodeInfoError::Malformed`] if the bytes are no NodeInfo at all, else
    /// [`NodeInfoError::Invalid`] for the first broken rule, in the order in which CometBFT checks them.
    pub fn decode(bytes: &[u8]) -> Result<Self, NodeInfoError> {
        wire::decode(bytes)
    }

    /// The bytes of the NodeInfo, without a length prefix.
    ///
    /// For one that was built these are at most [`MAX_NODE_INFO_BYTES`]. They are not always those that it was decoded from, and up to four more
    /// if those left out empty parts that CometBFT writes.
    pub fn encode(&self) -> Vec<u8> {
        wire::generated(self.contents.clone()).encode_to_vec()
    }

    /// Whether two nodes can work together: this is ours, the other is theirs.
    ///
    /// They must have the same block protocol and network, and a channel in common, unless we have none at all. Everything
    /// else may differ, also the numbers of the p2p protocol and of the application.
    ///
    /// # Errors
    ///
    /// The first that does not fit, in this order.
    pub fn compatible_with(&self, theirs: &Self) -> Result<(), Incompatible> {
        if self.contents.protocol.block != theirs.contents.protocol.block {
            return Err(Incompatible::Block {
                ours: self.contents.protocol.block,
                theirs: theirs.contents.protocol.block,
            });
        }
        if self.contents.network != theirs.contents.network {
            return Err(Incompatible::Network {
                ours: self.contents.network.as_str().into(),
                theirs: theirs.contents.network.as_str().into(),
            });
        }
        let common = self
            .contents
            .channels
            .iter()
            .any(|id| theirs.has_channel(*id));
        if !common && !self.contents.channels.is_empty() {
            return Err(Incompatible::NoCommonChannel {
                ours: self.contents.channels.clone(),
                theirs: theirs.contents.channels.clone(),
            });
        }
        Ok(())
    }

    /// The protocols that the node speaks.
    pub const fn protocol(&self) -> ProtocolVersion {
        self.contents.protocol
    }

    /// Who it is.
    pub const fn id(&self) -> &PeerId {
        &self.contents.id
    }

    /// Where it says it listens, as it says it: with a scheme, mostly. Often an address that only makes sense to itself. The scheme is the
    /// peer's raw text, in any characters.
    pub fn listen_addr(&self) -> &str {
        &self.contents.listen_addr
    }

    /// Its id and where it says it listens. The zone of a link-local address is left out: it names an interface of that node's.
    pub fn peer_addr(&self) -> PeerAddr {
        PeerAddr::new(self.contents.id, self.listen_host_port.clone())
    }

    /// The network it belongs to. The peer's raw text, in any characters.
    pub fn network(&self) -> &str {
        &self.contents.network
    }

    /// The version of its software; may be empty. The peer's raw text, in printable ASCII of any length.
    pub fn version(&self) -> &str {
        &self.contents.version
    }

    /// The channels it receives on, each once, in its order.
    pub fn channels(&self) -> &[ChannelId] {
        &self.contents.channels
    }

    /// Whether it receives on this channel.
    pub fn has_channel(&self, channel: ChannelId) -> bool {
        self.contents.channels.contains(&channel)
    }

    /// What its operator calls it. The peer's raw text, in printable ASCII of any length.
    pub fn moniker(&self) -> &str {
        &self.contents.moniker
    }

    /// Whether it indexes transactions.
    pub const fn tx_index(&self) -> TxIndex {
        self.contents.tx_index
    }

    /// Where its RPC listens, as it says it; may be empty. The peer's raw text, in printable ASCII of any length.
    pub fn rpc_address(&self) -> &str {
        &self.contents.rpc_address
    }
}

/// Builds a [`NodeInfo`] of our own; [`build`](Self::build) checks the whole.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct NodeInfoBuilder {
    contents: Contents,
}

impl NodeInfoBuilder {
    /// The protocols that we speak. Default: see [`ProtocolVersion`].
    pub const fn protocol(mut self, protocol: ProtocolVersion) -> Self {
        self.contents.protocol = protocol;
        self
    }

    /// Where others can dial us, `host:port` with or without a scheme. Default `tcp://0.0.0.0:0`, which nobody takes for an
    /// address to dial.
    ///
    /// The zone of a link-local address (`%eth0`) means nothing to others, who leave it out.
    ///
    /// Better an IP address than a name: CometBFT refuses us if it cannot resolve the name, and waits for it in its handshake.
    pub fn listen_addr(mut self, address: impl Into<String>) -> Self {
        self.contents.listen_addr = address.into();
        self
    }

    /// The version of the software. Default empty.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.contents.version = version.into();
        self
    }

    /// The channels that we receive on, at most 16. Default none, with which we take every peer, but CometBFT takes us only if it has
    /// none either.
    pub fn channels(mut self, channels: impl IntoIterator<Item = ChannelId>) -> Self {
        self.contents.channels = channels.into_iter().collect();
        self
    }

    /// Whether we index transactions. Default unset.
    pub const fn tx_index(mut self, tx_index: TxIndex) -> Self {
        self.contents.tx_index = tx_index;
        self
    }

    /// Where our RPC listens. Default empty.
    pub fn rpc_address(mut self, address: impl Into<String>) -> Self {
        self.contents.rpc_address = address.into();
        self
    }

    /// Checks all of it.
    ///
    /// # Errors
    ///
    /// The first broken rule of those listed at [`NodeInfo`], or [`NodeInfoError::TooLong`] if no peer would read all of it.
    pub fn build(self) -> Result<NodeInfo, NodeInfoError> {
        let raw = wire::generated(self.contents);
        let len = raw.encoded_len();
        let info = rules::check(raw)?;
        if len > MAX_NODE_INFO_BYTES {
            return Err(NodeInfoError::TooLong { len });
        }
        Ok(info)
    }
}

/// Numbers of the protocols that a node speaks.
///
/// Default: p2p 8, block 11, application 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct ProtocolVersion {
    /// The peer-to-peer protocol: 8 in CometBFT v0.34 to v0.40, 9 in v1. The bytes are the same, and nobody compares it.
    pub p2p: u64,
    /// The block protocol: 11 in all lines. Nodes with different ones refuse each other.
    pub block: u64,
    /// The application's own. Nobody compares it.
    pub app: u64,
}

impl Default for ProtocolVersion {
    fn default() -> Self {
        Self {
            p2p: 8,
            block: 11,
            app: 0,
        }
    }
}

/// Whether a node indexes transactions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[expect(
    clippy::exhaustive_enums,
    reason = "a valid NodeInfo says one of these three"
)]
pub enum TxIndex {
    /// It does not say.
    #[default]
    Unset,
    /// It does.
    On,
    /// It does not.
    Off,
}

/// What it has in common with its builder.
#[derive(Clone, PartialEq, Eq)]
struct Contents {
    protocol: ProtocolVersion,
    id: PeerId,
    listen_addr: String,
    network: String,
    version: String,
    channels: Vec<ChannelId>,
    moniker: String,
    tx_index: TxIndex,
    rpc_address: String,
}

impl fmt::Debug for Contents {
    /// With excerpts of the texts, which are the peer's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contents")
            .field("protocol", &self.protocol)
            .field("id", &self.id)
            .field("listen_addr", &Excerpt(&self.listen_addr))
            .field("network", &Excerpt(&self.network))
            .field("version", &Excerpt(&self.version))
            .field("channels", &self.channels)
            .field("moniker", &Excerpt(&self.moniker))
            .field("tx_index", &self.tx_index)
            .field("rpc_address", &Excerpt(&self.rpc_address))
            .finish()
    }
}

/// The longest NodeInfo in bytes, inclusive, without its length prefix: what CometBFT reads at most.
pub const MAX_NODE_INFO_BYTES: usize = 10_240;

/// Passes the rules, and no address book keeps it.
const NOT_LISTENING: &str = "tcp://0.0.0.0:0";
