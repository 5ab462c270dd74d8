use std::error::Error;

use prost::Message;

use super::*;
use crate::address::testing::{ID, id};
use crate::address::{HostPort, PeerAddr, PeerId};
use crate::node::{Incompatible, NodeInfo, NodeInfoError};
use crate::peer::HandshakeError;
use crate::proto::p2p::v1 as proto;
use crate::transport::{AttemptError, DialError, FailedAttempt, UpgradeError};

#[test]
fn printable_ascii_is_shown_as_it_is_and_all_else_escaped() {
    for (text, shown) in [
        ("main chain-1", r#""main chain-1""#),
        ("", r#""""#),
        ("a\r\nb\t\0\u{1b}[2J", r#""a\r\nb\t\u{0}\u{1b}[2J""#),
        (r#"a "quoted\ b"#, r#""a \"quoted\\ b""#),
        ("\u{202e}\u{2066}\u{200f}", r#""\u{202e}\u{2066}\u{200f}""#),
        ("\u{200b}\u{feff}\u{ad}", r#""\u{200b}\u{feff}\u{ad}""#),
        ("\u{2028}\u{85}\u{7f}", r#""\u{2028}\u{85}\u{7f}""#),
        (
            "\u{378}\u{e000}\u{10ffff}",
            r#""\u{378}\u{e000}\u{10ffff}""#,
        ),
        ("e\u{301}\u{3164}\u{430}", r#""e\u{301}\u{3164}\u{430}""#),
    ] {
        let text = PeerText::from(text);
        assert_eq!(
            (text.to_string(), format!("{text:?}")),
            (shown.into(), shown.into())
        );
    }
}

#[test]
fn a_text_is_shown_whole_up_to_120_bytes_as_shown_and_then_cut_with_its_length() {
    let show = |text: String| PeerText::from(text).to_string();
    assert_eq!(show("a".repeat(120)), format!("\"{}\"", "a".repeat(120)));
    assert_eq!(
        show("a".repeat(121)),
        format!("\"{}\"... (121 bytes)", "a".repeat(120))
    );
    assert_eq!(
        show("\n".repeat(10_000)),
        format!("\"{}\"... (10000 bytes)", r"\n".repeat(60))
    );
}

#[test]
fn what_an_error_says_of_a_peer_s_text_is_short_and_printable() {
    let mut checked = 0;
    for unit in HOSTILE {
        let text = unit.repeat(10_000 / unit.len());
        for error in errors_of(&text) {
            let mut link: Option<&dyn Error> = Some(&*error);
            while let Some(error) = link {
                assert_tame(&error.to_string(), &error.to_string());
                assert_tame(&format!("{error:?}"), &error.to_string());
                link = error.source();
            }
            checked += 1;
        }
    }
    assert_eq!(checked, HOSTILE.len() * KINDS);
}

#[test]
fn what_the_rules_let_pass_is_kept_and_shown_escaped() {
    for unit in HOSTILE {
        let text = unit.repeat(2000 / unit.len());
        let raw = proto::DefaultNodeInfo {
            network: text.clone(),
            listen_addr: format!("{text}://192.0.2.1:1"),
            ..good()
        };
        let info = NodeInfo::decode(&raw.encode_to_vec()).unwrap();
        assert_eq!(info.network(), text);
        assert!(info.listen_addr().starts_with(&text));
        assert_tame(&format!("{info:?}"), "Debug");
    }
}

/// Every error that can hold a text of a peer's, each with this text in it.
fn errors_of(text: &str) -> Vec<Box<dyn Error>> {
    let decoded = |edit: &dyn Fn(&mut proto::DefaultNodeInfo)| -> Box<dyn Error> {
        let mut raw = good();
        edit(&mut raw);
        let error = NodeInfo::decode(&raw.encode_to_vec()).unwrap_err();
        assert!(matches!(error, NodeInfoError::Invalid { .. }), "{error}");
        Box::new(HandshakeError::from(error))
    };
    let other = |raw: &mut proto::DefaultNodeInfo| raw.other.get_or_insert_default().clone();
    let place = |place: String| Box::new(place.parse::<HostPort>().unwrap_err());
    let peer = |peer: String| Box::new(peer.parse::<PeerAddr>().unwrap_err());
    vec![
        decoded(&|raw| raw.default_node_id = text.to_owned()),
        decoded(&|raw| raw.listen_addr = text.to_owned()),
        decoded(&|raw| raw.listen_addr = format!("{text}:1")),
        decoded(&|raw| raw.listen_addr = format!("a:{text}")),
        decoded(&|raw| raw.version = format!("{text}\n")),
        decoded(&|raw| raw.moniker = format!("{text}\n")),
        decoded(&|raw| {
            let tx_index = text.to_owned();
            raw.other = Some(proto::DefaultNodeInfoOther {
                tx_index,
                ..other(raw)
            });
        }),
        decoded(&|raw| {
            let rpc_address = format!("{text}\n");
            raw.other = Some(proto::DefaultNodeInfoOther {
                rpc_address,
                ..other(raw)
            });
        }),
        Box::new(of_another_network(text)),
        Box::new(text.parse::<PeerId>().unwrap_err()),
        place(text.to_owned()),
        place(format!("{text}:1")),
        place(format!("[{text}]]:1")),
        place(format!("a:{text}")),
        place(format!("[fe80::1%{text}]:1")),
        place(format!("::{text}:1")),
        peer(text.to_owned()),
        peer(format!("{text}@192.0.2.1:1")),
        peer(format!("{ID}@{text}:1")),
    ]
}

/// As it comes out of a dial.
fn of_another_network(network: &str) -> DialError {
    let ours = NodeInfo::builder(id(), "ours", "us").build().unwrap();
    let raw = proto::DefaultNodeInfo {
        network: network.to_owned(),
        ..good()
    };
    let theirs = NodeInfo::decode(&raw.encode_to_vec()).unwrap();
    let error = ours.compatible_with(&theirs).unwrap_err();
    assert!(matches!(&error, Incompatible::Network { theirs, .. } if theirs.raw() == network));
    let error = UpgradeError::Handshake(error.into());
    DialError::Failed {
        attempts: vec![FailedAttempt {
            address: "192.0.2.1:1".parse().unwrap(),
            error: AttemptError::Upgrade(error),
        }],
    }
}

fn good() -> proto::DefaultNodeInfo {
    let info = NodeInfo::builder(id(), "network", "a").build().unwrap();
    proto::DefaultNodeInfo::decode(&info.encode()[..]).unwrap()
}

/// Short, and nothing in it that a terminal would obey.
fn assert_tame(text: &str, of: &str) {
    assert!(text.len() < 1000, "{} bytes: {of}", text.len());
    let odd = text.chars().find(|c| !matches!(c, ' '..='~'));
    assert_eq!(odd, None, "{of}");
}

const KINDS: usize = 19;
const HOSTILE: [&str; 12] = [
    "\n",
    "\r",
    "\u{1b}[2J",
    "\0",
    "\u{7f}",
    "\u{85}",
    "\u{202e}",
    "\u{200b}",
    "\u{feff}",
    "\u{2028}",
    "\u{378}",
    "\u{301}",
];
