//! A connection under test, and a scripted peer that speaks in single packets.

use std::future::pending;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use mconn::packet::{Packet, PacketMsg, decode, encode};
use mconn::{ChannelDescriptor, ChannelId, Closed, Config, Connection, Handle, Receiver, Sender};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// The channel of most tests, as upstream's tests use it.
pub(crate) const CHANNEL: ChannelId = ChannelId::new(0x01);

/// A connection in a task of its own, which ends with it.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) handle: Handle,
    pub(crate) stop: CancellationToken,
    task: JoinSet<Closed>,
}

impl Running {
    pub(crate) fn start(
        connection: Connection<impl AsyncRead + AsyncWrite + Unpin + Send + 'static>,
    ) -> Self {
        let (handle, stop) = (connection.handle(), CancellationToken::new());
        let mut task = JoinSet::new();
        task.spawn(connection.run(stop.clone()));
        Self { handle, stop, task }
    }

    /// What `run` returned.
    pub(crate) async fn ended(&mut self) -> Closed {
        let closed = self.task.join_next().await;
        closed
            .expect("it is awaited once")
            .expect("it did not panic")
    }

    /// What `run` returns once it is stopped.
    pub(crate) async fn stopped(&mut self) -> Closed {
        self.stop.cancel();
        self.ended().await
    }

    /// Whether the connection has not ended.
    pub(crate) async fn is_alive(&self) -> bool {
        self.handle.stats().await.is_some()
    }
}

/// A running connection with these channels, and their ends.
pub(crate) fn start<const N: usize>(
    io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    config: Config,
    channels: [ChannelDescriptor; N],
) -> (Running, [(Sender, Receiver); N]) {
    let mut connection = Connection::new(io, config);
    let ends = channels.map(|channel| connection.open(channel).unwrap());
    (Running::start(connection), ends)
}

/// A running connection with the one channel, and its scripted peer.
pub(crate) fn scripted(config: Config) -> (Running, Sender, Receiver, Peer<DuplexStream>) {
    scripted_with(config, ChannelDescriptor::new(CHANNEL, 1))
}

/// The same for another channel.
pub(crate) fn scripted_with(
    config: Config,
    channel: ChannelDescriptor,
) -> (Running, Sender, Receiver, Peer<DuplexStream>) {
    let (ours, theirs) = duplex(64 * 1024);
    let (running, [(sender, receiver)]) = start(ours, config, [channel]);
    (running, sender, receiver, Peer::new(theirs))
}

/// The far end of a connection, which sends what it is told to.
#[derive(Debug)]
pub(crate) struct Peer<Io> {
    io: Io,
    received: BytesMut,
}

/// A packet that the peer received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Received {
    Ping,
    Pong,
    Msg {
        channel: i32,
        eof: bool,
        data: Bytes,
    },
}

impl<Io: AsyncRead + AsyncWrite + Unpin> Peer<Io> {
    pub(crate) fn new(io: Io) -> Self {
        Self {
            io,
            received: BytesMut::new(),
        }
    }

    pub(crate) fn into_io(self) -> Io {
        self.io
    }

    pub(crate) async fn send(&mut self, packet: Packet<'_>) {
        let mut out = Vec::new();
        encode(&packet, &mut out);
        self.send_bytes(&out).await;
    }

    /// A message in one packet.
    pub(crate) async fn send_message(&mut self, channel: i32, data: &[u8]) {
        self.send(msg(channel, true, data)).await;
    }

    /// Bytes as they are. A connection that is gone already takes none.
    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        let _ = self.io.write_all(bytes).await;
    }

    /// Closes the half that the connection reads.
    pub(crate) async fn close(&mut self) {
        let _ = self.io.shutdown().await;
    }

    /// The next packet, or `None` at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<Received> {
        loop {
            if let Some(packet) = self.decoded() {
                return Some(packet);
            }
            if self.io.read_buf(&mut self.received).await.ok()? == 0 {
                assert!(self.received.is_empty(), "the stream ends between packets");
                return None;
            }
        }
    }

    /// The next message on any channel, put together from its packets.
    pub(crate) async fn next_message(&mut self) -> Option<(i32, Vec<u8>)> {
        let mut message = Vec::new();
        loop {
            if let Received::Msg { channel, eof, data } = self.next().await? {
                message.extend_from_slice(&data);
                if eof {
                    return Some((channel, message));
                }
            }
        }
    }

    fn decoded(&mut self) -> Option<Received> {
        let framed = decode(&self.received, 1 << 24).unwrap()?;
        let (packet, len) = (Received::from(framed.packet), framed.framed_len);
        self.received.advance(len);
        Some(packet)
    }
}

impl From<Packet<'_>> for Received {
    fn from(packet: Packet<'_>) -> Self {
        match packet {
            Packet::Ping => Self::Ping,
            Packet::Pong => Self::Pong,
            Packet::Msg(msg) => Self::Msg {
                channel: msg.channel_id,
                eof: msg.eof,
                data: Bytes::copy_from_slice(msg.data),
            },
            other => panic!("{other:?} is new"),
        }
    }
}

/// A message packet.
pub(crate) fn msg(channel: i32, eof: bool, data: &[u8]) -> Packet<'_> {
    let mut msg = PacketMsg::default();
    (msg.channel_id, msg.eof, msg.data) = (channel, eof, data);
    Packet::Msg(msg)
}

/// The output, which must be there within so much virtual time.
pub(crate) async fn within<T>(time: Duration, future: impl Future<Output = T>) -> T {
    timeout(time, future).await.expect("it is ready in time")
}

/// Lets virtual time pass, which moves only when all are idle.
pub(crate) async fn pass(time: Duration) {
    let _ = timeout(time, pending::<()>()).await;
}

pub(crate) const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
