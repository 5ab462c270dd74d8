//! The `[p2p]` table of a CometBFT node's `config.toml`.

mod error;
mod table;
#[cfg(test)]
mod tests;

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

pub use error::{CometbftConfigError, Unusable};

use super::{Transport, TransportConfig};
use crate::address::{HostPort, PeerAddr, PeerId};
use crate::config::{Config, ConfigError};
use crate::node::{LocalNode, LocalNodeBuilder};
use crate::packet::max_packet;
use table::Table;

/// What the `[p2p]` table of a `config.toml` says, as v0.34, v0.37, v0.38 and v1 of CometBFT write it.
///
/// A key that is missing has CometBFT's default. Keys that this crate has no use for are named in [`unknown`](Self::unknown) and change nothing.
///
/// ```
/// use std::sync::Arc;
///
/// use mconn::node::LocalNode;
/// use mconn::secret::Identity;
/// use mconn::transport::CometbftConfig;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let config: CometbftConfig = r#"
///     moniker = "a node"
///     [p2p]
///     laddr = "tcp://127.0.0.1:26656"
///     handshake_timeout = "5s"
/// "#.parse()?;
/// let node = LocalNode::builder(Arc::new(Identity::generate()?), "test-chain", "a node");
/// let transport = config.transport(config.node(node)?.build()?)?;
/// assert_eq!(transport.connections().all(), 0);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CometbftConfig {
    /// `laddr`: where to listen. Default `0.0.0.0:26656`; empty is nowhere.
    pub listen: Option<HostPort>,
    /// `external_address`: where others can dial us, if that is elsewhere.
    pub external: Option<HostPort>,
    /// `seeds`.
    pub seeds: Vec<PeerAddr>,
    /// `persistent_peers`.
    pub persistent_peers: Vec<PeerAddr>,
    /// `persistent_peers_max_dial_period`: the longest wait between two dials of one, if it is bounded.
    pub persistent_peers_max_dial_period: Option<Duration>,
    /// `unconditional_peer_ids`: whose connections count toward no limit.
    pub unconditional_peers: Vec<PeerId>,
    /// `private_peer_ids`: whose addresses are told to nobody.
    pub private_peers: Vec<PeerId>,
    /// `addr_book_file`. Default `config/addrbook.json`, below the node's home.
    pub addr_book_file: PathBuf,
    /// `addr_book_strict`: whether only addresses that can be reached from everywhere are kept. Default yes.
    pub addr_book_strict: bool,
    /// `max_num_inbound_peers`. Default 40.
    pub max_inbound: usize,
    /// `max_num_outbound_peers`, persistent ones not counted. Default 10.
    pub max_outbound: usize,
    /// `allow_duplicate_ip`: whether one address may have several connections. Default no.
    pub allow_duplicate_ip: bool,
    /// `flush_throttle_timeout`. Default 100 ms. A connection of this crate flushes as soon as nothing more is to be sent, so that it has no use for it.
    pub flush_throttle: Duration,
    /// `max_packet_msg_payload_size`, in bytes. Default 1024.
    pub max_packet_payload: usize,
    /// `send_rate`, in bytes per second. Default 5,120,000; 0 is no limit.
    pub send_rate: Option<NonZeroU64>,
    /// `recv_rate`, in bytes per second. Default 5,120,000; 0 is no limit.
    pub recv_rate: Option<NonZeroU64>,
    /// `pex`: whether addresses are exchanged. Default yes.
    pub pex: bool,
    /// `seed_mode`: whether the node crawls and serves addresses only. Default no.
    pub seed_mode: bool,
    /// `handshake_timeout`. Default 20 s.
    pub handshake_timeout: Duration,
    /// `dial_timeout`. Default 3 s.
    pub dial_timeout: Duration,
    /// The names of all other keys of the table.
    pub unknown: Vec<String>,
}

impl CometbftConfig {
    /// What the connections of such a node are like: its rates and its packet size.
    ///
    /// # Errors
    ///
    /// A setting outside of its bounds.
    pub fn connection(&self) -> Result<Config, ConfigError> {
        Config::builder()
            .send_rate(self.send_rate)
            .recv_rate(self.recv_rate)
            .max_packet_payload(self.max_packet_payload)
            // With the byte that Go's own last packets have too many on high ids.
            .max_packet(max_packet(self.max_packet_payload).saturating_add(1))
            .build()
    }

    /// Has the node listen, shake hands and connect as it says here.
    ///
    /// # Errors
    ///
    /// A setting outside of its bounds.
    pub fn node(&self, node: LocalNodeBuilder) -> Result<LocalNodeBuilder, ConfigError> {
        let node = node
            .connection(self.connection()?)
            .handshake_timeout(self.handshake_timeout);
        Ok(match self.external.as_ref().or(self.listen.as_ref()) {
            Some(address) => node.listen_addr(format!("tcp://{address}")),
            None => node,
        })
    }

    /// The limits and times of a transport: so many peers each way (outbound ones beside the persistent ones), and one connection per address unless
    /// it says otherwise.
    pub fn transport_config(&self) -> TransportConfig {
        let outbound = self
            .max_outbound
            .saturating_add(self.persistent_peers.len());
        let config = TransportConfig::default()
            .with_max_inbound(self.max_inbound)
            .with_max_outbound(outbound)
            .with_connect_timeout(self.dial_timeout);
        if self.allow_duplicate_ip {
            config.with_max_connections_per_address(self.max_inbound.max(1))
        } else {
            config.with_max_connections_per_address(1)
        }
    }

    /// A transport with these settings for this node, from whose limits the unconditional peers are exempt.
    ///
    /// # Errors
    ///
    /// A setting outside of its bounds.
    pub fn transport(&self, node: LocalNode) -> Result<Transport, ConfigError> {
        let transport = Transport::new(node, self.transport_config())?;
        for id in &self.unconditional_peers {
            transport.set_exempt(*id, true);
        }
        Ok(transport)
    }

    fn read(table: &mut Table<'_>) -> Result<Self, CometbftConfigError> {
        Ok(Self {
            listen: table.address("laddr", "tcp://0.0.0.0:26656")?,
            external: table.address("external_address", "")?,
            seeds: table.list("seeds")?,
            persistent_peers: table.list("persistent_peers")?,
            persistent_peers_max_dial_period: Some(
                table.time("persistent_peers_max_dial_period", Duration::ZERO)?,
            )
            .filter(|period| !period.is_zero()),
            unconditional_peers: table.list("unconditional_peer_ids")?,
            private_peers: table.list("private_peer_ids")?,
            addr_book_file: table.text("addr_book_file", "config/addrbook.json")?.into(),
            addr_book_strict: table.flag("addr_book_strict", true)?,
            max_inbound: table.number("max_num_inbound_peers", 40)?,
            max_outbound: table.number("max_num_outbound_peers", 10)?,
            allow_duplicate_ip: table.flag("allow_duplicate_ip", false)?,
            flush_throttle: table.time("flush_throttle_timeout", Duration::from_millis(100))?,
            max_packet_payload: table.number("max_packet_msg_payload_size", 1024)?,
            send_rate: NonZeroU64::new(table.number("send_rate", STOCK_RATE)?),
            recv_rate: NonZeroU64::new(table.number("recv_rate", STOCK_RATE)?),
            pex: table.flag("pex", true)?,
            seed_mode: table.flag("seed_mode", false)?,
            handshake_timeout: table.time("handshake_timeout", Duration::from_secs(20))?,
            dial_timeout: table.time("dial_timeout", Duration::from_secs(3))?,
            unknown: table.unknown(),
        })
    }
}

impl std::str::FromStr for CometbftConfig {
    type Err = CometbftConfigError;

    /// Reads a whole `config.toml`; nothing but its table `p2p` is looked at.
    fn from_str(text: &str) -> Result<Self, CometbftConfigError> {
        let document = text
            .parse::<toml::Table>()
            .map_err(CometbftConfigError::syntax)?;
        let empty = toml::Table::new();
        let table = match document.get("p2p") {
            None => &empty,
            Some(toml::Value::Table(table)) => table,
            Some(_) => return Err(CometbftConfigError::value("p2p", Unusable::Type)),
        };
        Self::read(&mut Table::new(table))
    }
}

const STOCK_RATE: u64 = 5_120_000;
