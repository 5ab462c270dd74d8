//! Opening connections.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::error::{AttemptError, DialError, FailedAttempt};
use super::peer::{Direction, Peer};
use super::registry::Place;
use super::upgrade::Shared;
use crate::address::{HostPort, PeerId, resolve};
use crate::peer::unless_cancelled;
use crate::tcp;
use crate::trace;

impl Shared {
    pub(super) async fn dial(
        &self,
        host_port: &HostPort,
        expected: Option<PeerId>,
        cancel: &CancellationToken,
    ) -> Result<Peer<TcpStream>, DialError> {
        unless_cancelled(cancel, self.dial_each(host_port, expected))
            .await
            .unwrap_or(Err(DialError::Cancelled))
    }

    /// Tries the addresses one after the other, until the peer has shaken hands at one of them.
    async fn dial_each(
        &self,
        host_port: &HostPort,
        expected: Option<PeerId>,
    ) -> Result<Peer<TcpStream>, DialError> {
        let (begun, whole) = (Instant::now(), self.config.dial_timeout);
        let for_lookup = self.config.resolve_timeout.min(whole);
        let addresses = resolve(&*self.config.resolver, host_port, for_lookup).await?;
        let mut attempts = Vec::with_capacity(addresses.len());
        for (untried, address) in (1..=addresses.len()).rev().zip(addresses) {
            let rest = whole.saturating_sub(begun.elapsed());
            match self.attempt(address, expected, share(rest, untried)).await {
                Ok(peer) => return Ok(peer),
                Err(error) => attempts.push(FailedAttempt { address, error }),
            }
        }
        Err(DialError::Failed { attempts })
    }

    async fn attempt(
        &self,
        address: SocketAddr,
        expected: Option<PeerId>,
        after: Duration,
    ) -> Result<Peer<TcpStream>, AttemptError> {
        timeout(after, self.attempt_untimed(address, expected))
            .await
            .unwrap_or(Err(AttemptError::Timeout { after }))
    }

    /// Tries again where what we sent came back, which may be a passing state of whatever lies between.
    async fn attempt_untimed(
        &self,
        address: SocketAddr,
        expected: Option<PeerId>,
    ) -> Result<Peer<TcpStream>, AttemptError> {
        for _ in 1..SELF_CONNECTIONS_MAX {
            match self.attempt_traced(address, expected).await {
                Err(AttemptError::ToItself) => {}
                attempted => return attempted,
            }
        }
        self.attempt_traced(address, expected).await
    }

    async fn attempt_traced(
        &self,
        address: SocketAddr,
        expected: Option<PeerId>,
    ) -> Result<Peer<TcpStream>, AttemptError> {
        let attempt = self.attempt_once(address, expected);
        trace::upgrading(address, Direction::Outbound, attempt).await
    }

    async fn attempt_once(
        &self,
        address: SocketAddr,
        expected: Option<PeerId>,
    ) -> Result<Peer<TcpStream>, AttemptError> {
        let (stream, place) = self.connect(address).await?;
        Ok(self.upgrade_outbound(stream, expected, place).await?)
    }

    pub(super) async fn connect(
        &self,
        address: SocketAddr,
    ) -> Result<(TcpStream, Place), AttemptError> {
        trace::dialing(&address);
        let place = self.registry.admit_outbound(address)?;
        self.admit_address(&place, Direction::Outbound).await?;
        let after = self.config.connect_timeout;
        let stream = timeout(after, to_another(|| TcpStream::connect(address)))
            .await
            .unwrap_or(Err(AttemptError::ConnectTimeout { after }))?;
        self.tune(&stream).map_err(AttemptError::Connect)?;
        Ok((stream, place))
    }

    fn tune(&self, stream: &TcpStream) -> io::Result<()> {
        if let Some(bytes) = self.config.receive_buffer {
            tcp::bound_receive_buffer(stream, bytes)?;
        }
        tcp::tune(stream)
    }
}

/// A stream whose ends are not one and the same socket.
///
/// A dial to a port of this machine at which nobody listens, and from which systems connect, may be given that very port to connect from. Then
/// the two packets that ask for a connection cross, and TCP takes the one for the answer to the other (RFC 9293, 3.5). Such a socket is
/// kept until the next one has its port, which then has to be another.
pub(super) async fn to_another<Connecting: Future<Output = io::Result<TcpStream>>>(
    connect: impl Fn() -> Connecting,
) -> Result<TcpStream, AttemptError> {
    let mut to_itself = Vec::new();
    while to_itself.len() < SELF_CONNECTIONS_MAX {
        let stream = connect().await.map_err(AttemptError::Connect)?;
        match (stream.local_addr(), stream.peer_addr()) {
            (Ok(local), Ok(remote)) if local == remote => {
                // Without it the port would be taken for a minute after the close, and whoever should listen there could not.
                let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
                to_itself.push(stream);
            }
            _ => return Ok(stream),
        }
    }
    Err(AttemptError::ToItself)
}

/// What of the time the next of so many addresses has: a silent one must leave as much for each that comes after it.
fn share(rest: Duration, untried: usize) -> Duration {
    let untried = u32::try_from(untried).unwrap_or(u32::MAX);
    rest.checked_div(untried).unwrap_or_default()
}

/// The second try has another port already; one more, for systems that give ports out in their own way.
const SELF_CONNECTIONS_MAX: usize = 3;
