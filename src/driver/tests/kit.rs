//! What the tests of the driver share: running connections, virtual time, and packets.

use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::{JoinSet, yield_now};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::super::{Closed, Connection, Handle, Receiver, Sender};
use crate::channel::{ChannelDescriptor, ChannelId};
use crate::config::{Config, ConfigBuilder};
use crate::packet::{ChunkLimits, MsgHeader, Packet, decode, encode, encode_msg};

/// The channel of the tests that need one only.
pub(super) const BULK: ChannelId = ChannelId::new(0x30);
/// The channel that goes first.
pub(super) const URGENT: ChannelId = ChannelId::new(0x22);

/// A third one.
pub(super) const OTHER: ChannelId = ChannelId::new(0x40);

pub(super) const fn bulk() -> ChannelDescriptor {
    ChannelDescriptor::new(BULK, 1)
}

pub(super) const fn urgent() -> ChannelDescriptor {
    ChannelDescriptor::new(URGENT, 10)
}

pub(super) const fn other() -> ChannelDescriptor {
    ChannelDescriptor::new(OTHER, 5)
}

/// Settings without pings before a year has passed, for tests of other times.
pub(super) fn quiet() -> ConfigBuilder {
    Config::builder().ping_interval(Duration::from_secs(365 * 24 * 3600))
}

/// A connection in a task of its own, which ends with it.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) handle: Handle,
    pub(super) stop: CancellationToken,
    polls: Arc<AtomicUsize>,
    task: JoinSet<Closed>,
}

impl Running {
    pub(super) fn start(
        connection: Connection<impl AsyncRead + AsyncWrite + Unpin + Send + 'static>,
    ) -> Self {
        let (handle, stop) = (connection.handle(), CancellationToken::new());
        let polls = Arc::new(AtomicUsize::new(0));
        let mut task = JoinSet::new();
        task.spawn(counted(polls.clone(), connection.run(stop.clone())));
        Self {
            handle,
            stop,
            polls,
            task,
        }
    }

    /// How often the connection has been woken.
    pub(super) fn polls(&self) -> usize {
        self.polls.load(Ordering::Relaxed)
    }

    /// What `run` returned.
    pub(super) async fn ended(&mut self) -> Closed {
        let closed = self.task.join_next().await;
        closed
            .expect("it is awaited once")
            .expect("it did not panic")
    }

    /// What `run` returns once it is stopped.
    pub(super) async fn stopped(&mut self) -> Closed {
        self.stop.cancel();
        self.ended().await
    }
}

/// A connection with these channels, and their ends.
pub(super) fn connection<Io: AsyncRead + AsyncWrite + Unpin, const N: usize>(
    io: Io,
    config: Config,
    channels: [ChannelDescriptor; N],
) -> (Connection<Io>, [(Sender, Receiver); N]) {
    let mut connection = Connection::new(io, config);
    let ends = channels.map(|channel| connection.open(channel).unwrap());
    (connection, ends)
}

/// The same, running.
pub(super) fn start<const N: usize>(
    io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    config: Config,
    channels: [ChannelDescriptor; N],
) -> (Running, [(Sender, Receiver); N]) {
    let (connection, ends) = connection(io, config, channels);
    (Running::start(connection), ends)
}

/// What a receiver still gets, up to the end of its connection.
pub(super) async fn take_all(receiver: &mut Receiver) -> Vec<Bytes> {
    let mut taken = Vec::new();
    while let Some(message) = soon(receiver.recv()).await {
        taken.push(message);
    }
    taken
}

/// The output, which must be there within a second of virtual time.
pub(super) async fn soon<T>(future: impl Future<Output = T>) -> T {
    let output = timeout(Duration::from_secs(1), future).await;
    output.expect("it is ready within a second of virtual time")
}

/// Lets everybody do what can be done at present: time moves, by a millisecond, only when all are idle.
pub(super) async fn idle() {
    pass(Duration::from_millis(1)).await;
}

/// Lets virtual time pass.
pub(super) async fn pass(time: Duration) {
    let _ = timeout(time, pending::<()>()).await;
}

/// The output, and the virtual time until it was there.
pub(super) async fn timed<T>(future: impl Future<Output = T>) -> (T, Duration) {
    let start = Instant::now();
    let output = future.await;
    (output, start.elapsed())
}

/// Whether the future is still waiting when all are idle; it is dropped.
pub(super) async fn is_waiting<T>(future: impl Future<Output = T>) -> bool {
    timeout(Duration::from_millis(1), future).await.is_err()
}

/// Polls a future so many times, or until all are idle, then lets others run for so many turns, and drops it unless it
/// was ready.
pub(super) async fn cancelled<T>(
    polls: usize,
    turns: usize,
    future: impl Future<Output = T>,
) -> Option<T> {
    let mut future = pin!(future);
    let mut left = polls;
    let polled = poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    });
    let output = timeout(Duration::from_millis(1), polled)
        .await
        .ok()
        .flatten();
    if output.is_none() {
        for _ in 0..turns {
            yield_now().await;
        }
    }
    output
}

/// Fails where a future never comes to rest, in which virtual time could not move.
async fn counted<T>(polls: Arc<AtomicUsize>, future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    poll_fn(|cx| {
        let polls = polls.fetch_add(1, Ordering::Relaxed);
        assert!(polls < 1_000_000, "the connection spins");
        future.as_mut().poll(cx)
    })
    .await
}

/// A packet with its length prefix.
pub(super) fn framed(packet: &Packet<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    encode(packet, &mut out);
    out
}

/// A message in one packet.
pub(super) fn message(channel: ChannelId, data: &[u8]) -> Vec<u8> {
    piece(channel, true, data)
}

/// A piece of a message.
pub(super) fn piece(channel: ChannelId, eof: bool, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    encode_msg(&MsgHeader::new(channel).with_eof(eof), data, &mut out);
    out
}

/// The packets of a stream, of which the last may be cut off.
pub(super) fn packets(stream: &[u8]) -> Vec<Packet<'_>> {
    let (mut packets, mut rest) = (Vec::new(), stream);
    while let Some(framed) = decode(rest, 1 << 24).unwrap() {
        packets.push(framed.packet);
        rest = &rest[framed.framed_len..];
    }
    packets
}

/// The complete messages of a stream, in the order in which they end.
pub(super) fn messages(stream: &[u8]) -> Vec<(ChannelId, Bytes)> {
    let mut partial = vec![Vec::new(); 256];
    let mut complete = Vec::new();
    for packet in packets(stream) {
        if let Packet::Msg(msg) = packet {
            let id = u8::try_from(msg.channel_id).unwrap();
            partial[usize::from(id)].extend_from_slice(msg.data);
            if msg.eof {
                let message = std::mem::take(&mut partial[usize::from(id)]);
                complete.push((ChannelId::new(id), message.into()));
            }
        }
    }
    complete
}

/// The messages of one channel of a stream.
pub(super) fn messages_on(channel: ChannelId, stream: &[u8]) -> Vec<Bytes> {
    let all = messages(stream).into_iter();
    all.filter(|(id, _)| *id == channel)
        .map(|(_, message)| message)
        .collect()
}

/// A message that can be told from others, of at least eight bytes.
pub(super) fn numbered(number: u64, len: usize) -> Bytes {
    let mut message = number.to_be_bytes().to_vec();
    message.resize(len.max(8), number.to_be_bytes()[7]);
    message.into()
}

/// The stream that these messages make when they are sent on one channel.
pub(super) fn expected<'a>(messages: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let limits = ChunkLimits::new(BULK, 1024, false);
    let mut stream = Vec::new();
    for mut rest in messages {
        loop {
            let (len, eof) = limits.next(rest.len());
            stream.extend(piece(BULK, eof, &rest[..len]));
            rest = &rest[len..];
            if eof {
                break;
            }
        }
    }
    stream
}

/// Runs a future to its end in a runtime of its own whose time moves only when all are idle.
pub(super) fn paused<T>(future: impl Future<Output = T>) -> T {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build();
    runtime.unwrap().block_on(future)
}
