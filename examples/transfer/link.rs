//! A byte stream with the channels of the transfer protocol opened on it, for either role.

use std::time::Duration;

use mconn::{Config, ConfigBuilder, ConfigError, Connection, Receiver, Sender};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::protocol::{FILES, REPLIES, URGENT, WINDOW};

/// A connection of the side that sends files.
pub(crate) struct SenderLink<Io> {
    pub(crate) connection: Connection<Io>,
    pub(crate) files: Sender,
    pub(crate) replies: Receiver,
    pub(crate) urgent: (Sender, Receiver),
}

impl<Io: AsyncRead + AsyncWrite + Unpin> SenderLink<Io> {
    pub(crate) fn open(io: Io, config: Config) -> Result<Self, ConfigError> {
        let mut connection = Connection::new(io, config);
        let files = connection.open_sender(FILES)?;
        let replies = connection.open_receiver(REPLIES)?;
        let urgent = connection.open(URGENT)?;
        Ok(Self {
            connection,
            files,
            replies,
            urgent,
        })
    }
}

/// A connection of the side that takes files.
pub(crate) struct ListenerLink<Io> {
    pub(crate) connection: Connection<Io>,
    pub(crate) files: Receiver,
    pub(crate) replies: Sender,
    pub(crate) urgent: (Sender, Receiver),
}

impl<Io: AsyncRead + AsyncWrite + Unpin> ListenerLink<Io> {
    pub(crate) fn open(io: Io, config: Config) -> Result<Self, ConfigError> {
        let mut connection = Connection::new(io, config);
        let files = connection.open_receiver(FILES)?;
        let replies = connection.open_sender(REPLIES)?;
        let urgent = connection.open(URGENT)?;
        Ok(Self {
            connection,
            files,
            replies,
            urgent,
        })
    }
}

/// The settings of both roles, without a rate limit: a peer that is gone is found out within seconds, not minutes.
pub(crate) fn settings() -> ConfigBuilder {
    Config::builder()
        .ping_interval(PING_INTERVAL)
        .pong_timeout(PONG_TIMEOUT)
        .write_timeout(WRITE_TIMEOUT)
        .inbox_bytes(INBOX_BYTES)
}

/// Often enough that the round-trip time in the live line is fresh.
const PING_INTERVAL: Duration = Duration::from_secs(5);

/// Must be less than the interval; a link that is silent for longer is of no use for chat.
const PONG_TIMEOUT: Duration = Duration::from_secs(4);

/// A peer that takes nothing for so long is gone, also when its side still answers pings.
const WRITE_TIMEOUT: Duration = Duration::from_secs(15);

/// Twice the window, so that files alone never fill the inbox and chat is always read.
const INBOX_BYTES: usize = 2 * WINDOW;
