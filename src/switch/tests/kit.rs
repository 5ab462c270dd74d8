//! What the tests share: a network in memory, and switches on it.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::address::PeerAddr;
use crate::channel::{ChannelDescriptor, ChannelId};
use crate::node::{LocalNode, LocalNodeBuilder};
use crate::secret::Identity;
use crate::switch::{
    Event, EventStream, PeerEnd, PeerHandle, Reactor, Session, ShutdownReport, Switch,
    SwitchBuilder, SwitchConfig, SwitchHandle,
};
use crate::transport::{Accept, Network, Opening, Stream, TransportConfig};

/// Where switches meet without sockets, so that the paused clock never jumps while bytes are on their way.
#[derive(Clone, Debug, Default)]
pub(super) struct Web {
    doors: Arc<Mutex<HashMap<SocketAddr, mpsc::Sender<Knock>>>>,
    /// Counts the ports of those who dial.
    ports: Arc<std::sync::atomic::AtomicU16>,
    /// In place of that of each node's key.
    number: Option<u8>,
}

impl Web {
    /// The same web, on which a node has the address of another number.
    pub(super) fn at(web: &Self, number: u8) -> Self {
        Self {
            number: Some(number),
            ..web.clone()
        }
    }

    /// A stream to whoever listens there, from the node with this number.
    pub(super) async fn stream(&self, address: &PeerAddr, number: u8) -> Stream {
        let host_port = address.host_port();
        let address = SocketAddr::new(host_port.ip().unwrap(), host_port.port());
        self.seat(number).connect(address).await.unwrap()
    }
}

type Knock = (DuplexStream, SocketAddr);

impl Web {
    /// Where the node with this number dials from.
    pub(super) fn seat(&self, number: u8) -> Seat {
        Seat {
            web: self.clone(),
            ip: [10, 0, number, 1].into(),
        }
    }
}

/// The end of a [`Web`] from which one node dials.
#[derive(Debug)]
pub(super) struct Seat {
    web: Web,
    ip: std::net::IpAddr,
}

impl Network for Seat {
    fn connect(&self, address: SocketAddr) -> Opening<'_, Stream> {
        Box::pin(async move {
            let door = self.web.doors.lock().unwrap().get(&address).cloned();
            let door = door.ok_or(io::ErrorKind::ConnectionRefused)?;
            let (ours, theirs) = duplex(1 << 16);
            let port = self
                .web
                .ports
                .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let from = SocketAddr::new(self.ip, 40_000 + port % 20_000);
            let knocked = door.send((theirs, from)).await;
            knocked.map_err(|_| io::Error::from(io::ErrorKind::ConnectionRefused))?;
            Ok(Box::new(ours) as Stream)
        })
    }

    fn bind(&self, address: SocketAddr) -> Opening<'_, Box<dyn Accept>> {
        Box::pin(async move {
            let (door, doorway) = mpsc::channel(64);
            self.web.doors.lock().unwrap().insert(address, door);
            Ok(Box::new(Doorway { doorway, address }) as Box<dyn Accept>)
        })
    }
}

struct Doorway {
    doorway: mpsc::Receiver<Knock>,
    address: SocketAddr,
}

impl Accept for Doorway {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Stream, SocketAddr)>> {
        match self.doorway.poll_recv(cx) {
            Poll::Ready(Some((io, from))) => Poll::Ready(Ok((Box::new(io), from))),
            _ => Poll::Pending,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

/// A switch that is being put together.
pub(super) struct Draft {
    pub(super) builder: SwitchBuilder,
    address: SocketAddr,
    stop: CancellationToken,
}

impl Draft {
    /// The node with this number, which has an address of its own.
    pub(super) fn new(web: &Web, number: u8) -> Self {
        Self::with(web, number, |config| config, |transport| transport)
    }

    pub(super) fn with(
        web: &Web,
        number: u8,
        config: impl FnOnce(SwitchConfig) -> SwitchConfig,
        transport: impl FnOnce(TransportConfig) -> TransportConfig,
    ) -> Self {
        let seat = web.seat(web.number.unwrap_or(number));
        let ip = seat.ip;
        let transport = transport(TransportConfig::default().with_network(seat));
        let config = config(
            SwitchConfig::default()
                .with_transport(transport)
                .with_seed(7),
        );
        Self {
            builder: Switch::builder(node(number), config),
            address: SocketAddr::new(ip, 26656),
            stop: CancellationToken::new(),
        }
    }

    pub(super) fn reactor(&mut self, name: &str, channel: ChannelId) -> Reactor {
        let channel = ChannelDescriptor::new(channel, 1);
        self.builder.reactor(name, [channel]).unwrap()
    }

    pub(super) fn persistent(mut self, peer: PeerAddr) -> Self {
        self.builder = self.builder.persistent(peer);
        self
    }

    /// Runs it, listening.
    pub(super) fn run(self) -> Node {
        let events = self.builder.events();
        let switch = self.builder.listen(self.address).build().unwrap();
        let handle = switch.handle();
        let running = Background::of(switch.run(self.stop.clone()));
        Node {
            handle,
            events,
            running,
            address: self.address,
            stop: self.stop,
        }
    }
}

/// A switch that runs.
pub(super) struct Node {
    pub(super) handle: SwitchHandle,
    pub(super) events: EventStream,
    pub(super) running: Background<io::Result<ShutdownReport>>,
    pub(super) stop: CancellationToken,
    address: SocketAddr,
}

impl Node {
    pub(super) fn address(&self) -> PeerAddr {
        PeerAddr::new(*self.handle.id(), self.address)
    }

    /// The next event that is of this kind; those before it are passed over.
    pub(super) async fn event<T>(&mut self, pick: impl Fn(Event) -> Option<T>) -> T {
        soon(async {
            loop {
                let event = self.events.next().await.expect("the switch has ended");
                if let Some(picked) = pick(event) {
                    return picked;
                }
            }
        })
        .await
    }

    pub(super) async fn stop(self) -> ShutdownReport {
        self.stop.cancel();
        soon(self.running.ended()).await.unwrap().unwrap()
    }
}

/// Two nodes with a reactor each, which are connected: the second has dialed the first.
pub(super) struct Pair {
    pub(super) web: Web,
    pub(super) alice: Node,
    pub(super) bob: Node,
    pub(super) here: Reactor,
    pub(super) there: Reactor,
}

impl Pair {
    pub(super) fn new() -> Self {
        let web = Web::default();
        let (mut alice, mut bob) = (Draft::new(&web, 1), Draft::new(&web, 2));
        let (here, there) = (alice.reactor("notes", NOTES), bob.reactor("notes", NOTES));
        let alice = alice.run();
        let bob = bob.persistent(alice.address()).run();
        Self {
            web,
            alice,
            bob,
            here,
            there,
        }
    }

    /// The next sessions of the two.
    pub(super) async fn sessions(&mut self) -> (Session, Session) {
        let (here, there) = soon(async { tokio::join!(self.here.next(), self.there.next()) }).await;
        (here.unwrap(), there.unwrap())
    }
}

pub(super) fn connected(event: Event) -> Option<PeerHandle> {
    match event {
        Event::Connected { peer } => Some(peer),
        _ => None,
    }
}

pub(super) fn disconnected(event: Event) -> Option<Arc<PeerEnd>> {
    match event {
        Event::Disconnected { end, .. } => Some(end),
        _ => None,
    }
}

/// A task that ends with the test.
pub(super) struct Background<T>(JoinSet<T>);

impl<T: Send + 'static> Background<T> {
    pub(super) fn of(future: impl Future<Output = T> + Send + 'static) -> Self {
        let mut task = JoinSet::new();
        task.spawn(future);
        Self(task)
    }

    pub(super) fn abort(&mut self) {
        self.0.abort_all();
    }

    pub(super) async fn ended(mut self) -> Result<T, JoinError> {
        self.0.join_next().await.unwrap()
    }
}

/// What comes of it within some minutes of the paused clock.
pub(super) async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(1000), future)
        .await
        .expect("it takes for ever")
}

/// The key of the node with this number is always the same.
pub(super) fn node(number: u8) -> LocalNodeBuilder {
    let identity = Arc::new(Identity::from_seed(&[number; 32]).unwrap());
    LocalNode::builder(identity, "test-chain", format!("node-{number}"))
}

/// Where the node with this number listens.
pub(super) fn address_of(number: u8) -> PeerAddr {
    let id = *node(number).build().unwrap().id();
    PeerAddr::new(id, SocketAddr::new([10, 0, number, 1].into(), 26656))
}

pub(super) const NOTES: ChannelId = ChannelId::new(0x70);
pub(super) const VOTES: ChannelId = ChannelId::new(0x71);
