//! Where events are told, and the queues of those who listen.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use futures_core::Stream;

use super::Event;
use crate::lock::lock;

/// Tells events to whoever subscribed. Telling takes a short lock and never waits.
#[derive(Default)]
pub(in crate::switch) struct Hub {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    subscribers: Vec<Arc<Queue>>,
    is_closed: bool,
}

impl Hub {
    /// Tells all subscribers. No other lock may be held: a waker may run anything.
    pub(in crate::switch) fn tell(&self, event: &Event) {
        self.tell_if(event, || true);
    }

    /// Changes something and tells of it in one step, if the change says so: no event of a later change can come before.
    pub(in crate::switch) fn tell_if(&self, event: &Event, change: impl FnOnce() -> bool) {
        let mut wakers = Vec::new();
        let mut state = lock(&self.state);
        if !change() || state.is_closed {
            return;
        }
        state.subscribers.retain(|queue| {
            let (is_there, waker) = queue.push(event);
            wakers.extend(waker);
            is_there
        });
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    pub(in crate::switch) fn subscribe(&self) -> EventStream {
        let queue = Arc::<Queue>::default();
        let mut state = lock(&self.state);
        if state.is_closed {
            queue.close();
        } else {
            // Those who left are forgotten also where nothing happens.
            let is_there = |queue: &Arc<Queue>| Arc::strong_count(queue) > 1;
            state.subscribers.retain(is_there);
            state.subscribers.push(queue.clone());
        }
        EventStream { queue }
    }

    /// Nothing more will be told; what is queued can still be taken.
    pub(in crate::switch) fn close(&self) {
        let mut state = lock(&self.state);
        state.is_closed = true;
        let subscribers = std::mem::take(&mut state.subscribers);
        drop(state);
        subscribers.iter().for_each(|queue| queue.close());
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").finish_non_exhaustive()
    }
}

/// The events of a switch, in the order in which they happened.
///
/// It holds up nobody: up to 1,024 events wait in it, what happens beyond is counted, and told as one [`Event::Lagged`] behind those that waited.
/// Then [`peers`](crate::switch::SwitchHandle::peers) says how things are.
pub struct EventStream {
    queue: Arc<Queue>,
}

impl EventStream {
    /// The next event; `None` once the switch has ended and everything was taken.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Event> {
        poll_fn(|cx| self.queue.poll_take(cx)).await
    }

    /// The next event, if one waits.
    pub fn try_next(&mut self) -> Option<Event> {
        lock(&self.queue.state).take()
    }
}

impl Stream for EventStream {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.queue.poll_take(cx)
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        let mut state = lock(&self.queue.state);
        state.is_gone = true;
        // Events hold peers, which must not live on in a queue that nobody reads.
        let events = std::mem::take(&mut state.events);
        drop(state);
        drop(events);
    }
}

impl fmt::Debug for EventStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = lock(&self.queue.state).events.len();
        f.debug_struct("EventStream")
            .field("waiting", &waiting)
            .finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Queue {
    state: Mutex<QueueState>,
}

#[derive(Default)]
struct QueueState {
    events: VecDeque<Event>,
    /// Events that found no room since the last one that did.
    missed: u64,
    is_closed: bool,
    is_gone: bool,
    waker: Option<Waker>,
}

impl Queue {
    /// Whether anybody still listens, and whom to wake.
    fn push(&self, event: &Event) -> (bool, Option<Waker>) {
        let mut state = lock(&self.state);
        if state.is_gone {
            return (false, None);
        }
        if state.missed > 0 || state.events.len() >= EVENTS_MAX {
            state.missed = state.missed.saturating_add(1);
        } else {
            state.events.push_back(event.clone());
        }
        (true, state.waker.take())
    }

    fn close(&self) {
        let mut state = lock(&self.state);
        state.is_closed = true;
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn poll_take(&self, cx: &Context<'_>) -> Poll<Option<Event>> {
        let mut state = lock(&self.state);
        if let Some(event) = state.take() {
            return Poll::Ready(Some(event));
        }
        if state.is_closed {
            return Poll::Ready(None);
        }
        let replaced = state.waker.replace(cx.waker().clone());
        drop(state);
        drop(replaced);
        Poll::Pending
    }
}

impl QueueState {
    fn take(&mut self) -> Option<Event> {
        let event = self.events.pop_front().or_else(|| {
            let events = std::mem::take(&mut self.missed);
            (events > 0).then_some(Event::Lagged { events })
        });
        if self.events.is_empty() {
            // An idle subscriber holds no memory.
            self.events = VecDeque::new();
        }
        event
    }
}

/// Some seconds of a busy node's events, at about a hundred bytes each.
const EVENTS_MAX: usize = 1024;

#[cfg(test)]
mod tests;
