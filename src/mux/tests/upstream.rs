//! What CometBFT tests of its connection, here of the machine: pings every 90 ms, 45 ms for a pong, one channel 0x01.

use std::time::Duration;

use bytes::{Bytes, BytesMut};

use crate::channel::{ChannelDescriptor, ChannelId};
use crate::config::Config;
use crate::error::Error;
use crate::packet::ProtocolError;
use crate::packet::{MsgHeader, PING, PONG, encode_msg, max_packet};
use crate::testing::{Inbox, Link, Pair, Setup, Side, Solo, What, build, pattern};

/// `TestMConnectionSendFlushStop`
#[test]
fn a_message_sent_before_a_flushing_stop_reaches_the_other_end() {
    let mut pair = pair();
    pair.a.push(ONE, Bytes::from_static(b"abc"));
    pair.a.begin_drain();
    pair.run_for(MS * 10);
    assert_eq!(pair.b.inbox.messages, [(ONE, Bytes::from_static(b"abc"))]);
    assert!(matches!(pair.b.ended, Some(Ok(()))));
}

/// `TestMConnectionSend`, `TestMConnectionReceive`
#[test]
fn messages_arrive_intact_both_ways() {
    let mut pair = pair();
    pair.a.push(ONE, Bytes::from_static(b"Ant-Man"));
    pair.b.push(ONE, Bytes::from_static(b"Cyclops"));
    pair.drive();
    assert_eq!(
        pair.b.inbox.messages,
        [(ONE, Bytes::from_static(b"Ant-Man"))]
    );
    assert_eq!(
        pair.a.inbox.messages,
        [(ONE, Bytes::from_static(b"Cyclops"))]
    );
}

/// `TestMConnectionStatus`
#[test]
fn a_new_connection_reports_its_channel_and_nothing_queued() {
    let solo = solo();
    let stats = solo.mux.stats(solo.now);
    assert_eq!(stats.channels.len(), 1);
    assert_eq!(
        (stats.channels[0].id, stats.channels[0].queued_messages),
        (ONE, 0)
    );
    assert_eq!(stats.sent.bytes + stats.received.bytes, 0);
}

/// `TestMConnectionPongTimeoutResultsInError`
#[test]
fn a_ping_without_a_pong_is_an_error_after_the_timeout() {
    let mut solo = solo();
    ping(&mut solo);
    solo.advance(MS * 45);
    let error = solo.mux.handle_timeout(solo.now).unwrap_err();
    assert!(matches!(error, Error::PongTimeout { after } if after == MS * 45));
}

/// `TestMConnectionMultiplePongsInTheBeginning`
#[test]
fn three_pongs_in_the_beginning_do_no_harm() {
    let mut solo = solo();
    solo.receive(&PONG.repeat(3));
    ping(&mut solo);
    solo.receive(&PONG);
    solo.advance(MS * 65);
    assert!(solo.mux.handle_timeout(solo.now).is_ok());
}

/// `TestMConnectionMultiplePings`
#[test]
fn each_of_three_pings_is_answered() {
    let mut solo = solo();
    for _ in 0..3 {
        solo.receive(&PING);
        assert!(matches!(solo.transmit(), [sent] if sent.what == What::Pong));
    }
}

/// `TestMConnectionPingPongs`
#[test]
fn pings_and_pongs_go_on_without_an_error() {
    let mut solo = solo();
    for _ in 0..3 {
        ping(&mut solo);
        solo.receive(&PONG);
        assert!(solo.mux.handle_timeout(solo.now + MS * 60).is_ok());
    }
    let stats = solo.mux.stats(solo.now);
    assert_eq!((stats.pings_sent, stats.pongs_received), (3, 3));
}

/// `TestMConnectionStopsAndReturnsError`
#[test]
fn an_end_inside_a_packet_is_an_error_and_between_packets_is_none() {
    let mut solo = solo();
    assert!(solo.mux.handle_end(solo.now, &[]).is_ok());
    for received in 1..3 {
        let error = solo
            .mux
            .handle_end(solo.now, &PING[..received])
            .unwrap_err();
        assert!(matches!(error, Error::Truncated { received: found } if found == received));
    }
}

/// `TestMConnectionReadErrorBadEncoding`
#[test]
fn bytes_without_sense_are_an_error() {
    assert!(matches!(
        refuse(&[1, 2, 3, 4, 5]),
        ProtocolError::Malformed(_)
    ));
}

/// `TestMConnectionReadErrorUnknownChannel`
#[test]
fn a_channel_that_is_not_there_is_an_error() {
    let mut packet = Vec::new();
    encode_msg(
        &MsgHeader::new(ChannelId::new(2)).with_eof(true),
        b"Ant-Man",
        &mut packet,
    );
    assert_eq!(refuse(&packet), ProtocolError::UnknownChannel { id: 2 });
}

/// `TestMConnectionReadErrorLongMessage`
#[test]
fn a_packet_of_the_maximum_is_fine_and_a_longer_one_is_an_error() {
    let mut packet = Vec::new();
    encode_msg(
        &MsgHeader::new(ONE).with_eof(true),
        &pattern(0, 1024),
        &mut packet,
    );
    assert_eq!(solo().receive(&packet).messages[0].1, pattern(0, 1024));
    packet.clear();
    encode_msg(
        &MsgHeader::new(ONE).with_eof(true),
        &pattern(0, 1024 + 100),
        &mut packet,
    );
    let (len, max) = (max_packet(1024) as u64 + 100, max_packet(1024) + 1);
    assert_eq!(refuse(&packet), ProtocolError::PacketTooLarge { len, max });
}

/// `TestMConnectionReadErrorUnknownMsgType`
#[test]
fn a_foreign_message_is_an_error() {
    // A block header without time, hashes and numbers: a version, the chain id "x", an id of the last block.
    let header = [9, 0x0a, 0, 0x12, 1, b'x', 0x2a, 2, 0x12, 0];
    assert!(matches!(refuse(&header), ProtocolError::Malformed(_)));
    // Only fields that no packet has.
    assert_eq!(refuse(&[4, 0x2a, 2, 0x12, 0]), ProtocolError::EmptyPacket);
}

/// `TestMConnectionTrySend`
#[test]
fn while_the_peer_reads_nothing_the_queue_fills_behind_one_batch() {
    let mut setup = setup();
    setup.links[0] = Link::stalled(Duration::ZERO, MS * 40);
    let mut pair = Pair::new(setup);
    (0..10).for_each(|_| pair.send(Side::A, 1, 10_000));
    pair.run_for(MS * 30);
    // One batch of 16 KiB holds one message and a part of the second.
    assert_eq!(pair.a.outbox.waiting(), 8);
    pair.drive();
    assert_eq!(pair.take(Side::B), 10);
}

/// `TestConnVectors`
#[test]
fn the_published_vectors_are_understood() {
    let mut solo = solo();
    assert!(solo.receive(&[2, 0x0a, 0]).messages.is_empty());
    assert!(solo.receive(&[2, 0x12, 0]).messages.is_empty());
    let data = b"data transmitted over the wire";
    let head = [0x24, 0x1a, 0x22, 0x08, 0x01, 0x1a, 0x1e];
    assert!(
        solo.receive(&[&head[..], data].concat())
            .messages
            .is_empty()
    );
    let end = [6, 0x1a, 4, 0x08, 1, 0x10, 1];
    assert_eq!(
        solo.receive(&end).messages,
        [(ONE, Bytes::from_static(data))]
    );
    let stats = solo.mux.stats(solo.now);
    assert_eq!((stats.pings_received, stats.pongs_received), (1, 1));
}

/// `TestMConnectionChannelOverflow`
#[test]
fn channel_1025_is_not_channel_1() {
    let mut solo = solo();
    let channel_1 = [0x0a, 0x1a, 8, 0x08, 1, 0x10, 1, 0x1a, 2, 0x34, 0x32];
    assert_eq!(solo.receive(&channel_1).messages.len(), 1);
    let channel_1025 = [0x0b, 0x1a, 9, 0x08, 0x81, 8, 0x10, 1, 0x1a, 2, 0x34, 0x32];
    assert_eq!(
        refuse(&channel_1025),
        ProtocolError::UnknownChannel { id: 1025 }
    );
}

fn setup() -> Setup {
    let config = Config::builder()
        .ping_interval(MS * 90)
        .pong_timeout(MS * 45);
    let channel = ChannelDescriptor::new(ONE, 1).with_send_capacity(1);
    Setup::new(build(config), Link::default(), vec![channel])
}

fn pair() -> Pair {
    Pair::new(setup())
}

fn solo() -> Solo {
    let setup = setup();
    Solo::new(setup.configs[0].clone(), &setup.channels)
}

/// Waits for the next ping to go out.
fn ping(solo: &mut Solo) {
    solo.now = solo.mux.poll_timeout().unwrap();
    assert!(matches!(solo.transmit(), [sent] if sent.what == What::Ping));
}

/// What a new machine finds wrong with these bytes, without delivering anything.
fn refuse(bytes: &[u8]) -> ProtocolError {
    let (mut solo, mut inbox) = (solo(), Inbox::default());
    let refused = solo
        .mux
        .handle_input(solo.now, &mut BytesMut::from(bytes), &mut inbox);
    assert!(inbox.messages.is_empty());
    match refused {
        Err(Error::Protocol(error)) => error,
        other => panic!("{other:?}"),
    }
}

const ONE: ChannelId = ChannelId::new(1);
const MS: Duration = Duration::from_millis(1);
