//! Who can work with whom.

use super::{OTHER_ID, stock};
use crate::address::testing::id;
use crate::channel::ChannelId;
use crate::node::*;

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
