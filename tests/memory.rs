//! What a connection holds in memory beside what its settings allow, by an allocator that counts.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a panic is how a test fails"
)]

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use mconn::packet::{MsgHeader, encode_msg};
use mconn::{ChannelDescriptor, ChannelId, Config, Connection, Handle, Receiver, Stats};
use peak_alloc::PeakAlloc;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// One test at a time, since they share the allocator.
static ALONE: Mutex<()> = Mutex::const_new(());

#[tokio::test(start_paused = true)]
async fn waiting_messages_of_every_size_hold_no_more_than_the_inbox_may() {
    let _alone = ALONE.lock().await;
    for len in [
        0,
        1,
        16,
        64,
        100,
        255,
        256,
        257,
        1000,
        4096,
        16 * 1024,
        65_536,
    ] {
        for packet in [1024, 32 * 1024] {
            let held = Held::of(&[(0x30, len)], packet).await;
            held.check(len);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_messages_of_mixed_sizes_on_several_channels_hold_no_more_than_the_inbox_may() {
    let _alone = ALONE.lock().await;
    let mixed = [(0x30, 0), (0x31, 5000), (0x32, 200), (0x30, 300), (0x31, 7)];
    let held = Held::of(&mixed, 1024).await;
    held.check(5000);
}

#[tokio::test(start_paused = true)]
async fn what_lies_in_the_receivers_hands_is_bounded_and_counted_too() {
    let _alone = ALONE.lock().await;
    for len in [0, 64, 256, 16 * 1024] {
        let mut held = Held::of(&[(0x30, len)], 32 * 1024).await;
        for _ in 0..1000 {
            let message = held.receivers[0].recv().await.expect("the peer goes on");
            assert_eq!(message.len(), len);
        }
        held.settle().await;
        held.check(len);
    }
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_took_everything_leaves_nothing_behind() {
    let _alone = ALONE.lock().await;
    let mut held = Held::of(&[(0x30, 64)], 1024).await;
    held.running.shutdown().await;
    let mut taken = 0;
    while held.receivers[0].recv().await.is_some() {
        taken += 1;
    }
    assert!(taken > 10_000, "{taken}");
    held.receivers.clear();
    let left = ALLOCATOR.current_usage().saturating_sub(held.before);
    assert!(left < OF_THE_CONNECTION, "{left} bytes");
}

/// A connection that reads until its inboxes are full, and nobody takes anything.
struct Held {
    receivers: Vec<Receiver>,
    running: JoinSet<()>,
    handle: Handle,
    stats: Stats,
    /// In use before the connection was made.
    before: usize,
}

impl Held {
    /// The peer sends messages of these lengths on these channels, again and again, in packets of this size.
    async fn of(messages: &[(u8, usize)], packet: usize) -> Self {
        let mut stream = Repeated::default();
        messages.iter().for_each(|(channel, len)| {
            stream.add(*channel, *len, packet);
        });
        let before = ALLOCATOR.current_usage();
        ALLOCATOR.reset_peak_usage();
        let config = Config::builder()
            .inbox_bytes(INBOX)
            .max_packet(mconn::packet::max_packet(packet))
            .inbox_stall_timeout(None)
            .build()
            .unwrap();
        let mut connection = Connection::new(stream, config);
        let mut receivers = Vec::new();
        let mut ids: Vec<_> = messages.iter().map(|(channel, _)| *channel).collect();
        ids.sort_unstable();
        ids.dedup();
        for id in ids {
            let channel = ChannelDescriptor::new(ChannelId::new(id), 1);
            let channel = channel.with_recv_capacity(1 << 20);
            receivers.push(connection.open_receiver(channel).unwrap());
        }
        let handle = connection.handle();
        let mut running = JoinSet::new();
        running.spawn(async move {
            connection.run(CancellationToken::new()).await;
        });
        let stats = settled(&handle).await;
        Self {
            receivers,
            running,
            handle,
            stats,
            before,
        }
    }

    async fn settle(&mut self) {
        self.stats = settled(&self.handle).await;
    }

    /// That the settings bound what is held and was held in between, and that the statistics say no less.
    fn check(&self, longest: usize) {
        let held = ALLOCATOR.current_usage().saturating_sub(self.before);
        let most = ALLOCATOR.peak_usage().saturating_sub(self.before);
        let charged = self.stats.inbox_bytes;
        // Each channel admits one message, and at another one reading pauses.
        let beside = OF_THE_CONNECTION + (self.receivers.len() + 1) * 2 * longest;
        let what = format!("{longest} bytes: {held} held, {most} at most, {charged} charged");
        assert!(charged <= INBOX + longest, "{what}");
        assert!(charged + longest + 256 >= INBOX, "it is full: {what}");
        assert!(held <= charged + beside, "{what}");
        assert!(most <= INBOX + beside, "{what}");
    }
}

/// The statistics once reading has paused.
async fn settled(handle: &Handle) -> Stats {
    tokio::time::sleep(Duration::from_secs(1)).await;
    let stats = handle.stats().await.expect("it runs");
    assert!(
        stats.reading_paused > Duration::ZERO,
        "its inboxes are full"
    );
    stats
}

/// A stream that goes on for ever, and takes nothing.
#[derive(Debug, Default)]
struct Repeated {
    bytes: Vec<u8>,
    at: usize,
}

impl Repeated {
    fn add(&mut self, channel: u8, len: usize, packet: usize) {
        let header = MsgHeader::new(ChannelId::new(channel));
        let mut rest = Bytes::from(vec![0x5a; len]);
        while rest.len() > packet {
            encode_msg(&header, &rest.split_to(packet), &mut self.bytes);
        }
        encode_msg(&header.with_eof(true), &rest, &mut self.bytes);
    }
}

impl AsyncRead for Repeated {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let rest = &self.bytes[self.at..];
        let read = rest.len().min(buf.remaining());
        buf.put_slice(&rest[..read]);
        self.at = (self.at + read) % self.bytes.len();
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Repeated {
    fn poll_write(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        _buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Pending
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

const INBOX: usize = 4 * 1024 * 1024;
/// Buffers of the stream, the batch of a step, the places of one step's messages and the runtime's timers.
const OF_THE_CONNECTION: usize = 256 * 1024;
