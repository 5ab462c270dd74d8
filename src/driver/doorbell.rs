//! How senders and handles wake the connection's task.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Waker;

use crate::lock::lock;

/// One per connection. Ringing costs a wake only while the task sleeps.
#[derive(Debug, Default)]
pub(super) struct Doorbell {
    /// Channels, by index, whose send queue was empty and has something.
    queued: [AtomicU64; 4],
    rung: AtomicBool,
    asleep: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Doorbell {
    /// There is something in the send queue of this channel.
    pub(super) fn ring_queued(&self, channel: usize) {
        if let Some(word) = self.queued.get(channel / 64) {
            word.fetch_or(1 << (channel % 64), Ordering::SeqCst);
        }
        self.wake();
    }

    /// There is something else to look at.
    pub(super) fn ring(&self) {
        self.rung.store(true, Ordering::SeqCst);
        self.wake();
    }

    /// The task will be awake until `sleep`.
    pub(super) fn wake_up(&self, waker: &Waker) {
        self.asleep.store(false, Ordering::Relaxed);
        let mut slot = lock(&self.waker);
        match &mut *slot {
            Some(old) => old.clone_from(waker),
            None => *slot = Some(waker.clone()),
        }
    }

    /// Calls `each` with every channel that was rung since the last call.
    pub(super) fn take_queued(&self, mut each: impl FnMut(usize)) {
        for (at, word) in self.queued.iter().enumerate() {
            if word.load(Ordering::Relaxed) == 0 {
                continue;
            }
            let mut bits = word.swap(0, Ordering::SeqCst);
            while bits != 0 {
                each(at * 64 + bits.trailing_zeros() as usize);
                bits &= bits - 1;
            }
        }
    }

    /// Whether it was rung for something else since the last call.
    pub(super) fn take_rung(&self) -> bool {
        self.rung.load(Ordering::Relaxed) && self.rung.swap(false, Ordering::SeqCst)
    }

    /// The task is about to sleep: `false` if it was rung since it last looked, so that it must look again.
    pub(super) fn sleep(&self) -> bool {
        self.asleep.store(true, Ordering::SeqCst);
        let mut queued = self.queued.iter();
        let queued = queued.any(|word| word.load(Ordering::SeqCst) != 0);
        if queued || self.rung.load(Ordering::SeqCst) {
            self.asleep.store(false, Ordering::Relaxed);
            return false;
        }
        true
    }

    fn wake(&self) {
        if !self.asleep.swap(false, Ordering::SeqCst) {
            return;
        }
        let waker = lock(&self.waker).clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
