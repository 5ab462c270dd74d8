//! Each way to fail, produced and told from the others without a look at its text (D5); those of authentication have a file of their own.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use prost::Message;
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex,
};
use tokio_util::sync::CancellationToken;

use super::kit::*;
use crate::address::PeerText;
use crate::node::{
    BrokenRule, Incompatible, LocalNode, MAX_NODE_INFO_BYTES, NodeInfoError, NodeInfoField,
    ProtocolVersion,
};
use crate::peer::{Established, HandshakeError, Handshaking, MalformedMessage};
use crate::proto::p2p::v1::DefaultNodeInfo;
use crate::secret::SecretConnection;

#[tokio::test(start_paused = true)]
async fn an_ephemeral_key_that_cannot_be_decoded_is_malformed() {
    let no_field = [&[36, 0x0a, 32][..], &[9; 32], &[0xff, 0xff]].concat();
    for bytes in [&no_field[..], &[0xff; 10]] {
        let error = failure(&node("us"), async |mut io: DuplexStream| {
            io.write_all(bytes).await.unwrap();
            io
        })
        .await;
        let message = MalformedMessage::Ephemeral;
        assert!(matches!(error, HandshakeError::Malformed { message: m } if m == message));
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_info_that_cannot_be_decoded_is_malformed() {
    let (us, them) = (node("us"), node("them"));
    for bytes in [&[2, 0xff, 0xff][..], &[0xff; 10]] {
        let error = failure(&us, async |io| {
            let mut stream = SecretConnection::handshake(io, them.identity())
                .await
                .unwrap();
            stream.write_all(bytes).await.unwrap();
            stream
        })
        .await;
        let message = MalformedMessage::NodeInfo;
        assert!(matches!(error, HandshakeError::Malformed { message: m } if m == message));
    }
}

#[tokio::test(start_paused = true)]
async fn an_invalid_node_info_names_the_field() {
    type Change = fn(&mut DefaultNodeInfo);
    let cases: [(Change, NodeInfoField); 8] = [
        (|info| info.default_node_id.clear(), NodeInfoField::Id),
        (
            |info| info.default_node_id.make_ascii_uppercase(),
            NodeInfoField::Id,
        ),
        (
            |info| info.listen_addr = "nowhere".to_owned(),
            NodeInfoField::ListenAddr,
        ),
        (
            |info| info.version = "\u{e9}".to_owned(),
            NodeInfoField::Version,
        ),
        (
            |info| info.channels = vec![1, 1].into(),
            NodeInfoField::Channels,
        ),
        (|info| info.moniker.clear(), NodeInfoField::Moniker),
        (
            |info| info.other.as_mut().unwrap().tx_index = "yes".to_owned(),
            NodeInfoField::TxIndex,
        ),
        (
            |info| info.other.as_mut().unwrap().rpc_address = " ".to_owned(),
            NodeInfoField::RpcAddress,
        ),
    ];
    let them = node_with_letters();
    for (change, expected) in cases {
        let mut info = says(&them);
        change(&mut info);
        let error = failure_with(&node("us"), &them, info).await;
        let HandshakeError::InvalidNodeInfo(NodeInfoError::Invalid { field, .. }) = error else {
            panic!("{error:?}");
        };
        assert_eq!(field, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn an_id_in_upper_case_is_refused_although_it_is_the_right_one() {
    let them = node_with_letters();
    let mut info = says(&them);
    info.default_node_id.make_ascii_uppercase();
    assert_eq!(info.default_node_id.parse(), Ok(*them.id()));
    let error = failure_with(&node("us"), &them, info).await;
    let HandshakeError::InvalidNodeInfo(NodeInfoError::Invalid { rule, .. }) = error else {
        panic!("{error:?}");
    };
    assert!(matches!(rule, BrokenRule::UpperCase { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_node_info_of_10240_bytes_passes_and_one_of_10241_does_not() {
    let (us, them) = (node("us"), node("them"));
    for (len, passes) in [
        (MAX_NODE_INFO_BYTES, true),
        (MAX_NODE_INFO_BYTES + 1, false),
    ] {
        let info = padded(says(&them), len);
        let (result, _) = meet(&us, async |io| {
            let mut stream = SecretConnection::handshake(io, them.identity())
                .await
                .unwrap();
            let bytes = info.encode_length_delimited_to_vec();
            let _ = stream.write_all(&bytes).await;
            stream
        })
        .await;
        match result {
            Ok(peer) => assert!(passes && peer.node_info().moniker().len() > 10_000),
            Err(HandshakeError::InvalidNodeInfo(NodeInfoError::TooLong { len: stated })) => {
                assert!(!passes);
                assert_eq!(stated, len);
            }
            Err(error) => panic!("{error:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn our_own_node_info_of_10240_bytes_is_sent_whole() {
    let largest = node_with("us", |info| {
        let len = info.clone().build().unwrap().node_info().encode().len();
        info.version("v".repeat(MAX_NODE_INFO_BYTES - len - 3))
    });
    assert_eq!(largest.node_info().encode().len(), MAX_NODE_INFO_BYTES);
    let (_, there) = acquainted(&largest, &node("them")).await;
    assert_eq!(there.node_info(), largest.node_info());
}

#[tokio::test(start_paused = true)]
async fn another_peer_than_the_expected_one_is_refused_before_it_hears_of_us() {
    let (us, them, expected) = (node("us"), node("them"), *node("another").id());
    let (io, far) = duplex(1 << 16);
    let cancel = CancellationToken::new();
    let here = Handshaking::outbound(io, us, Some(expected)).handshake(&cancel, nobody);
    let there = async {
        let mut stream = SecretConnection::handshake(far, them.identity())
            .await
            .unwrap();
        // No byte of our NodeInfo came.
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).await.unwrap();
        assert!(heard.is_empty());
    };
    let (result, ()) = soon(async { tokio::join!(here, there) }).await;
    let error = result.unwrap_err();
    let HandshakeError::UnexpectedPeer { expected: e, found } = error else {
        panic!("{error:?}");
    };
    assert_eq!((e, found), (expected, *them.id()));
}

#[tokio::test(start_paused = true)]
async fn an_id_that_is_not_the_key_s_is_a_mismatch() {
    let (us, them, other) = (node("us"), node("them"), node("other"));
    let error = failure_with(&us, &them, says(&other)).await;
    let HandshakeError::IdentityMismatch { proven, stated } = error else {
        panic!("{error:?}");
    };
    assert_eq!((proven, stated), (*them.id(), *other.id()));
}

#[tokio::test(start_paused = true)]
async fn both_ends_of_a_connection_with_ourselves_find_it_out() {
    let us = node("us");
    let (io, far) = duplex(1 << 16);
    let cancel = CancellationToken::new();
    let (here, there) = soon(async {
        tokio::join!(
            Handshaking::outbound(io, us.clone(), Some(*us.id())).handshake(&cancel, nobody),
            Handshaking::inbound(far, us.clone()).handshake(&cancel, nobody),
        )
    })
    .await;
    assert!(matches!(here, Err(HandshakeError::SelfConnection)));
    assert!(matches!(there, Err(HandshakeError::SelfConnection)));
}

#[tokio::test(start_paused = true)]
async fn both_ends_see_another_network_from_their_side() {
    let elsewhere = Arc::new(config("main-chain", "them", |info| info));
    let [here, there] = incompatibilities(&node("us"), &elsewhere).await;
    let (ours, theirs): (PeerText, PeerText) = (NETWORK.into(), "main-chain".into());
    assert_eq!(
        there,
        Incompatible::Network {
            ours: theirs.clone(),
            theirs: ours.clone()
        }
    );
    assert_eq!(here, Incompatible::Network { ours, theirs });
}

#[tokio::test(start_paused = true)]
async fn both_ends_see_another_block_protocol_from_their_side() {
    let protocol = ProtocolVersion {
        block: 12,
        ..ProtocolVersion::default()
    };
    let newer = node_with("them", |info| info.protocol(protocol));
    let [here, there] = incompatibilities(&node("us"), &newer).await;
    assert_eq!(
        here,
        Incompatible::Block {
            ours: 11,
            theirs: 12
        }
    );
    assert_eq!(
        there,
        Incompatible::Block {
            ours: 12,
            theirs: 11
        }
    );
}

#[tokio::test(start_paused = true)]
async fn both_ends_see_that_no_channel_is_common_from_their_side() {
    let voter = node_with("them", |info| info.channels([votes()]));
    let [here, there] = incompatibilities(&node("us"), &voter).await;
    let (ours, theirs) = (vec![BLOCKS], vec![VOTES]);
    assert_eq!(
        there,
        Incompatible::NoCommonChannel {
            ours: theirs.clone(),
            theirs: ours.clone()
        }
    );
    assert_eq!(here, Incompatible::NoCommonChannel { ours, theirs });
}

#[tokio::test(start_paused = true)]
async fn numbers_of_the_p2p_protocol_and_of_the_application_may_differ() {
    let protocol = ProtocolVersion {
        p2p: 9,
        app: 77,
        ..ProtocolVersion::default()
    };
    let v1 = node_with("v1", |info| info.protocol(protocol));
    let (here, there) = acquainted(&node("v0.38"), &v1).await;
    let p2p = [here, there].map(|peer| peer.node_info().protocol().p2p);
    assert_eq!(p2p, [9, 8]);
}

#[tokio::test(start_paused = true)]
async fn a_node_without_channels_takes_everybody_but_is_not_taken() {
    let silent = node_with("silent", |info| info.channels([]));
    let talker = node("talker");
    let [here, there] = both(&silent, &talker).await;
    assert_eq!(here.unwrap().node_info().channels(), [BLOCKS]);
    let Err(HandshakeError::Incompatible(Incompatible::NoCommonChannel { ours, theirs })) = there
    else {
        panic!("{there:?}");
    };
    assert_eq!((ours, theirs), (vec![BLOCKS], vec![]));
    let (here, _) = acquainted(&silent, &node_with("too", |info| info.channels([]))).await;
    assert_eq!(here.node_info().channels(), []);
}

#[tokio::test(start_paused = true)]
async fn a_remote_that_closes_at_any_byte_has_closed() {
    let (us, long) = (
        node("us"),
        node_with("them", |info| info.version("v".repeat(2000))),
    );
    // An ephemeral key, a frame with the identity, two with NodeInfo.
    let whole = 35 + 3 * 1044;
    let near_edges =
        (0..whole).filter(|n| *n < 40 || (n - 35) % 1044 < 3 || (n - 35) % 1044 > 1041);
    for bytes in near_edges.chain((0..whole).step_by(97)) {
        let error = failure(&us, async |far| {
            let cut = CutOff {
                io: far,
                left: bytes,
            };
            if let Ok(mut stream) = SecretConnection::handshake(cut, long.identity()).await {
                let _ = stream.write_all(long.announcement()).await;
                let _ = stream.flush().await;
            }
        })
        .await;
        assert!(
            matches!(error, HandshakeError::Closed),
            "{bytes}: {error:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_remote_that_resets_has_closed_and_other_failures_of_the_transport_are_io() {
    let us = node("us");
    let cancel = CancellationToken::new();
    for kind in [
        io::ErrorKind::ConnectionReset,
        io::ErrorKind::ConnectionAborted,
        io::ErrorKind::BrokenPipe,
    ] {
        let handshake = Handshaking::inbound(Failing(kind), us.clone()).handshake(&cancel, nobody);
        assert!(
            matches!(handshake.await, Err(HandshakeError::Closed)),
            "{kind:?}"
        );
    }
    let kind = io::ErrorKind::HostUnreachable;
    let handshake = Handshaking::inbound(Failing(kind), us).handshake(&cancel, nobody);
    let error = handshake.await.unwrap_err();
    assert!(matches!(&error, HandshakeError::Io(error) if error.kind() == kind));
    let source = std::error::Error::source(&error).unwrap();
    assert!(source.downcast_ref::<io::Error>().is_some());
}

/// A node whose id has an upper case of its own.
fn node_with_letters() -> Arc<LocalNode> {
    let is_good = |node: &Arc<LocalNode>| node.id().to_string().contains(['a', 'b']);
    std::iter::repeat_with(|| node("them"))
        .find(is_good)
        .unwrap()
}

/// How both ends, the dialing one first, say that they do not fit.
async fn incompatibilities(ours: &Arc<LocalNode>, theirs: &Arc<LocalNode>) -> [Incompatible; 2] {
    both(ours, theirs).await.map(|result| match result {
        Err(HandshakeError::Incompatible(incompatible)) => incompatible,
        other => panic!("{other:?}"),
    })
}

/// What both ends come to, the dialing one first.
async fn both(ours: &Arc<LocalNode>, theirs: &Arc<LocalNode>) -> [Outcome; 2] {
    let (io, far) = duplex(1 << 16);
    let cancel = CancellationToken::new();
    let here = Handshaking::outbound(io, ours.clone(), None).handshake(&cancel, anybody);
    let there = Handshaking::inbound(far, theirs.clone()).handshake(&cancel, anybody);
    let (here, there) = soon(async { tokio::join!(here, there) }).await;
    [here, there]
}

type Outcome = Result<Established<DuplexStream>, HandshakeError>;

/// A stream that breaks after so many bytes were written.
struct CutOff {
    io: DuplexStream,
    left: usize,
}

impl AsyncRead for CutOff {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for CutOff {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.left == 0 {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let most = buf.len().min(self.left);
        let written = Pin::new(&mut self.io).poll_write(cx, &buf[..most]);
        if let Poll::Ready(Ok(written)) = written {
            self.left -= written;
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// A stream that fails.
struct Failing(io::ErrorKind);

impl AsyncRead for Failing {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Ready(Err(self.0.into()))
    }
}

impl AsyncWrite for Failing {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(self.0.into()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Err(self.0.into()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Err(self.0.into()))
    }
}

/// A NodeInfo of this length by a long moniker.
fn padded(mut info: DefaultNodeInfo, len: usize) -> DefaultNodeInfo {
    let missing = len - info.encoded_len();
    // The length of the moniker grows from one byte to two.
    info.moniker.push_str(&"m".repeat(missing - 1));
    assert_eq!(info.encoded_len(), len);
    info
}
