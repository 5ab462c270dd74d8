//! The peers that are there.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use super::peer::PeerHandle;
use crate::address::PeerId;
use crate::lock::lock;

/// One connection of each peer. A short lock, never held across a wait.
#[derive(Default)]
pub(super) struct Peers {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    by_id: HashMap<PeerId, PeerHandle>,
    /// In the order of their connections, made when somebody asks for it after a change.
    list: Option<Arc<[PeerHandle]>>,
}

impl Peers {
    /// Adds a connection, unless its peer has one: that is given back.
    pub(super) fn insert(&self, peer: &PeerHandle) -> Result<(), PeerHandle> {
        let mut state = self.lock();
        if let Some(older) = state.by_id.get(peer.id()) {
            return Err(older.clone());
        }
        state.list = None;
        state.by_id.insert(*peer.id(), peer.clone());
        Ok(())
    }

    /// Removes this very connection, not another one with the same peer.
    pub(super) fn remove(&self, peer: &PeerHandle) {
        let mut state = self.lock();
        if state.by_id.get(peer.id()) == Some(peer) {
            state.list = None;
            state.by_id.remove(peer.id());
        }
    }

    pub(super) fn get(&self, id: &PeerId) -> Option<PeerHandle> {
        self.lock().by_id.get(id).cloned()
    }

    pub(super) fn list(&self) -> Arc<[PeerHandle]> {
        let mut state = self.lock();
        let State { by_id, list } = &mut *state;
        let list = list.get_or_insert_with(|| {
            let mut peers: Vec<PeerHandle> = by_id.values().cloned().collect();
            peers.sort_by_key(PeerHandle::connection);
            peers.into()
        });
        list.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}
