use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::peer::testing::{ID, id, recording, rows, unhex};
use crate::peer::{AddressError, PeerIdError};
use crate::proto::p2p::v1 as proto;
use crate::testing::cases;

#[test]
fn the_golden_bytes_are_what_we_write_and_read() {
    for (rpc_address, id, bytes) in [
        ("tcp://127.0.0.1:26657", ID, GOLDEN),
        ("tcp://0.0.0.0:26657", OTHER_ID, GOLDEN_OF_ANOTHER),
    ] {
        let info = stock(id.parse().unwrap()).rpc_address(rpc_address);
        let info = info.build().unwrap();
        assert_eq!(info.encode(), unhex(bytes));
        assert_eq!(NodeInfo::decode(&unhex(bytes)), Ok(info));
    }
}

#[test]
fn each_field_arrives() {
    let info = NodeInfo::decode(&unhex(GOLDEN)).unwrap();
    assert_eq!(info.protocol(), ProtocolVersion::default());
    assert_eq!(*info.id(), id());
    assert_eq!(info.listen_addr(), "tcp://0.0.0.0:26656");
    assert_eq!(info.peer_addr().to_string(), format!("{ID}@0.0.0.0:26656"));
    assert_eq!(info.network(), "test-chain");
    assert_eq!(info.version(), "0.38.25");
    assert_eq!(info.channels(), CHANNELS.map(ChannelId::new));
    assert!(info.has_channel(ChannelId::new(0x61)));
    assert!(!info.has_channel(ChannelId::new(0x62)));
    assert_eq!(info.moniker(), "node0");
    assert_eq!(info.tx_index(), TxIndex::On);
    assert_eq!(info.rpc_address(), "tcp://127.0.0.1:26657");
}

#[test]
fn both_ends_of_the_recorded_sessions_are_read_and_written() {
    let recording = recording("node-infos.json");
    let recorded = recording["recorded"].as_array().unwrap();
    for row in recorded {
        let text = |field: &str| row[field].as_str().unwrap().to_owned();
        let number = |field: &str| row[field].as_u64().unwrap();
        let tx_index = match row["tx_index"].as_str().unwrap() {
            "on" => TxIndex::On,
            _ => TxIndex::Off,
        };
        let id = text("id").parse().unwrap();
        let built = NodeInfo::builder(id, text("network"), text("moniker"))
            .protocol(ProtocolVersion {
                p2p: number("p2p"),
                block: number("block"),
                app: number("app"),
            })
            .listen_addr(text("listen_addr"))
            .version(text("version"))
            .channels(unhex(&text("channels")).into_iter().map(ChannelId::new))
            .tx_index(tx_index)
            .rpc_address(text("rpc_address"));
        let built = built.build().unwrap();
        assert_eq!(built.encode(), unhex(&text("bytes")));
        assert_eq!(NodeInfo::decode(&unhex(&text("bytes"))), Ok(built));
    }
    assert_eq!(recorded.len(), 4);
}

#[test]
fn a_node_info_is_judged_as_go_judges_it() {
    for [name, bytes, verdict, again] in rows(&recording("node-infos.json")["rules"]) {
        let read = NodeInfo::decode(&unhex(bytes));
        match (verdict, &read) {
            (_, Err(NodeInfoError::Invalid { field, .. })) if name == "id upper case" => {
                assert_eq!((*field, verdict), (NodeInfoField::Id, "ok"));
            }
            (_, Err(NodeInfoError::Malformed { .. })) => {
                let differs = name == "then network not UTF-8";
                assert_eq!(verdict, if differs { "ok" } else { "malformed" }, "{name}");
            }
            (verdict, Err(NodeInfoError::Invalid { field, .. })) => match field {
                // Go reads id and address as one text.
                NodeInfoField::Id => assert_eq!(verdict, "listen_addr", "{name}"),
                field => assert_eq!(verdict, field.to_string(), "{name}"),
            },
            ("ok" | "name", Ok(info)) => {
                let again = if again == "=" { bytes } else { again };
                assert_eq!(info.encode(), unhex(again), "{name}");
            }
            _ => panic!("{name}: {verdict}, but {read:?}"),
        }
    }
}

#[test]
fn an_error_names_the_field_and_the_rule() {
    let cases: [(Edit, NodeInfoField, BrokenRule, &str); 12] = [
        (
            |raw| raw.default_node_id.clear(),
            NodeInfoField::Id,
            BrokenRule::NotAnId {
                id: String::new(),
                problem: PeerIdError::Empty,
            },
            r#"default_node_id: "" is not a peer id: the peer id is empty"#,
        ),
        (
            |raw| raw.default_node_id.make_ascii_uppercase(),
            NodeInfoField::Id,
            BrokenRule::UpperCase {
                id: ID.to_uppercase(),
            },
            r#"default_node_id: peer id "21FE31DFA154A261626BF854046FD2271B7BED4B" is not in lower case"#,
        ),
        (
            |raw| raw.listen_addr = "tcp://:26656".to_owned(),
            NodeInfoField::ListenAddr,
            BrokenRule::Address(AddressError::NoHost {
                address: ":26656".to_owned(),
            }),
            r#"listen_addr: address ":26656" has no host"#,
        ),
        (
            |raw| raw.version = "a\tb".to_owned(),
            NodeInfoField::Version,
            not_printable('\t', 1),
            r"version: '\t' at byte 1 is not printable ASCII",
        ),
        (
            |raw| raw.version = "  ".to_owned(),
            NodeInfoField::Version,
            BrokenRule::OnlySpaces,
            "version: it must not consist of spaces only",
        ),
        (
            |raw| raw.channels = vec![0; 17].into(),
            NodeInfoField::Channels,
            BrokenRule::TooManyChannels { count: 17 },
            "channels: 17 channels, the maximum is 16",
        ),
        (
            |raw| raw.channels = vec![0x40, 0x20, 0x40].into(),
            NodeInfoField::Channels,
            BrokenRule::DuplicateChannel {
                channel: ChannelId::new(0x40),
            },
            "channels: channel 0x40 twice",
        ),
        (
            |raw| raw.moniker.clear(),
            NodeInfoField::Moniker,
            BrokenRule::Empty,
            "moniker: it must not be empty",
        ),
        (
            |raw| raw.moniker = " \u{e9}".to_owned(),
            NodeInfoField::Moniker,
            not_printable('\u{e9}', 1),
            "moniker: '\u{e9}' at byte 1 is not printable ASCII",
        ),
        (
            |raw| raw.moniker = " ".to_owned(),
            NodeInfoField::Moniker,
            BrokenRule::OnlySpaces,
            "moniker: it must not consist of spaces only",
        ),
        (
            |raw| raw.other.as_mut().unwrap().tx_index = "On".to_owned(),
            NodeInfoField::TxIndex,
            BrokenRule::NotOnOrOff {
                value: "On".to_owned(),
            },
            r#"other.tx_index: "On" is neither "on" nor "off" nor empty"#,
        ),
        (
            |raw| raw.other.as_mut().unwrap().rpc_address = "\x7f".to_owned(),
            NodeInfoField::RpcAddress,
            not_printable('\x7f', 0),
            r"other.rpc_address: '\u{7f}' at byte 0 is not printable ASCII",
        ),
    ];
    for (edit, field, rule, message) in cases {
        let mut raw = proto::DefaultNodeInfo::decode(&unhex(GOLDEN)[..]).unwrap();
        edit(&mut raw);
        let error = NodeInfo::decode(&raw.encode_to_vec()).unwrap_err();
        assert_eq!(error.to_string(), format!("NodeInfo field {message}"));
        assert_eq!(error, NodeInfoError::Invalid { field, rule });
        let source = std::error::Error::source(&error).unwrap();
        assert!(source.is::<BrokenRule>());
    }
}

/// All fields are wrong at first; each that is mended shows the next.
#[test]
fn the_rules_are_checked_in_the_order_of_go() {
    let good = proto::DefaultNodeInfo::decode(&unhex(GOLDEN)[..]).unwrap();
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
        mend(&mut raw, good.clone());
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

#[test]
fn a_name_that_a_peer_states_is_not_looked_up() {
    let info = stock(id()).listen_addr("tcp://no-such-host.invalid:1");
    let info = info.build().unwrap();
    assert_eq!(info.peer_addr().ip(), None);
    assert_eq!(NodeInfo::decode(&info.encode()), Ok(info));
}

#[test]
fn the_longest_is_of_10240_bytes() {
    let info = |len: usize| NodeInfo::builder(id(), "n".repeat(len), "a");
    let rest = info(1000).build().unwrap().encode().len() - 1000;
    let longest = info(MAX_NODE_INFO_BYTES - rest).build().unwrap();
    let mut bytes = longest.encode();
    assert_eq!(bytes.len(), 10_240);
    assert_eq!(NodeInfo::decode(&bytes), Ok(longest));

    let refused = Err(NodeInfoError::TooLong { len: 10_241 });
    assert_eq!(info(MAX_NODE_INFO_BYTES - rest + 1).build(), refused);
    // Of the same length as what the builder refuses, and whatever it says.
    bytes.push(0);
    assert_eq!(NodeInfo::decode(&bytes), refused);
}

#[test]
fn nodes_are_compatible_by_block_protocol_network_and_a_common_channel() {
    let build = |builder: NodeInfoBuilder| builder.build().unwrap();
    let channels = |ids: &[u8]| stock(id()).channels(ids.iter().copied().map(ChannelId::new));
    let protocol = |p2p, block, app| stock(id()).protocol(ProtocolVersion { p2p, block, app });
    let ours = build(stock(id()));
    let fits = [
        stock(OTHER_ID.parse().unwrap()),
        protocol(9, 11, 7),
        channels(&[0x99, 0x61]),
        stock(id()).version("1.0.1").tx_index(TxIndex::Off),
    ];
    for theirs in fits.map(build) {
        assert_eq!(ours.compatible_with(&theirs), Ok(()));
    }
    let bare = build(channels(&[]));
    for theirs in [channels(&[]), channels(&[1]), stock(id())].map(build) {
        assert_eq!(bare.compatible_with(&theirs), Ok(()));
    }
    let other_block = Incompatible::Block {
        ours: 11,
        theirs: 12,
    };
    let theirs = build(protocol(8, 12, 0));
    assert_eq!(ours.compatible_with(&theirs), Err(other_block));
    let none = |theirs: &NodeInfo| {
        Err(Incompatible::NoCommonChannel {
            ours: ours.channels().to_vec(),
            theirs: theirs.channels().to_vec(),
        })
    };
    for theirs in [channels(&[1, 2]), channels(&[])].map(build) {
        assert_eq!(ours.compatible_with(&theirs), none(&theirs));
    }
    let (few, fewer) = (build(channels(&[0x20, 0x21])), build(channels(&[])));
    let error = few.compatible_with(&fewer).unwrap_err();
    let text = "no channel in common: the peer has none, we have 0x20 0x21";
    assert_eq!(error.to_string(), text);
}

#[test]
fn incompatibility_names_the_first_that_does_not_fit() {
    let info = |network: &str, block, channel| {
        let protocol = ProtocolVersion {
            block,
            ..ProtocolVersion::default()
        };
        let builder = NodeInfo::builder(id(), network, "a").protocol(protocol);
        let builder = builder.channels([ChannelId::new(channel)]);
        builder.build().unwrap()
    };
    let ours = info("ours", 11, 1);
    let error = |theirs: NodeInfo| ours.compatible_with(&theirs).unwrap_err().to_string();
    assert_eq!(
        error(info("theirs", 10, 2)),
        "the peer's block protocol is 10, ours is 11"
    );
    assert_eq!(
        error(info("theirs", 11, 2)),
        r#"the peer's network is "theirs", ours is "ours""#
    );
    assert_eq!(
        error(info("ours", 11, 2)),
        "no channel in common: the peer has 0x02, we have 0x01"
    );
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn a_node_info_comes_back_from_its_bytes(info in any_info()) {
        prop_assert_eq!(NodeInfo::decode(&info.encode()), Ok(info));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>, at: prop::sample::Index, byte: u8) {
        let _ = NodeInfo::decode(&bytes);
        let mut changed = unhex(GOLDEN);
        let at = at.index(changed.len());
        changed[at] = byte;
        if let Ok(info) = NodeInfo::decode(&changed) {
            prop_assert_eq!(NodeInfo::decode(&info.encode()), Ok(info));
        }
        let _ = NodeInfo::decode(&changed[..at]);
    }
}

fn any_info() -> impl Strategy<Value = NodeInfo> {
    let numbers = (any::<u64>(), any::<u64>(), any::<u64>());
    let texts = ("[!-~]{0,9}", "[!-~][ -~]{0,9}", any::<String>());
    let address = prop_oneof!["([a-z]{1,4}://)?[a-z]{1,9}:[0-9]{1,4}", "\\[::[1-9]\\]:80"];
    let channels = prop::collection::btree_set(any::<u8>(), 0..=16);
    let tx_index = prop::sample::select(vec![TxIndex::Unset, TxIndex::On, TxIndex::Off]);
    let parts = (
        any::<[u8; 20]>(),
        numbers,
        texts,
        address,
        channels,
        tx_index,
    );
    parts.prop_map(
        |(id, (p2p, block, app), texts, address, channels, tx_index)| {
            let (optional, moniker, network) = texts;
            NodeInfo::builder(PeerId::new(id), network, moniker)
                .protocol(ProtocolVersion { p2p, block, app })
                .listen_addr(address)
                .version(optional.clone())
                .channels(channels.into_iter().map(ChannelId::new))
                .tx_index(tx_index)
                .rpc_address(optional)
                .build()
                .unwrap()
        },
    )
}

fn stock(id: PeerId) -> NodeInfoBuilder {
    NodeInfo::builder(id, "test-chain", "node0")
        .listen_addr("tcp://0.0.0.0:26656")
        .version("0.38.25")
        .channels(CHANNELS.map(ChannelId::new))
        .tx_index(TxIndex::On)
}

const fn not_printable(found: char, position: usize) -> BrokenRule {
    BrokenRule::NotPrintable { found, position }
}

type Edit = fn(&mut proto::DefaultNodeInfo);
type Mend = fn(&mut proto::DefaultNodeInfo, proto::DefaultNodeInfo);

const CHANNELS: [u8; 10] = [0x40, 0x20, 0x21, 0x22, 0x23, 0x30, 0x38, 0x60, 0x61, 0x00];
const OTHER_ID: &str = "10ba682c8ad13513971e8b56881aab8bd702bb8b";
const GOLDEN: &str = "0a040808100b1228323166653331646661313534613236313632366266383534303436666432323731623762656434621a\
137463703a2f2f302e302e302e303a3236363536220a746573742d636861696e2a07302e33382e3235320a402021222330\
386061003a056e6f646530421b0a026f6e12157463703a2f2f3132372e302e302e313a3236363537";
const GOLDEN_OF_ANOTHER: &str = "0a040808100b1228313062613638326338616431333531333937316538623536383831616162386264373032626238621a\
137463703a2f2f302e302e302e303a3236363536220a746573742d636861696e2a07302e33382e3235320a402021222330\
386061003a056e6f64653042190a026f6e12137463703a2f2f302e302e302e303a3236363537";
