//! A remote with several faults is told the first in CometBFT's order: validity, identity, self, compatibility, our own say (D5).

use std::sync::Arc;

use tokio::io::{AsyncWriteExt, duplex};
use tokio_util::sync::CancellationToken;

use super::kit::*;
use crate::node::{Incompatible, LocalNode, NodeInfoError, NodeInfoField};
use crate::peer::{HandshakeError, Handshaking};
use crate::proto::p2p::v1::DefaultNodeInfo;
use crate::secret::SecretConnection;

#[tokio::test(start_paused = true)]
async fn a_wrong_key_goes_before_all_that_node_info_says() {
    let (us, them, another) = (node("us"), node("them"), node("another"));
    let (io, far) = duplex(1 << 16);
    let cancel = CancellationToken::new();
    let here = Handshaking::outbound(io, us, Some(*another.id())).handshake(&cancel, nobody);
    let there = async {
        let mut stream = SecretConnection::handshake(far, them.identity())
            .await
            .unwrap();
        let _ = stream.write_all(&[2, 0xff, 0xff]).await;
        stream
    };
    let (here, _) = soon(async { tokio::join!(here, there) }).await;
    assert!(
        matches!(here, Err(HandshakeError::UnexpectedPeer { .. })),
        "{here:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_invalid_field_goes_before_a_wrong_identity() {
    let (us, them) = (node("us"), node("them"));
    let mut info = incompatible(&node("other"));
    info.moniker.clear();
    assert!(matches!(
        failure_with(&us, &them, info).await,
        HandshakeError::InvalidNodeInfo(NodeInfoError::Invalid {
            field: NodeInfoField::Moniker,
            ..
        })
    ));
}

#[tokio::test(start_paused = true)]
async fn of_invalid_fields_the_first_is_named() {
    let (us, them) = (node("us"), node("them"));
    let mut info = says(&them);
    info.moniker.clear();
    info.version = " ".to_owned();
    info.channels = vec![1, 1].into();
    assert!(matches!(
        failure_with(&us, &them, info).await,
        HandshakeError::InvalidNodeInfo(NodeInfoError::Invalid {
            field: NodeInfoField::Version,
            ..
        })
    ));
}

#[tokio::test(start_paused = true)]
async fn a_wrong_identity_goes_before_ourselves() {
    let us = node("us");
    let error = failure_with(&us, &us, incompatible(&node("other"))).await;
    assert!(
        matches!(error, HandshakeError::IdentityMismatch { .. }),
        "{error:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn our_id_under_another_key_is_a_wrong_identity_and_not_ourselves() {
    let (us, them) = (node("us"), node("them"));
    let error = failure_with(&us, &them, says(&us)).await;
    assert!(
        matches!(error, HandshakeError::IdentityMismatch { .. }),
        "{error:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn ourselves_go_before_incompatibility() {
    let us = node("us");
    let error = failure_with(&us, &us, incompatible(&us)).await;
    assert!(matches!(error, HandshakeError::SelfConnection), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn incompatibility_goes_before_our_own_say_and_begins_with_the_block_protocol() {
    let (us, them) = (node("us"), node("them"));
    let mut info = incompatible(&them);
    // `nobody` would panic.
    let block = failure_with(&us, &them, info.clone()).await;
    assert!(
        matches!(
            block,
            HandshakeError::Incompatible(Incompatible::Block { .. })
        ),
        "{block:?}"
    );
    info.protocol_version.as_mut().unwrap().block = 11;
    let network = failure_with(&us, &them, info.clone()).await;
    assert!(
        matches!(
            network,
            HandshakeError::Incompatible(Incompatible::Network { .. })
        ),
        "{network:?}"
    );
    info.network = NETWORK.to_owned();
    let channels = failure_with(&us, &them, info).await;
    assert!(
        matches!(
            channels,
            HandshakeError::Incompatible(Incompatible::NoCommonChannel { .. })
        ),
        "{channels:?}"
    );
}

/// Incompatible in all three ways.
fn incompatible(node: &Arc<LocalNode>) -> DefaultNodeInfo {
    let mut info = says(node);
    info.protocol_version.as_mut().unwrap().block = 1;
    info.network = "elsewhere".to_owned();
    info.channels = vec![0x77].into();
    info
}
