//! Defects of the Go connection that must not come back, as far as the machine decides about them. Others are tested with what
//! they belong to: a peer that never reads in `blocked`, bursts after silence in `waits`, statistics in `monitors`.

use std::time::Duration;

use bytes::{Bytes, BytesMut};

use crate::channel::{ChannelDescriptor, ChannelId};
use crate::config::Config;
use crate::config::ConfigError;
use crate::error::Error;
use crate::packet::{PING, max_packet};
use crate::testing::{Inbox, Link, Pair, Setup, Side, Solo, build, channels, silent};

#[test]
fn full_last_packets_on_high_ids_stay_within_the_limit_of_a_go_peer() {
    let ids =
        [0x00, 0x01, 0x7f, 0x80, 0xff].map(|id| ChannelDescriptor::new(ChannelId::new(id), 1));
    let strict = build(silent().max_packet(max_packet(1024)));
    let mut pair = Pair::new(Setup::new(strict, Link::default(), ids.to_vec()));
    for id in [0x00, 0x01, 0x7f, 0x80, 0xff] {
        for len in [1022, 1023, 1024, 1025, 2047, 2048, 2049, 65_536] {
            pair.send(Side::A, id, len);
        }
    }
    pair.drive();
    assert_eq!(pair.take(Side::B), 40);
    assert!(
        pair.a
            .sent
            .iter()
            .all(|sent| sent.framed <= max_packet(1024) + 2)
    );
}

#[test]
fn full_last_packets_that_go_sends_on_high_ids_are_accepted() {
    let channel = ChannelDescriptor::new(ChannelId::new(0x80), 1);
    let mut packet = vec![
        0x8b, 0x08, 0x1a, 0x88, 0x08, 0x08, 0x80, 0x01, 0x10, 1, 0x1a, 0x80, 0x08,
    ];
    packet.extend_from_slice(&[0xaa; 1024]);
    let mut solo = Solo::new(build(silent()), std::slice::from_ref(&channel));
    assert_eq!(solo.receive(&packet).messages[0].1, [0xaa; 1024][..]);
    let mut strict = Solo::new(build(silent().max_packet(1034)), &[channel]);
    let mut input = BytesMut::from(&packet[..]);
    let refused = strict
        .mux
        .handle_input(strict.now, &mut input, &mut Inbox::default());
    assert!(matches!(refused, Err(Error::Protocol(_))));
}

#[test]
fn empty_messages_of_a_low_priority_survive_a_busy_high_one() {
    let mut pair = Pair::new(Setup::new(
        build(silent()),
        Link::default(),
        channels(&[1, 10]),
    ));
    pair.send(Side::A, 1, 200_000);
    for len in [0, 0, 5, 0, 0, 0] {
        pair.send(Side::A, 0, len);
    }
    pair.drive();
    let low = pair.b.inbox.messages.iter().filter(|(id, _)| id.get() == 0);
    let lens: Vec<usize> = low.map(|(_, message)| message.len()).collect();
    assert_eq!(lens, [0, 0, 5, 0, 0, 0]);
    assert_eq!(pair.a.outbox.waiting() + pair.a.outbox.undelivered(), 0);
}

#[test]
fn a_payload_that_carries_nothing_is_refused() {
    for payload in [0, 1] {
        let refused = Config::builder().max_packet_payload(payload).build();
        assert!(matches!(refused, Err(ConfigError::Size { min: 2, .. })));
    }
    let config = silent().max_packet_payload(2).max_packet(max_packet(2));
    let high = ChannelDescriptor::new(ChannelId::new(0xff), 1);
    let mut pair = Pair::new(Setup::new(build(config), Link::default(), vec![high]));
    pair.send(Side::A, 0xff, 1000);
    pair.drive();
    assert_eq!(pair.take(Side::B), 1);
}

#[test]
fn an_idle_machine_wakes_for_pings_only() {
    let mut solo = Solo::new(
        build(Config::builder().flush_delay(Duration::ZERO)),
        &channels(&[1]),
    );
    let start = solo.now;
    solo.push_len(0, 100);
    while !solo.transmit().is_empty() {}
    assert_eq!(
        solo.mux.poll_timeout(),
        Some(start + Duration::from_secs(60))
    );
}

#[test]
fn nothing_goes_out_after_the_end_even_if_it_is_queued() {
    let mut solo = Solo::new(build(silent()), &channels(&[1]));
    solo.mux.begin_drain();
    solo.mux.finish();
    solo.push_len(0, 100);
    solo.receive(&PING);
    solo.advance(Duration::from_secs(2_000_000_000));
    assert!(solo.transmit().is_empty());
    assert_eq!(solo.outbox.waiting(), 1, "the message stays with its owner");
    assert_eq!(solo.mux.poll_timeout(), None);
}

#[test]
fn a_pause_delivers_nothing_until_it_is_over() {
    let mut solo = Solo::new(build(silent()), &channels(&[1]));
    let message = [6, 0x1a, 4, 0x10, 1, 0x1a, 0];
    let mut input = BytesMut::from(&message.repeat(5)[..]);
    let mut inbox = Inbox::default();
    inbox.capacity = 2;
    let flow = solo
        .mux
        .handle_input(solo.now, &mut input, &mut inbox)
        .unwrap();
    assert!(flow.is_break());
    assert_eq!((inbox.messages.len(), input.len()), (2, 3 * message.len()));
}

#[test]
fn a_ping_flood_gets_back_a_small_part_of_its_bytes() {
    let mut solo = Solo::with_priorities(None, &[1]);
    let flood = PING.repeat(200);
    for _ in 0..2_000 {
        solo.receive(&flood);
        solo.transmit();
        solo.advance(Duration::from_millis(5));
    }
    let stats = solo.mux.stats(solo.now);
    assert_eq!(stats.received.bytes, 1_200_000);
    assert!(
        stats.sent.bytes <= 3 * (10 + 100),
        "{} bytes in ten seconds",
        stats.sent.bytes
    );
}

#[test]
fn an_end_between_prefix_and_body_is_no_clean_end() {
    for cut in [&[0x8a, 0x08][..], &[0x8a], &[0x0b, 0x1a], &[3]] {
        let mut solo = Solo::new(build(silent()), &channels(&[1]));
        let mut input = BytesMut::from(cut);
        let decoded = solo
            .mux
            .handle_input(solo.now, &mut input, &mut Inbox::default());
        assert!(decoded.is_ok() && input == cut);
        let error = solo.mux.handle_end(solo.now, &input).unwrap_err();
        assert!(matches!(error, Error::Truncated { received } if received == cut.len()));
    }
}

#[test]
fn a_repeated_message_field_replaces_the_first() {
    let mut solo = Solo::new(build(silent()), &channels(&[1, 1]));
    let first = [0x1a, 5, 0x08, 1, 0x1a, 1, b'x'];
    let second = [0x1a, 4, 0x10, 1, 0x1a, 0];
    let packet = [&[13][..], &first, &second].concat();
    assert_eq!(
        solo.receive(&packet).messages,
        [(ChannelId::new(0), Bytes::new())]
    );
}
