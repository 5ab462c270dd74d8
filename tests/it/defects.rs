//! Defects of CometBFT's connection, each turned into the behaviour that is promised instead.
//!
//! The numbers are those of the list that this crate keeps of them; those that are left out concern the encrypted stream.

use std::future::poll_fn;
use std::io;
use std::num::NonZeroU64;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use mconn::packet::{Packet, max_packet};
use mconn::{
    ChannelDescriptor, ChannelId, CloseReason, Config, ConfigError, Connection, Error, SendError,
};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::peer::{CHANNEL, Peer, Received, millis, pass, scripted, scripted_with, start, within};

/// D1: a full final packet on a channel id of two bytes exceeds Go's limit by one byte.
#[tokio::test(start_paused = true)]
async fn full_messages_on_high_channels_stay_within_the_limit_of_go() {
    let go = Config::builder().max_packet(max_packet(1024));
    for id in [0x7f, 0x80, 0xff] {
        let channel = ChannelDescriptor::new(ChannelId::new(id), 1);
        let (ours, theirs) = duplex(4096);
        let (_ours, [(sender, _)]) = start(ours, Config::default(), [channel.clone()]);
        let (_theirs, [(_, mut receiver)]) = start(theirs, go.clone().build().unwrap(), [channel]);
        for len in [1023, 1024, 1025, 2048, 3072] {
            sender.send(vec![7; len]).await.unwrap();
            let message = within(millis(10), receiver.recv()).await;
            assert_eq!(message.unwrap(), vec![7; len]);
        }
    }
}

/// D1, the other way: such a packet of Go's is accepted.
#[tokio::test(start_paused = true)]
async fn the_full_packet_that_go_sends_on_a_high_channel_is_accepted() {
    let channel = ChannelDescriptor::new(ChannelId::new(0x80), 1);
    let (_running, _sender, mut receiver, mut peer) = scripted_with(Config::default(), channel);
    peer.send_message(0x80, &[7; 1024]).await;
    let message = within(millis(10), receiver.recv()).await.unwrap();
    assert_eq!(message, [7; 1024][..]);
}

/// D2: empty messages are lost while another channel sends, and the queue's count never falls.
#[tokio::test(start_paused = true)]
async fn empty_messages_beside_a_busy_channel_all_arrive_and_free_their_room() {
    let channels =
        || [0x01, 0x02].map(|id| ChannelDescriptor::new(ChannelId::new(id), 1 + u16::from(id)));
    let (ours, theirs) = duplex(100);
    let (ours, [(few, _), (many, _)]) = start(ours, Config::default(), channels());
    let (_theirs, [(_, mut from_few), (_, mut from_many)]) =
        start(theirs, Config::default(), channels());
    for text in ["", "", "text", "", "", ""] {
        few.try_send(text).unwrap();
    }
    for _ in 0..50 {
        many.try_send(vec![7; 3000]).unwrap();
    }
    for text in ["", "", "text", "", "", ""] {
        let message = within(millis(100), from_few.recv()).await;
        assert_eq!(message.unwrap(), text);
    }
    for _ in 0..50 {
        within(millis(100), from_many.recv()).await.unwrap();
    }
    ours.handle.flush().await.unwrap();
    let stats = ours.handle.stats().await.unwrap();
    assert_eq!(stats.channels[0].queued_messages, 0);
}

/// D3: a packet payload of 0 sends empty packets for ever.
#[test]
fn a_packet_payload_of_zero_is_refused() {
    let refused = Config::builder().max_packet_payload(0).build();
    assert!(matches!(
        refused,
        Err(ConfigError::Size {
            name: "max_packet_payload",
            value: 0,
            ..
        })
    ));
}

/// D4: a flush delay of 0 keeps a processor busy while the sender is throttled.
#[tokio::test(start_paused = true)]
async fn without_a_flush_delay_a_throttled_connection_sleeps() {
    let config = Config::builder()
        .flush_delay(Duration::ZERO)
        .send_rate(NonZeroU64::new(10_000));
    let (ours, _theirs) = duplex(1024 * 1024);
    let mut connection = Connection::new(ours, config.build().unwrap());
    let (sender, _) = connection.open(ChannelDescriptor::new(CHANNEL, 1)).unwrap();
    sender.try_send(vec![0; 300_000]).unwrap();
    let polls = polls_of(connection, Duration::from_secs(20)).await;
    // One packet at a time passes at that rate.
    assert!(polls < 2 * 20 * 10, "{polls} polls in 20 s");
}

/// D5: a peer that never reads is never found out.
#[tokio::test(start_paused = true)]
async fn a_peer_that_never_reads_is_found_out() {
    let (mut running, sender, _receiver, mut peer) = scripted(Config::default());
    sender.send(vec![0; 500_000]).await.unwrap();
    let start = Instant::now();
    let closed = loop {
        // It is alive otherwise.
        peer.send(Packet::Ping).await;
        tokio::select! {
            closed = running.ended() => break closed,
            () = pass(Duration::from_secs(7)) => assert!(start.elapsed() < Duration::from_secs(70)),
        }
    };
    assert!(matches!(
        closed.reason.error(),
        Some(Error::WriteTimeout { .. })
    ));
}

/// D6: a blocked send waits out its ten seconds although the connection was stopped.
#[tokio::test(start_paused = true)]
async fn a_stop_answers_a_blocked_send_at_once() {
    let (ours, _theirs) = duplex(1);
    let channel = ChannelDescriptor::new(CHANNEL, 1).with_send_capacity(1);
    let (running, [(sender, _)]) = start(ours, Config::default(), [channel]);
    sender.send("in the queue").await.unwrap();
    let mut blocked = pin!(sender.send("blocked"));
    let waits = tokio::time::timeout(millis(200), blocked.as_mut()).await;
    assert!(waits.is_err());
    running.stop.cancel();
    let before = Instant::now();
    assert_eq!(blocked.await, Err(SendError::Closed("blocked".into())));
    assert_eq!(before.elapsed(), Duration::ZERO);
}

/// D7: messages are delivered after the connection was stopped.
#[tokio::test(start_paused = true)]
async fn nothing_is_delivered_once_the_connection_has_ended() {
    let (mut running, _sender, mut receiver, mut peer) = scripted(Config::default());
    for _ in 0..50 {
        peer.send_message(1, b"before").await;
    }
    peer.close().await;
    running.ended().await;
    let stats = running.handle.stats().await;
    assert!(stats.is_none());
    let mut taken = 0;
    while receiver.try_recv().is_ok() {
        taken += 1;
    }
    peer.send_message(1, b"after").await;
    pass(millis(100)).await;
    assert_eq!(taken, 50);
    assert_eq!(receiver.recv().await, None);
}

/// D8 and D15: a stopped connection says that it runs, and takes messages that go nowhere.
#[tokio::test(start_paused = true)]
async fn a_stopped_connection_says_so_and_takes_nothing() {
    let (mut running, sender, _receiver, mut peer) = scripted(Config::default());
    running.stop.cancel();
    pass(millis(1)).await;
    assert!(sender.is_closed());
    let refused = sender.send("nowhere").await;
    assert_eq!(refused, Err(SendError::Closed("nowhere".into())));
    assert_eq!(peer.next().await, None);
    peer.close().await;
    assert!(running.ended().await.is_clean());
    assert!(!running.is_alive().await);
}

/// D9: an error of a flush is swallowed.
#[tokio::test(start_paused = true)]
async fn a_flush_that_fails_ends_the_connection_and_is_not_reported_as_sent() {
    let (ours, _theirs) = duplex(4096);
    let (mut running, [(sender, _)]) = start(
        BrokenFlush(ours),
        Config::default(),
        [ChannelDescriptor::new(CHANNEL, 1)],
    );
    let delivery = sender.send_tracked("lost").await.unwrap();
    let closed = within(millis(10), running.ended()).await;
    assert!(matches!(
        closed.reason,
        CloseReason::Failed(Error::Transport(_))
    ));
    assert!(delivery.await.is_err());
}

/// D11: a channel that was idle gets the whole link for seconds, whatever its priority.
#[tokio::test(start_paused = true)]
async fn a_channel_that_wakes_does_not_starve_one_of_higher_priority() {
    let (high, low) = (ChannelId::new(0x01), ChannelId::new(0x02));
    let channels = || {
        [
            ChannelDescriptor::new(high, 10),
            ChannelDescriptor::new(low, 5),
        ]
    };
    let limited = Config::builder().send_rate(NonZeroU64::new(512_000));
    let (ours, theirs) = duplex(4096);
    let (_ours, [(to_high, _), (to_low, _)]) = start(ours, limited.build().unwrap(), channels());
    let (_theirs, [(_, mut from_high), (_, mut from_low)]) =
        start(theirs, Config::default(), channels());
    let mut flows = JoinSet::new();
    flows.spawn(async move { while to_high.send(vec![0; 1000]).await.is_ok() {} });
    flows.spawn(async move { while from_low.recv().await.is_some() {} });
    let saturated = Instant::now();
    while saturated.elapsed() < Duration::from_secs(25) {
        from_high.recv().await.unwrap();
    }
    flows.spawn(async move { while to_low.send(vec![0; 1000]).await.is_ok() {} });
    let (mut last, mut longest) = (Instant::now(), Duration::ZERO);
    while saturated.elapsed() < Duration::from_secs(30) {
        from_high.recv().await.unwrap();
        longest = longest.max(last.elapsed());
        last = Instant::now();
    }
    // A packet takes 2 ms; Go's connection was silent for three seconds.
    assert!(longest <= millis(10), "{longest:?}");
}

/// D12: every ping of a flood gets a pong, which no limit holds back.
#[tokio::test(start_paused = true)]
async fn a_flood_of_pings_is_not_amplified() {
    let (ours, theirs) = duplex(64 * 1024);
    let channel = ChannelDescriptor::new(CHANNEL, 1);
    let (running, [_ends]) = start(ours, Config::default(), [channel]);
    let mut peer = Peer::new(theirs);
    for _ in 0..1000 {
        peer.send(Packet::Ping).await;
        pass(millis(1)).await;
    }
    let stats = running.handle.stats().await.unwrap();
    assert_eq!(stats.pings_received, 1000);
    assert!(
        stats.pongs_sent <= 21,
        "{} pongs in a second",
        stats.pongs_sent
    );
    assert_eq!(peer.next().await, Some(Received::Pong));
}

/// D13: a stream that breaks off behind a length prefix is taken for one that was closed.
#[tokio::test(start_paused = true)]
async fn a_stream_that_ends_behind_a_length_prefix_was_truncated() {
    let (mut running, _sender, _receiver, mut peer) = scripted(Config::default());
    peer.send_bytes(&[0x8a, 0x08]).await;
    peer.close().await;
    let closed = within(millis(10), running.ended()).await;
    assert!(matches!(
        closed.reason.error(),
        Some(Error::Truncated { received: 2 })
    ));
}

/// D14: a repeated message in a packet replaces the first one, where other decoders merge them. It stays so, for interoperation.
#[tokio::test(start_paused = true)]
async fn the_last_message_of_a_packet_counts_alone() {
    let channels = [0x00, 0x01].map(|id| ChannelDescriptor::new(ChannelId::new(id), 1));
    let (ours, theirs) = duplex(64);
    let (_running, [(_, mut zero), (_, mut one)]) = start(ours, Config::default(), channels);
    let mut peer = Peer::new(theirs);
    let twice = [0x1a, 5, 0x08, 1, 0x1a, 1, b'a', 0x1a, 2, 0x10, 1];
    peer.send_bytes(&[11]).await;
    peer.send_bytes(&twice).await;
    assert_eq!(within(millis(10), zero.recv()).await.unwrap(), "");
    assert!(one.try_recv().is_err());
}

/// D15, its second half: reading how long the limiter waited starts the figure anew.
#[tokio::test(start_paused = true)]
async fn the_time_throttled_is_not_reset_by_reading_it() {
    let limited = Config::builder().send_rate(NonZeroU64::new(10_000));
    let (running, sender, _receiver, _peer) = scripted(limited.build().unwrap());
    sender.send(vec![0; 50_000]).await.unwrap();
    pass(Duration::from_secs(2)).await;
    let first = running.handle.stats().await.unwrap().sent.throttled;
    let second = running.handle.stats().await.unwrap().sent.throttled;
    assert!(first > Duration::from_secs(1), "{first:?}");
    assert!(second >= first);
}

/// A transport that takes everything and cannot flush.
#[derive(Debug)]
struct BrokenFlush(DuplexStream);

impl AsyncRead for BrokenFlush {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for BrokenFlush {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// How often a connection is polled in so much virtual time.
async fn polls_of(connection: Connection<DuplexStream>, time: Duration) -> usize {
    let polls = Arc::new(AtomicUsize::new(0));
    let count = polls.clone();
    let mut task = JoinSet::new();
    task.spawn(async move {
        let mut run = pin!(connection.run(CancellationToken::new()));
        poll_fn(|cx| {
            let polls = count.fetch_add(1, Ordering::Relaxed);
            assert!(polls < 1_000_000, "the connection spins");
            run.as_mut().poll(cx)
        })
        .await
    });
    pass(time).await;
    polls.load(Ordering::Relaxed)
}
