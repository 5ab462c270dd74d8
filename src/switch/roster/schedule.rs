//! Whom to dial, and when.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use crate::address::{PeerAddr, PeerId};
use crate::error::Fault;

/// Targets, each a peer with the addresses at which it may be. What waits is sorted by time, so that targets which wait cost nothing.
#[derive(Debug)]
pub(crate) struct Schedule {
    us: PeerId,
    pace: Pace,
    targets: HashMap<PeerId, Target>,
    /// Persistent ones apart, which come first.
    waiting: [BTreeSet<(Instant, PeerId)>; 2],
    /// Whom a dial is under way to, targets or not any more, and where.
    dialing: BTreeMap<PeerId, PeerAddr>,
    connected: HashMap<PeerId, Instant>,
}

/// How often and how many.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// The longest wait after the first failure.
    pub(crate) first: Duration,
    /// The longest wait of all.
    pub(crate) longest: Duration,
    /// Waits begin anew for who was connected as long.
    pub(crate) settled_after: Duration,
    /// Dials under way.
    pub(crate) max_dials: usize,
}

/// Why a peer is to be dialed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// It is to be connected always.
    Persistent,
    /// Each of its addresses is tried once.
    Once,
}

/// Whether a dial that failed may do better in a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Healing {
    Possible,
    /// Somebody else is there, or a node of another network.
    Unlikely,
}

/// A peer that cannot be dialed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotATarget {
    /// It is this node.
    #[error("{id} is this node itself")]
    Ourselves {
        /// The id.
        id: PeerId,
    },
    /// It has as many addresses as one may have.
    #[error("peer {id} has {max} addresses already, which is the maximum")]
    TooManyAddresses {
        /// The peer.
        id: PeerId,
        /// The limit.
        max: usize,
    },
    /// There are as many to dial as there may be, those that are persistent not counted.
    #[error("{max} peers wait to be dialed, which is the maximum")]
    TooManyTargets {
        /// The limit.
        max: usize,
    },
}

impl NotATarget {
    /// Who is at fault: always we.
    pub const fn fault(&self) -> Fault {
        Fault::Local
    }
}

#[derive(Debug)]
struct Target {
    /// At least one; the next to be tried comes first.
    addresses: Vec<PeerAddr>,
    wanted: Wanted,
    failures: u32,
    /// `None` while it is dialed or connected.
    due: Option<Instant>,
}

impl Schedule {
    pub(crate) fn new(us: PeerId, pace: Pace) -> Self {
        Self {
            us,
            pace,
            targets: HashMap::new(),
            waiting: [BTreeSet::new(), BTreeSet::new()],
            dialing: BTreeMap::new(),
            connected: HashMap::new(),
        }
    }

    /// Has a peer be dialed at this address too. A new one is due at once; one that was wanted once may become persistent, and never the
    /// reverse.
    pub(crate) fn add(
        &mut self,
        now: Instant,
        address: PeerAddr,
        wanted: Wanted,
    ) -> Result<(), NotATarget> {
        let id = *address.id();
        if id == self.us {
            return Err(NotATarget::Ourselves { id });
        }
        self.check_room(&id, &address, wanted)?;
        let due = self.pull(&id);
        let is_free = !self.connected.contains_key(&id) && !self.dialing.contains_key(&id);
        let target = self.targets.entry(id).or_insert_with(|| Target {
            addresses: Vec::new(),
            wanted,
            failures: 0,
            due: None,
        });
        if !target.addresses.contains(&address) {
            target.addresses.push(address);
        }
        if wanted == Wanted::Persistent {
            target.wanted = wanted;
        }
        let is_once = target.wanted == Wanted::Once;
        if is_free {
            self.put(id, due.unwrap_or(now));
        } else if is_once && self.connected.contains_key(&id) {
            // It is there, and that is all that was wanted.
            self.targets.remove(&id);
        }
        Ok(())
    }

    /// Dials this peer no more; a dial under way goes on.
    pub(crate) fn forget(&mut self, id: &PeerId) -> bool {
        self.pull(id);
        self.targets.remove(id).is_some()
    }

    /// A peer that is due, and where: from here a dial to it is under way.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<PeerAddr> {
        if self.dialing.len() >= self.pace.max_dials {
            return None;
        }
        let mut firsts = self.waiting.iter().filter_map(BTreeSet::first);
        let (_, id) = *firsts.find(|(due, _)| *due <= now)?;
        self.pull(&id);
        let address = self.targets.get(&id)?.addresses.first().cloned()?;
        self.dialing.insert(id, address.clone());
        Some(address)
    }

    /// The dial to this peer has failed.
    pub(crate) fn on_failed(&mut self, now: Instant, id: &PeerId, healing: Healing, roll: u32) {
        let dialed = self.dialing.remove(id);
        let is_connected = self.connected.contains_key(id);
        let Some(target) = self.targets.get_mut(id) else {
            return;
        };
        if target.wanted == Wanted::Once {
            target.addresses.retain(|it| Some(it) != dialed.as_ref());
            if target.addresses.is_empty() || is_connected {
                self.targets.remove(id);
            } else {
                self.put(*id, now);
            }
            return;
        }
        target.addresses.rotate_left(1);
        if !is_connected {
            self.wait(now, id, healing, roll);
        }
    }

    /// The dial to this peer has ended with a connection.
    pub(crate) fn on_dialed(&mut self, id: &PeerId) {
        self.dialing.remove(id);
    }

    /// No dial is under way any more, nor will be.
    pub(crate) fn end_dials(&mut self) {
        self.dialing.clear();
    }

    /// A connection with this peer is there, whoever made it.
    pub(crate) fn on_connected(&mut self, now: Instant, id: PeerId) {
        self.connected.insert(id, now);
        self.pull(&id);
        if !self.is_persistent(&id) {
            self.targets.remove(&id);
        }
    }

    pub(crate) fn on_disconnected(&mut self, now: Instant, id: &PeerId, roll: u32) {
        let since = self.connected.remove(id);
        let Some(target) = self.targets.get_mut(id) else {
            return;
        };
        let stayed = since.map(|since| now.saturating_duration_since(since));
        if stayed.is_some_and(|stayed| stayed >= self.pace.settled_after) {
            target.failures = 0;
        }
        if !self.dialing.contains_key(id) {
            self.wait(now, id, Healing::Possible, roll);
        }
    }

    /// When [`pop`](Self::pop) has something to give, as far as is known now.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        if self.dialing.len() >= self.pace.max_dials {
            return None;
        }
        let firsts = self.waiting.iter().filter_map(BTreeSet::first);
        firsts.map(|(due, _)| *due).min()
    }

    pub(crate) fn is_persistent(&self, id: &PeerId) -> bool {
        let target = self.targets.get(id);
        target.is_some_and(|target| target.wanted == Wanted::Persistent)
    }

    pub(crate) fn persistent(&self) -> impl Iterator<Item = &PeerId> {
        let targets = self.targets.iter();
        let persistent = targets.filter(|(_, target)| target.wanted == Wanted::Persistent);
        persistent.map(|(id, _)| id)
    }

    /// To whom dials are under way.
    pub(crate) fn dialing(&self) -> impl Iterator<Item = &PeerId> {
        self.dialing.keys()
    }

    fn check_room(
        &self,
        id: &PeerId,
        address: &PeerAddr,
        wanted: Wanted,
    ) -> Result<(), NotATarget> {
        if let Some(target) = self.targets.get(id) {
            let is_new = !target.addresses.contains(address);
            if is_new && target.addresses.len() >= ADDRESSES_MAX {
                let (id, max) = (*id, ADDRESSES_MAX);
                return Err(NotATarget::TooManyAddresses { id, max });
            }
        } else if wanted == Wanted::Once && self.waiting[1].len() >= TARGETS_MAX {
            let max = TARGETS_MAX;
            return Err(NotATarget::TooManyTargets { max });
        }
        Ok(())
    }

    /// Waits for a time drawn evenly up to a ceiling, which doubles with each failure.
    fn wait(&mut self, now: Instant, id: &PeerId, healing: Healing, roll: u32) {
        let Pace { first, longest, .. } = self.pace;
        let Some(target) = self.targets.get_mut(id) else {
            return;
        };
        let doublings = target.failures.min(DOUBLINGS_MAX);
        target.failures = target.failures.saturating_add(1);
        let wait = match healing {
            Healing::Unlikely => longest,
            Healing::Possible => {
                let ceiling = first.saturating_mul(1 << doublings).min(longest);
                ceiling.mul_f64(f64::from(roll) / f64::from(u32::MAX))
            }
        };
        self.put(*id, now.checked_add(wait).unwrap_or(now));
    }

    fn put(&mut self, id: PeerId, due: Instant) {
        // It waits once, whatever it was told before.
        self.pull(&id);
        let Some(target) = self.targets.get_mut(&id) else {
            return;
        };
        target.due = Some(due);
        let [persistent, others] = &mut self.waiting;
        match target.wanted {
            Wanted::Persistent => persistent.insert((due, id)),
            Wanted::Once => others.insert((due, id)),
        };
    }

    /// It waits no more; says until when it did.
    fn pull(&mut self, id: &PeerId) -> Option<Instant> {
        let due = self.targets.get_mut(id)?.due.take()?;
        for waiting in &mut self.waiting {
            waiting.remove(&(due, *id));
        }
        Some(due)
    }
}

/// A name for each way to reach it, and then some.
const ADDRESSES_MAX: usize = 8;
/// Far more than anybody dials at a time; each takes some hundred bytes.
const TARGETS_MAX: usize = 16 * 1024;
/// From any first wait to any longest one; more would overflow.
const DOUBLINGS_MAX: u32 = 20;
