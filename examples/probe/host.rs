//! A small node of our own, for trying the program without another one.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use mconn::address::PeerAddr;
use mconn::secret::Identity;
use mconn::transport::{Incoming, Listener, Peer, Transport, TransportConfig};
use mconn::{ChannelId, Receiver, Sender};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::cli::Target;
use crate::failure::Failure;
use crate::identity::node;
use crate::pex::{self, Address, Said};

/// A node that says little: it answers pings and requests for addresses, and tells a round step ten times a second.
#[derive(Debug)]
pub(crate) struct Host {
    target: Target,
    stop: CancellationToken,
    accepting: JoinSet<()>,
    #[cfg_attr(not(test), expect(dead_code, reason = "only tests wait for a visitor"))]
    visited: CancellationToken,
}

impl Host {
    pub(crate) async fn start() -> Result<Self, Failure> {
        let node = node(
            Arc::new(Identity::generate()?),
            NETWORK,
            BLOCK_PROTOCOL,
            "host",
        );
        let transport = Transport::new(node.build()?, TransportConfig::default())?;
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = transport.listen(any_port).await?;
        let address = PeerAddr::new(*transport.id(), listener.local_addr()?);
        let stop = CancellationToken::new();
        let visited = CancellationToken::new();
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, stop.clone(), visited.clone()));
        Ok(Self {
            target: Target::Peer(address),
            stop,
            accepting,
            visited,
        })
    }

    pub(crate) const fn target(&self) -> &Target {
        &self.target
    }

    /// Returns when the last connection has ended.
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        while self.accepting.join_next().await.is_some() {}
    }

    /// Cancelled once a peer has come.
    #[cfg(test)]
    pub(crate) const fn visited(&self) -> &CancellationToken {
        &self.visited
    }
}

async fn accept(mut listener: Listener, stop: CancellationToken, visited: CancellationToken) {
    let mut peers = JoinSet::new();
    while let Some(incoming) = stop.run_until_cancelled(listener.next()).await {
        // A visitor of another network is how a first visit finds out ours.
        if let Incoming::Peer(peer) = incoming {
            peers.spawn(serve(peer, stop.clone()));
            visited.cancel();
        }
        while peers.try_join_next().is_some() {}
    }
    listener.close().await;
    while peers.join_next().await.is_some() {}
}

async fn serve(mut peer: Peer, stop: CancellationToken) {
    let mut work = JoinSet::new();
    if let Ok((sender, receiver)) = peer.open(pex::CHANNEL) {
        work.spawn(answer(sender, receiver));
    }
    if let Ok(sender) = peer.open_sender(STATE) {
        work.spawn(tell_steps(sender));
    }
    peer.run(stop).await;
    while work.join_next().await.is_some() {}
}

async fn answer(sender: Sender, mut receiver: Receiver) {
    while let Some(message) = receiver.recv().await {
        if pex::decode(&message) == Some(Said::Request) {
            // One that does not take its answer goes without.
            let _ = sender.try_send(pex::answer(vec![known_address()]));
        }
    }
}

async fn tell_steps(sender: Sender) {
    let mut beat = tokio::time::interval(Duration::from_millis(100));
    loop {
        beat.tick().await;
        if sender.send(NEW_ROUND_STEP).await.is_err() {
            return;
        }
    }
}

fn known_address() -> Address {
    Address {
        id: "21fe31dfa154a261626bf854046fd2271b7bed4b".to_owned(),
        ip: "192.0.2.1".to_owned(),
        port: 26656,
    }
}

const NETWORK: &str = "probe-chain";
/// Where a node tells its consensus steps.
const STATE: ChannelId = ChannelId::new(0x20);
const BLOCK_PROTOCOL: u64 = 11;
/// The consensus message "height 1, round 0, step 1", as a node sends it at each step.
const NEW_ROUND_STEP: &[u8] = &[0x0a, 0x04, 0x08, 0x01, 0x18, 0x01];
