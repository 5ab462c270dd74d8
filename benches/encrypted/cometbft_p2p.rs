//! cometbft-p2p as a careful user drives it: one message after the other, on a buffered socket.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use cometbft_p2p::rand_core::OsRng;
use cometbft_p2p::{AsyncReadMsg, AsyncSecretConnection, AsyncWriteMsg, IdentitySecret};
use tokio::io::{AsyncRead, AsyncWrite, BufStream, ReadBuf};
use tokio::net::TcpStream;

use mconn_benches::stack::{Channel, Plan, Stack};

#[derive(Debug)]
pub(crate) struct CometbftP2p;

impl Stack for CometbftP2p {
    type Channel = CometbftP2pChannel;

    async fn dial(stream: TcpStream, _: Plan) -> io::Result<Vec<CometbftP2pChannel>> {
        open(stream).await
    }

    async fn accept(stream: TcpStream, _: Plan) -> io::Result<Vec<CometbftP2pChannel>> {
        open(stream).await
    }
}

pub(crate) struct CometbftP2pChannel(AsyncSecretConnection<Gathered>);

impl Channel for CometbftP2pChannel {
    /// At most [`LARGEST_MESSAGE`] bytes.
    async fn send(&mut self, message: &Bytes) -> io::Result<()> {
        self.0
            .write_msg(message.clone())
            .await
            .map_err(io::Error::other)
    }

    /// It cannot: the crate never flushes, and gives nobody the stream that it took. Saturated channels do not need it.
    async fn flush(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    async fn receive(&mut self, mut each: impl FnMut(&[u8]) + Send) -> io::Result<bool> {
        let message: Bytes = self.0.read_msg().await.map_err(io::Error::other)?;
        each(&message);
        Ok(true)
    }
}

async fn open(stream: TcpStream) -> io::Result<Vec<CometbftP2pChannel>> {
    let gathering = Arc::new(AtomicBool::new(false));
    let gathered = Gathered {
        stream: BufStream::with_capacity(BUFFER, BUFFER, stream),
        gathering: gathering.clone(),
    };
    let identity = IdentitySecret::generate(&mut OsRng);
    let connection = AsyncSecretConnection::new(gathered, &identity)
        .await
        .map_err(io::Error::other)?;
    gathering.store(true, Ordering::Relaxed);
    Ok(vec![CometbftP2pChannel(connection)])
}

/// A buffered socket whose writes pass the buffer until the handshake, which nobody flushes, is done.
struct Gathered {
    stream: BufStream<TcpStream>,
    gathering: Arc<AtomicBool>,
}

impl AsyncRead for Gathered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Gathered {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.gathering.load(Ordering::Relaxed) {
            Pin::new(&mut self.stream).poll_write(context, bytes)
        } else {
            Pin::new(self.stream.get_mut()).poll_write(context, bytes)
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Its limit of 1 MiB counts the tags and lengths that the message is wrapped in.
pub(crate) const LARGEST_MESSAGE: usize = (1 << 20) - 16;
const BUFFER: usize = 64 * 1024;
