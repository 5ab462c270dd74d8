//! The queue between the connection's task and a channel's receiver.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use super::commons::Commons;
use crate::channel::{ChannelDescriptor, ChannelId};
use crate::lock::lock;

/// One producer that has checked for room, one consumer that takes runs.
///
/// A message waits until the receiver has taken it for its caller: admission, the watch over receivers that take nothing, and the statistics all
/// count that, by the two figures that the receiver publishes. The lock is held for a few instructions, never while anybody is
/// woken, and never across an await.
#[derive(Debug)]
pub(super) struct Inbox {
    pub(super) channel: ChannelId,
    /// Half of the messages that may wait.
    pub(super) half_capacity: u64,
    state: Mutex<State>,
    taken: Published,
    /// Messages that a receiver left behind when it was dropped.
    discarded: AtomicU64,
    shared: Arc<Commons>,
}

/// Messages of one channel and what they are charged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) messages: u64,
    /// In bytes; see [`charge`].
    pub(super) charge: u64,
}

/// A tally that one side writes and the other reads: apart from the lock, since the receiver writes it at each message, for which it
/// would take the cache line away from the task.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Published {
    messages: AtomicU64,
    charge: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    items: VecDeque<Bytes>,
    closed: bool,
    consumer: Option<Waker>,
}

impl Inbox {
    pub(super) fn new(channel: &ChannelDescriptor, shared: Arc<Commons>) -> Self {
        Self {
            channel: channel.id(),
            half_capacity: channel.recv_capacity() as u64 / 2,
            state: Mutex::default(),
            taken: Published::default(),
            discarded: AtomicU64::new(0),
            shared,
        }
    }

    /// Appends a run and wakes the receiver. `false` if nobody will take it; then the run is left as it was.
    pub(super) fn push_run(&self, run: &mut VecDeque<Bytes>) -> bool {
        let consumer = {
            let mut state = self.lock();
            if state.closed {
                return false;
            }
            state.items.append(run);
            state.consumer.take()
        };
        if let Some(consumer) = consumer {
            consumer.wake();
        }
        true
    }

    /// Moves a part of what waits into `run`, which must be empty; `false` if there is nothing, and never will be.
    pub(super) fn take_run(&self, run: &mut VecDeque<Bytes>) -> bool {
        let mut state = self.lock();
        state.take_run(run);
        !run.is_empty() || !state.closed
    }

    /// Like `take_run`, but waits for something.
    pub(super) fn poll_run(&self, cx: &Context<'_>, run: &mut VecDeque<Bytes>) -> Poll<bool> {
        let mut state = self.lock();
        state.take_run(run);
        if !run.is_empty() {
            return Poll::Ready(true);
        }
        if state.closed {
            return Poll::Ready(false);
        }
        match &mut state.consumer {
            Some(waker) => waker.clone_from(cx.waker()),
            slot => *slot = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    /// Publishes what the receiver has taken since the beginning.
    #[inline]
    pub(super) fn on_taken(&self, taken: Tally) {
        self.taken.set(taken);
    }

    /// Whether reading waits for any message to be taken.
    #[inline]
    pub(super) fn is_waited_for(&self) -> bool {
        self.shared.is_impatient()
    }

    /// Lets reading go on if it waits for what was taken.
    pub(super) fn resume_reading(&self) {
        self.shared.resume_reading();
    }

    /// The receiver is gone: nothing is accepted any more, and what waits, `run` included, is discarded.
    pub(super) fn leave(&self, mut run: VecDeque<Bytes>, taken: Tally) {
        let mut left = {
            let mut state = self.lock();
            state.closed = true;
            std::mem::take(&mut state.items)
        };
        run.append(&mut left);
        let charges = run.iter().map(|message| charge(message.len()));
        let charge = charges.fold(taken.charge, u64::saturating_add);
        self.discarded.store(run.len() as u64, Ordering::Relaxed);
        let messages = taken.messages.saturating_add(run.len() as u64);
        self.on_taken(Tally { messages, charge });
        self.resume_reading();
    }

    /// Nothing more comes; what waits can still be taken.
    pub(super) fn close(&self) {
        let consumer = {
            let mut state = self.lock();
            state.closed = true;
            state.consumer.take()
        };
        if let Some(consumer) = consumer {
            consumer.wake();
        }
    }

    /// What went since the beginning: taken for a caller, or discarded by a receiver that was dropped.
    pub(super) fn gone(&self) -> Tally {
        self.taken.get()
    }

    /// Messages that a receiver left behind when it was dropped.
    pub(super) fn discarded(&self) -> u64 {
        self.discarded.load(Ordering::Relaxed)
    }

    /// Frees memory that a burst left behind.
    pub(super) fn shrink(&self) {
        let mut state = self.lock();
        if state.items.is_empty() {
            state.items = VecDeque::new();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl State {
    fn take_run(&mut self, run: &mut VecDeque<Bytes>) {
        if self.items.len() <= RUN {
            std::mem::swap(&mut self.items, run);
        } else {
            run.extend(self.items.drain(..RUN));
        }
        self.shrink();
    }

    /// Keeps about as much memory as the waiting messages need, and that of a run.
    fn shrink(&mut self) {
        let wanted = self.items.len().max(RUN);
        if self.items.capacity() / 2 > wanted {
            self.items.shrink_to(wanted);
        }
    }
}

impl Published {
    #[inline]
    fn set(&self, tally: Tally) {
        self.messages.store(tally.messages, Ordering::Relaxed);
        self.charge.store(tally.charge, Ordering::Relaxed);
    }

    fn get(&self) -> Tally {
        Tally {
            messages: self.messages.load(Ordering::Relaxed),
            charge: self.charge.load(Ordering::Relaxed),
        }
    }
}

impl Tally {
    #[inline]
    pub(super) const fn add(&mut self, len: usize) {
        self.messages += 1;
        self.charge += charge(len);
    }

    pub(super) const fn since(self, earlier: Self) -> Self {
        Self {
            messages: self.messages.saturating_sub(earlier.messages),
            charge: self.charge.saturating_sub(earlier.charge),
        }
    }
}

/// What a waiting message of `len` bytes costs in memory: itself, its place in queues that grow by doubling, and the allocator's
/// share.
#[inline]
pub(super) const fn charge(len: usize) -> u64 {
    (len as u64).saturating_add(MESSAGE_OVERHEAD)
}

/// Three times the 32 bytes of a place, since a queue that grows has its old and its doubled memory for a moment, and what an allocation costs
/// beside its content.
pub(super) const MESSAGE_OVERHEAD: u64 = 128;
/// Few locks for many small messages, and little memory (8 KiB) in a receiver's hands and behind it.
const RUN: usize = 256;
