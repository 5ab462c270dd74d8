//! How a connection ended.

use std::error::Error;
use std::fmt;

use crate::channel::ChannelId;
use crate::error;

/// How a connection ended, and what did not pass whole in either direction.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Closed {
    /// Why it ended.
    pub reason: CloseReason,
    /// Accepted messages that were not written wholly, by channel; channels without any are left out.
    ///
    /// The messages of a batch count as written when the whole batch is, so of up to 62 KiB it may tell more than was lost.
    pub unsent: Vec<Unsent>,
    /// Messages that the peer had begun and not ended, by channel: what came of them is lost. Where it is empty, the stream ended between two
    /// messages.
    pub unfinished: Vec<Unfinished>,
}

impl Closed {
    pub(super) const fn dropped() -> Self {
        Self {
            reason: CloseReason::Dropped,
            unsent: Vec::new(),
            unfinished: Vec::new(),
        }
    }

    /// Whether we stopped it and everything accepted was sent.
    ///
    /// What the peer was sending then does not matter to it; that is in [`unfinished`](Self::unfinished).
    pub fn is_clean(&self) -> bool {
        matches!(self.reason, CloseReason::Stopped) && self.unsent.is_empty()
    }

    /// `Ok` where the connection ended in order and nothing was left over: we stopped it, or the peer closed it between two messages, and all that
    /// was accepted was sent. Otherwise the whole report, as an error.
    ///
    /// # Errors
    ///
    /// Itself, with the failure, if there was one, in its text and in [`reason`](Self::reason).
    pub fn into_result(self) -> Result<(), Self> {
        match self.reason {
            CloseReason::Stopped if self.unsent.is_empty() => Ok(()),
            CloseReason::PeerClosed if self.unsent.is_empty() && self.unfinished.is_empty() => {
                Ok(())
            }
            _ => Err(self),
        }
    }
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.reason)?;
        for (at, unsent) in self.unsent.iter().enumerate() {
            write!(f, "{}{unsent}", if at == 0 { "; not sent: " } else { ", " })?;
        }
        for (at, unfinished) in self.unfinished.iter().enumerate() {
            let before = if at == 0 {
                "; received in part: "
            } else {
                ", "
            };
            write!(f, "{before}{unfinished}")?;
        }
        Ok(())
    }
}

/// Its text says all that there is, so it has no source; the failure itself is in [`reason`](Self::reason).
impl Error for Closed {}

/// Why a connection ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum CloseReason {
    /// The future of `run`, or the connection before it ran, was dropped.
    Dropped,
    /// It failed.
    Failed(error::Error),
    /// The peer closed the stream between two packets. Whether that was inside a message is told by
    /// [`Closed::unfinished`].
    PeerClosed,
    /// We stopped it.
    Stopped,
}

impl CloseReason {
    /// The error, if it failed.
    pub const fn error(&self) -> Option<&error::Error> {
        match self {
            Self::Failed(error) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dropped => f.write_str("the connection was dropped"),
            Self::Failed(error) => error::Whole(error).fmt(f),
            Self::PeerClosed => f.write_str("the peer closed the connection"),
            Self::Stopped => f.write_str("the connection was stopped"),
        }
    }
}

/// Messages of a channel that were accepted and not written wholly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Unsent {
    /// The channel.
    pub channel: ChannelId,
    /// How many messages.
    pub messages: usize,
    /// Their bytes; a message of which a part was written counts whole.
    pub bytes: usize,
}

impl fmt::Display for Unsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} messages, {} bytes on channel {}",
            self.messages, self.bytes, self.channel
        )
    }
}

/// A message of which a part was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Unfinished {
    /// The channel.
    pub channel: ChannelId,
    /// The bytes of it that came.
    pub bytes: usize,
}

impl fmt::Display for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} bytes of a message on channel {}",
            self.bytes, self.channel
        )
    }
}
