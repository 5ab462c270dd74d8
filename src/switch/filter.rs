//! Bans, asked before the program's own filter.

use std::net::SocketAddr;
use std::sync::Arc;

use super::roster::Banned;
use super::shared::{SharedRoster, clock};
use crate::address::PeerId;
use crate::transport::{Direction, Filter, Verdict};

#[derive(Debug)]
pub(super) struct BanFilter {
    roster: Arc<SharedRoster>,
    inner: Arc<dyn Filter>,
}

impl BanFilter {
    pub(super) const fn new(roster: Arc<SharedRoster>, inner: Arc<dyn Filter>) -> Self {
        Self { roster, inner }
    }
}

impl Filter for BanFilter {
    fn admit_address(&self, address: SocketAddr, direction: Direction) -> Verdict<'_> {
        let banned = self
            .roster
            .lock()
            .bans
            .forbids_address(clock(), address.ip());
        banned.map_or_else(|| self.inner.admit_address(address, direction), refuse)
    }

    fn admit_id(&self, id: PeerId, direction: Direction) -> Verdict<'_> {
        let banned = self.roster.lock().bans.forbids_id(clock(), &id);
        banned.map_or_else(|| self.inner.admit_id(id, direction), refuse)
    }
}

/// The source of a rejection whose peer is banned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{whom} is banned")]
#[non_exhaustive]
pub struct BanError {
    /// The ban.
    pub whom: Banned,
}

fn refuse<'a>(whom: Banned) -> Verdict<'a> {
    Box::pin(std::future::ready(Err(BanError { whom }.into())))
}
