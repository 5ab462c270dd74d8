//! Every rule of the protocol, broken by one side and refused by the other.

use mconn::{ChannelId, CloseReason, Closed, Config, Error, Malformed, ProtocolError};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::go::{Amount, BOTH_ROLES, Go, Remote, Role, Stream};
use crate::ours::Ours;
use crate::session::{Channel, for_go};
use crate::traffic::{Digests, Tally};

/// Bytes that break one rule, and how each side names it.
struct Violation {
    bytes: &'static str,
    by_go: &'static str,
    by_us: Refusal,
}

/// How we refuse something.
#[derive(Clone, Debug, PartialEq)]
enum Refusal {
    /// The stream ends so many bytes into a packet.
    Truncated(usize),
    Protocol(ProtocolError),
}

/// Bytes of ours against Go's connection.
pub(crate) async fn go_refuses_every_violation(remote: Remote) {
    let mut go = Go::start(remote);
    for (role, violation) in BOTH_ROLES.into_iter().cycle().zip(&VIOLATIONS) {
        let mut stream = go.open(role, for_go(&CHANNELS, json!({}))).await;
        stream.write_all(&unhex(GOOD)).await.unwrap();
        stream.write_all(&unhex(violation.bytes)).await.unwrap();
        if matches!(violation.by_us, Refusal::Truncated(_)) {
            stream.shutdown().await.unwrap();
        }
        let text = go.failure().await;
        assert!(
            text.contains(violation.by_go),
            "{text:?} instead of {:?}",
            violation.by_go
        );
        assert_eq!(
            go.received(&Digests::new()).await,
            good(),
            "the message before it was delivered"
        );
        // Go closes with our bytes unread at times, which resets the stream.
        let _ = stream.read_to_end(&mut Vec::new()).await;
    }
}

/// The same bytes from Go's side against our connection.
pub(crate) async fn we_refuse_every_violation(remote: Remote) {
    let mut go = Go::start(remote);
    for (role, violation) in BOTH_ROLES.into_iter().cycle().zip(&VIOLATIONS) {
        let ours = start(go.open(role, json!({ "do": "raw" })).await);
        go.tell(json!({ "do": "write", "hex": format!("{GOOD}{}", violation.bytes) }))
            .await;
        if matches!(violation.by_us, Refusal::Truncated(_)) {
            go.tell(json!({ "do": "close_write" })).await;
        }
        refused(ours, &violation.by_us).await;
        go.event("ended").await;
    }
}

/// Packets that Go's own encoder writes, though a connection would not.
pub(crate) async fn we_refuse_packets_of_the_encoder_of_go(remote: Remote) {
    let mut go = Go::start(remote);
    let packet = |channel: i32, eof: bool, size: usize| json!({ "kind": "msg", "channel": channel, "eof": eof, "size": size });
    let cases = [
        (vec![packet(2, true, 3)], unknown_channel(2)),
        (vec![packet(1_025, true, 3)], unknown_channel(1_025)),
        (vec![packet(-1, true, 3)], unknown_channel(-1)),
        (
            vec![packet(10, false, 10), packet(10, true, 1)],
            message_too_large(11),
        ),
        (vec![packet(1, true, 1_026)], packet_too_large(1_036)),
        (
            vec![json!({ "kind": "none" })],
            Refusal::Protocol(ProtocolError::EmptyPacket),
        ),
        (
            vec![json!({ "kind": "header" })],
            malformed(Malformed::Overrun),
        ),
    ];
    for (role, (packets, refusal)) in BOTH_ROLES.into_iter().cycle().zip(cases) {
        let ours = start(go.open(role, json!({ "do": "raw" })).await);
        go.tell(json!({ "do": "write", "hex": GOOD })).await;
        go.tell(json!({ "do": "packets", "packets": packets }))
            .await;
        refused(ours, &refusal).await;
        go.event("ended").await;
    }
}

/// Go's whole connection with settings that do not suit ours.
pub(crate) async fn we_refuse_a_misconfigured_connection_of_go(remote: Remote) {
    let [known, small] = CHANNELS;
    let cases = [
        (
            vec![known, Channel::new(0x02, 100)],
            json!({}),
            0x02,
            5,
            unknown_channel(2),
        ),
        (
            vec![known, small],
            json!({}),
            0x0a,
            11,
            message_too_large(11),
        ),
        (
            vec![known],
            json!({ "packet_payload": 2_048 }),
            0x01,
            2_000,
            packet_too_large(2_010),
        ),
    ];
    for (channels, settings, channel, size, refusal) in cases {
        let mut go = Go::start(remote);
        let ours = start(go.open(Role::GoDials, for_go(&channels, settings)).await);
        go.send(channel, &[size], Amount::Messages(1)).await;
        assert_refused(ours.end().await.0, &refusal);
        go.failure().await;
    }
}

/// Our whole connection with settings that do not suit Go's.
pub(crate) async fn go_refuses_a_misconfigured_connection_of_ours(remote: Remote) {
    let wide = Config::builder().max_packet_payload(2_048).build().unwrap();
    let cases = [
        (
            Channel::new(0x02, 100),
            Config::default(),
            5,
            "unknown channel 2",
        ),
        (
            Channel::new(0x0a, 100),
            Config::default(),
            11,
            OVER_CAPACITY,
        ),
        (
            Channel::new(0x01, 4_096),
            wide,
            2_000,
            "message exceeds max size (2010 > 1034)",
        ),
    ];
    for (channel, config, size, text) in cases {
        let mut go = Go::start(remote);
        let stream = go.open(Role::GoListens, for_go(&CHANNELS, json!({}))).await;
        let ours = Ours::start(stream, config, vec![channel.for_us()]);
        ours.send(channel.id, &[size], 1).await;
        assert_eq!(go.failure().await, text);
        let (closed, _) = ours.end().await;
        assert!(!matches!(closed.reason, CloseReason::Stopped), "{closed}");
    }
}

fn start(stream: Stream) -> Ours {
    Ours::start(
        stream,
        Config::default(),
        CHANNELS.iter().map(Channel::for_us).collect(),
    )
}

async fn refused(ours: Ours, refusal: &Refusal) {
    let (closed, received) = ours.end().await;
    assert_refused(closed, refusal);
    assert_eq!(received, good(), "the message before it was delivered");
}

fn assert_refused(closed: Closed, refusal: &Refusal) {
    let CloseReason::Failed(error) = closed.reason else {
        panic!("{closed} instead of {refusal:?}")
    };
    match (&error, refusal) {
        (Error::Protocol(error), Refusal::Protocol(expected)) => assert_eq!(error, expected),
        (Error::Truncated { received }, Refusal::Truncated(expected)) => {
            assert_eq!(received, expected)
        }
        _ => panic!("{error} instead of {refusal:?}"),
    }
    assert_eq!(
        error.is_peer_fault(),
        matches!(refusal, Refusal::Protocol(_)),
        "{error}"
    );
}

fn good() -> Digests {
    let mut tally = Tally::default();
    tally.add(b"abc");
    [(0x01, tally.digest())].into()
}

pub(crate) fn unhex(hex: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(byte).collect()
}

const fn violation(bytes: &'static str, by_go: &'static str, by_us: Refusal) -> Violation {
    Violation {
        bytes,
        by_go,
        by_us,
    }
}

const fn protocol(error: ProtocolError) -> Refusal {
    Refusal::Protocol(error)
}

const fn malformed(malformed: Malformed) -> Refusal {
    protocol(ProtocolError::Malformed(malformed))
}

const fn wrong_wire_type(field: u8, wire_type: u8) -> Refusal {
    malformed(Malformed::WrongWireType { field, wire_type })
}

const fn packet_too_large(len: u64) -> Refusal {
    protocol(ProtocolError::PacketTooLarge { len, max: 1_035 })
}

const fn unknown_channel(id: i32) -> Refusal {
    protocol(ProtocolError::UnknownChannel { id })
}

/// Beyond the ten bytes that channel 0x0a takes.
const fn message_too_large(len: usize) -> Refusal {
    protocol(ProtocolError::MessageTooLarge {
        channel: ChannelId::new(0x0a),
        len,
        max: 10,
    })
}

const CHANNELS: [Channel; 2] = [Channel::new(0x01, 4 << 20), Channel::new(0x0a, 10)];

/// "abc" on channel 1.
const GOOD: &str = "0b1a09080110011a03616263";

const VIOLATIONS: [Violation; 22] = [
    // Length prefixes.
    violation(
        "80808080808080808001",
        "invalid out-of-range message length 9223372036854775808",
        packet_too_large(1 << 63),
    ),
    violation(
        "80808080808080808002",
        "binary: varint overflows a 64-bit integer",
        protocol(ProtocolError::PrefixOverflow),
    ),
    violation(
        "8c08",
        "message exceeds max size (1036 > 1034)",
        packet_too_large(1_036),
    ),
    violation("8a", "unexpected EOF", Refusal::Truncated(1)),
    violation("8a08", "EOF", Refusal::Truncated(2)),
    violation("0b1a", "unexpected EOF", Refusal::Truncated(2)),
    // Packets without a member.
    violation(
        "00",
        "unknown message type",
        protocol(ProtocolError::EmptyPacket),
    ),
    violation(
        "03220100",
        "unknown message type",
        protocol(ProtocolError::EmptyPacket),
    ),
    // Bytes that are not protobuf, or not these messages.
    violation(
        "050102030405",
        "illegal tag 0",
        malformed(Malformed::IllegalTag { number: 0 }),
    ),
    violation(
        "0d1a0b0001080110011a03616263",
        "illegal tag 0",
        malformed(Malformed::IllegalTag { number: 0 }),
    ),
    violation(
        "0c1a0a24080110011a03616263",
        "wiretype end group for non-group",
        malformed(Malformed::UnexpectedEndGroup),
    ),
    violation(
        "020801",
        "wrong wireType = 0 for field PacketPing",
        wrong_wire_type(1, 0),
    ),
    violation(
        "081a06080110011801",
        "wrong wireType = 0 for field Data",
        wrong_wire_type(3, 0),
    ),
    violation(
        "0d26011a09080110011a03616263",
        "illegal wireType 6",
        malformed(Malformed::IllegalWireType { wire_type: 6 }),
    ),
    violation(
        "151a1308011081808080808080808080001a03616263",
        "integer overflow",
        malformed(Malformed::VarintTooLong),
    ),
    violation(
        "0d1affffffffffffffffff010801",
        "negative length found during unmarshaling",
        malformed(Malformed::NegativeLength),
    ),
    violation(
        "0e1a09080110011a03616263227f01",
        "unexpected EOF",
        malformed(Malformed::Overrun),
    ),
    // Channels and capacities.
    violation(
        "0b1a09080210011a03616263",
        "unknown channel 2",
        unknown_channel(2),
    ),
    violation(
        "0c1a0a08810810011a03616263",
        "unknown channel 401",
        unknown_channel(1_025),
    ),
    violation(
        "0f1a0d08ffffffff0f10011a03616263",
        "unknown channel -1",
        unknown_channel(-1),
    ),
    violation(
        "101a0e080a1a0a30313233343536373839071a05080a1a0161",
        OVER_CAPACITY,
        message_too_large(11),
    ),
    violation(
        "0b1a09080a1a0530313233340e1a0c080a10011a06353637383961",
        OVER_CAPACITY,
        message_too_large(11),
    ),
];

const OVER_CAPACITY: &str = "received message exceeds available capacity: 10 < 11";
