//! The tokio driver: one future that owns the machine and the stream, and the ends that programs hold.

mod closed;
mod commons;
mod doorbell;
mod drain;
mod ends;
mod error;
mod handle;
mod inbox;
mod inboxes;
mod io;
mod outbox;
mod outboxes;
mod permit;
mod pings;
mod receiver;
mod send_queue;
mod sender;
mod staging;
mod stall;
mod task;

#[cfg(test)]
mod tests;

use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;

pub use closed::{CloseReason, Closed, Unfinished, Unsent};
pub use error::{NotSent, ReserveError, SendError, TryRecvError, TryReserveError, TrySendError};
pub use handle::Handle;
pub(crate) use outbox::Audience;
pub use permit::{OwnedPermit, Permit};
pub use receiver::Receiver;
pub use sender::{Delivery, Sender};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use crate::channel::ChannelDescriptor;
use crate::config::Config;
use crate::config::ConfigError;
use crate::trace::Span;
use ends::Ends;
use task::Task;

/// Many prioritised message channels over one byte stream.
///
/// Open the channels, then [`run`](Self::run) it; nothing moves before. Both ends must open the same channels.
///
/// ```
/// use mconn::{ChannelDescriptor, ChannelId, Config, Connection};
/// use tokio_util::sync::CancellationToken;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (ours, theirs) = tokio::io::duplex(64 * 1024);
/// let votes = ChannelDescriptor::new(ChannelId::new(0x22), 7);
///
/// let mut here = Connection::new(ours, Config::default());
/// let sender = here.open_sender(votes.clone())?;
/// let mut there = Connection::new(theirs, Config::default());
/// let mut receiver = there.open_receiver(votes)?;
///
/// let stop = CancellationToken::new();
/// let here = tokio::spawn(here.run(stop.clone()));
/// let there = tokio::spawn(there.run(CancellationToken::new()));
///
/// sender.send("yes").await?;
/// assert_eq!(receiver.recv().await.as_deref(), Some(&b"yes"[..]));
///
/// stop.cancel();
/// assert!(here.await?.is_clean());
/// there.await?;
/// # Ok(())
/// # }
/// ```
///
/// # Over TLS
///
/// Encryption is the stream's business. With rustls, for example:
///
/// ```
/// # use std::sync::Arc;
/// use mconn::{ChannelDescriptor, ChannelId, Config, Connection};
/// use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
/// use tokio_rustls::{TlsAcceptor, TlsConnector};
/// use tokio_util::sync::CancellationToken;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let identity = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
/// # let certificate = identity.cert.der().clone();
/// # let key = identity.signing_key.serialize_der().try_into()?;
/// # let mut roots = RootCertStore::empty();
/// # roots.add(certificate.clone())?;
/// # let (ours, theirs) = tokio::io::duplex(64 * 1024);
/// let client = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
/// let server = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key)?;
/// let (ours, theirs) = tokio::try_join!(
///     TlsConnector::from(Arc::new(client)).connect("localhost".try_into()?, ours),
///     TlsAcceptor::from(Arc::new(server)).accept(theirs),
/// )?;
///
/// let files = ChannelDescriptor::new(ChannelId::new(0x40), 1);
/// let mut here = Connection::new(ours, Config::default());
/// let sender = here.open_sender(files.clone())?;
/// let mut there = Connection::new(theirs, Config::default());
/// let mut receiver = there.open_receiver(files)?;
///
/// let stop = CancellationToken::new();
/// let here = tokio::spawn(here.run(stop.clone()));
/// let there = tokio::spawn(there.run(CancellationToken::new()));
///
/// // It has passed the buffer of the encryption too when this is answered.
/// let delivery = sender.send_tracked(vec![7; 300_000]).await?;
/// delivery.await?;
/// stop.cancel();
/// assert!(here.await?.is_clean());
/// there.await?;
/// assert_eq!(receiver.recv().await.unwrap(), vec![7; 300_000]);
/// # Ok(())
/// # }
/// ```
#[must_use = "a connection does nothing until it runs"]
pub struct Connection<Io> {
    io: Io,
    ends: Ends,
}

impl<Io: AsyncRead + AsyncWrite + Unpin> Connection<Io> {
    /// A connection without channels over this stream: TCP, a Unix socket, an in-memory pipe, TLS.
    ///
    /// For TCP, call [`tcp::tune`](crate::tcp::tune) on the socket first.
    pub fn new(io: Io, config: Config) -> Self {
        let ends = Ends::new(config);
        Self { io, ends }
    }

    /// Opens a channel in both directions, unless its descriptor says otherwise. The order of opening decides between channels that
    /// are equal otherwise.
    ///
    /// A receiver that is dropped discards what comes. Where nothing is to come, or nothing to be sent, use
    /// [`open_sender`](Self::open_sender) or [`open_receiver`](Self::open_receiver).
    ///
    /// # Errors
    ///
    /// A setting outside of its bounds, or a channel that is open already.
    pub fn open(&mut self, channel: ChannelDescriptor) -> Result<(Sender, Receiver), ConfigError> {
        self.open_toward(Audience::Listening, channel)
    }

    /// Opens a channel on which we only send: a message on it from the peer is a violation, as on a channel that is not open.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open).
    pub fn open_sender(&mut self, channel: ChannelDescriptor) -> Result<Sender, ConfigError> {
        Ok(self.open(channel.send_only())?.0)
    }

    /// Opens a channel on which we only receive.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open).
    pub fn open_receiver(&mut self, channel: ChannelDescriptor) -> Result<Receiver, ConfigError> {
        Ok(self.open(channel.receive_only())?.1)
    }

    /// Opens a channel of which it is known whether the peer takes messages on it.
    pub(crate) fn open_toward(
        &mut self,
        audience: Audience,
        channel: ChannelDescriptor,
    ) -> Result<(Sender, Receiver), ConfigError> {
        self.ends.open(audience, &channel)
    }

    /// A handle to watch and steer the connection.
    pub fn handle(&self) -> Handle {
        Handle::new(self.ends.shared.clone())
    }

    /// Runs the connection until it ends, and says why it did and what was not sent.
    ///
    /// Cancelling `stop` is the graceful stop: senders are closed, everything accepted is sent, the transport is flushed and its write half
    /// shut down, and what the peer still sends is read until it closes too; all within
    /// [`drain_timeout`](crate::ConfigBuilder::drain_timeout). Messages that arrive meanwhile are delivered, and discarded and counted where an inbox is
    /// full.
    ///
    /// When it has returned, every waiter has been answered, nothing more is put into an inbox, and no task is left.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops the connection at once: the stream is closed, what was not written is lost, and every
    /// waiter is told.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with its timer enabled.
    pub async fn run(self, stop: CancellationToken) -> Closed {
        let span = Span::connection();
        let mut task = Task::new(self.io, self.ends);
        let mut stopped = pin!(stop.cancelled());
        let mut timer = pin!(tokio::time::sleep(Duration::ZERO));
        let reason =
            poll_fn(|cx| span.within(|| task.poll(cx, stopped.as_mut(), timer.as_mut()))).await;
        span.within(|| task.end(reason))
    }
}

impl<Io> fmt::Debug for Connection<Io> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("channels", &self.ends.set.as_slice())
            .finish_non_exhaustive()
    }
}
