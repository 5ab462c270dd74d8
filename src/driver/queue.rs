//! A queue bounded in messages and in bytes, for both directions.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::sync::oneshot;

/// Many producers, one consumer that takes whole runs.
///
/// What the consumer has taken counts until it is released, so the bounds hold for the run in its hands too. The lock is
/// held for a few instructions: never while anybody is woken, and never across an await.
#[derive(Debug)]
pub(super) struct Queue<T> {
    limits: Limits,
    state: Mutex<State<T>>,
}

/// Bounds of a queue. An empty queue admits one message of any size.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) messages: usize,
    pub(super) bytes: usize,
}

/// What a queue holds, with what its consumer has taken and not released.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Occupancy {
    pub(super) messages: usize,
    pub(super) bytes: usize,
}

/// Why an item was not accepted.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Closed,
    Full,
}

#[derive(Debug)]
struct State<T> {
    items: VecDeque<T>,
    occupancy: Occupancy,
    /// Items accepted since the beginning.
    accepted: u64,
    closed: bool,
    /// Producers that wait for room, in order of arrival.
    waiters: VecDeque<Waiter>,
    consumer: Option<Waker>,
}

#[derive(Debug)]
struct Waiter {
    len: usize,
    granted: oneshot::Sender<()>,
}

impl<T> Queue<T> {
    pub(super) fn new(limits: Limits) -> Self {
        let state = State {
            items: VecDeque::new(),
            occupancy: Occupancy::default(),
            accepted: 0,
            closed: false,
            waiters: VecDeque::new(),
            consumer: None,
        };
        Self {
            limits,
            state: Mutex::new(state),
        }
    }

    /// Accepts an item of `len` bytes if there is room and nobody waits for it. Says whether it is the first for the consumer.
    #[inline(always)]
    pub(super) fn try_push(&self, item: T, len: usize) -> Result<bool, (Refusal, T)> {
        let mut state = self.lock();
        if state.closed {
            return Err((Refusal::Closed, item));
        }
        if !state.waiters.is_empty() || !state.occupancy.fits(len, self.limits) {
            return Err((Refusal::Full, item));
        }
        state.occupancy.add(1, len);
        Ok(state.accept(item))
    }

    /// Waits for room for `len` bytes, in order of arrival; `None` if the queue is closed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the place, and the room if it was just granted.
    pub(super) async fn reserve(&self, len: usize) -> Option<Slot<'_, T>> {
        let granted = {
            let mut state = self.lock();
            if state.closed {
                return None;
            }
            if state.waiters.is_empty() && state.occupancy.fits(len, self.limits) {
                state.occupancy.add(1, len);
                return Some(Slot { queue: self, len });
            }
            let (granted, answer) = oneshot::channel();
            state.waiters.push_back(Waiter { len, granted });
            answer
        };
        let mut place = Place {
            queue: self,
            len,
            granted,
        };
        let answer = (&mut place.granted).await;
        answer.is_ok().then_some(Slot { queue: self, len })
    }

    /// Appends a run whose room the caller has checked, and wakes the consumer. Gives the run back if the queue is closed.
    pub(super) fn push_run(&self, run: &mut VecDeque<T>, bytes: usize) -> Result<(), Refusal> {
        let consumer = {
            let mut state = self.lock();
            if state.closed {
                return Err(Refusal::Closed);
            }
            state.occupancy.add(run.len(), bytes);
            state.accepted += run.len() as u64;
            state.items.append(run);
            state.consumer.take()
        };
        if let Some(consumer) = consumer {
            consumer.wake();
        }
        Ok(())
    }

    /// Swaps all that waits into `run`, which must be empty.
    pub(super) fn take_run(&self, run: &mut VecDeque<T>) {
        std::mem::swap(&mut self.lock().items, run);
    }

    /// Like `take_run`, but waits for something; `false` if the queue is closed and empty.
    pub(super) fn poll_run(&self, cx: &Context<'_>, run: &mut VecDeque<T>) -> Poll<bool> {
        let mut state = self.lock();
        if !state.items.is_empty() {
            std::mem::swap(&mut state.items, run);
            return Poll::Ready(true);
        }
        if state.closed {
            return Poll::Ready(false);
        }
        shrink(&mut state.items);
        match &mut state.consumer {
            Some(waker) => waker.clone_from(cx.waker()),
            slot => *slot = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    /// Gives back the room of what the consumer took, and once the queue is half empty grants it to those who wait.
    pub(super) fn release(&self, messages: usize, bytes: usize) {
        let mut back = Occupancy { messages, bytes };
        loop {
            let granted = self.lock().release(back, self.limits);
            back = Occupancy::default();
            for waiter in granted {
                // A waiter that is gone leaves its room to the next one.
                if waiter.granted.send(()).is_err() {
                    back.add(1, waiter.len);
                }
            }
            if back.messages == 0 {
                return;
            }
        }
    }

    /// Accepts nothing more: producers that wait get nothing, the consumer gets what is left.
    pub(super) fn close(&self) {
        let (waiters, consumer) = {
            let mut state = self.lock();
            state.closed = true;
            (std::mem::take(&mut state.waiters), state.consumer.take())
        };
        drop(waiters);
        if let Some(consumer) = consumer {
            consumer.wake();
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    pub(super) fn occupancy(&self) -> Occupancy {
        self.lock().occupancy
    }

    /// Items accepted since the beginning.
    pub(super) fn accepted(&self) -> u64 {
        self.lock().accepted
    }

    /// Messages that could be accepted now.
    pub(super) fn free(&self) -> usize {
        let state = self.lock();
        if state.closed || !state.waiters.is_empty() {
            return 0;
        }
        self.limits
            .messages
            .saturating_sub(state.occupancy.messages)
    }

    /// Frees memory that a burst left behind.
    pub(super) fn shrink(&self) {
        let mut state = self.lock();
        if state.items.is_empty() {
            state.items = VecDeque::new();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    #[inline]
    fn accept(&mut self, item: T) -> bool {
        let first = self.items.is_empty();
        self.accepted += 1;
        self.items.push_back(item);
        first
    }

    fn release(&mut self, back: Occupancy, limits: Limits) -> Vec<Waiter> {
        self.occupancy.remove(back);
        let mut granted = Vec::new();
        // With no items left, what fills the queue may be room that was reserved and is not used for long.
        let ripe = self.items.is_empty() || self.occupancy.is_half_empty(limits);
        if self.closed || !ripe {
            return granted;
        }
        while let Some(waiter) = self.waiters.pop_front() {
            if !self.occupancy.fits(waiter.len, limits) {
                self.waiters.push_front(waiter);
                break;
            }
            self.occupancy.add(1, waiter.len);
            granted.push(waiter);
        }
        granted
    }
}

impl Occupancy {
    pub(super) const fn fits(self, len: usize, limits: Limits) -> bool {
        let bytes = self.bytes.saturating_add(len);
        self.messages == 0 || (self.messages < limits.messages && bytes <= limits.bytes)
    }

    const fn is_half_empty(self, limits: Limits) -> bool {
        self.messages <= limits.messages / 2 && self.bytes <= limits.bytes / 2
    }

    pub(super) const fn add(&mut self, messages: usize, bytes: usize) {
        self.messages += messages;
        self.bytes += bytes;
    }

    pub(super) const fn remove(&mut self, back: Self) {
        self.messages = self.messages.saturating_sub(back.messages);
        self.bytes = self.bytes.saturating_sub(back.bytes);
    }
}

/// Room for one message, given back when dropped unused.
#[derive(Debug)]
pub(super) struct Slot<'a, T> {
    queue: &'a Queue<T>,
    len: usize,
}

impl<T> Slot<'_, T> {
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Uses the room for an item of `len` bytes at most. Says whether it is the first for the consumer, or gives it back if the
    /// queue is closed.
    pub(super) fn push(mut self, item: T, len: usize) -> Result<bool, T> {
        let mut state = self.queue.lock();
        if state.closed {
            return Err(item);
        }
        state.occupancy.bytes = (state.occupancy.bytes + len).saturating_sub(self.len);
        let first = state.accept(item);
        drop(state);
        self.len = USED;
        Ok(first)
    }
}

impl<T> Drop for Slot<'_, T> {
    fn drop(&mut self) {
        if self.len != USED {
            self.queue.release(1, self.len);
        }
    }
}

/// A place among those who wait.
struct Place<'a, T> {
    queue: &'a Queue<T>,
    len: usize,
    granted: oneshot::Receiver<()>,
}

impl<T> Drop for Place<'_, T> {
    fn drop(&mut self) {
        self.granted.close();
        if self.granted.try_recv().is_ok() {
            self.queue.release(1, self.len);
            return;
        }
        let mut state = self.queue.lock();
        state.waiters.retain(|waiter| !waiter.granted.is_closed());
        drop(state);
        self.queue.release(0, 0);
    }
}

/// Frees the memory of an empty run, unless it is little.
pub(super) fn shrink<T>(run: &mut VecDeque<T>) {
    if run.capacity() > KEPT_CAPACITY {
        *run = VecDeque::new();
    }
}

/// The least that the standard library allocates, so that an exchange of single messages allocates nothing.
const KEPT_CAPACITY: usize = 4;
/// Marks a slot whose room went to a message; no message is that long.
const USED: usize = usize::MAX;
