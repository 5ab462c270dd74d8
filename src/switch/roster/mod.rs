//! Whom to have as peers: decisions without tasks, sockets, clock or randomness.

mod bans;
mod schedule;

use std::collections::HashSet;

pub(super) use bans::Bans;
pub use bans::{Banned, PrefixError, TooManyBans};
pub use schedule::NotATarget;
pub(super) use schedule::{Healing, Pace, Schedule, Wanted};

use crate::address::PeerId;

/// The targets of dials, the bans, and who is outside of the limits.
#[derive(Debug)]
pub(super) struct Roster {
    pub(super) schedule: Schedule,
    pub(super) bans: Bans,
    pub(super) unconditional: HashSet<PeerId>,
}

impl Roster {
    pub(super) fn new(us: PeerId, pace: Pace) -> Self {
        Self {
            schedule: Schedule::new(us, pace),
            bans: Bans::default(),
            unconditional: HashSet::new(),
        }
    }

    /// Whether the limits do not hold for this peer.
    pub(super) fn is_exempt(&self, id: &PeerId) -> bool {
        self.unconditional.contains(id) || self.schedule.is_persistent(id)
    }

    /// All of these.
    pub(super) fn exempt(&self) -> impl Iterator<Item = &PeerId> {
        self.unconditional.iter().chain(self.schedule.persistent())
    }
}
