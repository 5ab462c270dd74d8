//! What all connections of a node have in common.

use std::sync::Arc;
use std::time::Duration;

use prost::encoding::encode_varint;

use super::info::NodeInfo;
use crate::address::PeerId;
use crate::config::{Config, ConfigError, time};
use crate::secret::Identity;

/// A node as its peers see it, and the settings of its connections.
#[derive(Clone, Debug)]
pub struct PeerConfig {
    identity: Arc<Identity>,
    node_info: NodeInfo,
    /// As it goes over the wire, behind its length.
    announcement: Vec<u8>,
    connection: Config,
    handshake_timeout: Duration,
    first_message_timeout: Duration,
}

impl PeerConfig {
    /// A node with this key and this NodeInfo, and everything else as by default.
    ///
    /// # Errors
    ///
    /// If the NodeInfo has the id of another key: every peer would refuse it.
    pub fn new(identity: Arc<Identity>, node_info: NodeInfo) -> Result<Self, PeerConfigError> {
        let id = PeerId::from(identity.public_key());
        if *node_info.id() != id {
            return Err(PeerConfigError::ForeignId {
                stated: *node_info.id(),
                id,
            });
        }
        let encoded = node_info.encode();
        let mut announcement = Vec::with_capacity(encoded.len().saturating_add(2));
        encode_varint(encoded.len() as u64, &mut announcement);
        announcement.extend_from_slice(&encoded);
        Ok(Self {
            identity,
            node_info,
            announcement,
            connection: Config::default(),
            handshake_timeout: HANDSHAKE_TIMEOUT,
            first_message_timeout: FIRST_MESSAGE_TIMEOUT,
        })
    }

    /// Bounds the whole handshake: encryption, NodeInfo, and our own program's say. Default 20 s, as CometBFT's configuration
    /// says (`handshake_timeout`); its code gives 3 s to each of the two exchanges whatever is configured, so a remote is answered sooner than that anyway.
    #[must_use]
    pub const fn with_handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// Bounds the wait for the remote's first message, within the whole handshake. Default 3 s, as in CometBFT: it comes without being
    /// asked for, so that who is silent is no node.
    #[must_use]
    pub const fn with_first_message_timeout(mut self, timeout: Duration) -> Self {
        self.first_message_timeout = timeout;
        self
    }

    /// The settings of the connections themselves. Default [`Config::default`]; [`Config::cometbft`] is what a stock node uses.
    #[must_use]
    pub fn with_connection(mut self, config: Config) -> Self {
        self.connection = config;
        self
    }

    /// Who this node is.
    pub fn id(&self) -> &PeerId {
        self.node_info.id()
    }

    /// What this node says of itself.
    pub const fn node_info(&self) -> &NodeInfo {
        &self.node_info
    }

    /// The time that a handshake may take.
    pub const fn handshake_timeout(&self) -> Duration {
        self.handshake_timeout
    }

    /// The time that the remote's first message may take.
    pub const fn first_message_timeout(&self) -> Duration {
        self.first_message_timeout
    }

    /// Whether each time is within its bounds.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        time(
            "handshake_timeout",
            self.handshake_timeout,
            TIME_MIN..=TIME_MAX,
        )?;
        let first = self.first_message_timeout;
        time("first_message_timeout", first, TIME_MIN..=TIME_MAX)
    }

    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    pub(crate) fn announcement(&self) -> &[u8] {
        &self.announcement
    }

    pub(crate) const fn connection(&self) -> &Config {
        &self.connection
    }
}

/// A node that no peer would accept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PeerConfigError {
    /// The NodeInfo does not belong to the key.
    #[error("the NodeInfo says {stated}, but the key's id is {id}")]
    ForeignId {
        /// The id in the NodeInfo.
        stated: PeerId,
        /// The id of the key.
        id: PeerId,
    },
}

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(20);
const FIRST_MESSAGE_TIMEOUT: Duration = Duration::from_secs(3);
/// Below it nothing far away can ever be done in time.
pub(crate) const TIME_MIN: Duration = Duration::from_millis(10);
/// What takes longer is as good as never done.
pub(crate) const TIME_MAX: Duration = Duration::from_secs(24 * 60 * 60);
