//! How a connection ends when nobody stops it, and what can be done with it afterwards.

use std::io::ErrorKind;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinSet;

use super::kit::*;
use super::wire::{Wire, wire};
use crate::channel::ChannelId;
use crate::config::Config;
use crate::config::ConfigError;
use crate::driver::{CloseReason, Unfinished, Unsent};
use crate::driver::{NotSent, SendError, TryRecvError};
use crate::error::{Error, Fault};
use crate::packet::ProtocolError;

#[tokio::test(start_paused = true)]
async fn a_violation_ends_it_and_what_was_complete_before_is_delivered() {
    let (io, peer) = wire();
    let channel = bulk().with_max_message(1500);
    let (mut running, [(_, mut receiver)]) = start(io, Config::default(), [channel]);
    peer.feed(&message(BULK, b"first"));
    peer.feed(&message(BULK, b"second"));
    peer.feed(&piece(BULK, false, &[0; 1000]));
    peer.feed(&piece(BULK, true, &[0; 501]));
    peer.feed(&message(BULK, b"behind"));
    let closed = soon(running.ended()).await;
    let error = closed.reason.error().unwrap();
    assert!(error.is_peer_fault());
    let Error::Protocol(violation) = error else {
        panic!("{error}");
    };
    let too_large = ProtocolError::MessageTooLarge {
        channel: BULK,
        len: 1501,
        max: 1500,
    };
    assert_eq!(*violation, too_large);
    for part in ["0x30", "1501", "1500"] {
        assert!(error.to_string().contains(part), "{error}");
    }
    assert_eq!(take_all(&mut receiver).await, ["first", "second"]);
    assert!(peer.is_closed());
}

#[tokio::test(start_paused = true)]
async fn a_violation_behind_a_full_inbox_comes_after_its_messages_were_taken() {
    let (io, peer) = wire();
    let channel = bulk().with_recv_capacity(2);
    let (mut running, [(_, mut receiver)]) = start(io, Config::default(), [channel]);
    for number in 0..10 {
        peer.feed(&message(BULK, &numbered(number, 8)));
    }
    peer.feed(&[0]);
    let mut received = JoinSet::new();
    received.spawn(async move { take_all(&mut receiver).await });
    let closed = soon(running.ended()).await;
    assert!(matches!(
        closed.reason.error(),
        Some(Error::Protocol(ProtocolError::EmptyPacket))
    ));
    let received = soon(received.join_next()).await.unwrap().unwrap();
    assert!(received.into_iter().eq((0..10).map(|n| numbered(n, 8))));
}

#[tokio::test(start_paused = true)]
async fn a_packet_on_a_channel_that_only_sends_is_one_on_an_unknown_channel() {
    let (io, peer) = wire();
    let (mut running, [_ends]) = start(io, Config::default(), [bulk().send_only()]);
    peer.feed(&message(BULK, b"not for us"));
    let closed = soon(running.ended()).await;
    let Some(Error::Protocol(violation)) = closed.reason.error() else {
        panic!("{closed}");
    };
    assert_eq!(*violation, ProtocolError::UnknownChannel { id: 0x30 });
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_closes_between_packets_closed_cleanly() {
    let (io, peer) = wire();
    peer.take_only(0);
    let (mut running, [(sender, mut receiver)]) = start(io, Config::default(), [bulk()]);
    sender.send("never sent").await.unwrap();
    peer.feed(&message(BULK, b"last"));
    peer.end();
    let closed = soon(running.ended()).await;
    assert!(matches!(closed.reason, CloseReason::PeerClosed));
    assert!(!closed.is_clean());
    let unsent = Unsent {
        channel: BULK,
        messages: 1,
        bytes: 10,
    };
    assert_eq!(closed.unsent, [unsent]);
    assert_eq!(take_all(&mut receiver).await, ["last"]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_ends_inside_a_packet_was_truncated() {
    let whole = message(BULK, &[7; 300]);
    // Two bytes are the length prefix alone, which Go takes for an orderly end.
    for cut in [1, 2, 3, whole.len() - 1] {
        let (io, peer) = wire();
        let (mut running, [(_, mut receiver)]) = start(io, Config::default(), [bulk()]);
        peer.feed(&message(BULK, b"whole"));
        peer.feed(&whole[..cut]);
        peer.end();
        let closed = soon(running.ended()).await;
        let error = closed.reason.error().unwrap();
        assert!(matches!(error, Error::Truncated { received } if *received == cut));
        assert_eq!(error.fault(), Fault::Transport);
        assert_eq!(take_all(&mut receiver).await, ["whole"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_ends_inside_a_message_says_so_on_every_ending() {
    type End = fn(&Wire);
    let endings: [(End, bool); 4] = [
        (Wire::end, true),
        (|peer| peer.fail_reads(ErrorKind::ConnectionReset), false),
        (|peer| peer.feed(&[0]), false),
        (
            |peer| {
                peer.feed(&message(URGENT, b"cut")[..4]);
                peer.end();
            },
            false,
        ),
    ];
    for (end, orderly) in endings {
        let (io, peer) = wire();
        let (mut running, [_, _, _]) = start(io, Config::default(), [bulk(), urgent(), other()]);
        peer.feed(&piece(BULK, false, &[7; 700]));
        peer.feed(&piece(OTHER, false, b"begun"));
        peer.feed(&piece(OTHER, true, b"and ended"));
        peer.feed(&piece(OTHER, false, b""));
        end(&peer);
        let closed = soon(running.ended()).await;
        assert_eq!(matches!(closed.reason, CloseReason::PeerClosed), orderly);
        assert!(!closed.is_clean());
        assert_eq!(closed.unfinished, [(BULK, 700), (OTHER, 0)].map(unfinished));
        let text = closed.to_string();
        let told = "; received in part: 700 bytes of a message on channel 0x30, 0 bytes of a message on channel 0x40";
        assert!(text.ends_with(told), "{text}");
        assert_eq!(running.handle.closed().await.unfinished.len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_peer_had_begun_is_told_when_we_stop_or_drop_the_connection() {
    for stopped in [true, false] {
        let (io, peer) = wire();
        let (mut running, [_ends]) = start(io, Config::default(), [bulk()]);
        peer.feed(&piece(BULK, false, b"begun"));
        idle().await;
        let handle = running.handle.clone();
        if stopped {
            assert!(running.stopped().await.is_clean());
        }
        drop(running);
        let closed = soon(handle.closed()).await;
        assert_eq!(closed.unfinished, [unfinished((BULK, 5))]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_transport_that_fails_to_read_ends_it_with_the_cause() {
    let (io, peer) = wire();
    let (mut running, [(_, mut receiver)]) = start(io, Config::default(), [bulk()]);
    peer.feed(&message(BULK, b"before"));
    peer.fail_reads(ErrorKind::ConnectionReset);
    let closed = soon(running.ended()).await;
    let Some(Error::Transport(cause)) = closed.reason.error() else {
        panic!("{closed}");
    };
    assert_eq!(cause.kind(), ErrorKind::ConnectionReset);
    assert_eq!(take_all(&mut receiver).await, ["before"]);
}

#[tokio::test(start_paused = true)]
async fn a_transport_that_fails_to_write_or_to_flush_ends_it_with_the_cause() {
    for buffer in [0, 1024] {
        let (io, peer) = wire();
        peer.buffer(buffer);
        peer.fail_writes(ErrorKind::BrokenPipe);
        let (mut running, [(sender, _)]) = start(io, Config::default(), [bulk()]);
        let delivery = sender.send_tracked("lost").await.unwrap();
        let closed = soon(running.ended()).await;
        assert!(matches!(closed.reason.error(), Some(Error::Transport(_))));
        assert_eq!(closed.unsent[0].messages, 1);
        assert_eq!(delivery.await, Err(NotSent));
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_peer_sent_before_it_closed_is_read_though_writing_fails() {
    let (io, peer) = wire();
    let (mut running, [(sender, mut receiver)]) = start(io, Config::default(), [bulk()]);
    idle().await;
    sender.try_send("lost").unwrap();
    for number in 0..200 {
        peer.feed(&expected([&numbered(number, 10_000)[..]]));
    }
    peer.end();
    peer.fail_writes(ErrorKind::BrokenPipe);
    let closed = soon(running.ended()).await;
    assert!(matches!(closed.reason, CloseReason::PeerClosed));
    let received = take_all(&mut receiver).await;
    assert!(
        received
            .into_iter()
            .eq((0..200).map(|n| numbered(n, 10_000)))
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_is_delivered_after_run_returned() {
    let (io, peer) = wire();
    let channel = bulk().with_recv_capacity(4);
    let (mut running, [(_, mut receiver)]) = start(io, Config::default(), [channel]);
    for number in 0..4 {
        peer.feed(&message(BULK, &numbered(number, 8)));
    }
    idle().await;
    running.stop.cancel();
    peer.end();
    soon(running.ended()).await;
    peer.feed(&message(BULK, b"too late"));
    idle().await;
    let received = take_all(&mut receiver).await;
    assert!(received.into_iter().eq((0..4).map(|n| numbered(n, 8))));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
    assert_eq!(receiver.recv().await, None);
}

#[tokio::test(start_paused = true)]
async fn every_handle_learns_how_it_ended_also_later() {
    let (io, peer) = wire();
    let (mut running, [_ends]) = start(io, Config::default(), [bulk()]);
    let mut waiting = JoinSet::new();
    for _ in 0..20 {
        let handle = running.handle.clone();
        waiting.spawn(async move { handle.closed().await.to_string() });
    }
    idle().await;
    peer.feed(&message(OTHER, b"unknown"));
    let closed = soon(running.ended()).await.to_string();
    assert_eq!(closed, "protocol violation by the peer: unknown channel 64");
    for answer in soon(waiting.join_all()).await {
        assert_eq!(answer, closed);
    }
    pass(Duration::from_secs(1000)).await;
    let handle = running.handle.clone();
    drop(running);
    assert_eq!(handle.closed().await.to_string(), closed);
    assert_eq!(handle.clone().closed().await.to_string(), closed);
}

#[tokio::test(start_paused = true)]
async fn calls_after_the_end_are_answered_at_once() {
    let (io, peer) = wire();
    let (mut running, [(sender, _receiver)]) = start(io, Config::default(), [bulk()]);
    peer.end();
    soon(running.ended()).await;
    let handle = &running.handle;
    assert!(soon(handle.stats()).await.is_none());
    assert_eq!(soon(handle.flush()).await, Err(NotSent));
    assert_eq!(handle.set_send_rate(None), Ok(()));
    let back = Err(SendError::Closed(Bytes::from("back")));
    assert_eq!(soon(sender.send("back")).await, back);
    assert!(sender.is_closed());
}

#[tokio::test(start_paused = true)]
async fn dropping_a_connection_that_never_ran_answers_everybody() {
    let (io, peer) = wire();
    let channel = bulk().with_send_capacity(1);
    let (connection, [(sender, mut receiver)]) = connection(io, Config::default(), [channel]);
    let handle = connection.handle();
    sender.try_send("in the queue").unwrap();
    let mut waiting = JoinSet::new();
    let (blocked, asking) = (sender.clone(), handle.clone());
    waiting.spawn(async move { blocked.send("blocked").await.is_err() });
    waiting.spawn(async move { asking.stats().await.is_none() });
    let asking = handle.clone();
    waiting.spawn(async move { asking.flush().await.is_err() });
    waiting.spawn(async move { receiver.recv().await.is_none() });
    let asking = handle.clone();
    waiting.spawn(async move { matches!(asking.closed().await.reason, CloseReason::Dropped) });
    idle().await;
    assert!(waiting.try_join_next().is_none());
    drop(connection);
    assert_eq!(soon(waiting.join_all()).await, [true; 5]);
    assert_eq!(handle.closed().await.unsent[0].messages, 1);
    assert!(peer.is_closed());
}

#[tokio::test(start_paused = true)]
async fn times_of_decades_are_possible() {
    const AGES: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);
    let config = Config::builder()
        .ping_interval(AGES)
        .write_timeout(AGES)
        .drain_timeout(AGES)
        .inbox_stall_timeout(Some(AGES))
        .flush_delay(Duration::from_secs(3600))
        .build()
        .unwrap();
    let (io, peer) = wire();
    peer.take_only(0);
    let channel = bulk().with_recv_capacity(1);
    let (mut running, [(sender, mut receiver)]) = start(io, config, [channel]);
    sender.send("blocked").await.unwrap();
    for number in 0..3 {
        peer.feed(&message(BULK, &numbered(number, 8)));
    }
    pass(Duration::from_secs(1_000_000)).await;
    assert_eq!(soon(receiver.recv()).await.unwrap(), numbered(0, 8));
    running.stop.cancel();
    peer.take_only(usize::MAX);
    peer.end();
    assert!(soon(running.ended()).await.is_clean());
}

fn unfinished((channel, bytes): (ChannelId, usize)) -> Unfinished {
    Unfinished { channel, bytes }
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_cannot_work_is_refused_when_it_is_opened() {
    let (io, _peer) = wire();
    let (mut connection, [_ends]) = connection(io, Config::default(), [bulk()]);
    let duplicate = ConfigError::DuplicateChannel { channel: BULK };
    assert_eq!(connection.open(bulk()).map(drop), Err(duplicate));
    let zero = connection.open(other().with_recv_capacity(0)).map(drop);
    assert!(matches!(
        zero,
        Err(ConfigError::Channel {
            channel: OTHER,
            name: "recv_capacity",
            value: 0,
            min: 1,
            ..
        })
    ));
    assert!(connection.open(other()).is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_orderly_end_is_ok_and_any_other_an_error_with_the_whole_report() {
    let (io, peer) = wire();
    let (mut running, [_ends]) = start(io, Config::default(), [bulk()]);
    peer.end();
    assert!(soon(running.ended()).await.into_result().is_ok());

    let (io, peer) = wire();
    let (mut running, [_ends]) = start(io, Config::default(), [bulk()]);
    running.stop.cancel();
    peer.end();
    assert!(soon(running.ended()).await.into_result().is_ok());

    let (io, peer) = wire();
    peer.take_only(0);
    let (mut running, [(sender, _)]) = start(io, Config::default(), [bulk()]);
    sender.send("left").await.unwrap();
    idle().await;
    peer.end();
    let left = soon(running.ended()).await.into_result().unwrap_err();
    assert_eq!(left.unsent.len(), 1);
    assert!(
        left.to_string()
            .contains("1 messages, 4 bytes on channel 0x30")
    );
}

#[tokio::test(start_paused = true)]
async fn a_message_on_a_channel_that_only_sends_is_a_violation() {
    let (io, peer) = wire();
    let mut connection = crate::driver::Connection::new(io, Config::default());
    let sender = connection.open_sender(bulk()).unwrap();
    let mut receiver = connection.open_receiver(urgent()).unwrap();
    let mut running = Running::start(connection);
    peer.feed(&message(URGENT, b"comes"));
    assert_eq!(soon(receiver.recv()).await.unwrap(), "comes");
    sender.send("goes").await.unwrap();
    peer.feed(&message(BULK, b"must not come"));
    let closed = soon(running.ended()).await;
    assert!(closed.reason.error().unwrap().is_peer_fault());
    assert_eq!(messages_on(BULK, &peer.taken()), ["goes"]);
}
