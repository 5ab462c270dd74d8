//! What holds for all packets and all bytes.

use bytes::BytesMut;
use proptest::collection::vec;
use proptest::prelude::*;

use super::{Collected, decode_stream};
use crate::channel::{ChannelDescriptor, ChannelId};
use crate::config::Config;
use crate::mux::Mux;
use crate::packet::{
    ChunkLimits, MsgHeader, Packet, PacketMsg, decode, encode, encode_msg, framed_len, max_packet,
};
use crate::testing::{cases, epoch};

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn a_packet_comes_back((kind, msg) in any_packet()) {
        let sent = borrow(kind, &msg);
        let mut stream = Vec::new();
        encode(&sent, &mut stream);
        prop_assert_eq!(decode_stream(&stream, usize::MAX), (vec![sent], stream.len(), None));
    }

    #[test]
    fn any_split_of_a_stream_gives_the_same_packets(
        packets in vec(any_packet(), 0..6),
        at in any::<prop::sample::Index>(),
    ) {
        let mut stream = Vec::new();
        for (kind, msg) in &packets {
            encode(&borrow(*kind, msg), &mut stream);
        }
        let at = at.index(stream.len() + 1);
        let (mut front, used, _) = decode_stream(&stream[..at], usize::MAX);
        let (back, _, error) = decode_stream(&stream[used..], usize::MAX);
        front.extend(back);
        prop_assert_eq!(error, None);
        prop_assert_eq!(front.len(), packets.len());
        for (read, (kind, msg)) in front.iter().zip(&packets) {
            prop_assert_eq!(*read, borrow(*kind, msg));
        }
    }

    #[test]
    fn a_connection_does_not_see_how_its_input_is_split(
        messages in vec((0u8..4, vec(any::<u8>(), 0..3000)), 0..5),
        cuts in vec(1usize..700, 1..20),
    ) {
        let stream: Vec<u8> = messages.iter().flat_map(|(id, data)| cut(*id, data)).collect();
        let now = epoch();
        let channels = [0, 1, 2, 3].map(|id| ChannelDescriptor::new(ChannelId::new(id), 1));
        let mut mux = Mux::new(now, Config::default(), &channels).unwrap();
        let (mut buffer, mut sink) = (BytesMut::new(), Collected::default());
        let mut rest = &stream[..];
        for len in cuts.iter().cycle() {
            let (piece, left) = rest.split_at((*len).min(rest.len()));
            buffer.extend_from_slice(piece);
            prop_assert!(mux.handle_input(now, &mut buffer, &mut sink).is_ok());
            rest = left;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert!(buffer.is_empty());
        prop_assert_eq!(sink.0.len(), messages.len());
        for ((channel, read), (id, sent)) in sink.0.iter().zip(&messages) {
            prop_assert_eq!((channel, &read[..]), (id, &sent[..]));
        }
    }

    #[test]
    fn no_limit_and_no_input_makes_the_decoder_panic_or_take_more_than_there_is(
        bytes in vec(any::<u8>(), 0..64),
        limit in any::<usize>(),
    ) {
        if let Ok(Some(framed)) = decode(&bytes, limit) {
            prop_assert!(framed.framed_len <= bytes.len());
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Ping,
    Pong,
    Msg,
}

/// The kind of a packet, and what stands in it if it is a message.
pub(super) fn any_packet() -> impl Strategy<Value = (Kind, (i32, bool, Vec<u8>, Option<u32>))> {
    let kind = prop_oneof![1 => Just(Kind::Ping), 1 => Just(Kind::Pong), 6 => Just(Kind::Msg)];
    let channel = prop_oneof![4 => 0..0x100, 1 => any::<i32>()];
    let data = prop_oneof![4 => vec(any::<u8>(), 0..40), 1 => vec(any::<u8>(), 0..1100)];
    (kind, (channel, any::<bool>(), data, any::<Option<u32>>()))
}

pub(super) fn borrow(kind: Kind, msg: &(i32, bool, Vec<u8>, Option<u32>)) -> Packet<'_> {
    match kind {
        Kind::Ping => Packet::Ping,
        Kind::Pong => Packet::Pong,
        Kind::Msg => Packet::Msg(PacketMsg {
            channel_id: msg.0,
            eof: msg.1,
            data: &msg.2,
            checksum: msg.3,
        }),
    }
}

/// The packets of a message at the default payload.
fn cut(id: u8, message: &[u8]) -> Vec<u8> {
    let mut stream = Vec::new();
    let mut rest = message;
    while rest.len() > 1024 {
        let (data, left) = rest.split_at(1024);
        encode_msg(&MsgHeader::new(ChannelId::new(id)), data, &mut stream);
        rest = left;
    }
    encode_msg(
        &MsgHeader::new(ChannelId::new(id)).with_eof(true),
        rest,
        &mut stream,
    );
    stream
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn the_sums_of_the_codec_hold_for_numbers_of_any_size(
        id: u8,
        eof: bool,
        checked: bool,
        size in prop_oneof![
            any::<usize>(),
            0usize..5000,
            (0usize..5000).prop_map(|less| usize::MAX - less),
        ],
        input in vec(any::<u8>(), 0..40),
    ) {
        let header = MsgHeader::new(ChannelId::new(id)).with_eof(eof).with_checksum(checked);
        let framed = framed_len(&header, size);
        prop_assert!(framed >= size);
        prop_assert!(max_packet(size) >= size);
        prop_assert!(framed >= framed_len(&header, size - usize::from(size > 0)));
        let limits = ChunkLimits::new(ChannelId::new(id), size, checked);
        prop_assert!(limits.last <= limits.partial && limits.partial <= size);
        let (data, ends) = limits.next(size);
        prop_assert!(data <= size && (!ends || data == size));
        if let Ok(Some(framed)) = decode(&input, size) {
            prop_assert!(framed.framed_len <= input.len());
        }
    }
}
