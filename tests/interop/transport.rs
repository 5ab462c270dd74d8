//! Our transport against the Go node's, its switch included: who takes whom, and why not.

use mconn::address::PeerAddr;
use mconn::node::{
    BrokenRule, Incompatible, NodeInfoError, NodeInfoField, ProtocolVersion, TxIndex,
};
use mconn::peer::HandshakeError;
use mconn::transport::{Peer, Refusal, TransportConfig, UpgradeError};
use mconn::{ChannelId, CloseReason};
use prost::Message as _;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::go::{BOTH_ROLES, GO_SEED, Go, OUR_SEED, Remote, Role, id_of};
use crate::nodes::{CHANNELS, GoNode, NETWORK, Us, upgrade};
use crate::ours::Ours;
use crate::traffic::{Digests, Tally, digest_of, message};

/// Every field of a NodeInfo arrives on either side, with p2p protocol 8 and 9 at either end; then messages cross, the
/// first ones from Go as soon as it has us, and each side ends it once.
pub(crate) async fn node_info_and_messages_cross(remote: Remote) {
    for (role, [go_p2p, our_p2p]) in
        BOTH_ROLES
            .into_iter()
            .cycle()
            .zip([[8, 9], [9, 8], [9, 9], [8, 8]])
    {
        let us = Us::start(|info| info.protocol(protocol(our_p2p))).await;
        let mut node = GoNode::start(remote, &GO_SEED, json!({ "p2p": go_p2p, "app": 7 })).await;
        let (connected, us) = meet(role, us, &mut node).await;
        let peer = connected.expect("we take it");
        let theirs = peer.node_info();
        assert_eq!(
            theirs.protocol(),
            ProtocolVersion {
                app: 7,
                ..protocol(go_p2p)
            }
        );
        assert_eq!(*theirs.id(), id_of(&GO_SEED));
        assert_eq!(theirs.listen_addr(), node.address.host_port().to_string());
        assert_eq!(
            [theirs.network(), theirs.version(), theirs.moniker()],
            [NETWORK, "1.2.3", "go"]
        );
        assert_eq!(
            theirs.channels(),
            CHANNELS.map(|channel| ChannelId::new(channel.id))
        );
        assert_eq!(theirs.tx_index(), TxIndex::On);
        assert_eq!(theirs.rpc_address(), "tcp://127.0.0.1:26657");
        let added = node.go.event("added").await;
        assert_eq!(added["info"], us.as_go_tells_it(our_p2p));
        assert_eq!(
            added["outbound"] == json!(true),
            matches!(role, Role::GoDials)
        );

        let ours = start(peer);
        messages_come_back(&mut node.go, &ours).await;
        if go_p2p == our_p2p {
            node.go
                .tell(json!({ "do": "drop", "id": id_of(&OUR_SEED).to_string() }))
                .await;
            let (closed, _) = ours.end().await;
            assert!(matches!(closed.reason, CloseReason::PeerClosed), "{closed}");
        } else {
            ours.stop();
            let (closed, _) = ours.end().await;
            assert!(matches!(closed.reason, CloseReason::Stopped), "{closed}");
            assert_eq!(node.go.event("removed").await["text"], "EOF");
        }
        us.nobody_is_connected();
    }
}

/// Neither side takes a node of another network or block protocol, or one that speaks of nothing we know.
pub(crate) async fn both_refuse_the_incompatible(remote: Remote) {
    let cases: [Misfit<&str, Incompatible>; 3] = [
        (
            json!({ "network": "other" }),
            "different network",
            |why| matches!(why, Incompatible::Network { ours, theirs } if ours.raw() == NETWORK && theirs.raw() == "other"),
        ),
        (json!({ "block": 10 }), "different Block version", |why| {
            matches!(
                why,
                Incompatible::Block {
                    ours: 11,
                    theirs: 10
                }
            )
        }),
        (
            json!({ "channels": "55" }),
            "no common channels",
            |why| matches!(why, Incompatible::NoCommonChannel { theirs, .. } if *theirs == [ChannelId::new(0x55)]),
        ),
    ];
    for role in BOTH_ROLES {
        for (info, text, expected) in &cases {
            let mut node = GoNode::start(remote, &GO_SEED, info.clone()).await;
            let (refused, _us) = meet(role, Us::start(|info| info).await, &mut node).await;
            match refused {
                Err(HandshakeError::Incompatible(why)) if expected(&why) => {}
                other => panic!("{other:?} for {info}"),
            }
            node.refuses("incompatible", text).await;
        }
    }
}

/// What Go's own rules would refuse as well, said by its node.
pub(crate) async fn we_refuse_an_invalid_node_info(remote: Remote) {
    let cases: [Misfit<NodeInfoField, BrokenRule>; 5] = [
        (json!({ "moniker": "" }), NodeInfoField::Moniker, |rule| {
            matches!(rule, BrokenRule::Empty)
        }),
        (
            json!({ "version": "a\tb" }),
            NodeInfoField::Version,
            |rule| {
                matches!(
                    rule,
                    BrokenRule::NotPrintable {
                        found: '\t',
                        position: 1
                    }
                )
            },
        ),
        (
            json!({ "channels": "202120" }),
            NodeInfoField::Channels,
            |rule| matches!(rule, BrokenRule::DuplicateChannel { .. }),
        ),
        (
            json!({ "tx_index": "maybe" }),
            NodeInfoField::TxIndex,
            |rule| matches!(rule, BrokenRule::NotOnOrOff { .. }),
        ),
        (
            json!({ "listen_addr": "127.0.0.1" }),
            NodeInfoField::ListenAddr,
            |rule| matches!(rule, BrokenRule::Address(_)),
        ),
    ];
    for (role, (info, expected, broken)) in BOTH_ROLES.into_iter().cycle().zip(cases) {
        let mut node = GoNode::start(remote, &GO_SEED, info.clone()).await;
        let (refused, _us) = meet(role, Us::start(|info| info).await, &mut node).await;
        match refused {
            Err(HandshakeError::InvalidNodeInfo(NodeInfoError::Invalid {
                field, rule, ..
            })) if field == expected && broken(&rule) => {}
            other => panic!("{other:?} for {info}"),
        }
    }
}

/// A NodeInfo of another id than the key's, and another key than the one that was dialed.
pub(crate) async fn wrong_ids_are_refused(remote: Remote) {
    let other = id_of(&[0x33; 32]);
    for role in BOTH_ROLES {
        let mut node = GoNode::start(remote, &GO_SEED, json!({ "id": other.to_string() })).await;
        match meet(role, Us::start(|info| info).await, &mut node).await.0 {
            Err(HandshakeError::IdentityMismatch { proven, stated }) => {
                assert_eq!([proven, stated], [id_of(&GO_SEED), other]);
            }
            taken => panic!("{taken:?}"),
        }
    }
    let mut node = GoNode::start(remote, &GO_SEED, json!({})).await;
    let mut us = Us::start(|info| info).await;
    let wrong = PeerAddr::new(other, node.address.host_port().clone());
    let dialed = us.transport.dial(&wrong, &CancellationToken::new()).await;
    match dialed.map_err(upgrade) {
        Err(UpgradeError::Handshake(HandshakeError::UnexpectedPeer { expected, found })) => {
            assert_eq!([expected, found], [other, id_of(&GO_SEED)]);
        }
        taken => panic!("{taken:?}"),
    }
    node.refuses("auth_failure", "handshake failed").await;

    node.dial(&PeerAddr::new(other, us.address.host_port().clone()))
        .await;
    let closed = us.accept().await;
    // Go closes with our NodeInfo unread at times, which resets the stream.
    assert!(
        matches!(&closed, Err(HandshakeError::Closed | HandshakeError::Io(_))),
        "{closed:?}"
    );
    node.refuses("auth_failure", "dialed ID").await;
}

/// Somebody with our own key is ourselves, as both sides see it.
pub(crate) async fn both_refuse_themselves(remote: Remote) {
    for role in BOTH_ROLES {
        let mut node = GoNode::start(remote, &OUR_SEED, json!({})).await;
        let (refused, _us) = meet(role, Us::start(|info| info).await, &mut node).await;
        assert!(
            matches!(&refused, Err(HandshakeError::SelfConnection)),
            "{refused:?}"
        );
        node.refuses("self", &id_of(&OUR_SEED).to_string()).await;
    }
}

/// A second connection of one id: the first one stays.
pub(crate) async fn a_duplicate_id_is_refused(remote: Remote) {
    let mut node = GoNode::start(remote, &GO_SEED, json!({})).await;
    let us = [Us::start(|info| info).await, Us::start(|info| info).await];
    let first = start(us[0].dial(&node).await.unwrap());
    // Each handshake is a goroutine: without a word the second could be added first.
    node.go.event("added").await;
    let second = us[1].dial(&node).await.unwrap();
    // Go's switch notices after its handshake, so all that we see is the end.
    let (closed, _) = start(second).end().await;
    assert!(!matches!(closed.reason, CloseReason::Stopped), "{closed}");
    node.refuses("duplicate", "duplicate ID").await;
    match us[0].dial_refused(&node).await {
        UpgradeError::Refused(Refusal::DuplicateId { id }) => assert_eq!(id, id_of(&GO_SEED)),
        other => panic!("{other}"),
    }
    messages_come_back(&mut node.go, &first).await;

    let mut us = Us::start(|info| info).await;
    let mut one = GoNode::start(remote, &GO_SEED, json!({})).await;
    one.dial(&us.address).await;
    let first = us.accept().await.unwrap();
    let mut other = GoNode::start(remote, &GO_SEED, json!({})).await;
    other.dial(&us.address).await;
    match us.accept_refused().await {
        UpgradeError::Refused(Refusal::DuplicateId { id }) => assert_eq!(id, id_of(&GO_SEED)),
        error => panic!("{error}"),
    }
    other.refuses("auth_failure", "secret conn failed").await;
    messages_come_back(&mut one.go, &start(first)).await;
}

/// Whom the other side's filter does not want: by id on Go's side, by address on either.
pub(crate) async fn filters_refuse(remote: Remote) {
    let us = Us::start(|info| info).await;
    let unwanted = json!({ "refuse_ids": [id_of(&OUR_SEED).to_string()] });
    let mut node = GoNode::start_with(remote, &GO_SEED, json!({}), unwanted).await;
    let (closed, _) = start(us.dial(&node).await.unwrap()).end().await;
    assert!(!matches!(closed.reason, CloseReason::Stopped), "{closed}");
    node.refuses("filtered", "unwanted").await;

    let alone = json!({ "refuse_duplicate_ip": true });
    let mut node = GoNode::start_with(remote, &GO_SEED, json!({}), alone).await;
    let first = start(us.dial(&node).await.unwrap());
    node.go.event("added").await;
    let second = Us::start(|info| info).await;
    let closed = second.dial(&node).await;
    assert!(
        matches!(&closed, Err(HandshakeError::Closed | HandshakeError::Io(_))),
        "{closed:?}"
    );
    node.refuses("filtered", "duplicate CONN").await;
    messages_come_back(&mut node.go, &first).await;

    let config = TransportConfig::default().with_max_connections_per_address(1);
    let mut us = Us::start_with(|info| info, config).await;
    let mut node = GoNode::start(remote, &GO_SEED, json!({})).await;
    node.dial(&us.address).await;
    let first = us.accept().await.unwrap();
    let mut late = GoNode::start(remote, &[0x33; 32], json!({})).await;
    late.dial(&us.address).await;
    match us.accept_refused().await {
        UpgradeError::Refused(Refusal::AddressLimit { max: 1, .. }) => {}
        other => panic!("{other}"),
    }
    late.refuses("auth_failure", "secret conn failed").await;
    messages_come_back(&mut node.go, &start(first)).await;
}

/// What Go's node says otherwise than usual, how its side names that, and whether we say it right.
type Misfit<Name, Why> = (Value, Name, fn(&Why) -> bool);

/// Has one side dial the other, and returns what we made of it.
async fn meet(role: Role, mut us: Us, node: &mut GoNode) -> (Result<Peer, HandshakeError>, Us) {
    let met = match role {
        Role::GoListens => us.dial(node).await,
        Role::GoDials => {
            node.dial(&us.address).await;
            us.accept().await
        }
    };
    (met, us)
}

fn start(peer: Peer) -> Ours {
    Ours::start_peer(peer, &CHANNELS.map(|channel| channel.id))
}

/// Messages of Go's switch arrive, and it sends ours back.
async fn messages_come_back(go: &mut Go, ours: &Ours) {
    let mut expected = Digests::new();
    for channel in CHANNELS {
        go.tell(json!({
            "do": "node_send", "id": id_of(&OUR_SEED).to_string(), "channel": channel.id, "sizes": SIZES, "messages": SIZES.len(),
        })).await;
        assert_eq!(go.event("sent").await["refused"], Value::Null);
        let mut tally = Tally::default();
        for (seq, size) in (0..).zip(SIZES) {
            tally.add(&wrapped(channel.id, seq, size));
        }
        ours.received(&[(channel.id, tally.digest())].into()).await;
        for (seq, size) in (0..).zip(SIZES) {
            let message = wrapped(channel.id, seq, size);
            tally.add(&message);
            ours.sender(channel.id).send(message).await.unwrap();
        }
        expected.insert(channel.id, tally.digest());
    }
    assert_eq!(ours.received(&expected).await, expected);
    let by_go: Digests = CHANNELS
        .map(|channel| (channel.id, digest_of(channel.id, &SIZES, SIZES.len())))
        .into();
    assert_eq!(go.received(&by_go).await, by_go);
}

/// A message as Go's switch takes it, which is a protobuf `BytesValue` here.
fn wrapped(channel: u8, seq: u64, size: usize) -> Vec<u8> {
    message(channel, seq, size).encode_to_vec()
}

const fn protocol(p2p: u64) -> ProtocolVersion {
    ProtocolVersion {
        p2p,
        block: 11,
        app: 0,
    }
}

const SIZES: [usize; 5] = [1, 1_020, 1_024, 5_000, 60_000];
