//! One awaited call, at whose end all is known (D1), with a say for our own program (D3, D4: everything in `failures` and `order` runs with an
//! admission that panics when it is asked).

use std::error::Error;
use std::time::Duration;

use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
use tokio_util::sync::CancellationToken;

use super::kit::*;
use super::session::Session;
use crate::driver::CloseReason;
use crate::node::NodeInfo;
use crate::peer::{Established, HandshakeError, Handshaking, Rejection};
use crate::proto::crypto::v1::public_key::Sum;
use crate::secret::SecretConnection;

#[tokio::test(start_paused = true)]
async fn the_handshake_ends_with_the_last_byte_and_starts_no_task() {
    let (us, them) = (node("us"), node("them"));
    let (announcement, last) = them.announcement().split_at(them.announcement().len() - 1);
    let (io, far) = duplex(1 << 16);
    let cancel = CancellationToken::new();
    let mut here = std::pin::pin!(Handshaking::inbound(io, us).handshake(&cancel, anybody));
    let there = async {
        let mut stream = SecretConnection::handshake(far, them.identity())
            .await
            .unwrap();
        stream.write_all(announcement).await.unwrap();
        idle().await;
        assert_eq!(tasks(), 0);
        stream
    };
    let mut stream = tokio::select! {
        biased;
        result = &mut here => panic!("{result:?}"),
        stream = there => stream,
    };
    stream.write_all(last).await.unwrap();
    let peer = soon(here).await.unwrap();
    assert_eq!(peer.node_info(), them.node_info());
    assert_eq!(tasks(), 0);
}

#[tokio::test(start_paused = true)]
async fn both_ends_learn_who_the_other_is() {
    let (us, them) = (node("us"), node("them"));
    let (here, there) = acquainted(&us, &them).await;
    assert_eq!(here.node_info(), them.node_info());
    assert_eq!(there.node_info(), us.node_info());
    assert_eq!((here.id(), there.id()), (them.id(), us.id()));
    assert_eq!(here.remote_key(), them.identity().public_key());
    assert_eq!(there.remote_key(), us.identity().public_key());
}

#[tokio::test(start_paused = true)]
async fn the_admission_sees_the_remote_s_node_info_once_in_either_role() {
    let (us, them) = (node("us"), node("them"));
    let (io, far) = duplex(1 << 16);
    let (cancel, mut seen) = (CancellationToken::new(), [const { None }; 2]);
    let [by_us, by_them] = &mut seen;
    let here = Handshaking::outbound(io, us.clone(), Some(*them.id()));
    let there = Handshaking::inbound(far, them.clone());
    let (here, there) = soon(async {
        tokio::join!(
            here.handshake(&cancel, keep(by_us)),
            there.handshake(&cancel, keep(by_them)),
        )
    })
    .await;
    drop((here.unwrap(), there.unwrap()));
    assert_eq!(
        seen,
        [Some(them.node_info().clone()), Some(us.node_info().clone())]
    );
}

#[tokio::test(start_paused = true)]
async fn a_refusal_comes_back_with_its_source_and_the_remote_sees_the_end_within_a_second() {
    for we_dial in [true, false] {
        let (us, them) = (node("us"), node("them"));
        let (io, far) = duplex(1 << 16);
        let cancel = CancellationToken::new();
        let (here, there) = if we_dial {
            (
                Handshaking::outbound(io, us, None),
                Handshaking::inbound(far, them),
            )
        } else {
            (
                Handshaking::inbound(io, us),
                Handshaking::outbound(far, them, None),
            )
        };
        let there = async {
            // Both send NodeInfo at once, so the remote may have ours before we refuse.
            match there.handshake(&cancel, anybody).await {
                Ok(peer) => peer.run(CancellationToken::new()).await.reason,
                Err(HandshakeError::Closed) => CloseReason::PeerClosed,
                Err(error) => panic!("{error:?}"),
            }
        };
        let here = here.handshake(&cancel, |_| Err(Unwelcome(7).into()));
        let (here, there) = soon(async { tokio::join!(here, there) }).await;
        assert_rejected(here, 7);
        assert!(matches!(there, CloseReason::PeerClosed), "{there:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_is_not_admitted_by_its_id_learns_nothing_but_an_ephemeral_key() {
    let (io, far) = duplex(1 << 16);
    let here = async {
        let peer = Handshaking::inbound(io, node("us")).authenticate().await;
        drop(peer.unwrap());
    };
    let there = async {
        let mut session = Session::agree(far).await;
        let (key, signature) = session.proof(|_| ());
        session
            .authenticate(Some(Sum::Ed25519(key)), &signature)
            .await;
        session.rest().await
    };
    let ((), heard) = soon(async { tokio::join!(here, there) }).await;
    assert!(heard.is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_handshake_of_a_peer_that_is_not_admitted_by_its_id_fails_within_a_second() {
    let (io, far) = duplex(1 << 16);
    let cancel = CancellationToken::new();
    let here = async {
        let peer = Handshaking::inbound(io, node("us")).authenticate().await;
        drop(peer.unwrap());
    };
    let there = Handshaking::outbound(far, node("them"), None).handshake(&cancel, nobody);
    let ((), there) = soon(async { tokio::join!(here, there) }).await;
    assert!(matches!(there, Err(HandshakeError::Closed)), "{there:?}");
}

#[tokio::test(start_paused = true)]
async fn a_decision_on_the_proven_id_may_take_its_time_in_either_role() {
    for we_dial in [true, false] {
        let (us, them) = (node("us"), node("them"));
        let (io, far) = duplex(1 << 16);
        let cancel = CancellationToken::new();
        let (here, there) = if we_dial {
            (
                Handshaking::outbound(io, us.clone(), Some(*them.id())),
                Handshaking::inbound(far, them.clone()),
            )
        } else {
            (
                Handshaking::inbound(io, us.clone()),
                Handshaking::outbound(far, them.clone(), Some(*us.id())),
            )
        };
        let here = async {
            let peer = here.authenticate().await?;
            assert_eq!(peer.id(), them.id());
            idle().await;
            peer.introduce().await
        };
        let there = there.handshake(&cancel, anybody);
        let (here, there) = soon(async { tokio::try_join!(here, there) }).await.unwrap();
        assert_eq!((here.id(), there.id()), (them.id(), us.id()));
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_is_authenticated_whose_key_is_not_proven() {
    let (io, far) = duplex(1 << 16);
    let here = Handshaking::inbound(io, node("us")).authenticate();
    let there = async {
        let mut session = Session::agree(far).await;
        let (key, signature) = session.proof(|challenge| challenge[31] ^= 1);
        session
            .authenticate(Some(Sum::Ed25519(key)), &signature)
            .await;
        session
    };
    let (here, _) = soon(async { tokio::join!(here, there) }).await;
    assert!(
        matches!(here, Err(HandshakeError::Authentication(_))),
        "{here:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn two_accepting_ends_do_not_wait_longer_than_the_limit() {
    let (io, far) = duplex(1 << 16);
    let cancel = CancellationToken::new();
    let ends = [io, far].map(|io| Handshaking::inbound(io, node("us")).handshake(&cancel, nobody));
    let [here, there] = ends;
    let ((here, there), time) = timed(async { tokio::join!(here, there) }).await;
    assert!(
        matches!(here, Err(HandshakeError::Timeout { .. })),
        "{here:?}"
    );
    assert!(there.is_err());
    assert_eq!(time, Duration::from_secs(20));
}

#[tokio::test(start_paused = true)]
async fn two_dialing_ends_cannot_lock_each_other() {
    let (io, far) = duplex(16);
    let cancel = CancellationToken::new();
    let here = Handshaking::outbound(io, node("here"), None).handshake(&cancel, anybody);
    let there = Handshaking::outbound(far, node("there"), None).handshake(&cancel, anybody);
    let (here, there) = soon(async { tokio::try_join!(here, there) }).await.unwrap();
    assert_eq!(
        (here.node_info().moniker(), there.node_info().moniker()),
        ("there", "here")
    );
}

#[test]
fn errors_and_futures_can_go_to_other_threads() {
    fn check<T: Error + Send + Sync + 'static>() {}
    check::<HandshakeError>();
    fn sends<T: Send>(_: T) {}
    let (io, _far) = duplex(1);
    sends(Handshaking::inbound(io, node("us")).handshake(&CancellationToken::new(), anybody));
}

fn assert_rejected(result: Result<Established<DuplexStream>, HandshakeError>, number: u32) {
    let error = result.unwrap_err();
    let HandshakeError::Rejected(rejection) = &error else {
        panic!("{error:?}");
    };
    assert_eq!(rejection.downcast_ref(), Some(&Unwelcome(number)));
    let source = error.source().unwrap();
    assert_eq!(source.downcast_ref(), Some(&Unwelcome(number)));
}

/// An admission that keeps what it saw, and sees it once.
fn keep(slot: &mut Option<NodeInfo>) -> impl FnOnce(&NodeInfo) -> Result<(), Rejection> {
    |info| {
        assert_eq!(slot.replace(info.clone()), None);
        Ok(())
    }
}
