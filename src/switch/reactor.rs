//! Where a program takes its sessions.

use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use tokio::task::JoinSet;

use super::end::SessionError;
use super::session::{Session, end_of};
use crate::channel::ChannelId;
use crate::lock::lock;

/// A protocol of this node: it has channels, and a [`Session`] with each connection whose peer has at least one of them.
///
/// It is awaited rather than called back: take the sessions with [`next`](Self::next), or have [`serve`](Self::serve) run a task for each.
///
/// When it is dropped, no more sessions begin, and what comes on its channels is discarded.
#[derive(Debug)]
#[must_use = "a reactor has to take its sessions"]
pub struct Reactor {
    shared: Arc<Shared>,
}

impl Reactor {
    pub(super) fn new(name: Arc<str>, channels: Vec<ChannelId>) -> Self {
        let shared = Shared {
            name,
            channels,
            is_required: AtomicBool::new(true),
            queue: Mutex::default(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// A peer goes on when its session with this reactor has ended without an error. By default it does not.
    pub fn optional(self) -> Self {
        self.shared.is_required.store(false, Ordering::Relaxed);
        self
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// The next session; `None` once the switch has ended. One that is not taken within
    /// [`session_timeout`](super::SwitchConfig::with_session_timeout) ends its peer.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Session> {
        poll_fn(|cx| self.shared.poll_next(cx)).await
    }

    /// Runs a task for each session until the switch has ended, and returns when the last of them has. At most `tasks` run at once; a session that finds none
    /// free waits, so take more than there can be peers.
    ///
    /// What the future comes to is the end of its session, which lasts as long as the future, whatever that does with the [`Session`]. A future that panics ends with [`SessionEnd::Panicked`](super::SessionEnd::Panicked), and takes
    /// nothing else along. One that has not ended within [`session_timeout`](super::SwitchConfig::with_session_timeout) of its peer's end is aborted.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future aborts all tasks.
    pub async fn serve<F, Fut>(mut self, tasks: usize, mut session: F)
    where
        F: FnMut(Session) -> Fut,
        Fut: Future<Output = Result<(), SessionError>> + Send + 'static,
    {
        let mut running = JoinSet::new();
        loop {
            tokio::select! {
                // The result of a task is nothing: its session was told how it ended.
                Some(_) = running.join_next() => {}
                next = self.next(), if running.len() < tasks.max(1) => {
                    let Some(next) = next else { break };
                    let guard = next.guard().clone();
                    let talking = session(next);
                    running.spawn(async move {
                        tokio::select! {
                            result = talking => { guard.end(end_of(result)); }
                            () = guard.overdue() => {}
                        }
                    });
                }
            }
        }
        while running.join_next().await.is_some() {}
    }

    pub(super) const fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl Drop for Reactor {
    fn drop(&mut self) {
        self.shared.close();
    }
}

/// What the switch knows of a reactor.
pub(super) struct Shared {
    pub(super) name: Arc<str>,
    pub(super) channels: Vec<ChannelId>,
    is_required: AtomicBool,
    queue: Mutex<Queue>,
}

/// Sessions that wait to be taken: at most one of each connection.
#[derive(Default)]
struct Queue {
    sessions: VecDeque<Session>,
    is_closed: bool,
    waker: Option<Waker>,
}

impl Shared {
    pub(super) fn is_required(&self) -> bool {
        self.is_required.load(Ordering::Relaxed)
    }

    /// Offers a session; it ends at once where nobody will take it.
    pub(super) fn offer(&self, session: Session) {
        let mut queue = self.lock();
        if queue.is_closed {
            drop(queue);
            return;
        }
        queue.sessions.push_back(session);
        let waker = queue.waker.take();
        drop(queue);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Takes back the session of this connection, if nobody has taken it.
    pub(super) fn withdraw(&self, connection: u64) {
        let mut queue = self.lock();
        let offered = |it: &Session| it.peer().connection() == connection;
        let at = queue.sessions.iter().position(offered);
        let session = at.and_then(|at| queue.sessions.remove(at));
        drop(queue);
        drop(session);
    }

    /// No more sessions begin.
    pub(super) fn close(&self) {
        let mut queue = self.lock();
        queue.is_closed = true;
        let sessions = std::mem::take(&mut queue.sessions);
        let waker = queue.waker.take();
        drop(queue);
        drop(sessions);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn poll_next(&self, cx: &Context<'_>) -> Poll<Option<Session>> {
        loop {
            let mut queue = self.lock();
            let Some(session) = queue.sessions.pop_front() else {
                if queue.is_closed {
                    return Poll::Ready(None);
                }
                let replaced = queue.waker.replace(cx.waker().clone());
                drop(queue);
                drop(replaced);
                return Poll::Pending;
            };
            drop(queue);
            if session.guard().begin() {
                return Poll::Ready(Some(session));
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        lock(&self.queue)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("name", &self.name)
            .field("channels", &self.channels)
            .finish_non_exhaustive()
    }
}
