//! What a reactor has with one peer, from its begin to its end.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::end::{SessionEnd, SessionError};
use super::event::{Event, Hub};
use super::peer::PeerHandle;
use crate::channel::ChannelId;
use crate::driver::{Receiver, Sender};

/// A reactor's time with one connection: it begins when the reactor takes it, and ends when it is dropped or [ended](Self::end).
///
/// The peer stays among the peers until every session of its connection has ended, so that another connection with the same peer begins only then: what
/// a program keeps about a peer can be variables of the code that has the session.
#[derive(Debug)]
#[must_use = "a session ends when it is dropped"]
pub struct Session {
    channels: Vec<(Sender, Receiver)>,
    guard: Arc<Guard>,
}

impl Session {
    pub(super) const fn new(channels: Vec<(Sender, Receiver)>, guard: Arc<Guard>) -> Self {
        Self { channels, guard }
    }

    /// Whom it is with.
    pub fn peer(&self) -> &PeerHandle {
        &self.guard.common.peer
    }

    /// Takes both ends of a channel. The receiver gives `None` once the connection has ended and everything was taken. Sending is refused where the peer does not
    /// have the channel.
    ///
    /// A channel that is not taken discards what comes when the session is dropped, and holds up the whole connection before once its inbox is full: take all
    /// channels, and drop the receivers that are not wanted.
    ///
    /// # Errors
    ///
    /// The channel is not one of the reactor's, or was taken already.
    pub fn channel(&mut self, channel: ChannelId) -> Result<(Sender, Receiver), NoChannel> {
        let has = |(sender, _): &(Sender, Receiver)| sender.channel() == channel;
        let at = self.channels.iter().position(has);
        let at = at.ok_or(NoChannel { channel })?;
        Ok(self.channels.swap_remove(at))
    }

    /// Ends the session, and says how. Dropping it is `Ok`.
    ///
    /// `Ok` ends the peer too, with [`Reason::Quitting`](super::Reason::Quitting), unless the reactor is [optional](super::Reactor::optional); an error always does.
    pub fn end(self, result: Result<(), SessionError>) {
        self.guard.end(end_of(result));
    }

    pub(super) const fn guard(&self) -> &Arc<Guard> {
        &self.guard
    }
}

/// The reactor does not have this channel, or the session has given it away already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("channel {channel} is not one of the reactor's, or was taken already")]
pub struct NoChannel {
    /// The channel.
    pub channel: ChannelId,
}

/// How a session ends whose code came to this.
pub(super) fn end_of(result: Result<(), SessionError>) -> SessionEnd {
    result.map_or_else(|error| error.0, |()| SessionEnd::Done)
}

/// Dropping it ends the session.
pub(super) struct Guard(Arc<Stage>);

impl Guard {
    pub(super) const fn new(stage: Arc<Stage>) -> Self {
        Self(stage)
    }
}

impl Deref for Guard {
    type Target = Stage;

    fn deref(&self) -> &Stage {
        &self.0
    }
}

/// What all sessions of a connection have in common.
pub(super) struct Common {
    pub(super) peer: PeerHandle,
    pub(super) hub: Arc<Hub>,
    /// With room for the end of each session.
    pub(super) ends: mpsc::Sender<Ended>,
    /// Cancelled when sessions have not ended in time.
    pub(super) overdue: CancellationToken,
}

/// A session that has ended: its index, and how, unless nobody had taken it.
pub(super) type Ended = (usize, Option<SessionEnd>);

/// Begins and ends one session, each at most once, and tells of it. The connection has it too, so that it cannot miss an end that is being told.
pub(super) struct Stage {
    common: Arc<Common>,
    reactor: Arc<str>,
    /// Of the session among those of its connection.
    index: usize,
    at: AtomicU8,
}

impl Stage {
    pub(super) const fn new(common: Arc<Common>, reactor: Arc<str>, index: usize) -> Self {
        let at = AtomicU8::new(OFFERED);
        Self {
            common,
            reactor,
            index,
            at,
        }
    }

    /// Whether it begins; not where it has ended already.
    pub(super) fn begin(&self) -> bool {
        let mut begins = false;
        let event = Event::SessionStarted {
            peer: self.common.peer.clone(),
            reactor: self.reactor.clone(),
        };
        self.common.hub.tell_if(&event, || {
            begins = self
                .at
                .compare_exchange(OFFERED, BEGUN, Ordering::AcqRel, Ordering::Acquire)
                .is_ok();
            begins
        });
        begins
    }

    /// Whether nobody has taken it yet.
    pub(super) fn is_offered(&self) -> bool {
        self.at.load(Ordering::Acquire) == OFFERED
    }

    /// Ends it, if it has not ended, and says whether it had begun.
    pub(super) fn end(&self, end: SessionEnd) -> bool {
        let mut before = ENDED;
        let event = Event::SessionEnded {
            peer: self.common.peer.clone(),
            reactor: self.reactor.clone(),
            end: end.clone(),
        };
        self.common.hub.tell_if(&event, || {
            before = self.at.swap(ENDED, Ordering::AcqRel);
            before == BEGUN
        });
        if before != ENDED {
            // There is room for one of each session, unless its connection is gone.
            let _ = self
                .common
                .ends
                .try_send((self.index, (before == BEGUN).then_some(end)));
        }
        before == BEGUN
    }

    pub(super) fn has_ended(&self) -> bool {
        self.at.load(Ordering::Acquire) == ENDED
    }

    /// Waits until it has not ended in time.
    pub(super) async fn overdue(&self) {
        self.common.overdue.cancelled().await;
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.end(if std::thread::panicking() {
            SessionEnd::Panicked
        } else {
            SessionEnd::Done
        });
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("reactor", &self.reactor)
            .finish_non_exhaustive()
    }
}

/// Nobody has taken it yet.
const OFFERED: u8 = 0;
const BEGUN: u8 = 1;
const ENDED: u8 = 2;
