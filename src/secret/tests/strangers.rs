//! Remotes that speak another protocol.

use std::pin::pin;

use super::kit::*;
use super::line::fed;
use crate::secret::{FirstBytes, KnownProtocol, SecretHandshakeError};

const MODES: [Mode; 2] = [Mode::Symmetric, Mode::Admitting];

#[test]
fn a_stranger_is_refused_at_its_first_wrong_byte() {
    for (said, wrong, _) in strangers() {
        for mode in MODES {
            let io = fed(b"");
            let line = io.incoming.clone();
            let mut shaking = pin!(handshake(mode, io, US));
            for (at, byte) in said.iter().enumerate() {
                let outcome = run_until_idle(shaking.as_mut());
                assert!(outcome.is_none(), "{said:?} at {at}: {outcome:?}");
                line.feed(&[*byte]);
                if at == wrong {
                    break;
                }
            }
            let start = refused(run_until_idle(shaking).expect("it is not waited for"));
            assert_eq!(start.as_bytes(), &said[..=wrong]);
        }
    }
}

#[test]
fn a_stranger_is_shown_by_its_first_bytes_and_known_by_them() {
    for (said, _, protocol) in strangers() {
        let long = [said, &[b'x'; 100]].concat();
        let start = refused(run(handshake(Mode::Symmetric, fed(&long), US)));
        assert_eq!(start.as_bytes(), &long[..FirstBytes::MAX]);
        assert_eq!(start.protocol(), protocol, "{said:?}");
    }
    let io = fed(b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n");
    let error = run(handshake(Mode::Symmetric, io, US)).expect_err("it is no handshake");
    assert_eq!(
        error.to_string(),
        r#"the remote does not speak this protocol, it said "GET / HTTP/1.1\r\n" (HTTP)"#
    );
}

#[test]
fn what_a_stranger_says_is_shown_escaped() {
    let first = FirstBytes::of("\u{202e}\n\0\"".as_bytes());
    assert_eq!(first.to_string(), r#""\xe2\x80\xae\n\x00\"""#);
    assert_eq!(format!("{first:?}"), format!("FirstBytes({first})"));
}

#[test]
fn a_message_that_begins_as_it_must_is_none_of_a_stranger() {
    let greeting = remote().greeting();
    for end in 0..35 {
        let mut shaking = pin!(handshake(Mode::Symmetric, fed(&greeting[..end]), US));
        assert!(run_until_idle(shaking.as_mut()).is_none());
    }
}

/// What strangers say, where it is wrong, and what they are.
fn strangers() -> [(&'static [u8], usize, Option<KnownProtocol>); 10] {
    use KnownProtocol::{Http, Ssh, Tls};
    [
        (b"GET / HTTP/1.1\r\n", 1, Some(Http)),
        (b"POST /login HTTP/1.1\r\n", 1, Some(Http)),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 1, Some(Http)),
        (b"SSH-2.0-OpenSSH_9.9\r\n", 1, Some(Ssh)),
        (
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            0,
            Some(Tls),
        ),
        (b"\x13/multistream/1.0.0\n", 0, None),
        (b"\r\n\r\n", 0, None),
        (b"\0\0\0\x08\x04\xd2\x16\x2f", 0, None),
        // The right length, and then another field; another length of the key.
        (b"\x22\x12\x20", 1, None),
        (b"\x23\x0a\x21", 2, None),
    ]
}

fn refused<T: std::fmt::Debug>(result: Result<T, SecretHandshakeError>) -> FirstBytes {
    match result {
        Err(SecretHandshakeError::NotAHandshake { start }) => start,
        other => panic!("{other:?}"),
    }
}
