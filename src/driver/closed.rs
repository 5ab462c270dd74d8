//! How a connection ended.

use std::fmt;

use crate::channel::ChannelId;
use crate::error::Error;

/// How a connection ended, and what it did not send.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Closed {
    /// Why it ended.
    pub reason: CloseReason,
    /// Accepted messages that were not written wholly, by channel; channels without any are left out.
    ///
    /// The messages of a batch count as written when the whole batch is, so of up to 62 KiB it may tell more than was lost.
    pub unsent: Vec<Unsent>,
}

impl Closed {
    pub(super) const fn dropped() -> Self {
        Self {
            reason: CloseReason::Dropped,
            unsent: Vec::new(),
        }
    }

    /// Whether we stopped it and everything accepted was sent.
    pub fn is_clean(&self) -> bool {
        matches!(self.reason, CloseReason::Stopped) && self.unsent.is_empty()
    }
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.reason)?;
        for (at, unsent) in self.unsent.iter().enumerate() {
            write!(f, "{}{unsent}", if at == 0 { "; not sent: " } else { ", " })?;
        }
        Ok(())
    }
}

/// Why a connection ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum CloseReason {
    /// The future of `run`, or the connection before it ran, was dropped.
    Dropped,
    /// It failed.
    Failed(Error),
    /// The peer closed the stream between two packets.
    PeerClosed,
    /// We stopped it.
    Stopped,
}

impl CloseReason {
    /// The error, if it failed.
    pub const fn error(&self) -> Option<&Error> {
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
            Self::Failed(error) => error.fmt(f),
            Self::PeerClosed => f.write_str("the peer closed the connection"),
            Self::Stopped => f.write_str("the connection was stopped"),
        }
    }
}

/// Messages of a channel that were accepted and not written wholly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
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
