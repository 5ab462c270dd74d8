//! The decisions of the registry: who has a place, and who loses it. Time is an argument; it does nothing by itself.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::time::Instant;

use tokio_util::sync::CancellationToken;

use super::counts::ConnectionCounts;
use super::refusal::Refusal;
use crate::address::{Group, PeerId, Subscriber};
use crate::driver::Handle;
use crate::limiter::Pacer;
use crate::peer::Progress;
use crate::transport::direction::Direction;
use crate::transport::limits::Limits;

#[derive(Debug, Default)]
pub(super) struct State {
    /// By ticket, which is the order of arrival.
    places: HashMap<u64, Held>,
    next_ticket: u64,
    /// Inbound handshakes under way, at most as many as the limit says.
    handshakes: BTreeMap<u64, Handshake>,
    /// Places that count toward the limits, by direction.
    inbound: usize,
    outbound: usize,
    sockets: HashSet<(Direction, SocketAddr)>,
    sources: HashMap<Subscriber, Source>,
    /// Inbound connections of the groups that are limited.
    groups: HashMap<Group, usize>,
    /// By id: the ticket.
    connected: HashMap<PeerId, u64>,
    dialing: HashSet<PeerId>,
    /// Whose places do not count.
    exempt: HashSet<PeerId>,
}

/// A place in use.
#[derive(Debug)]
struct Held {
    direction: Direction,
    address: SocketAddr,
    id: Option<PeerId>,
    /// Whether it counts toward the limits.
    counts: bool,
    /// Cancelled when the place goes to somebody else.
    displaced: CancellationToken,
    /// To ask whether the peer is alive, once it is one.
    handle: Option<Handle>,
}

/// The connection that has a peer already.
#[derive(Clone, Debug)]
pub(super) struct Rival {
    pub(super) ticket: u64,
    pub(super) direction: Direction,
    pub(super) handle: Option<Handle>,
}

/// An inbound handshake under way.
#[derive(Debug)]
struct Handshake {
    group: Group,
    progress: Progress,
}

/// What is known of the inbound connections from one address.
#[derive(Debug, Default)]
struct Source {
    connections: usize,
    attempts: Option<Pacer>,
}

impl State {
    /// Counts one more attempt from this address, or says how long it has to wait.
    pub(super) fn charge_attempt(
        &mut self,
        now: Instant,
        address: IpAddr,
        limits: &Limits,
    ) -> Result<(), Refusal> {
        let Some(rate) = limits.attempts else {
            return Ok(());
        };
        self.make_room(now);
        let source = self.sources.entry(Subscriber::of(address)).or_default();
        let attempts = source.attempts.get_or_insert_with(|| {
            let burst = NonZeroU32::new(rate.burst()).unwrap_or(NonZeroU32::MIN);
            Pacer::new(now, rate.interval(), burst)
        });
        attempts.take(now).map_err(|at| Refusal::TooOften {
            address,
            after: at.saturating_duration_since(now),
        })
    }

    pub(super) fn admit_inbound(
        &mut self,
        address: SocketAddr,
        progress: Progress,
        displaced: CancellationToken,
        limits: &Limits,
    ) -> Result<u64, Refusal> {
        self.check_address(Direction::Inbound, address)?;
        let ip = address.ip();
        let held = self.sources.get(&Subscriber::of(ip));
        if held.map_or(0, |it| it.connections) >= limits.connections_per_address {
            let (address, max) = (ip, limits.connections_per_address);
            return Err(Refusal::AddressLimit { address, max });
        }
        let group = Group::of(ip);
        let in_group = self.groups.get(&group).copied().unwrap_or_default();
        if group.is_cheap() && in_group >= limits.connections_per_network {
            let (address, max) = (ip, limits.connections_per_network);
            return Err(Refusal::NetworkLimit { address, max });
        }
        // Where somebody is awaited who needs no place, who comes is asked for a name before a full house is closed to it.
        let is_closed = self.inbound >= limits.inbound && !self.awaits_exempt();
        if is_closed || self.handshakes.len() >= limits.handshakes {
            self.displace(group, limits)?;
        }
        let ticket = self.hold(Direction::Inbound, address, true, displaced);
        let handshake = Handshake { group, progress };
        self.handshakes.insert(ticket, handshake);
        Ok(ticket)
    }

    pub(super) fn admit_outbound(
        &mut self,
        address: SocketAddr,
        expected: Option<&PeerId>,
        displaced: CancellationToken,
        limits: &Limits,
    ) -> Result<u64, Refusal> {
        self.check_address(Direction::Outbound, address)?;
        let counts = expected.is_none_or(|id| !self.exempt.contains(id));
        if counts && self.outbound >= limits.outbound {
            let max = limits.outbound;
            return Err(Refusal::Full { max });
        }
        Ok(self.hold(Direction::Outbound, address, counts, displaced))
    }

    /// The handshake is over: from here the connection is one with this peer.
    pub(super) fn claim(
        &mut self,
        ticket: u64,
        id: PeerId,
        limits: &Limits,
    ) -> Result<(), Refusal> {
        let held = self.places.get_mut(&ticket).ok_or(Refusal::Displaced)?;
        if self.connected.contains_key(&id) {
            return Err(Refusal::DuplicateId { id });
        }
        let is_exempt = self.exempt.contains(&id);
        let peers = self.inbound.saturating_sub(self.handshakes.len());
        if !is_exempt && held.direction == Direction::Inbound && peers >= limits.inbound {
            let max = limits.inbound;
            return Err(Refusal::Full { max });
        }
        held.id = Some(id);
        self.connected.insert(id, ticket);
        self.handshakes.remove(&ticket);
        self.count(ticket, !is_exempt);
        Ok(())
    }

    /// Has the connection give way that the peer of this place has already, if the new one wins: of two in opposite directions, the one that the
    /// greater id dialed, so that both ends decide alike.
    pub(super) fn break_tie(&mut self, ticket: u64, id: &PeerId, us: &PeerId) {
        let Some(direction) = self.places.get(&ticket).map(|held| held.direction) else {
            return;
        };
        if let Some(rival) = self.rival(id) {
            if wins(us, id, direction, rival.direction) {
                self.forsake(rival.ticket);
            }
        }
    }

    /// The connection that this peer has.
    pub(super) fn rival(&self, id: &PeerId) -> Option<Rival> {
        let ticket = *self.connected.get(id)?;
        let held = self.places.get(&ticket)?;
        Some(Rival {
            ticket,
            direction: held.direction,
            handle: held.handle.clone(),
        })
    }

    /// Takes a connection's place away from it.
    pub(super) fn forsake(&mut self, ticket: u64) {
        if let Some(held) = self.places.get(&ticket) {
            held.displaced.cancel();
        }
        self.release(ticket);
    }

    /// How to ask whether the peer at this place is alive.
    pub(super) fn attach(&mut self, ticket: u64, handle: Handle) {
        if let Some(held) = self.places.get_mut(&ticket) {
            held.handle = Some(handle);
        }
    }

    /// Has the places of this peer count toward no limit, or again.
    pub(super) fn set_exempt(&mut self, id: PeerId, is_exempt: bool) {
        if is_exempt {
            self.exempt.insert(id);
        } else {
            self.exempt.remove(&id);
        }
        if let Some(ticket) = self.connected.get(&id).copied() {
            self.count(ticket, !is_exempt);
        }
    }

    /// Gives a place back, unless it has gone to somebody else already.
    pub(super) fn release(&mut self, ticket: u64) {
        let Some(held) = self.places.remove(&ticket) else {
            return;
        };
        self.handshakes.remove(&ticket);
        self.sockets.remove(&(held.direction, held.address));
        if let Some(id) = &held.id {
            self.connected.remove(id);
        }
        if held.counts {
            self.leave(held.direction, held.address.ip());
        }
    }

    pub(super) fn begin_dial(&mut self, id: PeerId) -> Result<(), Refusal> {
        if self.connected.contains_key(&id) || !self.dialing.insert(id) {
            return Err(Refusal::DuplicateId { id });
        }
        Ok(())
    }

    pub(super) fn end_dial(&mut self, id: &PeerId) {
        self.dialing.remove(id);
    }

    pub(super) fn is_exempt(&self, id: &PeerId) -> bool {
        self.exempt.contains(id)
    }

    pub(super) fn counts(&self) -> ConnectionCounts {
        ConnectionCounts {
            inbound: self.inbound,
            outbound: self.outbound,
            exempt: self.places.values().filter(|held| !held.counts).count(),
            handshakes: self.handshakes.len(),
        }
    }

    /// Whether a peer that needs no place is not there.
    fn awaits_exempt(&self) -> bool {
        self.exempt
            .iter()
            .any(|id| !self.connected.contains_key(id))
    }

    fn check_address(&self, direction: Direction, address: SocketAddr) -> Result<(), Refusal> {
        if self.sockets.contains(&(direction, address)) {
            return Err(Refusal::DuplicateAddress { address });
        }
        Ok(())
    }

    fn hold(
        &mut self,
        direction: Direction,
        address: SocketAddr,
        counts: bool,
        displaced: CancellationToken,
    ) -> u64 {
        let ticket = self.next_ticket;
        self.next_ticket = self.next_ticket.wrapping_add(1);
        self.sockets.insert((direction, address));
        let held = Held {
            direction,
            address,
            id: None,
            counts,
            displaced,
            handle: None,
        };
        self.places.insert(ticket, held);
        if counts {
            self.enter(direction, address.ip());
        }
        ticket
    }

    /// Has a place count, or not any more.
    fn count(&mut self, ticket: u64, counts: bool) {
        let Some(held) = self.places.get_mut(&ticket) else {
            return;
        };
        let counted = std::mem::replace(&mut held.counts, counts);
        let (direction, address) = (held.direction, held.address.ip());
        match (counted, counts) {
            (true, false) => self.leave(direction, address),
            (false, true) => self.enter(direction, address),
            _ => {}
        }
    }

    /// Takes the place of the handshake that has come least far in the group which has most of them, the newcomer's own counted too; of
    /// equals the oldest, which has had most time.
    fn displace(&mut self, newcomer: Group, limits: &Limits) -> Result<(), Refusal> {
        let mut crowds = HashMap::from([(newcomer, 1_usize)]);
        for handshake in self.handshakes.values() {
            *crowds.entry(handshake.group).or_default() += 1;
        }
        let largest = crowds.values().copied().max().unwrap_or_default();
        let candidates = self
            .handshakes
            .iter()
            .filter(|(_, handshake)| crowds.get(&handshake.group) == Some(&largest));
        let least = candidates.min_by_key(|(ticket, it)| (it.progress.stage(), **ticket));
        let Some((ticket, _)) = least else {
            let max = limits.inbound;
            return Err(Refusal::Full { max });
        };
        self.forsake(*ticket);
        Ok(())
    }

    /// One connection more.
    fn enter(&mut self, direction: Direction, address: IpAddr) {
        if direction == Direction::Outbound {
            self.outbound += 1;
            return;
        }
        self.inbound += 1;
        let source = self.sources.entry(Subscriber::of(address)).or_default();
        source.connections += 1;
        let group = Group::of(address);
        if group.is_cheap() {
            *self.groups.entry(group).or_default() += 1;
        }
    }

    /// One connection less.
    fn leave(&mut self, direction: Direction, address: IpAddr) {
        if direction == Direction::Outbound {
            self.outbound = self.outbound.saturating_sub(1);
            return;
        }
        self.inbound = self.inbound.saturating_sub(1);
        let subscriber = Subscriber::of(address);
        if let Some(source) = self.sources.get_mut(&subscriber) {
            source.connections = source.connections.saturating_sub(1);
            if source.connections == 0 && source.attempts.is_none() {
                self.sources.remove(&subscriber);
            }
        }
        let group = Group::of(address);
        if let Some(connections) = self.groups.get_mut(&group) {
            *connections = connections.saturating_sub(1);
            if *connections == 0 {
                self.groups.remove(&group);
            }
        }
    }

    /// Forgets addresses of which nothing is left to know, and under a flood from very many also when they last came.
    fn make_room(&mut self, now: Instant) {
        // Each connection may have an address of its own.
        let most = MAX_IDLE_SOURCES.saturating_add(self.inbound);
        if self.sources.len() < most {
            return;
        }
        self.sources.retain(|_, source| {
            let rested = |attempts: &Pacer| attempts.is_rested(now);
            source.connections > 0 || !source.attempts.as_ref().is_none_or(rested)
        });
        if self.sources.len() >= most {
            self.sources.retain(|_, source| source.connections > 0);
        }
    }

    #[cfg(test)]
    pub(super) fn sources(&self) -> usize {
        self.sources.len()
    }

    /// Handshakes under way, and inbound connections by what is known of addresses.
    #[cfg(test)]
    pub(super) fn tallies(&self) -> (usize, usize) {
        let counted = self.sources.values().map(|source| source.connections);
        (self.handshakes.len(), counted.sum())
    }
}

/// Whether a new connection with a peer wins over the one that it has, in whose place it would be: only where they have opposite directions.
pub(super) fn wins(us: &PeerId, them: &PeerId, newer: Direction, older: Direction) -> bool {
    let winner = if us > them {
        Direction::Outbound
    } else {
        Direction::Inbound
    };
    newer == winner && older != winner
}

/// Addresses that are remembered for their rate only: with the room that a hash map keeps free, below three megabytes.
pub(super) const MAX_IDLE_SOURCES: usize = 8 * 1024;
