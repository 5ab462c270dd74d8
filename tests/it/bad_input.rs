//! Input that breaks the protocol, given to a live connection.

use bytes::Bytes;
use mconn::packet::{Packet, PacketMsg, checksum, max_packet};
use mconn::{
    ChannelDescriptor, ChannelId, CloseReason, Closed, Config, Connection, Error, Receiver,
};
use proptest::prelude::*;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::io::{DuplexStream, duplex};

use crate::common::{hex, recorded_index};
use crate::peer::{CHANNEL, Peer, Received, Running, millis, msg, pass, scripted, within};

#[tokio::test(start_paused = true)]
async fn a_live_connection_accepts_and_refuses_what_go_does() {
    let recorded = recorded_index("packets.json");
    let cases = recorded["odd"].as_array().unwrap();
    assert_eq!(cases.len(), 250);
    for case in cases {
        let mut live = Live::start(&recorded["head"]);
        live.peer.send_bytes(&hex(&case["bytes"])).await;
        if case["then"] == "close" {
            live.peer.close().await;
        } else {
            live.peer.send_message(PROBE, b"probe").await;
        }
        pass(millis(1)).await;
        live.check(case).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_violation_names_its_rule_its_channel_its_value_and_its_limit() {
    let cases: [(&[u8], &str); 8] = [
        (&[0], "packet without content"),
        (&[0xff; 10], "packet length prefix overflows 64 bits"),
        (&[0x8c, 0x08], "packet of 1036 bytes, the maximum is 1035"),
        (&[2, 0x08, 1], "malformed packet: field 1 with wire type 0"),
        (
            &[1, 0x1a],
            "malformed packet: field reaches beyond the end of its packet",
        ),
        (&[6, 0x1a, 4, 0x08, 7, 0x10, 1], "unknown channel 7"),
        (
            &[7, 0x1a, 5, 0x08, 0x81, 8, 0x10, 1],
            "unknown channel 1025",
        ),
        (
            &[7, 0x1a, 5, 0x08, 1, 0x1a, 1, b'x'],
            "message of at least 11 bytes on channel 0x01, the maximum is 10",
        ),
    ];
    for (bytes, text) in cases {
        let (running, _sender, mut receiver, mut peer) = ten_bytes(Config::default());
        peer.send_message(1, b"before").await;
        peer.send(msg(1, false, &[0; 10])).await;
        peer.send_bytes(bytes).await;
        let closed = end_of(running).await;
        let wanted = format!("protocol violation by the peer: {text}");
        assert_eq!(closed.reason.to_string(), wanted);
        assert_eq!(closed.unfinished.len(), 1);
        assert!(closed.reason.error().unwrap().is_peer_fault());
        assert_eq!(receiver.recv().await.unwrap(), "before");
        assert_eq!(receiver.recv().await, None);
    }
}

#[tokio::test(start_paused = true)]
async fn unfinished_messages_are_bounded_together() {
    let config = Config::builder().reassembly_bytes(Some(1600));
    let (ours, theirs) = duplex(4096);
    let mut connection = Connection::new(ours, config.build().unwrap());
    let _first = connection
        .open(ChannelDescriptor::new(1.into(), 1))
        .unwrap();
    let _second = connection
        .open(ChannelDescriptor::new(2.into(), 1))
        .unwrap();
    let (running, mut peer) = (Running::start(connection), Peer::new(theirs));
    peer.send(msg(1, false, &[0; 1000])).await;
    peer.send(msg(2, false, &[0; 501])).await;
    assert_eq!(
        end_of(running).await.reason.to_string(),
        "protocol violation by the peer: unfinished messages of 1690 bytes in all at a packet on channel 0x02, the maximum is 1600"
    );
}

#[tokio::test(start_paused = true)]
async fn a_required_checksum_is_verified() {
    let config = || {
        let config = Config::builder().require_checksum(true);
        config.build().unwrap()
    };
    let good = checksum(CHANNEL, true, b"data");
    let (running, _sender, mut receiver, mut peer) = scripted(config());
    peer.send(checked(b"data", Some(good))).await;
    assert_eq!(within(millis(1), receiver.recv()).await.unwrap(), "data");
    peer.send(checked(b"Data", Some(good))).await;
    let text = end_of(running).await.to_string();
    assert!(text.contains("checksum mismatch on channel 0x01"), "{text}");
    assert!(text.contains(&format!("{good:#010x}")), "{text}");

    let (running, _sender, _receiver, mut peer) = scripted(config());
    peer.send(checked(b"data", None)).await;
    assert_eq!(
        end_of(running).await.to_string(),
        "protocol violation by the peer: packet without the required checksum on channel 0x01"
    );
}

#[tokio::test(start_paused = true)]
async fn packets_that_carry_nothing_cost_no_memory() {
    let (running, _sender, mut receiver, mut peer) = scripted(Config::default());
    let nothing = [4, 0x1a, 2, 0x08, 1].repeat(20_000);
    peer.send_bytes(&nothing).await;
    peer.send_message(1, b"goes on").await;
    assert_eq!(
        within(millis(10), receiver.recv()).await.unwrap(),
        "goes on"
    );
    let stats = running.handle.stats().await.unwrap();
    assert_eq!(
        (stats.reassembly_bytes, stats.channels[0].messages_received),
        (0, 1)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_bytes_at_all_end_in_an_answer(
        chunks in prop::collection::vec(chunk(), 0..12),
    ) {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let (running, sender, mut receiver, mut peer) = ten_bytes(Config::default());
            for chunk in &chunks {
                peer.send_bytes(chunk).await;
            }
            peer.close().await;
            let closed = end_of(running).await;
            assert!(!matches!(closed.reason, CloseReason::Stopped));
            assert!(sender.is_closed());
            while let Some(message) = receiver.recv().await {
                assert!(message.len() <= 10);
            }
        });
    }
}

/// Pieces of packets, whole ones and noise.
fn chunk() -> impl Strategy<Value = Vec<u8>> {
    let good: [&[u8]; 4] = [
        &[2, 0x0a, 0],
        &[2, 0x12, 0],
        &[11, 0x1a, 9, 0x08, 1, 0x10, 1, 0x1a, 3, 1, 2, 3],
        &[4, 0x1a, 2, 0x08, 1],
    ];
    prop_oneof![
        4 => prop::sample::select(good.map(<[u8]>::to_vec).to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..40),
        1 => prop::collection::vec(prop::sample::select(vec![0u8, 1, 2, 8, 0x0a, 0x10, 0x1a]), 0..20),
    ]
}

/// A connection with the channels of the recorded cases, at Go's packet limit.
struct Live {
    running: Running,
    receivers: Vec<(u64, Receiver)>,
    peer: Peer<DuplexStream>,
}

impl Live {
    fn start(head: &Value) -> Self {
        let (ours, theirs) = duplex(64 * 1024);
        let config = Config::builder().max_packet(max_packet(1024));
        let mut connection = Connection::new(ours, config.build().unwrap());
        let mut receivers = Vec::new();
        for channel in head["channels"].as_array().unwrap() {
            let id = channel["id"].as_u64().unwrap();
            let max = usize::try_from(channel["recv_max"].as_u64().unwrap()).unwrap();
            let id8 = ChannelId::new(u8::try_from(id).unwrap());
            let descriptor = ChannelDescriptor::new(id8, 1).with_max_message(max);
            receivers.push((id, connection.open(descriptor).unwrap().1));
        }
        Self {
            running: Running::start(connection),
            receivers,
            peer: Peer::new(theirs),
        }
    }

    async fn check(mut self, case: &Value) {
        let name = &case["name"];
        assert_eq!(
            self.running.is_alive().await,
            case["alive"] == true,
            "{name}"
        );
        if case["alive"] == true {
            assert!(self.running.stopped_by(&mut self.peer).await, "{name}");
        } else {
            let closed = self.running.ended().await;
            assert_eq!(
                is_violation(&closed),
                case["then"] == "open",
                "{name}: {closed}"
            );
        }
        let mut pong = false;
        while let Some(packet) = self.peer.next().await {
            pong |= packet == Received::Pong;
        }
        assert_eq!(pong, case["pong_sent"] == true, "{name}");
        let mut delivered = case["delivered"].as_array().unwrap().clone();
        if case["alive"] == true {
            delivered.push(serde_json::json!({"channel": PROBE, "data": "70726f6265"}));
        }
        for (id, receiver) in &mut self.receivers {
            for wanted in delivered.iter().filter(|wanted| wanted["channel"] == *id) {
                let message = receiver.recv().await.unwrap();
                assert!(is_recorded(&message, wanted), "{name}");
            }
            assert_eq!(receiver.recv().await, None, "{name}");
        }
    }
}

impl Running {
    /// Whether a stop ends it cleanly, once the peer closes too.
    async fn stopped_by(&mut self, peer: &mut Peer<DuplexStream>) -> bool {
        peer.close().await;
        self.stopped().await.is_clean()
    }
}

/// A connection whose messages have ten bytes at most.
fn ten_bytes(config: Config) -> (Running, mconn::Sender, Receiver, Peer<DuplexStream>) {
    let channel = ChannelDescriptor::new(CHANNEL, 1).with_max_message(10);
    crate::peer::scripted_with(config, channel)
}

async fn end_of(mut running: Running) -> Closed {
    within(millis(100), running.ended()).await
}

fn checked(data: &[u8], checksum: Option<u32>) -> Packet<'_> {
    let mut msg = PacketMsg::default();
    (msg.channel_id, msg.eof, msg.data) = (1, true, data);
    msg.checksum = checksum;
    Packet::Msg(msg)
}

/// Whether the peer broke a rule; otherwise the stream ended too early.
const fn is_violation(closed: &Closed) -> bool {
    matches!(closed.reason.error(), Some(Error::Protocol(_)))
}

fn is_recorded(message: &Bytes, wanted: &Value) -> bool {
    if wanted["sha256"].is_string() {
        return Sha256::digest(message)[..] == hex(&wanted["sha256"])[..];
    }
    // An empty message has no data in the index.
    let data = wanted.get("data").map(hex).unwrap_or_default();
    *message == data
}

/// The channel on which a message behind the input shows that the connection lives.
const PROBE: i32 = 5;
