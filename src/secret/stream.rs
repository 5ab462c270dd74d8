//! The encrypted stream and its owned halves.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::identity::PublicKey;
use super::reader::FrameReader;
use super::writer::FrameWriter;

/// An encrypted and authenticated byte stream over any byte stream (CometBFT p2p specification, "Secret connection").
///
/// Bytes written come out in order on the other side, whatever the sizes of writes and reads. Each write is sealed at once into frames of
/// 1044 bytes that carry 1024 at most, so many small writes cost less through a `BufWriter`; a
/// [`Connection`](crate::Connection) writes batches anyway. Who waits for an answer has to flush first: what the transport does not
/// take at once stays here until the next write, flush or shutdown. An empty write sends nothing.
///
/// The handshake proves that the remote holds the secret of [`remote_key`](Self::remote_key). Whether that is the right key is for the
/// caller to decide. See the [module](crate::secret) for what the encryption gives and what it does not.
///
/// # Errors
///
/// An [`io::Error`] of a read or write is the transport's, or carries a [`FrameError`](crate::secret::FrameError). Either
/// ends this direction: each later call fails too.
///
/// # Cancel safety
///
/// Reads and writes keep all progress in the stream: a future that is dropped has taken nothing and written nothing beyond
/// what it told.
///
/// ```
/// use mconn::secret::{Identity, SecretConnection};
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (ours, theirs) = tokio::io::duplex(4096);
/// let (alice, bob) = (Identity::generate()?, Identity::generate()?);
/// let (mut here, mut there) = tokio::try_join!(
///     SecretConnection::handshake(ours, &alice),
///     SecretConnection::handshake(theirs, &bob),
/// )?;
/// assert_eq!(here.remote_key(), bob.public_key());
///
/// here.write_all(b"nobody else reads this").await?;
/// here.shutdown().await?;
/// let mut text = String::new();
/// there.read_to_string(&mut text).await?;
/// assert_eq!(text, "nobody else reads this");
/// # Ok(())
/// # }
/// ```
pub struct SecretConnection<Io> {
    stream: Sealed<Io>,
    remote_key: PublicKey,
}

impl<Io> SecretConnection<Io> {
    pub(super) const fn new(stream: Sealed<Io>, remote_key: PublicKey) -> Self {
        Self { stream, remote_key }
    }

    /// The long-term key whose secret the remote holds.
    pub const fn remote_key(&self) -> &PublicKey {
        &self.remote_key
    }

    /// The stream under this one, for its addresses and options.
    pub const fn get_ref(&self) -> &Io {
        &self.stream.io
    }

    /// Splits it into halves that two tasks can own, by what splits the stream under it: `TcpStream::into_split` or
    /// `tokio::io::split`, for example.
    pub fn into_split_with<R, W>(
        self,
        split: impl FnOnce(Io) -> (R, W),
    ) -> (ReadHalf<R>, WriteHalf<W>) {
        let Sealed { io, reader, writer } = self.stream;
        let (read, write) = split(io);
        (
            ReadHalf { io: read, reader },
            WriteHalf { io: write, writer },
        )
    }
}

impl<Io> fmt::Debug for SecretConnection<Io> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretConnection")
            .field("remote_key", &self.remote_key)
            .finish_non_exhaustive()
    }
}

impl<Io: AsyncRead + Unpin> AsyncRead for SecretConnection<Io> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<Io: AsyncWrite + Unpin> AsyncWrite for SecretConnection<Io> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// The encrypted stream before it is known whose it is.
#[derive(Debug)]
pub(crate) struct Sealed<Io> {
    pub(crate) io: Io,
    pub(crate) reader: FrameReader,
    pub(crate) writer: FrameWriter,
}

impl<Io: AsyncRead + Unpin> AsyncRead for Sealed<Io> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { io, reader, .. } = &mut *self;
        reader.poll_read(io, cx, buf)
    }
}

impl<Io: AsyncWrite + Unpin> AsyncWrite for Sealed<Io> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Self { io, writer, .. } = &mut *self;
        writer.poll_write(io, cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { io, writer, .. } = &mut *self;
        writer.poll_flush(io, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { io, writer, .. } = &mut *self;
        writer.poll_shutdown(io, cx)
    }
}

/// The owned reading half of a [`SecretConnection`].
pub struct ReadHalf<R> {
    io: R,
    reader: FrameReader,
}

impl<R: AsyncRead + Unpin> AsyncRead for ReadHalf<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { io, reader } = &mut *self;
        reader.poll_read(io, cx, buf)
    }
}

impl<R> fmt::Debug for ReadHalf<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadHalf").finish_non_exhaustive()
    }
}

/// The owned writing half of a [`SecretConnection`].
pub struct WriteHalf<W> {
    io: W,
    writer: FrameWriter,
}

impl<W: AsyncWrite + Unpin> AsyncWrite for WriteHalf<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Self { io, writer } = &mut *self;
        writer.poll_write(io, cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { io, writer } = &mut *self;
        writer.poll_flush(io, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { io, writer } = &mut *self;
        writer.poll_shutdown(io, cx)
    }
}

impl<W> fmt::Debug for WriteHalf<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteHalf").finish_non_exhaustive()
    }
}
