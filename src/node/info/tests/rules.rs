//! Each rule, and their order.

use std::error::Error;

use prost::Message;

use super::{GOLDEN, stock};
use crate::address::testing::{id, unhex};
use crate::channel::ChannelId;
use crate::node::*;
use crate::proto::p2p::v1 as proto;

#[test]
fn an_error_names_the_field_the_rule_and_what_broke_it() {
    let cases: [(Edit, &str); 12] = [
        (
            |raw| raw.default_node_id.clear(),
            r#"default_node_id: "" is not a peer id: the peer id is empty"#,
        ),
        (
            |raw| raw.default_node_id.make_ascii_uppercase(),
            r#"default_node_id: peer id "21FE31DFA154A261626BF854046FD2271B7BED4B" is not in lower case"#,
        ),
        (
            |raw| raw.listen_addr = "tcp://:26656".to_owned(),
            r#"listen_addr: address ":26656" has no host"#,
        ),
        (
            |raw| raw.version = "a\tb".to_owned(),
            r"version: '\t' at byte 1 is not printable ASCII",
        ),
        (
            |raw| raw.version = "  ".to_owned(),
            "version: it must not consist of spaces only",
        ),
        (
            |raw| raw.channels = vec![0; 17].into(),
            "channels: 17 channels, the maximum is 16",
        ),
        (
            |raw| raw.channels = vec![0x40, 0x20, 0x40].into(),
            "channels: channel 0x40 twice",
        ),
        (|raw| raw.moniker.clear(), "moniker: it must not be empty"),
        (
            |raw| raw.moniker = " \u{e9}".to_owned(),
            r"moniker: '\u{e9}' at byte 1 is not printable ASCII",
        ),
        (
            |raw| raw.moniker = " ".to_owned(),
            "moniker: it must not consist of spaces only",
        ),
        (
            |raw| raw.other.as_mut().unwrap().tx_index = "On".to_owned(),
            r#"other.tx_index: "On" is neither "on" nor "off" nor empty"#,
        ),
        (
            |raw| raw.other.as_mut().unwrap().rpc_address = "\x7f".to_owned(),
            r"other.rpc_address: '\u{7f}' at byte 0 is not printable ASCII",
        ),
    ];
    for (edit, message) in cases {
        let mut raw = good();
        edit(&mut raw);
        let error = NodeInfo::decode(&raw.encode_to_vec()).unwrap_err();
        assert_eq!(error.to_string(), format!("NodeInfo field {message}"));
        // Shown, so not a source as well.
        assert!(error.source().is_none());
    }
}

#[test]
fn an_error_can_be_matched() {
    let mut raw = good();
    raw.channels = vec![0x40, 0x20, 0x40].into();
    let rule = BrokenRule::DuplicateChannel {
        channel: ChannelId::new(0x40),
    };
    let field = NodeInfoField::Channels;
    assert_eq!(
        NodeInfo::decode(&raw.encode_to_vec()),
        Err(NodeInfoError::Invalid { field, rule })
    );
    let malformed = NodeInfo::decode(&[0xff]).unwrap_err();
    assert!(matches!(malformed, NodeInfoError::Malformed { .. }));
}

/// All fields are wrong at first; each that is mended shows the next.
#[test]
fn the_rules_are_checked_in_the_order_of_go() {
    let mut raw = proto::DefaultNodeInfo {
        default_node_id: "x".to_owned(),
        listen_addr: "x".to_owned(),
        version: "\t".to_owned(),
        channels: vec![1; 20].into(),
        moniker: String::new(),
        other: Some(proto::DefaultNodeInfoOther {
            tx_index: "x".to_owned(),
            rpc_address: "\t".to_owned(),
        }),
        ..proto::DefaultNodeInfo::default()
    };
    let steps: [(NodeInfoField, Mend); 7] = [
        (NodeInfoField::Id, |raw, good| {
            raw.default_node_id = good.default_node_id;
        }),
        (NodeInfoField::ListenAddr, |raw, good| {
            raw.listen_addr = good.listen_addr;
        }),
        (NodeInfoField::Version, |raw, good| {
            raw.version = good.version;
        }),
        (NodeInfoField::Channels, |raw, good| {
            raw.channels = good.channels;
        }),
        (NodeInfoField::Moniker, |raw, good| {
            raw.moniker = good.moniker;
        }),
        (NodeInfoField::TxIndex, |raw, good| {
            raw.other.as_mut().unwrap().tx_index = good.other.unwrap().tx_index;
        }),
        (NodeInfoField::RpcAddress, |raw, good| {
            raw.other.as_mut().unwrap().rpc_address = good.other.unwrap().rpc_address;
        }),
    ];
    for (expected, mend) in steps {
        match NodeInfo::decode(&raw.encode_to_vec()) {
            Err(NodeInfoError::Invalid { field, .. }) => assert_eq!(field, expected),
            other => panic!("{expected}: {other:?}"),
        }
        mend(&mut raw, good());
    }
    assert!(NodeInfo::decode(&raw.encode_to_vec()).is_ok());
}

#[test]
fn the_builder_checks_by_the_same_rules() {
    let field = |builder: NodeInfoBuilder| match builder.build().unwrap_err() {
        NodeInfoError::Invalid { field, .. } => field,
        other => panic!("{other}"),
    };
    let seventeen = (0..17).map(ChannelId::new);
    let one = ChannelId::new(1);
    assert_eq!(
        field(stock(id()).listen_addr("0.0.0.0")),
        NodeInfoField::ListenAddr
    );
    assert_eq!(field(stock(id()).version(" ")), NodeInfoField::Version);
    assert_eq!(
        field(stock(id()).channels(seventeen)),
        NodeInfoField::Channels
    );
    assert_eq!(
        field(stock(id()).channels([one, one])),
        NodeInfoField::Channels
    );
    assert_eq!(
        field(stock(id()).rpc_address("\n")),
        NodeInfoField::RpcAddress
    );
    assert_eq!(
        field(NodeInfo::builder(id(), "network", "")),
        NodeInfoField::Moniker
    );
}

#[test]
fn the_least_that_can_be_built_is_what_go_accepts() {
    let info = NodeInfo::builder(id(), "", "a").build().unwrap();
    assert_eq!(info.listen_addr(), "tcp://0.0.0.0:0");
    assert!(!info.peer_addr().is_valid());
    assert_eq!((info.version(), info.rpc_address()), ("", ""));
    assert_eq!(info.tx_index(), TxIndex::Unset);
    assert!(info.channels().is_empty());
    let raw = proto::DefaultNodeInfo::decode(&info.encode()[..]).unwrap();
    assert!(raw.protocol_version.is_some() && raw.other.is_some());
}

fn good() -> proto::DefaultNodeInfo {
    proto::DefaultNodeInfo::decode(&unhex(GOLDEN)[..]).unwrap()
}

type Edit = fn(&mut proto::DefaultNodeInfo);
type Mend = fn(&mut proto::DefaultNodeInfo, proto::DefaultNodeInfo);
