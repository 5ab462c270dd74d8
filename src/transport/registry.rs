//! Who is connected: the one place that counts connections, and refuses before anything is spent on them.

mod counts;
mod refusal;
mod state;

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use tokio_util::sync::CancellationToken;

pub use counts::ConnectionCounts;
pub use refusal::Refusal;

use super::direction::Direction;
use super::limits::Limits;
use crate::address::PeerId;
use crate::driver::Handle;
use crate::lock::lock;
use crate::peer::Progress;
use state::{State, wins};

/// Counts connections by direction, by address and by id. One short lock, never held across a wait.
pub(super) struct Registry {
    limits: Limits,
    /// Our id, where one of two connections with a peer may take the place of the other.
    breaks_ties: Option<PeerId>,
    state: Mutex<State>,
}

impl Registry {
    #[cfg(test)]
    pub(super) fn new(limits: Limits) -> Arc<Self> {
        Self::with_ties(limits, None)
    }

    pub(super) fn with_ties(limits: Limits, breaks_ties: Option<PeerId>) -> Arc<Self> {
        Arc::new(Self {
            limits,
            breaks_ties,
            state: Mutex::default(),
        })
    }

    /// What the connection with this peer that is there means for one that the peer opens now.
    pub(super) fn rivalry(&self, id: &PeerId) -> Rivalry {
        let Some(rival) = self.lock().rival(id) else {
            return Rivalry::None;
        };
        match (&self.breaks_ties, rival.handle) {
            (Some(us), _) if wins(us, id, Direction::Inbound, rival.direction) => Rivalry::None,
            (Some(_), Some(handle)) => Rivalry::WhileAlive {
                ticket: rival.ticket,
                handle,
            },
            _ => Rivalry::Lost,
        }
    }

    /// Takes the place away from a connection whose peer is dead.
    pub(super) fn forsake(&self, ticket: u64) {
        self.lock().forsake(ticket);
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

    /// Takes a place for a connection to this address, with this peer or whoever is there, which is about to be made.
    pub(super) fn admit_outbound(
        self: &Arc<Self>,
        address: SocketAddr,
        expected: Option<&PeerId>,
    ) -> Result<Place, Refusal> {
        let displaced = CancellationToken::new();
        let mut state = self.lock();
        let ticket = state.admit_outbound(address, expected, displaced.clone(), &self.limits)?;
        drop(state);
        Ok(self.place(ticket, address, Progress::default(), displaced))
    }

    /// Marks a peer as being dialed, so that it is not dialed twice at once.
    pub(super) fn begin_dial(self: &Arc<Self>, id: PeerId) -> Result<Dial, Refusal> {
        self.lock().begin_dial(id)?;
        Ok(Dial {
            registry: self.clone(),
            id,
        })
    }

    #[cfg(test)]
    pub(super) fn is_connected(&self, id: &PeerId) -> bool {
        self.lock().rival(id).is_some()
    }

    pub(super) fn set_exempt(&self, id: PeerId, is_exempt: bool) {
        self.lock().set_exempt(id, is_exempt);
    }

    pub(super) fn is_exempt(&self, id: &PeerId) -> bool {
        self.lock().is_exempt(id)
    }

    /// Connections that have a place, those in their handshake included.
    pub(super) fn counts(&self) -> ConnectionCounts {
        self.lock().counts()
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
        lock(&self.state)
    }
}

impl fmt::Debug for Registry {
    /// Without those who are connected, who may be thousands.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("limits", &self.limits)
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

/// What stands between a peer and a new connection with us.
#[derive(Debug)]
pub(super) enum Rivalry {
    /// Nothing, or a connection that the new one takes the place of.
    None,
    /// A connection that stays.
    Lost,
    /// A connection that stays if its peer is alive.
    WhileAlive { ticket: u64, handle: Handle },
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
        let Registry {
            limits,
            breaks_ties,
            ..
        } = &*self.registry;
        let mut state = self.registry.lock();
        if let Some(us) = breaks_ties {
            state.break_tie(self.ticket, &id, us);
        }
        state.claim(self.ticket, id, limits)
    }

    /// Has others ask by this handle whether the peer is alive.
    pub(super) fn attach(&self, handle: Handle) {
        self.registry.lock().attach(self.ticket, handle);
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
