//! yamux as a careful user drives it: one task polls the connection, each channel is a stream of framed messages.

use std::future::poll_fn;
use std::io;

use bytes::Bytes;
use futures::{AsyncRead, AsyncWrite, AsyncWriteExt, StreamExt};
use tokio::io::BufStream;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_util::compat::TokioAsyncReadCompatExt;
use yamux::{Config, Connection, Mode, Stream};

use super::framing::{Cutter, Gather};
use super::stack::{Channel, Plan, Stack};

/// On the socket itself, which yamux reads and writes header by header and body by body.
#[derive(Debug)]
pub struct Yamux;

impl Stack for Yamux {
    type Channel = YamuxChannel;

    async fn dial(stream: TcpStream, plan: Plan) -> io::Result<Vec<YamuxChannel>> {
        open(stream.compat(), plan).await
    }

    async fn accept(stream: TcpStream, plan: Plan) -> io::Result<Vec<YamuxChannel>> {
        take(stream.compat(), plan).await
    }
}

/// On a buffered socket, which saves yamux half of its system calls and costs memory.
#[derive(Debug)]
pub struct YamuxBuffered;

impl Stack for YamuxBuffered {
    type Channel = YamuxChannel;

    async fn dial(stream: TcpStream, plan: Plan) -> io::Result<Vec<YamuxChannel>> {
        open(
            BufStream::with_capacity(READ_BUFFER, WRITE_BUFFER, stream).compat(),
            plan,
        )
        .await
    }

    async fn accept(stream: TcpStream, plan: Plan) -> io::Result<Vec<YamuxChannel>> {
        take(
            BufStream::with_capacity(READ_BUFFER, WRITE_BUFFER, stream).compat(),
            plan,
        )
        .await
    }
}

/// One stream; its first byte on the wire says which channel it is.
#[derive(Debug)]
pub struct YamuxChannel {
    stream: Stream,
    gather: Gather,
    cutter: Cutter,
}

impl YamuxChannel {
    fn new(stream: Stream) -> Self {
        Self {
            stream,
            gather: Gather::default(),
            cutter: Cutter::default(),
        }
    }

    async fn announce(&mut self, index: usize) -> io::Result<()> {
        self.stream
            .write_all(&[u8::try_from(index).map_err(io::Error::other)?])
            .await
    }

    async fn index(&mut self) -> io::Result<u8> {
        let packet = self
            .stream
            .next()
            .await
            .ok_or(io::ErrorKind::UnexpectedEof)??;
        match packet.as_ref() {
            [index] => Ok(*index),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

impl Channel for YamuxChannel {
    async fn send(&mut self, message: &Bytes) -> io::Result<()> {
        if self.gather.hold(message) {
            return Ok(());
        }
        let mut rest = self.gather.begin(message);
        while let Some(piece) = self.gather.next_piece(&mut rest) {
            self.stream.write_all(&piece).await?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> io::Result<()> {
        let held = self.gather.take();
        self.stream.write_all(&held).await
    }

    async fn receive(&mut self, mut each: impl FnMut(&[u8]) + Send) -> io::Result<bool> {
        let Some(packet) = self.stream.next().await else {
            return Ok(false);
        };
        self.cutter.feed(packet?.as_ref(), &mut each);
        Ok(true)
    }
}

async fn open<T: Socket>(socket: T, plan: Plan) -> io::Result<Vec<YamuxChannel>> {
    let mut connection = Connection::new(socket, Config::default(), Mode::Client);
    let mut channels = Vec::new();
    for _ in &plan.priorities {
        let stream = poll_fn(|context| connection.poll_new_outbound(context)).await;
        channels.push(YamuxChannel::new(stream.map_err(io::Error::other)?));
    }
    tokio::spawn(drive(connection, None));
    for (index, channel) in channels.iter_mut().enumerate() {
        channel.announce(index).await?;
    }
    Ok(channels)
}

async fn take<T: Socket>(socket: T, plan: Plan) -> io::Result<Vec<YamuxChannel>> {
    let (found, mut streams) = mpsc::channel(plan.priorities.len());
    tokio::spawn(drive(
        Connection::new(socket, Config::default(), Mode::Server),
        Some(found),
    ));
    let mut channels = Vec::new();
    while channels.len() < plan.priorities.len() {
        let stream = streams.recv().await.ok_or(io::ErrorKind::UnexpectedEof)?;
        let mut channel = YamuxChannel::new(stream);
        channels.push((channel.index().await?, channel));
    }
    channels.sort_by_key(|(index, _)| *index);
    Ok(channels.into_iter().map(|(_, channel)| channel).collect())
}

/// Polls the connection until it ends, handing on the streams that the peer opens.
async fn drive<T: Socket>(mut connection: Connection<T>, found: Option<mpsc::Sender<Stream>>) {
    while let Some(Ok(stream)) = poll_fn(|context| connection.poll_next_inbound(context)).await {
        if let Some(found) = &found
            && found.send(stream).await.is_err()
        {
            return;
        }
    }
}

trait Socket: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Socket for T {}

/// A few frames a read.
const READ_BUFFER: usize = 64 * 1024;
/// A header and its body of 16 KiB, the size of yamux's frames, in one write.
const WRITE_BUFFER: usize = 32 * 1024;
