//! Opening connections.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::direction::Direction;
use super::error::{AttemptError, DialError, FailedAttempt};
use super::network::Stream;
use super::peer::Peer;
use super::registry::Place;
use super::upgrade::Shared;
use crate::address::{HostPort, PeerId, resolve};
use crate::peer::unless_cancelled;
use crate::trace;

impl Shared {
    pub(super) async fn dial(
        &self,
        host_port: &HostPort,
        expected: Option<PeerId>,
        cancel: &CancellationToken,
    ) -> Result<Peer, DialError> {
        unless_cancelled(cancel, self.dial_each(host_port, expected))
            .await
            .unwrap_or(Err(DialError::Cancelled))
    }

    /// Tries the addresses one after the other, until the peer has shaken hands at one of them.
    async fn dial_each(
        &self,
        host_port: &HostPort,
        expected: Option<PeerId>,
    ) -> Result<Peer, DialError> {
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
    ) -> Result<Peer, AttemptError> {
        timeout(after, self.attempt_untimed(address, expected))
            .await
            .unwrap_or(Err(AttemptError::Timeout { after }))
    }

    /// Tries again where what we sent came back, which may be a passing state of whatever lies between.
    async fn attempt_untimed(
        &self,
        address: SocketAddr,
        expected: Option<PeerId>,
    ) -> Result<Peer, AttemptError> {
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
    ) -> Result<Peer, AttemptError> {
        let attempt = self.attempt_once(address, expected);
        trace::upgrading(address, Direction::Outbound, attempt).await
    }

    async fn attempt_once(
        &self,
        address: SocketAddr,
        expected: Option<PeerId>,
    ) -> Result<Peer, AttemptError> {
        let (stream, place) = self.connect(address, expected.as_ref()).await?;
        Ok(self.upgrade_outbound(stream, expected, place).await?)
    }

    async fn connect(
        &self,
        address: SocketAddr,
        expected: Option<&PeerId>,
    ) -> Result<(Stream, Place), AttemptError> {
        trace::dialing(&address);
        let place = self.registry.admit_outbound(address, expected)?;
        self.admit_address(&place, Direction::Outbound).await?;
        let after = self.config.connect_timeout;
        let stream = timeout(after, self.config.network.connect(address))
            .await
            .map_err(|_| AttemptError::ConnectTimeout { after })?
            .map_err(AttemptError::Connect)?;
        Ok((stream, place))
    }
}

/// What of the time the next of so many addresses has: a silent one must leave as much for each that comes after it.
fn share(rest: Duration, untried: usize) -> Duration {
    let untried = u32::try_from(untried).unwrap_or(u32::MAX);
    rest.checked_div(untried).unwrap_or_default()
}

/// The second try meets another state of what lies between already; one more, for good measure.
const SELF_CONNECTIONS_MAX: usize = 3;
