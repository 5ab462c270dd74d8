//! Remotes that do not do their part of the handshake.

use std::io::ErrorKind;
use std::pin::pin;

use super::kit::*;
use super::line::{End, fed};
use crate::secret::internals::agree;
use crate::secret::{
    FrameError, HandshakeMessage, KeyType, SecretConnection, SecretHandshakeError,
};
use crate::testing::remote::{Remote, ephemeral_message};

const MODES: [Mode; 2] = [Mode::Symmetric, Mode::Admitting];

#[test]
fn a_remote_that_sends_no_ephemeral_key_has_closed() {
    for_each_mode(b"", |error| {
        assert!(matches!(error, SecretHandshakeError::Closed))
    });
}

#[test]
fn an_ephemeral_message_that_is_no_protobuf_is_malformed() {
    let ephemeral = remote().ephemeral;
    let after_it = |more: &[u8]| delimited(&[&[0x0a, 0x20], &ephemeral[..], more].concat());
    let (other_type, cut_off) = (after_it(&[0x08, 0x05]), after_it(&[0x0a, 0x20, 0x01]));
    for message in [other_type, cut_off, after_it(&[0x00]), vec![0xff; 11]] {
        for_each_mode(&message, |error| {
            let message = malformed(&error);
            assert_eq!(message, Some(HandshakeMessage::Ephemeral), "{error:?}");
        });
    }
}

#[test]
fn an_ephemeral_key_of_another_length_is_refused_for_that() {
    for len in [0usize, 1, 31, 33, 200] {
        // The last value counts.
        let first = [&[0x0a, 0x20], &[9; 32][..]].concat();
        let key = [&[0x0a], &delimited(&[9; 200][..len])[..]].concat();
        let message = delimited(&[first, key].concat());
        for_each_mode(&message, |error| {
            let found = match error {
                SecretHandshakeError::EphemeralLength { len } => Some(len),
                _ => None,
            };
            assert_eq!(found, Some(len));
        });
    }
}

#[test]
fn no_point_of_low_order_is_taken() {
    // Zero, one, both points of order eight, and p - 1, p, p + 1, which are forms of the points of order two, one and four.
    let points = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    for point in points {
        let mut point: [u8; 32] = crate::testing::hex(point).try_into().unwrap();
        for top_bit in [0, 0x80] {
            point[31] = point[31] & 0x7f | top_bit;
            for_each_mode(&ephemeral_message(&point), |error| {
                assert!(
                    matches!(error, SecretHandshakeError::LowOrderPoint),
                    "{error:?}"
                );
            });
        }
    }
}

#[test]
fn a_remote_that_sends_no_authentication_has_closed() {
    for_each_mode(&remote().ephemeral_message(), |error| {
        assert!(matches!(error, SecretHandshakeError::Closed));
    });
}

#[test]
fn an_authentication_under_other_keys_is_not_authentic() {
    let mut theirs = remote();
    let message = theirs.authentication();
    let mut replayed = remote();
    replayed.frames.counter = 1;
    let streams = [
        theirs.our_frames.seal(&message),
        replayed.frames.seal(&message),
        vec![0; 1044],
    ];
    for frame in streams {
        let stream = [remote().ephemeral_message(), frame].concat();
        for_each_mode(&stream, |error| {
            let told = matches!(error, SecretHandshakeError::Frame(FrameError::NotAuthentic));
            assert!(told, "{error:?}");
        });
    }
}

#[test]
fn a_key_that_is_not_ed25519_is_refused_for_its_type() {
    let signature = [&[0x12, 0x40], &[1; 64][..]].concat();
    let key = |field: u8, len: u8| {
        let key = [&[field << 3 | 2, len], &vec![2; usize::from(len)][..]].concat();
        [&[0x0a, len + 2], &key[..], &signature].concat()
    };
    let cases = [
        (key(2, 33), KeyType::Secp256k1),
        (key(2, 32), KeyType::Secp256k1),
        (key(3, 48), KeyType::Absent),
        (key(5, 33), KeyType::Absent),
        (signature.clone(), KeyType::Absent),
        (Vec::new(), KeyType::Absent),
    ];
    for (message, wanted) in cases {
        for_each_authentication(&delimited(&message), |error| {
            let found = match error {
                SecretHandshakeError::KeyType { found } => Some(*found),
                _ => None,
            };
            assert_eq!(found, Some(wanted), "{error:?}");
        });
    }
    for len in [0, 31, 33] {
        for_each_authentication(&delimited(&key(1, len)), |error| {
            let found = match error {
                SecretHandshakeError::KeyLength { len } => Some(*len),
                _ => None,
            };
            assert_eq!(found, Some(usize::from(len)), "{error:?}");
        });
    }
}

#[test]
fn an_authentication_that_is_no_protobuf_is_malformed() {
    let overflow = [0xff; 11];
    for message in [&b"\x02\x08\x05"[..], b"\x03\x0a\x20\x01", &overflow] {
        for_each_authentication(message, |error| {
            let message = malformed(error);
            assert_eq!(message, Some(HandshakeMessage::Authentication), "{error:?}");
        });
    }
}

#[test]
fn a_signature_of_another_connection_is_bad_and_names_the_key() {
    // An honest authentication, but over the challenge of a handshake with another ephemeral key.
    let ours = ephemeral(&scalar(US));
    let elsewhere = Remote::new(ours.public(), &scalar(9), &[THEM; 32]);
    for_each_authentication(&elsewhere.authentication(), |error| {
        let of = match error {
            SecretHandshakeError::BadSignature { key } => Some(*key),
            _ => None,
        };
        assert_eq!(of, Some(*identity(THEM).public_key()), "{error:?}");
    });
}

#[test]
fn messages_up_to_the_limit_are_taken_and_longer_ones_refused() {
    let limit = 16 * 1024;
    let key = ephemeral_message(&remote().ephemeral);
    for (len, taken) in [
        (limit, true),
        (limit + 1, false),
        (1 << 20, false),
        (usize::MAX, false),
    ] {
        // Field 15 is unknown and skipped.
        let unknown = [&[0x7a][..], &delimited(&vec![0; limit - 34 - 3])].concat();
        let body = [&key[1..], &unknown].concat();
        let mut stream = Vec::new();
        prost::encoding::encode_varint(len as u64, &mut stream);
        stream.extend_from_slice(&body);
        assert_eq!(body.len(), limit);
        stream.extend(remote().frames.seal(&remote().authentication()));
        for mode in MODES {
            match meet(mode, &stream) {
                Ok(_) => assert!(taken),
                Err(SecretHandshakeError::TooLong {
                    message,
                    len: stated,
                    max,
                }) => {
                    assert!(!taken);
                    assert_eq!(message, HandshakeMessage::Ephemeral);
                    assert_eq!((stated, max), (len as u64, limit));
                }
                Err(error) => panic!("{len}: {error:?}"),
            }
        }
    }
}

#[test]
fn a_remote_that_closes_at_any_byte_has_closed() {
    let greeting = remote().greeting();
    for end in 0..greeting.len() {
        for_each_mode(&greeting[..end], |error| {
            assert!(
                matches!(error, SecretHandshakeError::Closed),
                "{end}: {error:?}"
            );
        });
    }
}

#[test]
fn a_remote_that_falls_silent_at_any_byte_is_waited_for() {
    let greeting = remote().greeting();
    for end in 0..greeting.len() {
        for mode in MODES {
            let io = fed(&greeting[..end]);
            let line = io.incoming.clone();
            let mut shaking = pin!(handshake(mode, io, US));
            assert!(run_until_idle(shaking.as_mut()).is_none());
            line.feed(&greeting[end..]);
            let stream = run(shaking).unwrap();
            assert_eq!(stream.remote_key(), identity(THEM).public_key());
        }
    }
}

#[test]
fn a_changed_bit_anywhere_in_the_handshake_is_noticed() {
    let greeting = remote().greeting();
    for at in 0..greeting.len() {
        for bit in 0..8 {
            if at >= 35 && bit != at % 8 {
                continue;
            }
            let mut changed = greeting.clone();
            changed[at] ^= 1 << bit;
            let result = meet(Mode::Symmetric, &changed);
            assert!(result.is_err(), "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn our_own_bytes_in_return_are_told_as_a_reflection() {
    for mode in MODES {
        for most in [1, 100, usize::MAX] {
            let one = fed(b"");
            let mirror = End {
                incoming: one.outgoing.clone(),
                outgoing: one.outgoing.clone(),
            };
            let result = run(handshake(mode, mirror.in_pieces(most), US));
            let reflected = matches!(result, Err(SecretHandshakeError::Reflected));
            assert!(reflected, "{result:?}");
        }
    }
}

#[test]
fn a_long_term_key_of_small_order_is_refused_whatever_its_signature() {
    // The point of order one, with which this signature fits every text.
    let mut identity = [0; 32];
    identity[0] = 1;
    let fits_all = [&identity[..], &[0; 32]].concat();
    for key in [identity, [0; 32]] {
        for signature in [&fits_all, &vec![7; 64]] {
            let message = [
                &[0x0a, 0x22, 0x0a, 0x20][..],
                &key,
                &[0x12, 0x40],
                signature,
            ];
            for_each_authentication(&delimited(&message.concat()), |error| {
                let of = match error {
                    SecretHandshakeError::SmallOrderKey { key } => Some(*key.as_bytes()),
                    _ => None,
                };
                assert_eq!(of, Some(key), "{error:?}");
            });
        }
    }
}

#[test]
fn a_transport_that_fails_is_an_error_of_its_own_unless_the_remote_closed_it() {
    let greeting = remote().greeting();
    let kinds = [
        (ErrorKind::TimedOut, Some(ErrorKind::TimedOut)),
        (ErrorKind::Other, Some(ErrorKind::Other)),
        (ErrorKind::BrokenPipe, None),
        (ErrorKind::ConnectionAborted, None),
        (ErrorKind::ConnectionReset, None),
    ];
    for (kind, wanted) in kinds {
        for mode in MODES {
            for end in [0, 1, 35, 36, 1078] {
                let io = fed(&greeting[..end]);
                io.incoming.fail(kind);
                check_failed(
                    &run(handshake(mode, io, US)).expect_err("it failed"),
                    wanted,
                );
            }
            let io = fed(b"");
            io.outgoing.fail(kind);
            check_failed(
                &run(handshake(mode, io, US)).expect_err("it failed"),
                wanted,
            );
        }
        let io = fed(&greeting);
        let line = io.outgoing.clone();
        let own = ephemeral(&scalar(US));
        let late = run(async {
            let unanswered = agree(io, own).await?.learn().await?;
            line.fail(kind);
            unanswered.answer(&identity(US)).await
        });
        check_failed(&late.expect_err("it failed"), wanted);
    }
}

#[test]
fn what_the_remote_said_before_it_closed_counts_more_than_our_failed_write() {
    type Says = fn(&SecretHandshakeError) -> bool;
    let cases: [(&[u8], Says); 2] = [
        (b"\x80\x80\x40", |error| {
            matches!(error, SecretHandshakeError::TooLong { .. })
        }),
        (b"", |error| matches!(error, SecretHandshakeError::Closed)),
    ];
    for (said, expected) in cases {
        for mode in MODES {
            let io = fed(said);
            io.incoming.close();
            io.outgoing.fail(ErrorKind::BrokenPipe);
            let error = run(handshake(mode, io, US)).expect_err("it is over");
            assert!(expected(&error), "{error:?}");
        }
    }
}

fn meet(mode: Mode, stream: &[u8]) -> Result<SecretConnection<End>, SecretHandshakeError> {
    let io = fed(stream);
    io.incoming.close();
    run(handshake(mode, io, US))
}

/// Says this and closes; the error is to be checked.
fn for_each_mode(stream: &[u8], check: impl Fn(SecretHandshakeError)) {
    for mode in MODES {
        check(meet(mode, stream).expect_err("nobody is accepted for that"));
    }
}

/// The same behind an honest ephemeral key, in one sealed frame.
fn for_each_authentication(message: &[u8], check: impl Fn(&SecretHandshakeError)) {
    let mut theirs = remote();
    let frame = theirs.frames.seal(message);
    let stream = [theirs.ephemeral_message(), frame].concat();
    for_each_mode(&stream, |error| check(&error));
}

fn delimited(message: &[u8]) -> Vec<u8> {
    let mut delimited = Vec::new();
    prost::encoding::encode_varint(message.len() as u64, &mut delimited);
    delimited.extend_from_slice(message);
    delimited
}

const fn malformed(error: &SecretHandshakeError) -> Option<HandshakeMessage> {
    match error {
        SecretHandshakeError::Malformed { message } => Some(*message),
        _ => None,
    }
}

/// `None` stands for a remote that closed.
fn check_failed(error: &SecretHandshakeError, wanted: Option<ErrorKind>) {
    match error {
        SecretHandshakeError::Closed => assert_eq!(wanted, None),
        SecretHandshakeError::Io(error) => assert_eq!(Some(error.kind()), wanted),
        other => panic!("{other:?}"),
    }
}
