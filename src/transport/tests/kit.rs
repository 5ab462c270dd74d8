//! What the tests of the transport share: a listener whose connections a test opens, and filters that do what it says.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncReadExt, DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::address::PeerId;
use crate::node::LocalNode;
use crate::peer::tests::kit::*;
use crate::peer::{Established, HandshakeError, Handshaking};
use crate::transport::{
    Accept, Direction, Filter, Incoming, Listener, Peer, Refusal, Stream, Transport,
    TransportConfig, UpgradeError, Verdict,
};

/// A transport that listens on a door.
pub(super) struct Stage {
    pub(super) transport: Transport,
    pub(super) listener: Listener,
    pub(super) door: Door,
}

impl Stage {
    pub(super) fn new(config: TransportConfig) -> Self {
        Self::of(Transport::new(node_config("us"), config).unwrap())
    }

    pub(super) fn of(transport: Transport) -> Self {
        let (door, doorway) = mpsc::channel(1000);
        let listener = transport.listen_on(Doorway(doorway));
        Self {
            transport,
            listener,
            door: Door(door),
        }
    }

    /// What becomes, on both sides, of a connection that this node opens from there.
    pub(super) async fn visit(&mut self, from: &str, who: &Arc<LocalNode>) -> (Accepted, Visited) {
        soon(async { tokio::join!(self.listener.accept(), self.door.visit(from, who)) }).await
    }

    /// The peer that comes of it, and the other side.
    pub(super) async fn welcome(
        &mut self,
        from: &str,
        who: &Arc<LocalNode>,
    ) -> (Peer, Established<DuplexStream>) {
        let (accepted, visited) = self.visit(from, who).await;
        (accepted.unwrap(), visited.unwrap())
    }

    /// Why a connection from there is refused before it hears a single byte.
    pub(super) async fn refusal(&mut self, from: &str) -> Refusal {
        let mut io = self.door.knock(from).await;
        let error = self.turned_away(from).await;
        let mut heard = Vec::new();
        soon(io.read_to_end(&mut heard)).await.unwrap();
        assert!(heard.is_empty());
        match error {
            UpgradeError::Refused(refusal) => refusal,
            other => panic!("{other:?}"),
        }
    }

    /// Why the next connection, which comes from there, did not become a peer.
    pub(super) async fn turned_away(&mut self, from: &str) -> UpgradeError {
        let accepted = soon(self.listener.accept()).await;
        why(accepted, from)
    }

    /// Lets a stranger in who then says nothing: its handshake is under way.
    pub(super) async fn stall(&mut self, from: &str) -> DuplexStream {
        let before = self.listener.pending();
        let io = self.door.knock(from).await;
        tokio::select! {
            biased;
            accepted = self.listener.accept() => panic!("{accepted:?}"),
            () = idle() => {}
        }
        assert_eq!(self.listener.pending(), before + 1);
        io
    }
}

impl Listener {
    /// What comes next, which a test mostly wants to be a peer.
    pub(super) async fn accept(&mut self) -> Accepted {
        self.next().await.into_peer()
    }
}

pub(super) type Accepted = Result<Peer, Incoming>;
pub(super) type Visited = Result<Established<DuplexStream>, HandshakeError>;

/// Where a test opens connections.
#[derive(Clone)]
pub(super) struct Door(pub(super) mpsc::Sender<io::Result<(DuplexStream, SocketAddr)>>);

impl Door {
    /// Opens a connection and says nothing.
    pub(super) async fn knock(&self, from: &str) -> DuplexStream {
        let (io, far) = duplex(1 << 16);
        self.open(io, from).await;
        far
    }

    /// Lets this stream in.
    pub(super) async fn open(&self, io: DuplexStream, from: &str) {
        self.0.send(Ok((io, from.parse().unwrap()))).await.unwrap();
    }

    /// Opens a connection and shakes hands.
    pub(super) async fn visit(&self, from: &str, who: &Arc<LocalNode>) -> Visited {
        let io = self.knock(from).await;
        let cancel = CancellationToken::new();
        let handshaking = Handshaking::outbound(io, who.clone(), None);
        handshaking.handshake(&cancel, anybody).await
    }

    /// Whether nobody is behind it any more.
    pub(super) fn is_shut(&self) -> bool {
        self.0.is_closed()
    }

    /// Makes the listener fail once.
    pub(super) async fn jam(&self, error: io::Error) {
        self.0.send(Err(error)).await.unwrap();
    }
}

/// The listener's side of a [`Door`].
pub(super) struct Doorway(pub(super) mpsc::Receiver<io::Result<(DuplexStream, SocketAddr)>>);

impl Accept for Doorway {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Stream, SocketAddr)>> {
        match self.0.poll_recv(cx) {
            Poll::Ready(Some(next)) => {
                Poll::Ready(next.map(|(io, address)| (Box::new(io) as Stream, address)))
            }
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok("192.0.2.1:26656".parse().unwrap())
    }
}

/// A filter made of functions.
pub(super) struct Asking {
    pub(super) address: Box<dyn Fn(SocketAddr, Direction) -> Verdict<'static> + Send + Sync>,
    pub(super) id: Box<dyn Fn(PeerId, Direction) -> Verdict<'static> + Send + Sync>,
}

impl Default for Asking {
    fn default() -> Self {
        Self {
            address: Box::new(|_, _| yes()),
            id: Box::new(|_, _| yes()),
        }
    }
}

impl Asking {
    pub(super) fn about_address(
        address: impl Fn(SocketAddr, Direction) -> Verdict<'static> + Send + Sync + 'static,
    ) -> Self {
        Self {
            address: Box::new(address),
            ..Self::default()
        }
    }

    pub(super) fn about_id(
        id: impl Fn(PeerId, Direction) -> Verdict<'static> + Send + Sync + 'static,
    ) -> Self {
        Self {
            id: Box::new(id),
            ..Self::default()
        }
    }
}

impl fmt::Debug for Asking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Asking")
    }
}

impl Filter for Asking {
    fn admit_address(&self, address: SocketAddr, direction: Direction) -> Verdict<'_> {
        (self.address)(address, direction)
    }

    fn admit_id(&self, id: PeerId, direction: Direction) -> Verdict<'_> {
        (self.id)(id, direction)
    }
}

pub(super) fn yes() -> Verdict<'static> {
    Box::pin(std::future::ready(Ok(())))
}

pub(super) fn no(number: u32) -> Verdict<'static> {
    Box::pin(std::future::ready(Err(Unwelcome(number).into())))
}

pub(super) fn never() -> Verdict<'static> {
    Box::pin(std::future::pending())
}

/// Settings without limits that a test does not set.
pub(super) fn unlimited() -> TransportConfig {
    const MANY: usize = 1 << 20;
    TransportConfig::default()
        .with_max_inbound(MANY)
        .with_max_outbound(MANY)
        .with_max_connections_per_network(MANY)
        .with_max_connections_per_address(MANY)
        .with_max_handshakes(MANY)
        .without_attempt_limit()
}

pub(super) fn node_config(moniker: &str) -> LocalNode {
    config(NETWORK, moniker, |info| info)
}

/// Why the connection from there did not become a peer.
pub(super) fn why(accepted: Accepted, from: &str) -> UpgradeError {
    match accepted {
        Err(Incoming::Refused { address, error }) => {
            assert_eq!(address, from.parse().unwrap());
            error
        }
        other => panic!("{other:?}"),
    }
}

/// Where a machine with this number sits, each in a network of its own.
pub(super) fn seat(number: u16) -> String {
    let [high, low] = number.to_be_bytes();
    format!("10.{high}.{low}.1:4000")
}

/// The next peer, whoever was turned away before.
pub(super) async fn next_peer(listener: &mut Listener) -> Peer {
    loop {
        match soon(listener.accept()).await {
            Ok(peer) => return peer,
            Err(Incoming::Refused { error, .. }) => {
                assert!(
                    matches!(error, UpgradeError::Refused(Refusal::Displaced)),
                    "{error:?}"
                );
            }
            Err(other) => panic!("{other:?}"),
        }
    }
}
