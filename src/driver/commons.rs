//! What the connection's task shares with its senders, receivers and handles.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use super::closed::Closed;
use super::doorbell::Doorbell;
use crate::config::Config;
use crate::lock::lock;
use crate::stats::Stats;

#[derive(Debug)]
pub(super) struct Commons {
    pub(super) config: Config,
    pub(super) doorbell: Doorbell,
    /// Whether reading waits for a receiver.
    reading: AtomicU8,
    pub(super) closed: watch::Sender<Option<Closed>>,
    requests: Mutex<Requests>,
}

/// What handles ask for. Each entry belongs to a call that waits, or is the latest value of a setting.
#[derive(Debug, Default)]
pub(super) struct Requests {
    pub(super) send_rate: Option<Option<NonZeroU64>>,
    pub(super) recv_rate: Option<Option<NonZeroU64>>,
    pub(super) stats: Vec<oneshot::Sender<Stats>>,
    pub(super) flushes: Vec<oneshot::Sender<()>>,
    pub(super) pings: Vec<oneshot::Sender<Duration>>,
}

impl Commons {
    pub(super) fn new(config: Config) -> Self {
        Self {
            config,
            doorbell: Doorbell::default(),
            reading: AtomicU8::new(GOING_ON),
            closed: watch::Sender::new(None),
            requests: Mutex::default(),
        }
    }

    /// Reading waits for a receiver, which is to ring: at each message that it takes if we are impatient, else when it has taken some.
    /// `true` if reading went on before, or a receiver has rung since.
    pub(super) fn pause_reading(&self, impatient: bool) -> bool {
        let state = if impatient { IMPATIENT } else { PAUSED };
        self.reading.swap(state, Ordering::SeqCst) == GOING_ON
    }

    /// Nothing is in the way of reading any more.
    pub(super) fn reading_resumed(&self) {
        self.reading.store(GOING_ON, Ordering::SeqCst);
    }

    /// Whether reading waits for any message to be taken.
    #[inline]
    pub(super) fn is_impatient(&self) -> bool {
        self.reading.load(Ordering::Relaxed) == IMPATIENT
    }

    /// A receiver took enough that reading may go on.
    pub(super) fn resume_reading(&self) {
        if self.reading.load(Ordering::Relaxed) != GOING_ON
            && self.reading.swap(GOING_ON, Ordering::SeqCst) != GOING_ON
        {
            self.doorbell.ring();
        }
    }

    /// Leaves a request for the task, or does nothing and says so if the connection has ended.
    pub(super) fn request(&self, add: impl FnOnce(&mut Requests)) -> bool {
        {
            let mut requests = self.requests();
            if self.has_ended() {
                return false;
            }
            requests.forget_abandoned();
            add(&mut requests);
        }
        self.doorbell.ring();
        true
    }

    pub(super) fn take_requests(&self) -> Requests {
        std::mem::take(&mut self.requests())
    }

    /// The connection has ended: answers everybody who waits for it.
    pub(super) fn end(&self, closed: Closed) {
        let unanswered = {
            let mut requests = self.requests();
            self.closed.send_if_modified(|end| {
                let first = end.is_none();
                end.get_or_insert(closed);
                first
            });
            std::mem::take(&mut *requests)
        };
        drop(unanswered);
    }

    pub(super) fn has_ended(&self) -> bool {
        self.closed.borrow().is_some()
    }

    fn requests(&self) -> MutexGuard<'_, Requests> {
        lock(&self.requests)
    }
}

impl Requests {
    /// Calls that were given up leave nothing behind, so that the lists are as long as there are calls.
    fn forget_abandoned(&mut self) {
        self.stats.retain(|answer| !answer.is_closed());
        self.flushes.retain(|answer| !answer.is_closed());
        self.pings.retain(|answer| !answer.is_closed());
    }
}

const GOING_ON: u8 = 0;
const PAUSED: u8 = 1;
const IMPATIENT: u8 = 2;
