//! What the tasks of a switch and its handles share.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use super::config::SwitchConfig;
use super::event::Hub;
use super::peers::Peers;
use super::reactor;
use super::roster::Roster;
use crate::transport::{Listener, Transport};

pub(super) struct Shared {
    pub(super) transport: Transport,
    pub(super) config: SwitchConfig,
    pub(super) reactors: Vec<Arc<reactor::Shared>>,
    pub(super) hub: Arc<Hub>,
    pub(super) peers: Peers,
    pub(super) roster: Arc<SharedRoster>,
    /// Rung when the roster may have something new to do.
    pub(super) news: Notify,
    /// Listeners for the switch to run.
    pub(super) listeners: mpsc::Sender<Listener>,
    /// Notifees for the switch to run.
    pub(super) notifees: Mutex<Vec<Running>>,
    pub(super) dice: Dice,
}

pub(super) type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Shared {
    /// Has the switch run a notifee.
    pub(super) fn run_notifee(&self, notifee: Running) {
        self.lock_notifees().push(notifee);
        self.news.notify_one();
    }

    /// The notifees that do not run yet.
    pub(super) fn take_notifees(&self) -> Vec<Running> {
        std::mem::take(&mut *self.lock_notifees())
    }

    fn lock_notifees(&self) -> MutexGuard<'_, Vec<Running>> {
        // Nothing in there can be left half done by a panic.
        self.notifees.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the roster, and has the switch look at it.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Roster) -> T) -> T {
        let changed = change(&mut self.roster.lock());
        self.news.notify_one();
        changed
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("transport", &self.transport)
            .field("config", &self.config)
            .field("reactors", &self.reactors)
            .finish_non_exhaustive()
    }
}

/// The roster behind a short lock, never held across a wait.
#[derive(Debug)]
pub(super) struct SharedRoster(Mutex<Roster>);

impl SharedRoster {
    pub(super) const fn new(roster: Roster) -> Self {
        Self(Mutex::new(roster))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Roster> {
        // Nothing in here can be left half done by a panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Random numbers that spread things in time; nobody gains by guessing them (SplitMix64: Steele, Lea, Flood, 2014).
pub(super) struct Dice(AtomicU64);

impl Dice {
    pub(super) const fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    pub(super) fn roll(&self) -> u32 {
        let drawn = self.0.fetch_add(GOLDEN, Ordering::Relaxed);
        let mut mixed = drawn.wrapping_add(GOLDEN);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        u32::try_from((mixed ^ (mixed >> 31)) >> 32).unwrap_or(u32::MAX)
    }
}

/// The clock of the switch; paused and advanced with tokio's in tests.
pub(super) fn clock() -> std::time::Instant {
    Instant::now().into_std()
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
