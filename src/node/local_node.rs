//! The node that we are.

use std::sync::Arc;
use std::time::Duration;

use prost::encoding::encode_varint;

use super::info::{NodeInfo, NodeInfoBuilder, NodeInfoError, ProtocolVersion, TxIndex};
use crate::address::PeerId;
use crate::channel::{ChannelDescriptor, ChannelId, ChannelSet};
use crate::config::{Config, ConfigError, time};
use crate::error::Fault;
use crate::secret::Identity;

/// A node as its peers see it: its key, what its NodeInfo says, and the channels that it opens with each of them.
///
/// The NodeInfo lists just the channels on which the node receives, so that what is said and what is opened cannot differ.
///
/// ```
/// use std::sync::Arc;
///
/// use mconn::node::LocalNode;
/// use mconn::secret::Identity;
/// use mconn::{ChannelDescriptor, ChannelId};
///
/// let blocks = ChannelId::new(0x40);
/// let node = LocalNode::builder(Arc::new(Identity::generate()?), "test-chain", "alice")
///     .channel(ChannelDescriptor::new(blocks, 5))
///     .build()?;
/// assert_eq!(node.node_info().channels(), [blocks]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct LocalNode {
    identity: Arc<Identity>,
    node_info: NodeInfo,
    /// As it goes over the wire, behind its length.
    announcement: Vec<u8>,
    channels: ChannelSet,
    connection: Config,
    handshake_timeout: Duration,
    first_message_timeout: Duration,
}

impl LocalNode {
    /// A node with this key, in this network (CometBFT's chain id), and what to call it.
    pub fn builder(
        identity: Arc<Identity>,
        network: impl Into<String>,
        moniker: impl Into<String>,
    ) -> LocalNodeBuilder {
        let id = PeerId::from(identity.public_key());
        LocalNodeBuilder {
            identity,
            info: NodeInfo::builder(id, network, moniker),
            channels: Vec::new(),
            connection: Config::default(),
            handshake_timeout: HANDSHAKE_TIMEOUT,
            first_message_timeout: FIRST_MESSAGE_TIMEOUT,
        }
    }

    /// Who this node is.
    pub const fn id(&self) -> &PeerId {
        self.node_info.id()
    }

    /// What this node says of itself.
    pub const fn node_info(&self) -> &NodeInfo {
        &self.node_info
    }

    /// What this node opens with each peer.
    pub fn channels(&self) -> &[ChannelDescriptor] {
        self.channels.as_slice()
    }

    /// The channel with this id, if the node has it.
    pub fn channel(&self, id: ChannelId) -> Option<&ChannelDescriptor> {
        self.channels().get(self.channels.index_of(id)?)
    }

    /// The settings of the connections themselves.
    pub const fn connection(&self) -> &Config {
        &self.connection
    }

    /// The time that a handshake may take.
    pub const fn handshake_timeout(&self) -> Duration {
        self.handshake_timeout
    }

    /// The time that the remote's first message may take.
    pub const fn first_message_timeout(&self) -> Duration {
        self.first_message_timeout
    }

    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    pub(crate) fn announcement(&self) -> &[u8] {
        &self.announcement
    }
}

/// Makes a [`LocalNode`].
#[derive(Clone, Debug)]
#[must_use = "it has to be built"]
pub struct LocalNodeBuilder {
    identity: Arc<Identity>,
    info: NodeInfoBuilder,
    channels: Vec<ChannelDescriptor>,
    connection: Config,
    handshake_timeout: Duration,
    first_message_timeout: Duration,
}

impl LocalNodeBuilder {
    /// One channel more.
    pub fn channel(mut self, channel: ChannelDescriptor) -> Self {
        self.channels.push(channel);
        self
    }

    /// All the channels, in place of those given before. [`ChannelDescriptor::cometbft`] are those of a stock node.
    pub fn channels(mut self, channels: impl IntoIterator<Item = ChannelDescriptor>) -> Self {
        self.channels = channels.into_iter().collect();
        self
    }

    /// Where we listen, with a scheme (`tcp://`) or without. Default `tcp://0.0.0.0:0`, which no address book keeps.
    pub fn listen_addr(mut self, address: impl Into<String>) -> Self {
        self.info = self.info.listen_addr(address);
        self
    }

    /// The version of our software. Default empty.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.info = self.info.version(version);
        self
    }

    /// The protocols that we speak. Default those of CometBFT v0.34 to v0.40.
    pub fn protocol(mut self, protocol: ProtocolVersion) -> Self {
        self.info = self.info.protocol(protocol);
        self
    }

    /// Whether we index transactions. Default: it does not say.
    pub fn tx_index(mut self, tx_index: TxIndex) -> Self {
        self.info = self.info.tx_index(tx_index);
        self
    }

    /// Where our RPC listens. Default empty.
    pub fn rpc_address(mut self, address: impl Into<String>) -> Self {
        self.info = self.info.rpc_address(address);
        self
    }

    /// The settings of the connections themselves. Default [`Config::default`]; [`Config::cometbft`] is what a stock node uses.
    pub fn connection(mut self, config: Config) -> Self {
        self.connection = config;
        self
    }

    /// Bounds the whole handshake: encryption, NodeInfo, and our own program's say. Default 20 s, as CometBFT's configuration
    /// says (`handshake_timeout`); its code gives 3 s to each of the two exchanges whatever is configured, so a remote is answered sooner than that anyway.
    /// 10 ms to a day.
    pub const fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// Bounds the wait for the remote's first message, within the whole handshake. Default 3 s, as in CometBFT: it comes without being
    /// asked for, so that who is silent is no node. 10 ms to a day.
    pub const fn first_message_timeout(mut self, timeout: Duration) -> Self {
        self.first_message_timeout = timeout;
        self
    }

    /// Checks all of it.
    ///
    /// # Errors
    ///
    /// A rule that the NodeInfo breaks, the same channel twice, or a setting outside of its bounds, with its name, its value and both bounds.
    pub fn build(self) -> Result<LocalNode, LocalNodeError> {
        let times = [
            ("handshake_timeout", self.handshake_timeout),
            ("first_message_timeout", self.first_message_timeout),
        ];
        for (name, value) in times {
            time(name, value, TIME_MIN..=TIME_MAX)?;
        }
        let mut channels = ChannelSet::default();
        for channel in self.channels {
            channels.insert(channel)?;
        }
        let received = channels.as_slice().iter().filter(|it| it.receives());
        let received: Vec<ChannelId> = received.map(ChannelDescriptor::id).collect();
        let node_info = self.info.channels(received).build()?;
        Ok(LocalNode {
            identity: self.identity,
            announcement: announcement(&node_info),
            node_info,
            channels,
            connection: self.connection,
            handshake_timeout: self.handshake_timeout,
            first_message_timeout: self.first_message_timeout,
        })
    }
}

/// A node that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LocalNodeError {
    /// A setting or a channel that cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// No peer would take its NodeInfo.
    #[error(transparent)]
    NodeInfo(#[from] NodeInfoError),
}

impl LocalNodeError {
    /// Who is at fault: always we.
    pub const fn fault(&self) -> Fault {
        Fault::Local
    }
}

fn announcement(node_info: &NodeInfo) -> Vec<u8> {
    let encoded = node_info.encode();
    let mut announcement = Vec::with_capacity(encoded.len().saturating_add(2));
    encode_varint(encoded.len() as u64, &mut announcement);
    announcement.extend_from_slice(&encoded);
    announcement
}

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(20);
const FIRST_MESSAGE_TIMEOUT: Duration = Duration::from_secs(3);
/// Below it nothing far away can ever be done in time.
pub(crate) const TIME_MIN: Duration = Duration::from_millis(10);
/// What takes longer is as good as never done.
pub(crate) const TIME_MAX: Duration = Duration::from_secs(24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_node_says_is_what_it_opens_and_whose_key_it_has() {
        let [pex, state, mempool, votes] = [0x00, 0x20, 0x30, 0x22].map(ChannelId::new);
        let node = builder()
            .channel(ChannelDescriptor::new(mempool, 1))
            .channels([
                ChannelDescriptor::new(pex, 1),
                ChannelDescriptor::new(state, 2).send_only(),
                ChannelDescriptor::new(votes, 3).receive_only(),
            ])
            .build()
            .unwrap();
        assert_eq!(node.node_info().channels(), [pex, votes]);
        assert_eq!(*node.id(), PeerId::from(node.identity().public_key()));
        assert_eq!(node.node_info().id(), node.id());
        assert_eq!(
            node.channel(state).map(ChannelDescriptor::priority),
            Some(2)
        );
        assert_eq!(node.channel(mempool), None);
    }

    #[test]
    fn what_cannot_be_is_refused_and_named() {
        let channel = ChannelId::new(7);
        let twice = builder().channels([1, 2].map(|it| ChannelDescriptor::new(channel, it)));
        let duplicate = ConfigError::DuplicateChannel { channel };
        assert_eq!(twice.build().unwrap_err(), duplicate.into());
        let zero = builder()
            .channel(ChannelDescriptor::new(channel, 0))
            .build();
        assert!(matches!(
            zero,
            Err(LocalNodeError::Config(ConfigError::Channel {
                name: "priority",
                value: 0,
                ..
            }))
        ));
        let many = (0..17).map(|id| ChannelDescriptor::new(ChannelId::new(id), 1));
        assert!(matches!(
            builder().channels(many).build(),
            Err(LocalNodeError::NodeInfo(_))
        ));
        for (time, fits) in [
            (TIME_MIN, true),
            (TIME_MAX, true),
            (TIME_MIN / 2, false),
            (TIME_MAX * 2, false),
        ] {
            assert_eq!(builder().handshake_timeout(time).build().is_ok(), fits);
            assert_eq!(builder().first_message_timeout(time).build().is_ok(), fits);
        }
    }

    fn builder() -> LocalNodeBuilder {
        LocalNode::builder(
            Arc::new(Identity::generate().unwrap()),
            "network",
            "moniker",
        )
    }
}
