//! Each way in which a remote can fail to prove who it is: a cause of its own (D5).

use bytes::Bytes;
use tokio::io::{AsyncWriteExt, DuplexStream};

use super::kit::*;
use super::session::{Session, ephemeral};
use crate::peer::{HandshakeError, MalformedMessage};
use crate::proto::crypto::v1::public_key::Sum;
use crate::secret::{FrameError, HandshakeMessage, KeyType, SecretHandshakeError as Cause};

#[tokio::test(start_paused = true)]
async fn a_remote_that_proves_its_key_is_asked_for_its_node_info() {
    let error = failure(&node("us"), async |io| {
        let mut session = Session::agree(io).await;
        let (key, signature) = session.proof(|_| ());
        session
            .authenticate(Some(Sum::Ed25519(key)), &signature)
            .await;
    })
    .await;
    // It went away when its key was proven, so what follows shows what the remote here did wrong.
    assert!(matches!(error, HandshakeError::Closed), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_low_order_ephemeral_key() {
    let cause = cause_of_bytes(&ephemeral(&[0; 32])).await;
    assert!(matches!(cause, Cause::LowOrderPoint));
}

#[tokio::test(start_paused = true)]
async fn an_ephemeral_key_of_another_length() {
    for wrong in [0, 31, 33, 1000] {
        let cause = cause_of_bytes(&ephemeral(&vec![9; wrong])).await;
        assert!(
            matches!(cause, Cause::NotAHandshake { .. }),
            "{wrong}: {cause:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_ephemeral_key_message_above_the_limit() {
    let cause = cause_of_bytes(&[0xff, 0xff, 0x7f]).await;
    let Cause::TooLong { message, len, .. } = cause else {
        panic!("{cause:?}");
    };
    assert_eq!((message, len), (HandshakeMessage::Ephemeral, 0x1f_ffff));
}

#[tokio::test(start_paused = true)]
async fn a_key_of_another_type_or_none() {
    let key = || Bytes::from_static(&[2; 33]);
    for (sum, expected) in [
        (Some(Sum::Secp256k1(key())), KeyType::Secp256k1),
        (None, KeyType::Absent),
    ] {
        let cause = cause(async |session| session.authenticate(sum.clone(), &[0; 64]).await).await;
        assert!(
            matches!(cause, Cause::KeyType { found } if found == expected),
            "{cause:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_of_another_length() {
    let cause = cause(async |session| {
        let key = Bytes::from_static(&[2; 31]);
        session
            .authenticate(Some(Sum::Ed25519(key)), &[0; 64])
            .await;
    })
    .await;
    assert!(matches!(cause, Cause::KeyLength { len: 31 }), "{cause:?}");
}

#[tokio::test(start_paused = true)]
async fn a_signature_over_another_challenge() {
    let cause = cause(async |session| {
        let (key, signature) = session.proof(|challenge| challenge[0] ^= 1);
        session
            .authenticate(Some(Sum::Ed25519(key)), &signature)
            .await;
    })
    .await;
    assert!(matches!(cause, Cause::BadSignature { .. }), "{cause:?}");
}

#[tokio::test(start_paused = true)]
async fn an_authentication_message_above_the_limit() {
    let cause = cause(async |session| session.send(&[0xff, 0xff, 0x7f]).await).await;
    let Cause::TooLong { message, .. } = cause else {
        panic!("{cause:?}");
    };
    assert_eq!(message, HandshakeMessage::Authentication);
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_nobody_sealed() {
    let cause = cause(async |session| session.send_unsealed(&[7; 1044]).await).await;
    assert!(
        matches!(cause, Cause::Frame(FrameError::NotAuthentic)),
        "{cause:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_states_more_than_it_can_hold() {
    let cause = cause(async |session| session.send_frame(1025, &[0; 1024]).await).await;
    assert!(
        matches!(cause, Cause::Frame(FrameError::TooLong { len: 1025 })),
        "{cause:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_frame_behind_the_proof_that_nobody_sealed() {
    let cause = cause(async |session| {
        let (key, signature) = session.proof(|_| ());
        session
            .authenticate(Some(Sum::Ed25519(key)), &signature)
            .await;
        session.send_unsealed(&[7; 1044]).await;
    })
    .await;
    assert!(
        matches!(cause, Cause::Frame(FrameError::NotAuthentic)),
        "{cause:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_authentication_message_that_cannot_be_decoded_is_malformed() {
    for bytes in [&[2, 0xff, 0xff][..], &[0xff; 10]] {
        let error = error(async |session| session.send(bytes).await).await;
        let message = MalformedMessage::Authentication;
        assert!(matches!(error, HandshakeError::Malformed { message: m } if m == message));
    }
}

async fn cause_of_bytes(bytes: &[u8]) -> Cause {
    let error = failure(&node("us"), async |mut io: DuplexStream| {
        io.write_all(bytes).await.unwrap();
        io
    })
    .await;
    of(error)
}

/// What is wrong with a remote that says this behind an honest agreement on keys.
async fn cause(script: impl AsyncFnOnce(&mut Session)) -> Cause {
    of(error(script).await)
}

async fn error(script: impl AsyncFnOnce(&mut Session)) -> HandshakeError {
    failure(&node("us"), async |io| {
        let mut session = Session::agree(io).await;
        script(&mut session).await;
        session
    })
    .await
}

fn of(error: HandshakeError) -> Cause {
    match error {
        HandshakeError::Authentication(cause) => cause,
        other => panic!("{other:?}"),
    }
}
