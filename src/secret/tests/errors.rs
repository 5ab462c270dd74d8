//! What errors of this layer say, and of whom.

use std::error::Error;
use std::io;

use super::kit::*;
use crate::error::Fault;
use crate::secret::{
    FirstBytes, FrameError, HandshakeMessage, IdentityError, SecretHandshakeError,
};

#[test]
fn each_error_says_who_is_at_fault() {
    for (error, fault) in handshake_errors() {
        assert_eq!(error.fault(), fault, "{error:?}");
    }
    for (error, fault) in frame_errors() {
        assert_eq!(error.fault(), fault, "{error:?}");
        assert_eq!(error.is_peer_fault(), fault == Fault::Peer, "{error:?}");
    }
    assert_eq!(IdentityError::NoRandomness.fault(), Fault::Local);
}

#[test]
fn a_chain_of_errors_says_nothing_twice() {
    for (error, _) in handshake_errors() {
        let mut texts = vec![error.to_string()];
        let mut source = error.source();
        while let Some(error) = source {
            let text = error.to_string();
            let said = texts.iter().any(|earlier| earlier.contains(&text));
            assert!(!said, "{texts:?} and then {text:?}");
            texts.push(text);
            source = error.source();
        }
    }
}

fn handshake_errors() -> Vec<(SecretHandshakeError, Fault)> {
    use SecretHandshakeError::*;
    let key = *identity(THEM).public_key();
    let (message, found) = (HandshakeMessage::Ephemeral, crate::secret::KeyType::Absent);
    let start = FirstBytes::of(b"GET ");
    let mut errors = vec![
        (BadSignature { key }, Fault::Peer),
        (Closed, Fault::Transport),
        (Cryptography, Fault::Local),
        (EphemeralLength { len: 31 }, Fault::Peer),
        (Io(io::Error::other("the cable is cut")), Fault::Transport),
        (KeyLength { len: 31 }, Fault::Peer),
        (KeyType { found }, Fault::Peer),
        (LowOrderPoint, Fault::Peer),
        (Malformed { message }, Fault::Peer),
        (NotAHandshake { start }, Fault::Peer),
        (Reflected, Fault::Transport),
        (SmallOrderKey { key }, Fault::Peer),
    ];
    let too_long = TooLong {
        message,
        len: 1 << 20,
        max: 100,
    };
    errors.push((too_long, Fault::Peer));
    errors.extend(frame_errors().map(|(error, fault)| (Frame(error), fault)));
    errors
}

fn frame_errors() -> [(FrameError, Fault); 5] {
    [
        (
            FrameError::FailedBefore(io::ErrorKind::TimedOut),
            Fault::Transport,
        ),
        (FrameError::NotAuthentic, Fault::Peer),
        (FrameError::NonceExhausted, Fault::Local),
        (FrameError::TooLong { len: 1025 }, Fault::Peer),
        (FrameError::Truncated { received: 1 }, Fault::Transport),
    ]
}
