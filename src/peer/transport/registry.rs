//! Who is connected: the one place that counts connections, and refuses before anything is spent on them.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::limits::Limits;
use crate::peer::PeerId;

/// A connection that the transport does not take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// As many connections with this address as one may have.
    #[error("{address} has {max} connections already, which is the maximum for one address")]
    AddressLimit {
        /// The address.
        address: IpAddr,
        /// The limit.
        max: usize,
    },
    /// A connection with this very address and port.
    #[error("already connected to {address}")]
    DuplicateAddress {
        /// The address.
        address: SocketAddr,
    },
    /// A connection with this peer, or a dial to it that is under way.
    #[error("already connected to peer {id}, or dialing it")]
    DuplicateId {
        /// The peer.
        id: PeerId,
    },
    /// As many connections as there may be.
    #[error("{max} connections, which is the maximum")]
    Full {
        /// The limit.
        max: usize,
    },
    /// As many handshakes at once as there may be.
    #[error("{max} handshakes under way, which is the maximum")]
    HandshakeLimit {
        /// The limit.
        max: usize,
    },
    /// More connections from this address in a short time than it may make.
    #[error("{address} connects too often, it may again after {after:?}")]
    TooOften {
        /// The address.
        address: IpAddr,
        /// How long until the next one is taken.
        after: Duration,
    },
}

/// Counts connections by address and by id. One short lock, never held across a wait.
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

    /// Takes a place for a connection that came from this address, whose handshake begins now.
    pub(super) fn admit_inbound(
        self: &Arc<Self>,
        now: Instant,
        address: SocketAddr,
    ) -> Result<Slot, Refusal> {
        let mut state = self.lock();
        state.charge_attempt(now, address.ip(), &self.limits)?;
        state.occupy(address, &self.limits)?;
        Ok(self.slot(address))
    }

    /// Takes a place for a connection to this address, which is about to be made.
    pub(super) fn admit_outbound(self: &Arc<Self>, address: SocketAddr) -> Result<Slot, Refusal> {
        self.lock().occupy(address, &self.limits)?;
        Ok(self.slot(address))
    }

    /// Marks a peer as being dialed, so that it is not dialed twice at once.
    pub(super) fn begin_dial(self: &Arc<Self>, id: PeerId) -> Result<Dial, Refusal> {
        let mut state = self.lock();
        if state.connected.contains(&id) || !state.dialing.insert(id) {
            return Err(Refusal::DuplicateId { id });
        }
        Ok(Dial {
            registry: self.clone(),
            id,
        })
    }

    pub(super) fn is_connected(&self, id: &PeerId) -> bool {
        self.lock().connected.contains(id)
    }

    /// Connections that have a place, those in their handshake included.
    pub(super) fn connections(&self) -> usize {
        self.lock().sockets.len()
    }

    fn slot(self: &Arc<Self>, address: SocketAddr) -> Slot {
        Slot {
            registry: self.clone(),
            address,
            id: None,
            is_in_handshake: true,
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
pub(super) struct Slot {
    registry: Arc<Registry>,
    address: SocketAddr,
    id: Option<PeerId>,
    is_in_handshake: bool,
}

impl Slot {
    /// Ends the handshake: from here the connection counts as one with this peer.
    pub(super) fn claim(&mut self, id: PeerId) -> Result<(), Refusal> {
        let mut state = self.registry.lock();
        if !state.connected.insert(id) {
            return Err(Refusal::DuplicateId { id });
        }
        self.id = Some(id);
        if std::mem::take(&mut self.is_in_handshake) {
            state.handshakes = state.handshakes.saturating_sub(1);
        }
        Ok(())
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = self.registry.lock();
        state.sockets.remove(&self.address);
        if self.is_in_handshake {
            state.handshakes = state.handshakes.saturating_sub(1);
        }
        if let Some(id) = &self.id {
            state.connected.remove(id);
        }
        if let Entry::Occupied(mut entry) = state.sources.entry(Prefix::of(self.address.ip())) {
            let source = entry.get_mut();
            source.connections = source.connections.saturating_sub(1);
            if source.connections == 0 && source.next_attempt.is_none() {
                entry.remove();
            }
        }
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
        self.registry.lock().dialing.remove(&self.id);
    }
}

#[derive(Debug, Default)]
struct State {
    sockets: HashSet<SocketAddr>,
    sources: HashMap<Prefix, Source>,
    connected: HashSet<PeerId>,
    dialing: HashSet<PeerId>,
    handshakes: usize,
}

impl State {
    /// Counts one more attempt from this address, or says how long it has to wait.
    fn charge_attempt(
        &mut self,
        now: Instant,
        address: IpAddr,
        limits: &Limits,
    ) -> Result<(), Refusal> {
        let Some(rate) = limits.attempts else {
            return Ok(());
        };
        self.make_room(now);
        let source = self.sources.entry(Prefix::of(address)).or_default();
        let due = source.next_attempt.map_or(now, |next| next.max(now));
        let ahead = due.saturating_duration_since(now);
        if ahead > rate.tolerance() {
            let after = ahead.saturating_sub(rate.tolerance());
            return Err(Refusal::TooOften { address, after });
        }
        source.next_attempt = due.checked_add(rate.interval());
        Ok(())
    }

    fn occupy(&mut self, address: SocketAddr, limits: &Limits) -> Result<(), Refusal> {
        if self.sockets.contains(&address) {
            return Err(Refusal::DuplicateAddress { address });
        }
        if self.sockets.len() >= limits.connections {
            let max = limits.connections;
            return Err(Refusal::Full { max });
        }
        if self.handshakes >= limits.handshakes {
            let max = limits.handshakes;
            return Err(Refusal::HandshakeLimit { max });
        }
        let prefix = Prefix::of(address.ip());
        let held = self.sources.get(&prefix).map_or(0, |it| it.connections);
        if held >= limits.connections_per_address {
            let (address, max) = (address.ip(), limits.connections_per_address);
            return Err(Refusal::AddressLimit { address, max });
        }
        self.sources.entry(prefix).or_default().connections += 1;
        self.sockets.insert(address);
        self.handshakes += 1;
        Ok(())
    }

    /// Forgets addresses of which nothing is left to know, and under a flood from very many also when they last came.
    fn make_room(&mut self, now: Instant) {
        // Each connection may have an address of its own.
        let most = MAX_IDLE_SOURCES.saturating_add(self.sockets.len());
        if self.sources.len() < most {
            return;
        }
        self.sources
            .retain(|_, source| source.connections > 0 || source.next_attempt > Some(now));
        if self.sources.len() >= most {
            self.sources.retain(|_, source| source.connections > 0);
        }
    }
}

/// What is known of the connections from one address.
#[derive(Debug, Default)]
struct Source {
    connections: usize,
    /// When its attempts so far are paid for.
    next_attempt: Option<Instant>,
}

/// What counts as one address: for IPv6 the first 64 bits, since one subscriber has them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Prefix(IpAddr);

impl Prefix {
    fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = address.to_bits() >> HOST_BITS << HOST_BITS;
                IpAddr::V6(Ipv6Addr::from_bits(network))
            }
            address => address,
        })
    }
}

const HOST_BITS: u32 = 64;
/// Half a megabyte of addresses that are remembered for their rate only.
const MAX_IDLE_SOURCES: usize = 8 * 1024;

#[cfg(test)]
mod tests;
