//! What CometBFT's own tests of its connection assert, asked of this one.
//!
//! Each test is named after the behaviour; the doc line gives the name in upstream's `connection_test.go`, whose settings are
//! used: ping 90 ms, pong 45 ms, one channel with a queue of one.

use mconn::packet::{Packet, encode, max_packet};
use mconn::{
    ChannelDescriptor, CloseReason, Config, Error, ProtocolError, SendError, TrySendError,
};
use tokio::io::duplex;
use tokio::runtime::Handle;

use crate::peer::{CHANNEL, Received, millis, msg, pass, scripted, scripted_with, start, within};

/// `TestMConnectionSendFlushStop`
#[tokio::test(start_paused = true)]
async fn what_was_sent_before_a_stop_reaches_the_other_end() {
    let (mut running, sender, _receiver, mut peer) = scripted(settings());
    sender.send("abc").await.unwrap();
    running.stop.cancel();
    let message = within(millis(3000), peer.next_message()).await;
    assert_eq!(message, Some((1, b"abc".to_vec())));
    assert_eq!(peer.next().await, None);
    peer.close().await;
    assert!(running.ended().await.is_clean());
}

/// `TestMConnectionSend`
#[tokio::test(start_paused = true)]
async fn what_is_sent_can_be_read_and_the_queue_is_free_again() {
    let (_running, sender, _receiver, mut peer) = scripted_with(settings(), channel());
    sender.send("Ant-Man").await.unwrap();
    let message = within(millis(500), peer.next_message()).await;
    assert_eq!(message, Some((1, b"Ant-Man".to_vec())));
    assert_eq!(sender.capacity(), 1);
    sender.try_send("Spider-Man").unwrap();
    let message = within(millis(500), peer.next_message()).await;
    assert_eq!(message, Some((1, b"Spider-Man".to_vec())));
    assert_eq!(sender.capacity(), 1);
}

/// `TestMConnectionSend`, the part about a channel on which nothing can be sent
#[tokio::test(start_paused = true)]
async fn nothing_can_be_sent_on_a_channel_that_does_not_send() {
    let (_running, sender, _receiver, _peer) = scripted_with(settings(), channel().receive_only());
    assert_eq!(sender.capacity(), 0);
    let refused = sender.send("Absorbing Man").await;
    assert_eq!(refused, Err(SendError::Closed("Absorbing Man".into())));
    let refused = sender.try_send("Absorbing Man");
    assert_eq!(refused, Err(TrySendError::Closed("Absorbing Man".into())));
}

/// `TestMConnectionReceive`
#[tokio::test(start_paused = true)]
async fn a_message_arrives_as_it_was_sent() {
    let (ours, theirs) = duplex(64);
    let (_ours, [(sender, _)]) = start(ours, settings(), [channel()]);
    let (_theirs, [(_, mut receiver)]) = start(theirs, settings(), [channel()]);
    sender.send("Cyclops").await.unwrap();
    let message = within(millis(500), receiver.recv()).await;
    assert_eq!(message.unwrap(), "Cyclops");
}

/// `TestMConnectionStatus`
#[tokio::test(start_paused = true)]
async fn the_statistics_of_an_idle_connection_show_an_empty_queue() {
    let (running, _sender, _receiver, _peer) = scripted(settings());
    let stats = running.handle.stats().await.unwrap();
    assert_eq!(stats.channels.len(), 1);
    assert_eq!(stats.channels[0].queued_messages, 0);
}

/// `TestMConnectionPongTimeoutResultsInError`
#[tokio::test(start_paused = true)]
async fn a_ping_without_an_answer_ends_the_connection() {
    let (mut running, _sender, _receiver, mut peer) = scripted(settings());
    assert_eq!(peer.next().await, Some(Received::Ping));
    let closed = within(millis(46), running.ended()).await;
    let error = closed.reason.error();
    assert!(matches!(error, Some(Error::PongTimeout { .. })), "{closed}");
}

/// `TestMConnectionMultiplePongsInTheBeginning`
#[tokio::test(start_paused = true)]
async fn pongs_that_nobody_asked_for_do_no_harm() {
    let (running, _sender, _receiver, mut peer) = scripted(settings());
    for _ in 0..3 {
        peer.send(Packet::Pong).await;
    }
    assert_eq!(peer.next().await, Some(Received::Ping));
    peer.send(Packet::Pong).await;
    pass(millis(45 + 20)).await;
    assert!(running.is_alive().await);
}

/// `TestMConnectionMultiplePings`
#[tokio::test(start_paused = true)]
async fn every_ping_of_three_gets_its_pong() {
    let (running, _sender, _receiver, mut peer) = scripted(settings());
    for _ in 0..3 {
        peer.send(Packet::Ping).await;
        assert_eq!(within(millis(10), peer.next()).await, Some(Received::Pong));
    }
    assert!(running.is_alive().await);
}

/// `TestMConnectionPingPongs`, with its check for tasks that are left
#[tokio::test(start_paused = true)]
async fn rounds_of_ping_and_pong_go_on_and_leave_no_task() {
    let (mut running, _sender, _receiver, mut peer) = scripted(settings());
    for _ in 0..2 {
        assert_eq!(within(millis(91), peer.next()).await, Some(Received::Ping));
        peer.send(Packet::Pong).await;
        pass(millis(50)).await;
    }
    assert!(running.is_alive().await);
    peer.close().await;
    running.ended().await;
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
}

/// `TestMConnectionStopsAndReturnsError`
#[tokio::test(start_paused = true)]
async fn a_socket_that_closes_ends_the_connection_with_the_reason() {
    let (mut running, _sender, _receiver, peer) = scripted(settings());
    drop(peer);
    let closed = within(millis(500), running.ended()).await;
    assert!(matches!(closed.reason, CloseReason::PeerClosed));
    assert!(!running.is_alive().await);
}

/// `TestMConnectionReadErrorBadEncoding`
#[tokio::test(start_paused = true)]
async fn bytes_that_are_no_packet_end_the_connection() {
    let (mut running, _sender, _receiver, mut peer) = scripted(settings());
    peer.send_bytes(&[1, 2, 3, 4, 5]).await;
    let closed = within(millis(10), running.ended()).await;
    assert!(closed.reason.error().unwrap().is_peer_fault(), "{closed}");
}

/// `TestMConnectionReadErrorUnknownChannel`
#[tokio::test(start_paused = true)]
async fn a_channel_that_only_the_sender_knows_ends_the_connection() {
    let (ours, theirs) = duplex(64);
    let unknown = ChannelDescriptor::new(0x02.into(), 1);
    let (_ours, [_, (sender, _)]) = start(ours, settings(), [channel(), unknown]);
    let (mut theirs, [_ends]) = start(theirs, settings(), [channel()]);
    sender.send("Ant-Man").await.unwrap();
    let closed = within(millis(10), theirs.ended()).await;
    let violation = ProtocolError::UnknownChannel { id: 2 };
    assert_eq!(protocol_error(&closed.reason), Some(&violation));
}

/// `TestMConnectionReadErrorLongMessage`
#[tokio::test(start_paused = true)]
async fn the_longest_packet_arrives_and_a_longer_one_ends_the_connection() {
    let go_limit = Config::builder().max_packet(max_packet(1024)).build();
    let (mut running, _sender, mut receiver, mut peer) = scripted(go_limit.unwrap());
    peer.send_message(1, &[7; 1024]).await;
    let message = within(millis(10), receiver.recv()).await.unwrap();
    assert_eq!(message, [7; 1024][..]);
    peer.send_message(1, &[7; 1124]).await;
    let closed = within(millis(10), running.ended()).await;
    let violation = ProtocolError::PacketTooLarge {
        len: 1134,
        max: 1034,
    };
    assert_eq!(protocol_error(&closed.reason), Some(&violation));
}

/// `TestMConnectionReadErrorUnknownMsgType`
#[tokio::test(start_paused = true)]
async fn a_message_of_another_protocol_ends_the_connection() {
    // A block header with the chain id "x", the year 1 and no last block.
    let mut header = vec![0x0a, 0, 0x12, 1, b'x', 0x22, 11, 0x08];
    header.extend([0x80, 0x92, 0xb8, 0xc3, 0x98, 0xfe, 0xff, 0xff, 0xff, 0x01]);
    header.extend([0x2a, 2, 0x12, 0]);
    header.insert(0, u8::try_from(header.len()).unwrap());
    let (mut running, _sender, _receiver, mut peer) = scripted(settings());
    peer.send_bytes(&header).await;
    let closed = within(millis(10), running.ended()).await;
    assert!(matches!(
        protocol_error(&closed.reason),
        Some(ProtocolError::Malformed(_))
    ));
}

/// `TestMConnectionTrySend`; here the message that is being written counts too, so the queue has room for two
#[tokio::test(start_paused = true)]
async fn a_queue_behind_a_stalled_reader_fills_up() {
    let (ours, _theirs) = duplex(1);
    let two = channel().with_send_capacity(2);
    let (_running, [(sender, _)]) = start(ours, settings(), [two]);
    sender.try_send("Semicolon-Woman").unwrap();
    pass(millis(1)).await;
    sender.try_send("Semicolon-Woman").unwrap();
    assert_eq!(sender.capacity(), 0);
    let full = Err(TrySendError::Full("Semicolon-Woman".into()));
    assert_eq!(sender.try_send("Semicolon-Woman"), full);
}

/// `TestConnVectors`
#[test]
fn packets_are_written_as_upstream_writes_them() {
    let text = b"data transmitted over the wire";
    let mut long = vec![0x24, 0x1a, 0x22, 0x08, 0x01, 0x1a, 0x1e];
    long.extend(text);
    let vectors = [
        (Packet::Ping, vec![2, 0x0a, 0]),
        (Packet::Pong, vec![2, 0x12, 0]),
        (msg(1, false, text), long),
    ];
    for (packet, wanted) in vectors {
        let mut written = Vec::new();
        encode(&packet, &mut written);
        assert_eq!(written, wanted);
    }
}

/// `TestMConnectionChannelOverflow`
#[tokio::test(start_paused = true)]
async fn a_channel_number_is_not_cut_to_a_byte() {
    let (mut running, _sender, mut receiver, mut peer) = scripted(settings());
    peer.send_message(1, b"42").await;
    assert_eq!(within(millis(10), receiver.recv()).await.unwrap(), "42");
    peer.send_message(1025, b"42").await;
    let closed = within(millis(10), running.ended()).await;
    let violation = ProtocolError::UnknownChannel { id: 1025 };
    assert_eq!(protocol_error(&closed.reason), Some(&violation));
    assert_eq!(receiver.recv().await, None);
}

fn settings() -> Config {
    let config = Config::builder().ping_interval(millis(90));
    config.pong_timeout(millis(45)).build().unwrap()
}

const fn channel() -> ChannelDescriptor {
    ChannelDescriptor::new(CHANNEL, 1).with_send_capacity(1)
}

const fn protocol_error(reason: &CloseReason) -> Option<&ProtocolError> {
    match reason.error() {
        Some(Error::Protocol(violation)) => Some(violation),
        _ => None,
    }
}
