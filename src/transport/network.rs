//! What a transport connects over.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite};

/// Where connections are made and come from: [`Tcp`](super::Tcp), a proxy, a simulation, pipes in memory.
///
/// Addresses are those of a socket because limits count by them; a network of another kind gives each of its nodes one of its own.
pub trait Network: fmt::Debug + Send + Sync {
    /// Opens a connection. The transport bounds its time, and drops the future where it is over.
    fn connect(&self, address: SocketAddr) -> Opening<'_, Stream>;

    /// Begins to listen.
    fn bind(&self, address: SocketAddr) -> Opening<'_, Box<dyn Accept>>;
}

/// What opening something comes to.
pub type Opening<'a, T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send + 'a>>;

/// A byte stream of a [`Network`].
pub type Stream = Box<dyn ByteStream>;

/// What a stream has to be. Every type that can be one is one.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<Io: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for Io {}

/// A source of incoming streams.
pub trait Accept: Send {
    /// The next stream, and where it comes from. After an error it is asked again.
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Stream, SocketAddr)>>;

    /// The address that it listens on.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn local_addr(&self) -> io::Result<SocketAddr>;
}
