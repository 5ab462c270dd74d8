//! One node: a switch with the gossip on it.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mconn::ChannelDescriptor;
use mconn::address::PeerAddr;
use mconn::node::LocalNode;
use mconn::secret::Identity;
use mconn::switch::{ShutdownReport, Switch, SwitchConfig, SwitchHandle};
use mconn::transport::TransportConfig;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::gossip::{Gossip, NOTES};
use crate::ledger::Ledger;

/// A node that runs.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) switch: SwitchHandle,
    pub(crate) gossip: Gossip,
    pub(crate) address: SocketAddr,
    stop: CancellationToken,
    running: JoinSet<io::Result<ShutdownReport>>,
    serving: JoinSet<()>,
}

impl Node {
    /// Starts the node with this number and key, listening there.
    pub(crate) async fn start(
        number: usize,
        identity: Arc<Identity>,
        address: SocketAddr,
        ledger: Arc<Ledger>,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let node = LocalNode::builder(identity, "town", format!("node-{number}"));
        let mut builder = Switch::builder(node, config());
        let notes = builder.reactor("notes", [ChannelDescriptor::new(NOTES, 5)])?;
        let switch = builder.build()?;
        let (handle, stop) = (switch.handle(), CancellationToken::new());
        let (mut running, mut serving) = (JoinSet::new(), JoinSet::new());
        running.spawn(switch.run(stop.clone()));
        let gossip = Gossip::new(number, handle.clone(), ledger);
        let talking = gossip.clone();
        serving.spawn(notes.serve(PEERS_MAX, move |session| talking.clone().talk(session)));
        let address = handle.listen(address).await?;
        Ok(Self {
            switch: handle,
            gossip,
            address,
            stop,
            running,
            serving,
        })
    }

    pub(crate) fn peer_addr(&self) -> PeerAddr {
        PeerAddr::new(*self.switch.id(), self.address)
    }

    /// Stops it, and says what was left.
    pub(crate) async fn stop(mut self) -> Result<ShutdownReport, Box<dyn Error + Send + Sync>> {
        self.stop.cancel();
        let report = self.running.join_next().await.ok_or("it did not run")???;
        while self.serving.join_next().await.is_some() {}
        Ok(report)
    }
}

/// All nodes have one address, and a network of our own needs no patience.
fn config() -> SwitchConfig {
    let transport = TransportConfig::default()
        .with_max_connections_per_address(PEERS_MAX)
        .without_attempt_limit();
    SwitchConfig::default()
        .with_transport(transport)
        .with_redial(Duration::from_millis(100), Duration::from_secs(1))
}

const PEERS_MAX: usize = 64;
