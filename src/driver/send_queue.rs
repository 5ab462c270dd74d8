//! The queue between a channel's senders and the connection's task.

use std::collections::{BTreeMap, VecDeque};
use std::pin::pin;
use std::sync::{Mutex, MutexGuard};

use tokio::sync::{Notify, oneshot};

use crate::lock::lock;

/// Many producers, one consumer that takes whole runs; bounded in messages and in bytes.
///
/// What the consumer has taken counts until it is released, so the bounds hold for the run in its hands too. The lock is
/// held for a few instructions: never while anybody is woken, and never across an await.
#[derive(Debug)]
pub(super) struct SendQueue<T> {
    bounds: Bounds,
    state: Mutex<State<T>>,
    closing: Notify,
}

/// Bounds of a queue. An empty queue admits one message of any size.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoRoom {
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
    /// Producers that wait for room, by ticket, which is the order of arrival. Leaving the line costs the same wherever one
    /// stands in it.
    waiters: BTreeMap<u64, Waiter>,
    next_ticket: u64,
}

#[derive(Debug)]
struct Waiter {
    len: usize,
    granted: oneshot::Sender<()>,
}

impl<T> SendQueue<T> {
    pub(super) fn new(bounds: Bounds) -> Self {
        let state = State {
            items: VecDeque::new(),
            occupancy: Occupancy::default(),
            accepted: 0,
            closed: false,
            waiters: BTreeMap::new(),
            next_ticket: 0,
        };
        Self {
            bounds,
            state: Mutex::new(state),
            closing: Notify::new(),
        }
    }

    /// Accepts an item of `len` bytes if there is room and nobody waits for it. Says whether it is the first for the consumer.
    #[inline(always)]
    pub(super) fn try_push(&self, item: T, len: usize) -> Result<bool, (NoRoom, T)> {
        let mut state = self.lock();
        match state.admit(len, self.bounds) {
            Ok(()) => Ok(state.accept(item)),
            Err(no_room) => Err((no_room, item)),
        }
    }

    /// Takes room for `len` bytes if there is some and nobody waits for it.
    pub(super) fn try_reserve(&self, len: usize) -> Result<Room<'_, T>, NoRoom> {
        self.lock().admit(len, self.bounds)?;
        Ok(self.room(len))
    }

    /// Waits for room for `len` bytes, in order of arrival; `None` if the queue is closed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the place, and the room if it was just granted.
    pub(super) async fn reserve(&self, len: usize) -> Option<Room<'_, T>> {
        let mut place = {
            let mut state = self.lock();
            match state.admit(len, self.bounds) {
                Ok(()) => return Some(self.room(len)),
                Err(NoRoom::Closed) => return None,
                Err(NoRoom::Full) => {
                    let (ticket, granted) = state.line_up(len);
                    Place {
                        queue: self,
                        ticket,
                        len,
                        granted,
                    }
                }
            }
        };
        let answer = (&mut place.granted).await;
        answer.is_ok().then(|| self.room(len))
    }

    /// The guard of room that is already counted.
    pub(super) const fn room(&self, len: usize) -> Room<'_, T> {
        Room {
            queue: self,
            len,
            held: true,
        }
    }

    /// Swaps all that waits into `run`, which must be empty.
    pub(super) fn take_run(&self, run: &mut VecDeque<T>) {
        std::mem::swap(&mut self.lock().items, run);
    }

    /// Gives back the room of what the consumer took, and once the queue is half empty grants it to those who wait.
    pub(super) fn release(&self, messages: usize, bytes: usize) {
        let mut back = Occupancy { messages, bytes };
        loop {
            let granted = self.lock().release(back, self.bounds);
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
        let waiters = {
            let mut state = self.lock();
            state.closed = true;
            std::mem::take(&mut state.waiters)
        };
        drop(waiters);
        self.closing.notify_waiters();
    }

    /// Waits until the queue is closed.
    pub(super) async fn closed(&self) {
        let mut notified = pin!(self.closing.notified());
        // From here a close is not missed.
        notified.as_mut().enable();
        if !self.is_closed() {
            notified.await;
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
        self.bounds
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
        lock(&self.state)
    }
}

impl<T> State<T> {
    /// Takes room for `len` bytes, unless somebody waits for it already.
    #[inline]
    fn admit(&mut self, len: usize, bounds: Bounds) -> Result<(), NoRoom> {
        if self.closed {
            return Err(NoRoom::Closed);
        }
        if !self.waiters.is_empty() || !self.occupancy.fits(len, bounds) {
            return Err(NoRoom::Full);
        }
        self.occupancy.add(1, len);
        Ok(())
    }

    #[inline]
    fn accept(&mut self, item: T) -> bool {
        let first = self.items.is_empty();
        self.accepted += 1;
        self.items.push_back(item);
        first
    }

    fn line_up(&mut self, len: usize) -> (u64, oneshot::Receiver<()>) {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let (granted, answer) = oneshot::channel();
        self.waiters.insert(ticket, Waiter { len, granted });
        (ticket, answer)
    }

    fn release(&mut self, back: Occupancy, bounds: Bounds) -> Vec<Waiter> {
        self.occupancy.remove(back);
        let mut granted = Vec::new();
        // With no items left, what fills the queue may be room that was reserved and is not used for long.
        let ripe = self.items.is_empty() || self.occupancy.is_half_empty(bounds);
        if self.closed || !ripe {
            return granted;
        }
        while let Some(first) = self.waiters.first_entry() {
            if !self.occupancy.fits(first.get().len, bounds) {
                break;
            }
            let waiter = first.remove();
            self.occupancy.add(1, waiter.len);
            granted.push(waiter);
        }
        granted
    }
}

impl Occupancy {
    pub(super) const fn fits(self, len: usize, bounds: Bounds) -> bool {
        let bytes = self.bytes.saturating_add(len);
        self.messages == 0 || (self.messages < bounds.messages && bytes <= bounds.bytes)
    }

    const fn is_half_empty(self, bounds: Bounds) -> bool {
        self.messages <= bounds.messages / 2 && self.bytes <= bounds.bytes / 2
    }

    /// What is reserved is not held, so the sum of all reservations may be more than memory could ever have.
    const fn add(&mut self, messages: usize, bytes: usize) {
        self.messages = self.messages.saturating_add(messages);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    const fn remove(&mut self, back: Self) {
        self.messages = self.messages.saturating_sub(back.messages);
        self.bytes = self.bytes.saturating_sub(back.bytes);
    }
}

/// Room for one message, given back when dropped unused.
#[derive(Debug)]
pub(super) struct Room<'a, T> {
    queue: &'a SendQueue<T>,
    len: usize,
    held: bool,
}

impl<T> Room<'_, T> {
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Keeps the room counted without the guard; [`SendQueue::room`] guards it again.
    pub(super) fn keep(mut self) -> usize {
        self.held = false;
        self.len
    }

    /// Uses the room for an item of `len` bytes at most. Says whether it is the first for the consumer, or gives it back if the
    /// queue is closed.
    pub(super) fn push(mut self, item: T, len: usize) -> Result<bool, T> {
        let mut state = self.queue.lock();
        if state.closed {
            return Err(item);
        }
        let unused = self.len.saturating_sub(len);
        state.occupancy.remove(Occupancy {
            messages: 0,
            bytes: unused,
        });
        let first = state.accept(item);
        drop(state);
        self.held = false;
        Ok(first)
    }
}

impl<T> Drop for Room<'_, T> {
    fn drop(&mut self) {
        if self.held {
            self.queue.release(1, self.len);
        }
    }
}

/// A place among those who wait.
struct Place<'a, T> {
    queue: &'a SendQueue<T>,
    ticket: u64,
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
        let was_first = state
            .waiters
            .first_key_value()
            .is_some_and(|(first, _)| *first == self.ticket);
        let waiter = state.waiters.remove(&self.ticket);
        drop(state);
        drop(waiter);
        // Whoever is first now may need less.
        if was_first {
            self.queue.release(0, 0);
        }
    }
}
