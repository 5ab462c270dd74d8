//! What was left when a switch ended.

use std::sync::Arc;

use super::end::PeerEnd;
use crate::address::PeerId;

/// How a switch ended.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// The peers that it had, from its begin to its end.
    pub peers: u64,
    /// The sessions that had not ended in time, by peer and reactor: the first 64.
    pub overdue: Vec<(PeerId, Arc<str>)>,
    /// The notifees that had not been told everything within 5 s.
    pub notifees_cut_short: usize,
}

impl ShutdownReport {
    pub(super) fn on_peer_ended(&mut self, id: PeerId, end: &PeerEnd) {
        self.peers = self.peers.saturating_add(1);
        let room = OVERDUE_MAX.saturating_sub(self.overdue.len());
        let overdue = end.overdue.iter().take(room);
        self.overdue
            .extend(overdue.map(|reactor| (id, reactor.clone())));
    }
}

/// Enough to see what is wrong.
const OVERDUE_MAX: usize = 64;
