//! What the tasks of a switch and its handles share.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use super::event::Hub;
use super::peers::Peers;
use super::reactor;
use super::roster::Roster;
use crate::lock::lock;
use crate::splitmix::{STEP, mixed};
use crate::transport::{Listener, Transport};

pub(super) struct Shared {
    pub(super) transport: Transport,
    pub(super) session_timeout: Duration,
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
        lock(&self.notifees)
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
        lock(&self.0)
    }
}

/// Random numbers that spread things in time; nobody gains by guessing them.
pub(super) struct Dice(AtomicU64);

impl Dice {
    pub(super) const fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    pub(super) fn roll(&self) -> u32 {
        let state = self.0.fetch_add(STEP, Ordering::Relaxed);
        u32::try_from(mixed(state) >> 32).unwrap_or(u32::MAX)
    }
}

/// The clock of the switch; paused and advanced with tokio's in tests.
pub(super) fn clock() -> std::time::Instant {
    Instant::now().into_std()
}
