//! The phases of a graceful stop.

use std::pin::Pin;
use std::task::Context;
use std::time::{Duration, Instant};

use tokio::io::AsyncWrite;

use super::closed::CloseReason;
use crate::error::Error;

/// How far a connection has come on its way to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    Open,
    /// Sends what was accepted.
    Draining {
        deadline: Instant,
    },
    /// Everything is written and flushed; closes the write half.
    ShuttingDown {
        deadline: Instant,
    },
    /// Reads until the peer closes too: closing a socket with unread input would destroy what the peer has not read.
    Lingering {
        deadline: Instant,
    },
}

impl Life {
    pub(super) fn drain(&mut self, now: Instant, timeout: Duration) {
        if *self == Self::Open {
            *self = Self::Draining {
                deadline: now + timeout,
            };
        }
    }

    /// Everything was sent.
    pub(super) fn on_drained(&mut self) {
        if let Self::Draining { deadline } = *self {
            *self = Self::ShuttingDown { deadline };
        }
    }

    /// Closes the write half, when it is time. A peer that is gone already leaves nothing to close.
    pub(super) fn poll_shutdown<Io: AsyncWrite + Unpin>(
        &mut self,
        io: &mut Io,
        cx: &mut Context<'_>,
    ) {
        let Self::ShuttingDown { deadline } = *self else {
            return;
        };
        if Pin::new(io).poll_shutdown(cx).is_ready() {
            *self = Self::Lingering { deadline };
        }
    }

    pub(super) const fn is_open(&self) -> bool {
        matches!(self, Self::Open)
    }

    /// Whether everything accepted has been written, so that nothing that happens now is a failure.
    pub(super) const fn is_finished(&self) -> bool {
        matches!(self, Self::ShuttingDown { .. } | Self::Lingering { .. })
    }

    /// For so long we could do nothing.
    pub(super) fn put_off(&mut self, time: Duration) {
        match self {
            Self::Open => {}
            Self::Draining { deadline }
            | Self::ShuttingDown { deadline }
            | Self::Lingering { deadline } => *deadline += time,
        }
    }

    pub(super) const fn deadline(&self) -> Option<Instant> {
        match *self {
            Self::Open => None,
            Self::Draining { deadline }
            | Self::ShuttingDown { deadline }
            | Self::Lingering { deadline } => Some(deadline),
        }
    }

    /// The end of a stop that took too long.
    pub(super) fn overdue(&self, now: Instant, after: Duration) -> Option<CloseReason> {
        match *self {
            Self::Draining { deadline } if deadline <= now => {
                Some(CloseReason::Failed(Error::DrainTimeout { after }))
            }
            Self::ShuttingDown { deadline } | Self::Lingering { deadline } if deadline <= now => {
                Some(CloseReason::Stopped)
            }
            _ => None,
        }
    }
}
