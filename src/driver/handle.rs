//! Watching and steering a running connection.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::closed::Closed;
use super::commons::Commons;
use super::error::NotSent;
use crate::config::ConfigError;
use crate::rate::link;
use crate::stats::Stats;

/// Watches and steers a connection; clone it freely. It does not keep the connection alive.
#[derive(Clone, Debug)]
pub struct Handle {
    shared: Arc<Commons>,
}

impl Handle {
    pub(super) const fn new(shared: Arc<Commons>) -> Self {
        Self { shared }
    }

    /// A snapshot of what the connection does; `None` once it has ended. Waits for the connection to run.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn stats(&self) -> Option<Stats> {
        let (answer, stats) = oneshot::channel();
        self.shared.request(|requests| requests.stats.push(answer));
        stats.await.ok()
    }

    /// Waits until everything that was accepted before the call has been written and the transport flushed.
    ///
    /// # Errors
    ///
    /// [`NotSent`] if the connection ended before.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn flush(&self) -> Result<(), NotSent> {
        let (answer, flushed) = oneshot::channel();
        self.shared
            .request(|requests| requests.flushes.push(answer));
        flushed.await.map_err(|_| NotSent)
    }

    /// Asks the peer for a sign of life: sends a ping as soon as one may be sent, and gives the time until its pong came.
    ///
    /// `None` if the connection ended before; while it stops, no ping is sent any more. Waits for the connection to run.
    ///
    /// The ping is always sent after the call, and calls that wait for one share it. It waits for the pong of one that is out, since pongs
    /// carry no number, and goes 100 ms after the last pong at the soonest. It takes the place of the regular ping, so a peer that is
    /// silent upon it is given up after [`pong_timeout`](crate::ConfigBuilder::pong_timeout); one that never answers and goes on
    /// sending messages is waited for. What holds up ping or pong counts as their time, be it a transport that takes nothing or a full inbox here.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing; a ping that was asked for goes out all the same.
    pub async fn ping(&self) -> Option<Duration> {
        let (answer, round_trip) = oneshot::channel();
        self.shared.request(|requests| requests.pings.push(answer));
        round_trip.await.ok()
    }

    /// Changes the send limit in framed bytes per second; `None` lifts it.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Size`] leaves the old limit in force.
    pub fn set_send_rate(&self, rate: Option<NonZeroU64>) -> Result<(), ConfigError> {
        link("send_rate", rate, self.shared.config.largest_sent())?;
        self.shared
            .request(|requests| requests.send_rate = Some(rate));
        Ok(())
    }

    /// Changes the receive limit in framed bytes per second; `None` lifts it.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Size`] leaves the old limit in force.
    pub fn set_recv_rate(&self, rate: Option<NonZeroU64>) -> Result<(), ConfigError> {
        link("recv_rate", rate, self.shared.config.largest_received())?;
        self.shared
            .request(|requests| requests.recv_rate = Some(rate));
        Ok(())
    }

    /// Waits for the end of the connection; every handle and every call gets the same answer, also later.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn closed(&self) -> Closed {
        let mut end = self.shared.closed.subscribe();
        match end.wait_for(Option::is_some).await {
            Ok(closed) => closed.clone().unwrap_or_else(Closed::dropped),
            Err(_) => Closed::dropped(),
        }
    }
}
