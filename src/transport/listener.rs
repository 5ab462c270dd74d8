//! Taking connections.

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep, sleep};

use super::direction::Direction;
use super::error::UpgradeError;
use super::network::{Accept, Stream};
use super::peer::Peer;
use super::upgrade::Shared;
use crate::backoff::Backoff;
use crate::trace;

/// What becomes of a connection that somebody opened, or of the listener's wait for one.
#[derive(Debug)]
#[non_exhaustive]
pub enum Incoming {
    /// A peer.
    Peer(Peer),
    /// This connection did not become a peer; it is closed.
    Refused {
        /// Where it came from.
        address: SocketAddr,
        /// Why not.
        error: UpgradeError,
    },
    /// The system gave no connection: it has no descriptors left, for example. The listener tries again after a pause.
    Paused {
        /// What the system said.
        error: io::Error,
        /// The pause before the next try; zero where only one connection was concerned.
        pause: Duration,
    },
}

impl Incoming {
    /// The peer, for those who need nothing else.
    ///
    /// # Errors
    ///
    /// What came in place of a peer.
    pub fn into_peer(self) -> Result<Peer, Self> {
        match self {
            Self::Peer(peer) => Ok(peer),
            other => Err(other),
        }
    }
}

/// Takes connections and makes peers of them, each in a task of its own that ends with the listener.
///
/// Nothing happens while [`next`](Self::next) is not awaited, except that handshakes under way go on.
pub struct Listener {
    listener: Box<dyn Accept>,
    shared: Arc<Shared>,
    upgrades: JoinSet<Upgraded>,
    pause: Pause,
}

type Upgraded = (SocketAddr, Result<Peer, UpgradeError>);

impl Listener {
    pub(super) fn new(listener: Box<dyn Accept>, shared: Arc<Shared>) -> Self {
        Self {
            listener,
            shared,
            upgrades: JoinSet::new(),
            pause: Pause::new(),
        }
    }

    /// What comes next: a peer, or why a connection did not become one. Slow ones do not hold up others; those for which there is no place
    /// are closed at once rather than left waiting. Whatever came, the listener goes on: call this again.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Incoming {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// The address that it listens on; a port 0 has become a real one.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Handshakes under way, and peers that wait to be taken by [`next`](Self::next).
    pub fn pending(&self) -> usize {
        self.upgrades.len()
    }

    /// Stops listening, ends the handshakes under way, and returns when the last of them has ended.
    pub async fn close(mut self) {
        drop(self.listener);
        self.upgrades.shutdown().await;
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Incoming> {
        loop {
            if let Poll::Ready(Some(ended)) = self.upgrades.poll_join_next(cx) {
                // A task is cancelled only with the listener. A panic is a defect; it must not take the listener along.
                let Ok((address, upgraded)) = ended else {
                    continue;
                };
                let refused = |error| Incoming::Refused { address, error };
                return Poll::Ready(upgraded.map_or_else(refused, Incoming::Peer));
            }
            if self.pause.poll_over(cx).is_pending() {
                return Poll::Pending;
            }
            match self.listener.poll_accept(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok((stream, address))) => {
                    self.pause.backoff.reset();
                    let address = canonical(address);
                    if let Err(error) = self.begin(stream, address) {
                        trace::refused(&address, &error);
                        return Poll::Ready(Incoming::Refused { address, error });
                    }
                }
                Poll::Ready(Err(error)) => {
                    let pause = self.pause.begin(&error);
                    trace::accepting_paused(&error, pause);
                    return Poll::Ready(Incoming::Paused { error, pause });
                }
            }
        }
    }

    /// Begins the handshake of a connection, or closes it at once.
    fn begin(&mut self, stream: Stream, address: SocketAddr) -> Result<(), UpgradeError> {
        let now = Instant::now().into_std();
        let place = self.shared.registry.admit_inbound(now, address)?;
        let upgrade = self.shared.clone().upgrade_inbound(stream, place);
        let upgrade = trace::upgrading(address, Direction::Inbound, upgrade);
        self.upgrades.spawn(async move { (address, upgrade.await) });
        Ok(())
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener")
            .field("local_addr", &self.listener.local_addr().ok())
            .field("pending", &self.upgrades.len())
            .finish_non_exhaustive()
    }
}

/// Waits after errors of the system that would come again at once, such as that no descriptors are left.
#[derive(Debug)]
struct Pause {
    backoff: Backoff,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Pause {
    const fn new() -> Self {
        Self {
            backoff: Backoff::new(FIRST_PAUSE, MAX_PAUSE),
            timer: None,
        }
    }

    /// Begins the pause that suits the error, and says how long it is.
    fn begin(&mut self, error: &io::Error) -> Duration {
        if concerns_one_connection(error) {
            return Duration::ZERO;
        }
        let pause = self.backoff.wait();
        self.timer = Some(Box::pin(sleep(pause)));
        pause
    }

    fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(timer) = &mut self.timer {
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.timer = None;
        }
        Poll::Ready(())
    }
}

/// A listener on IPv6 gives IPv4 addresses mapped into it. As what they are they meet the limits and filters that are meant for them.
fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        ip @ IpAddr::V4(_) => SocketAddr::new(ip, address.port()),
        // With its scope.
        IpAddr::V6(_) => address,
    }
}

/// Whether the error is that of one connection which went away before it was taken, so that the next may be there already.
fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}

const FIRST_PAUSE: Duration = Duration::from_millis(5);
/// Soon enough after descriptors are free again.
const MAX_PAUSE: Duration = Duration::from_secs(1);
