//! Who is connected: the one place that counts connections, and refuses before anything is spent on them.

mod refusal;
mod state;

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio_util::sync::CancellationToken;

pub use refusal::Refusal;

use super::limits::Limits;
use crate::address::PeerId;
use crate::peer::Progress;
use state::State;

/// Counts connections by direction, by address and by id. One short lock, never held across a wait.
pub(super) struct Registry {
    limits: Limits,
    state: Mutex<State>,
}

impl Registry {
    pub(super) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            state: Mutex::default(),
        })
    }

    /// Takes a place for a connection that came from this address, whose handshake begins now. Where there is none but handshakes are under way, one
    /// of them loses its own.
    pub(super) fn admit_inbound(
        self: &Arc<Self>,
        now: Instant,
        address: SocketAddr,
    ) -> Result<Place, Refusal> {
        let (progress, displaced) = (Progress::default(), CancellationToken::new());
        let ticket = {
            let mut state = self.lock();
            state.charge_attempt(now, address.ip(), &self.limits)?;
            state.admit_inbound(address, progress.clone(), displaced.clone(), &self.limits)?
        };
        Ok(self.place(ticket, address, progress, displaced))
    }

    /// Takes a place for a connection to this address, which is about to be made.
    pub(super) fn admit_outbound(self: &Arc<Self>, address: SocketAddr) -> Result<Place, Refusal> {
        let ticket = self.lock().admit_outbound(address, &self.limits)?;
        Ok(self.place(
            ticket,
            address,
            Progress::default(),
            CancellationToken::new(),
        ))
    }

    /// Marks a peer as being dialed, so that it is not dialed twice at once.
    pub(super) fn begin_dial(self: &Arc<Self>, id: PeerId) -> Result<Dial, Refusal> {
        self.lock().begin_dial(id)?;
        Ok(Dial {
            registry: self.clone(),
            id,
        })
    }

    pub(super) fn is_connected(&self, id: &PeerId) -> bool {
        self.lock().is_connected(id)
    }

    /// Connections that have a place, those in their handshake included.
    pub(super) fn connections(&self) -> usize {
        self.lock().connections()
    }

    fn place(
        self: &Arc<Self>,
        ticket: u64,
        address: SocketAddr,
        progress: Progress,
        displaced: CancellationToken,
    ) -> Place {
        Place {
            registry: self.clone(),
            ticket,
            address,
            progress,
            displaced,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here can be left half done by a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Registry {
    /// Without those who are connected, who may be thousands.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("limits", &self.limits)
            .field("connections", &self.connections())
            .finish_non_exhaustive()
    }
}

/// The place of one connection; dropping it gives it back.
#[derive(Debug)]
pub(super) struct Place {
    registry: Arc<Registry>,
    ticket: u64,
    address: SocketAddr,
    progress: Progress,
    displaced: CancellationToken,
}

impl Place {
    /// Ends the handshake: from here the connection counts as one with this peer.
    pub(super) fn claim(&self, id: PeerId) -> Result<(), Refusal> {
        self.registry.lock().claim(self.ticket, id)
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the handshake tells how far it has come.
    pub(super) const fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Cancelled when the place went to somebody else.
    pub(super) const fn displaced(&self) -> &CancellationToken {
        &self.displaced
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.registry.lock().release(self.ticket);
    }
}

/// A dial under way; dropping it takes the mark away.
#[derive(Debug)]
pub(super) struct Dial {
    registry: Arc<Registry>,
    id: PeerId,
}

impl Drop for Dial {
    fn drop(&mut self) {
        self.registry.lock().end_dial(&self.id);
    }
}

#[cfg(test)]
mod tests;
