//! Messages are put together as they were cut, within their bounds.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use crate::channel::{ChannelDescriptor, ChannelId};
use crate::error::Error;
use crate::mux::Mux;
use crate::packet::ProtocolError;
use crate::packet::{MsgHeader, encode_msg};
use crate::testing::{Inbox, Random, Solo, build, cases, channels, epoch, pattern, silent};

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn any_packets_give_what_a_naive_model_gives(
        maxima in prop::collection::vec(0..3000usize, 1..5),
        budget in prop::option::of(0..6000usize),
        eof_one_in in 1..6usize,
        largest in prop_oneof![0..20usize, 0..1024usize],
        seed: u64,
    ) {
        let mut random = Random::new(seed);
        let mut model = Model::new(&maxima, budget);
        let mut mux = model.machine();
        let (mut inbox, mut input) = (Inbox::default(), BytesMut::new());
        for number in 0..300 {
            let channel = [0, 1, 2, 3].map(ChannelId::new)[random.below(maxima.len())];
            let eof = random.one_in(eof_one_in);
            let data = pattern(number * 31, random.between(0, largest));
            let mut packet = Vec::new();
            encode_msg(&MsgHeader::new(channel).with_eof(eof), &data, &mut packet);
            let expected = model.receive(channel, eof, &data);
            let received = feed(&mut mux, &mut input, &packet, &mut inbox, &mut random);
            prop_assert_eq!(&received, &expected);
            prop_assert!(inbox.messages.drain(..).eq(model.complete.drain(..)));
            if expected.is_err() {
                break;
            }
            let stats = mux.stats(epoch());
            prop_assert_eq!(stats.reassembly_bytes, model.held());
        }
    }
}

#[test]
fn a_message_of_exactly_the_maximum_is_fine_and_one_byte_more_is_not() {
    for max in [0, 1, 1023, 1024, 1025, 5000] {
        let channel = ChannelDescriptor::new(ChannelId::new(7), 1).with_max_message(max);
        let mut solo = Solo::new(build(silent()), &[channel]);
        let message = solo
            .receive(&packets(7, max))
            .messages
            .pop_front()
            .unwrap()
            .1;
        assert_eq!(message, pattern(0, max));
        let mut input = BytesMut::from(&packets(7, max + 1)[..]);
        let refused = solo
            .mux
            .handle_input(solo.now, &mut input, &mut Inbox::default());
        let channel = ChannelId::new(7);
        let error = ProtocolError::MessageTooLarge {
            channel,
            len: max + 1,
            max,
        };
        assert!(matches!(refused, Err(Error::Protocol(found)) if found == error));
    }
}

#[test]
fn unfinished_messages_of_all_channels_share_one_bound() {
    let config = silent().reassembly_bytes(Some(2600));
    let mut solo = Solo::new(build(config), &channels(&[1, 1, 1]));
    let piece = |channel| packet(channel, false, 1000);
    solo.receive(&piece(0));
    solo.receive(&piece(1));
    assert_eq!(solo.mux.stats(solo.now).reassembly_bytes, 2000);
    let mut input = BytesMut::from(&piece(2)[..]);
    let refused = solo
        .mux
        .handle_input(solo.now, &mut input, &mut Inbox::default());
    let channel = ChannelId::new(2);
    let error = ProtocolError::ReassemblyFull {
        channel,
        // With a little ahead for the first, as far as there was room.
        len: 1125 + 1125 + 1000 + 3 * 32,
        max: 2600,
    };
    assert!(matches!(refused, Err(Error::Protocol(found)) if found == error));
}

#[test]
fn by_default_every_channel_may_have_a_whole_message_under_way() {
    let ids =
        [1, 2, 3].map(|id| ChannelDescriptor::new(ChannelId::new(id), 1).with_max_message(3000));
    let mut solo = Solo::new(build(silent()), &ids);
    for _ in 0..3 {
        (1..4).for_each(|channel| {
            assert!(
                solo.receive(&packet(channel, false, 1000))
                    .messages
                    .is_empty()
            )
        });
    }
    assert_eq!(solo.mux.stats(solo.now).reassembly_bytes, 9000);
    (1..4).for_each(|channel| {
        assert_eq!(
            solo.receive(&packet(channel, true, 0)).messages[0].1.len(),
            3000
        )
    });
    assert_eq!(solo.mux.stats(solo.now).reassembly_bytes, 0);
}

#[test]
fn a_message_in_one_packet_needs_no_room_among_unfinished_ones() {
    let config = silent().reassembly_bytes(Some(1032));
    let mut solo = Solo::new(build(config), &channels(&[1, 1]));
    solo.receive(&packet(0, false, 1000));
    assert_eq!(solo.receive(&packet(1, true, 500)).messages.len(), 1);
    assert_eq!(solo.receive(&packet(0, true, 0)).messages[0].1.len(), 1000);
}

#[test]
fn channels_may_be_interleaved_packet_by_packet() {
    let mut solo = Solo::new(build(silent()), &channels(&[1, 1, 1]));
    let mut stream = Vec::new();
    for piece in 0..20 {
        for channel in 0..3 {
            let data = pattern(usize::from(channel) * 5000 + piece * 100, 100);
            encode_msg(
                &MsgHeader::new(ChannelId::new(channel)).with_eof(piece == 19),
                &data,
                &mut stream,
            );
        }
    }
    let messages = solo.receive(&stream).messages;
    for (channel, (id, message)) in messages.iter().enumerate() {
        assert_eq!(usize::from(id.get()), channel);
        assert_eq!(message, &pattern(channel * 5000, 2000));
    }
    assert_eq!(messages.len(), 3);
}

#[test]
fn an_empty_final_packet_ends_a_message_and_alone_is_one() {
    let mut solo = Solo::new(build(silent()), &channels(&[1]));
    assert!(solo.receive(&packet(0, false, 700)).messages.is_empty());
    assert_eq!(
        solo.receive(&packet(0, true, 0)).messages[0].1,
        pattern(0, 700)
    );
    assert_eq!(
        solo.receive(&packet(0, true, 0)).messages[0].1,
        Bytes::new()
    );
}

#[test]
fn empty_packets_that_end_nothing_cost_nothing() {
    let mut solo = Solo::new(build(silent()), &channels(&[1]));
    let stream = packet(0, false, 0).repeat(10_000);
    assert!(solo.receive(&stream).messages.is_empty());
    assert_eq!(solo.mux.stats(solo.now).reassembly_bytes, 0);
    assert_eq!(
        solo.receive(&packet(0, true, 5)).messages[0].1,
        pattern(0, 5)
    );
}

/// As simple as it can be written.
struct Model {
    maxima: Vec<usize>,
    budget: Option<usize>,
    partial: BTreeMap<u8, Vec<u8>>,
    /// What each channel's memory counts.
    taken: BTreeMap<u8, usize>,
    complete: Vec<(ChannelId, Bytes)>,
}

impl Model {
    fn new(maxima: &[usize], budget: Option<usize>) -> Self {
        Self {
            maxima: maxima.to_vec(),
            budget,
            partial: BTreeMap::new(),
            taken: BTreeMap::new(),
            complete: Vec::new(),
        }
    }

    fn machine(&self) -> Mux {
        let ids = (0..=u8::MAX).map(ChannelId::new).zip(&self.maxima);
        let descriptors: Vec<_> = ids
            .map(|(id, &max)| ChannelDescriptor::new(id, 1).with_max_message(max))
            .collect();
        let config = build(silent().reassembly_bytes(self.budget));
        Mux::new(epoch(), config, &descriptors).unwrap()
    }

    fn held(&self) -> usize {
        self.partial.values().map(Vec::len).sum()
    }

    fn receive(&mut self, channel: ChannelId, eof: bool, data: &[u8]) -> Result<(), ProtocolError> {
        let max_message = self.maxima[channel.index()];
        let partial = self.partial.entry(channel.get()).or_default();
        let whole = eof && partial.is_empty();
        let (len, max) = (partial.len() + data.len(), max_message);
        if len > max {
            return Err(ProtocolError::MessageTooLarge { channel, len, max });
        }
        let sum: usize = self.maxima.iter().map(|max| max + 32).sum();
        let max = self.budget.unwrap_or(sum);
        let others: usize = self
            .taken
            .iter()
            .filter(|(id, _)| **id != channel.get())
            .map(|it| it.1)
            .sum();
        let taken = self.taken.entry(channel.get()).or_default();
        let needed = partial.len() + data.len() + 32;
        if !whole && needed > (*taken).max(32) {
            if others + needed > max {
                let len = others + needed;
                return Err(ProtocolError::ReassemblyFull { channel, len, max });
            }
            let ahead = needed + (needed - 32) / 8;
            *taken = ahead.min(max_message + 32).max(needed).min(max - others);
        }
        if eof {
            *taken = 0;
        }
        partial.extend_from_slice(data);
        if eof {
            self.complete
                .push((channel, std::mem::take(partial).into()));
        }
        Ok(())
    }
}

/// Gives the machine a packet in pieces of random length.
fn feed(
    mux: &mut Mux,
    input: &mut BytesMut,
    mut packet: &[u8],
    inbox: &mut Inbox,
    random: &mut Random,
) -> Result<(), ProtocolError> {
    while !packet.is_empty() {
        let (piece, rest) = packet.split_at(random.between(1, packet.len()));
        input.extend_from_slice(piece);
        packet = rest;
        match mux.handle_input(epoch(), input, inbox) {
            Ok(_) => {}
            Err(Error::Protocol(error)) => return Err(error),
            Err(error) => panic!("{error}"),
        }
    }
    assert!(input.is_empty());
    Ok(())
}

fn packet(channel: u8, eof: bool, len: usize) -> Vec<u8> {
    let mut out = Vec::new();
    encode_msg(
        &MsgHeader::new(ChannelId::new(channel)).with_eof(eof),
        &pattern(0, len),
        &mut out,
    );
    out
}

/// A whole message in packets as large as may be.
fn packets(channel: u8, len: usize) -> Vec<u8> {
    let (message, mut out) = (pattern(0, len), Vec::new());
    let count = len.div_ceil(1000).max(1);
    for part in 0..count {
        let data = message.slice(part * 1000..len.min((part + 1) * 1000));
        encode_msg(
            &MsgHeader::new(ChannelId::new(channel)).with_eof(part + 1 == count),
            &data,
            &mut out,
        );
    }
    out
}
