//! The two nodes that the transport scenarios bring together.

use std::sync::Arc;

use mconn::address::{HostPort, PeerAddr};
use mconn::node::{LocalNode, LocalNodeBuilder};
use mconn::peer::HandshakeError;
use mconn::transport::{
    AttemptError, DialError, Incoming, Listener, Peer, Transport, TransportConfig, UpgradeError,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::go::{Go, OUR_SEED, PATIENCE, Remote, hex, id_of, identity};
use crate::session::Channel;

/// Our node: a transport that listens.
#[derive(Debug)]
pub(crate) struct Us {
    pub(crate) transport: Transport,
    listener: Listener,
    pub(crate) address: PeerAddr,
}

impl Us {
    pub(crate) async fn start(change: impl FnOnce(LocalNodeBuilder) -> LocalNodeBuilder) -> Self {
        Self::start_with(change, TransportConfig::default()).await
    }

    pub(crate) async fn start_with(
        change: impl FnOnce(LocalNodeBuilder) -> LocalNodeBuilder,
        config: TransportConfig,
    ) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let builder = LocalNode::builder(Arc::new(identity(&OUR_SEED)), NETWORK, "rust")
            .listen_addr(format!("tcp://{address}"))
            .version("4.5.6")
            .channels(CHANNELS.iter().map(|channel| channel.for_us().1));
        let transport = Transport::new(change(builder).build().unwrap(), config).unwrap();
        Self {
            listener: transport.listen_on(socket),
            address: PeerAddr::new(id_of(&OUR_SEED), address),
            transport,
        }
    }

    pub(crate) async fn dial(&self, node: &GoNode) -> Result<Peer, HandshakeError> {
        let dialed = self
            .transport
            .dial(&node.address, &CancellationToken::new())
            .await;
        dialed.map_err(|error| match upgrade(error) {
            UpgradeError::Handshake(error) => error,
            other => panic!("no handshake: {other}"),
        })
    }

    pub(crate) async fn dial_refused(&self, node: &GoNode) -> UpgradeError {
        match self
            .transport
            .dial(&node.address, &CancellationToken::new())
            .await
        {
            Err(error) => upgrade(error),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn accept(&mut self) -> Result<Peer, HandshakeError> {
        match timeout(PATIENCE, self.listener.next())
            .await
            .expect("somebody comes")
        {
            Incoming::Peer(peer) => Ok(peer),
            Incoming::Refused {
                error: UpgradeError::Handshake(error),
                ..
            } => Err(error),
            other => panic!("no handshake: {other:?}"),
        }
    }

    pub(crate) async fn accept_refused(&mut self) -> UpgradeError {
        match timeout(PATIENCE, self.listener.next())
            .await
            .expect("somebody comes")
        {
            Incoming::Refused { error, .. } => error,
            other => panic!("{other:?}"),
        }
    }

    /// Our NodeInfo in the words of the Go program.
    pub(crate) fn as_go_tells_it(&self, p2p: u64) -> Value {
        json!({
            "p2p": p2p, "block": 11, "app": 0, "id": id_of(&OUR_SEED).to_string(),
            "listen_addr": format!("tcp://{}", self.address.host_port()), "network": NETWORK, "version": "4.5.6",
            "channels": "2040", "moniker": "rust", "tx_index": "", "rpc_address": "",
        })
    }

    pub(crate) fn nobody_is_connected(&self) {
        assert_eq!(self.transport.connections().all(), 0);
    }
}

/// Go's node: a switch on its transport, which listens.
#[derive(Debug)]
pub(crate) struct GoNode {
    pub(crate) go: Go,
    pub(crate) address: PeerAddr,
}

impl GoNode {
    pub(crate) async fn start(remote: Remote, seed: &[u8; 32], info: Value) -> Self {
        Self::start_with(remote, seed, info, json!({})).await
    }

    /// Starts it with changes to what a well-behaved node says and does.
    pub(crate) async fn start_with(
        remote: Remote,
        seed: &[u8; 32],
        info: Value,
        node: Value,
    ) -> Self {
        let usual = json!({
            "p2p": 8, "block": 11, "network": NETWORK, "version": "1.2.3", "channels": "2040", "moniker": "go",
            "tx_index": "on", "rpc_address": "tcp://127.0.0.1:26657",
        });
        let channels: Vec<Value> = CHANNELS.iter().map(Channel::for_go).collect();
        let node = merged(
            json!({ "info": merged(usual, info), "channels": channels }),
            node,
        );
        let mut go = Go::start(remote);
        go.tell(json!({ "do": "node", "seed": hex(seed), "node": node }))
            .await;
        let started = go.event("node").await;
        assert_eq!(started["id"], json!(id_of(seed).to_string()));
        let host_port: HostPort = started["address"].as_str().unwrap().parse().unwrap();
        Self {
            go,
            address: PeerAddr::new(id_of(seed), host_port),
        }
    }

    pub(crate) async fn dial(&mut self, address: &PeerAddr) {
        self.go
            .tell(json!({ "do": "dial", "address": address.to_string() }))
            .await;
    }

    /// Waits until the switch refuses somebody, and checks which predicate of its error holds, and its text.
    pub(crate) async fn refuses(&mut self, kind: &str, text: &str) {
        let refused = self.go.event("refused").await;
        assert_eq!(refused["kinds"], json!([kind]), "{refused}");
        assert!(
            refused["text"].as_str().unwrap().contains(text),
            "{refused}"
        );
    }
}

/// Why the connection with the only address that was dialed did not become a peer.
pub(crate) fn upgrade(error: DialError) -> UpgradeError {
    match error {
        DialError::Failed { mut attempts } => match attempts.pop().map(|attempt| attempt.error) {
            Some(AttemptError::Upgrade(error)) => error,
            other => panic!("{other:?}"),
        },
        // Known before anything is dialed.
        DialError::Refused(refusal) => refusal.into(),
        other => panic!("{other:?}"),
    }
}

fn merged(mut usual: Value, changes: Value) -> Value {
    let Value::Object(changes) = changes else {
        return usual;
    };
    usual.as_object_mut().unwrap().extend(changes);
    usual
}

pub(crate) const NETWORK: &str = "interop";
pub(crate) const CHANNELS: [Channel; 2] =
    [Channel::new(0x20, 100_000), Channel::new(0x40, 100_000)];
