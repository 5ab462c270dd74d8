//! What the tests on loopback share. Their time is real: a paused clock would jump ahead whenever only the system has something to do.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

#[cfg(target_os = "linux")]
use socket2::{Domain, Socket, Type};
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::kit::{Accepted, node_config, unlimited};
use crate::address::{HostName, HostPort, Lookup, PeerAddr, Resolver};
use crate::peer::HandshakeError;
use crate::transport::{
    AttemptError, DialError, Listener, Peer, Transport, TransportConfig, UpgradeError,
};

/// A node that listens on loopback.
pub(super) struct Net {
    pub(super) transport: Transport,
    pub(super) listener: Listener,
}

impl Net {
    pub(super) async fn new() -> Self {
        Self::of(transport(unlimited())).await
    }

    pub(super) async fn of(transport: Transport) -> Self {
        let listener = transport.listen(LOCALHOST).await.unwrap();
        Self {
            transport,
            listener,
        }
    }

    pub(super) fn port(&self) -> u16 {
        self.listener.local_addr().unwrap().port()
    }

    pub(super) fn address(&self) -> PeerAddr {
        PeerAddr::new(*self.transport.id(), self.listener.local_addr().unwrap())
    }

    /// What becomes, on both sides, of a dial to this node; the dialing side comes first.
    pub(super) async fn dialed_by(&mut self, other: &Transport) -> (Dialed, Taken) {
        let (cancel, address) = (CancellationToken::new(), self.address());
        let dial = other.dial(&address, &cancel);
        ever(async { tokio::join!(dial, self.listener.accept()) }).await
    }
}

pub(super) type Dialed = Result<Peer, DialError>;
pub(super) type Taken = Accepted;

/// What the only address that was dialed said.
pub(super) fn only(dialed: Dialed) -> (SocketAddr, AttemptError) {
    match dialed {
        Err(DialError::Failed { mut attempts }) if attempts.len() == 1 => {
            let attempt = attempts.remove(0);
            (attempt.address, attempt.error)
        }
        other => panic!("{other:?}"),
    }
}

/// Why the handshake at the only address that was dialed failed.
pub(super) fn only_handshake(dialed: Dialed) -> HandshakeError {
    match only(dialed).1 {
        AttemptError::Upgrade(UpgradeError::Handshake(error)) => error,
        other => panic!("{other:?}"),
    }
}

pub(super) fn transport(config: TransportConfig) -> Transport {
    Transport::new(node_config("node"), config).unwrap()
}

/// The output, which must come before the test is given up.
pub(super) async fn ever<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(60), future).await.unwrap()
}

/// An address whose system answers no attempt to connect: the queue of its listener is full.
#[cfg(target_os = "linux")]
pub(super) struct BlackHole {
    _listener: Socket,
    _queue: Vec<Socket>,
    pub(super) address: SocketAddr,
}

#[cfg(target_os = "linux")]
impl BlackHole {
    pub(super) fn new() -> Self {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.bind(&LOCALHOST.into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let queue = std::iter::repeat_with(|| {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            socket.set_nonblocking(true).unwrap();
            let _ = socket.connect(&address.into());
            socket
        });
        Self {
            _queue: queue.take(4).collect(),
            _listener: listener,
            address,
        }
    }
}

/// An address at which nobody listens.
pub(super) async fn nobody_there() -> SocketAddr {
    let listener = TcpListener::bind(LOCALHOST).await.unwrap();
    listener.local_addr().unwrap()
}

/// A resolver that knows one name, and counts how often it is asked.
#[derive(Clone, Debug)]
pub(super) struct Book {
    answer: Option<Vec<SocketAddr>>,
    asked: Arc<AtomicUsize>,
}

impl Book {
    /// Answers with these, every time.
    pub(super) fn of(answer: &[&str]) -> Self {
        let answer = answer.iter().map(|ip| (ip.parse::<IpAddr>().unwrap(), 0));
        let answer = answer.map(SocketAddr::from).collect();
        Self {
            answer: Some(answer),
            asked: Arc::default(),
        }
    }

    /// Never answers.
    pub(super) fn silent() -> Self {
        Self {
            answer: None,
            asked: Arc::default(),
        }
    }

    pub(super) fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Resolver for Book {
    fn lookup<'a>(&'a self, name: &'a HostName) -> Lookup<'a> {
        assert_eq!(name.as_str(), "seed.example.com");
        self.asked.fetch_add(1, Ordering::Relaxed);
        Box::pin(async {
            match &self.answer {
                Some(answer) if answer.is_empty() => Err(io::ErrorKind::NotFound.into()),
                Some(answer) => Ok(answer.clone()),
                None => std::future::pending().await,
            }
        })
    }
}

/// The name that a [`Book`] knows, at this port.
pub(super) fn named(port: u16) -> HostPort {
    format!("seed.example.com:{port}").parse().unwrap()
}

pub(super) const LOCALHOST: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
