//! NodeInfo against the bytes and the verdicts of Go.

mod compatible;
mod rules;

use proptest::prelude::*;

use super::*;
use crate::address::testing::{ID, id, recording, rows, unhex};
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

const CHANNELS: [u8; 10] = [0x40, 0x20, 0x21, 0x22, 0x23, 0x30, 0x38, 0x60, 0x61, 0x00];
const OTHER_ID: &str = "10ba682c8ad13513971e8b56881aab8bd702bb8b";
const GOLDEN: &str = "0a040808100b1228323166653331646661313534613236313632366266383534303436666432323731623762656434621a\
137463703a2f2f302e302e302e303a3236363536220a746573742d636861696e2a07302e33382e3235320a402021222330\
386061003a056e6f646530421b0a026f6e12157463703a2f2f3132372e302e302e313a3236363537";
const GOLDEN_OF_ANOTHER: &str = "0a040808100b1228313062613638326338616431333531333937316538623536383831616162386264373032626238621a\
137463703a2f2f302e302e302e303a3236363536220a746573742d636861696e2a07302e33382e3235320a402021222330\
386061003a056e6f64653042190a026f6e12137463703a2f2f302e302e302e303a3236363537";
