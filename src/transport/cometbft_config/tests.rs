//! The files that CometBFT writes, and those that people make of them.

use std::num::NonZeroU64;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::address::testing::{ID, id};
use crate::channel::{ChannelDescriptor, ChannelId};
use crate::secret::Identity;

#[test]
fn the_stock_file_of_each_line_is_read_and_says_the_defaults() {
    let defaults: CometbftConfig = "".parse().unwrap();
    for (line, throttle, unknown) in [
        ("v0.34.35", 100, vec!["upnp"]),
        ("v0.37.18", 100, vec![]),
        ("v0.38.25", 100, vec![]),
        ("v1.0.1", 10, vec![]),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/config");
        let text = std::fs::read_to_string(path.join(format!("{line}.toml"))).unwrap();
        let read: CometbftConfig = text.parse().unwrap();
        assert_eq!(read.unknown, unknown, "{line}");
        let expected = CometbftConfig {
            flush_throttle: Duration::from_millis(throttle),
            unknown: read.unknown.clone(),
            ..defaults.clone()
        };
        assert_eq!(read, expected, "{line}");
    }
    assert_eq!(defaults.listen, Some("0.0.0.0:26656".parse().unwrap()));
    assert_eq!(defaults.connection().unwrap(), Config::cometbft());
}

#[test]
fn every_key_is_read() {
    let peer = format!("{ID}@192.0.2.1:26656");
    let text = format!(
        r#"
        [p2p] # what follows is ours
        laddr = "tcp://127.0.0.1:1"
        external_address = "example.org:2"
        seeds = "{peer}, {peer} ,"
        persistent_peers = "{peer}"
        persistent_peers_max_dial_period = "1m30s"
        unconditional_peer_ids = " {ID},{upper}"
        private_peer_ids = "{ID}"
        addr_book_file = "elsewhere.json"
        addr_book_strict = false
        max_num_inbound_peers = 5
        max_num_outbound_peers = 6
        allow_duplicate_ip = true
        flush_throttle_timeout = "7ms"
        max_packet_msg_payload_size = 2048
        send_rate = 0
        recv_rate = 9000000
        pex = false
        seed_mode = true
        handshake_timeout = "5s"
        dial_timeout = "1500ms"
        a_key_of_tomorrow = {{ with = "a value" }}
        [mempool]
        laddr = 5
        "#,
        upper = ID.to_uppercase(),
    );
    let peer: PeerAddr = peer.parse().unwrap();
    let expected = CometbftConfig {
        listen: Some("127.0.0.1:1".parse().unwrap()),
        external: Some("example.org:2".parse().unwrap()),
        seeds: vec![peer.clone(), peer.clone()],
        persistent_peers: vec![peer],
        persistent_peers_max_dial_period: Some(Duration::from_secs(90)),
        unconditional_peers: vec![id(), id()],
        private_peers: vec![id()],
        addr_book_file: "elsewhere.json".into(),
        addr_book_strict: false,
        max_inbound: 5,
        max_outbound: 6,
        allow_duplicate_ip: true,
        flush_throttle: Duration::from_millis(7),
        max_packet_payload: 2048,
        send_rate: None,
        recv_rate: NonZeroU64::new(9_000_000),
        pex: false,
        seed_mode: true,
        handshake_timeout: Duration::from_secs(5),
        dial_timeout: Duration::from_millis(1500),
        unknown: vec!["a_key_of_tomorrow".to_owned()],
    };
    assert_eq!(text.parse(), Ok(expected));
}

#[test]
fn a_value_that_cannot_be_used_is_refused_and_its_key_named() {
    type Is = fn(&Unusable) -> bool;
    let cases: [(&str, &str, Is); 12] = [
        ("laddr", "5", |it| *it == Unusable::Type),
        ("laddr", "\"nowhere\"", |it| {
            matches!(it, Unusable::Address { .. })
        }),
        ("seeds", "\"192.0.2.1:1\"", |it| {
            matches!(it, Unusable::Address { .. })
        }),
        ("persistent_peers", "[]", |it| *it == Unusable::Type),
        (
            "unconditional_peer_ids",
            "\"abc\"",
            |it| matches!(it, Unusable::Id { entry, .. } if entry == "abc"),
        ),
        ("max_num_inbound_peers", "-1", |it| {
            *it == Unusable::Range { value: -1 }
        }),
        ("send_rate", "\"fast\"", |it| *it == Unusable::Type),
        ("recv_rate", "-5", |it| *it == Unusable::Range { value: -5 }),
        ("pex", "\"true\"", |it| *it == Unusable::Type),
        ("dial_timeout", "\"3\"", |it| {
            *it == Unusable::Duration {
                text: "3".to_owned(),
            }
        }),
        ("dial_timeout", "\"-3s\"", |it| {
            matches!(it, Unusable::Duration { .. })
        }),
        ("handshake_timeout", "3", |it| *it == Unusable::Type),
    ];
    for (name, value, is) in cases {
        let error = format!("[p2p]\n{name} = {value}\n")
            .parse::<CometbftConfig>()
            .unwrap_err();
        let CometbftConfigError::Value { key, problem } = &error else {
            panic!("{error}");
        };
        assert_eq!(key, name);
        assert!(is(problem), "{error}");
        assert!(error.to_string().starts_with(name), "{error}");
    }
    assert!(matches!(
        "[p2p".parse::<CometbftConfig>(),
        Err(CometbftConfigError::Syntax { .. })
    ));
    assert!("p2p = 5".parse::<CometbftConfig>().is_err());
}

#[test]
fn what_it_says_is_what_the_node_and_its_transport_do() {
    let text = format!(
        "[p2p]\nladdr = \"tcp://127.0.0.1:7\"\nhandshake_timeout = \"5s\"\n\
         max_num_inbound_peers = 0\nmax_num_outbound_peers = 0\nunconditional_peer_ids = \"{ID}\"\n\
         max_packet_msg_payload_size = 2048\n",
    );
    let config: CometbftConfig = text.parse().unwrap();
    let identity = Arc::new(Identity::generate().unwrap());
    let node = LocalNode::builder(identity, "network", "moniker")
        .channel(ChannelDescriptor::new(ChannelId::new(1), 1));
    let node = config.node(node).unwrap().build().unwrap();
    assert_eq!(node.node_info().listen_addr(), "tcp://127.0.0.1:7");
    assert_eq!(node.handshake_timeout(), Duration::from_secs(5));
    assert_eq!(node.connection().max_packet_payload(), 2048);
    assert!(node.connection().max_packet() > 2048);
    let transport = config.transport(node).unwrap();
    assert!(transport.is_exempt(&id()));
    let wrong: CometbftConfig = "[p2p]\nmax_packet_msg_payload_size = 1".parse().unwrap();
    assert!(wrong.connection().is_err());
}
