//! Scripted peers with the verdict of Go: ours is the same, or one of the differences that are listed here by name.

use std::io;

use serde_json::Value;
use tokio::io::AsyncReadExt;

use super::kit::*;
use super::line::fed;
use crate::secret::{FrameError, HandshakeMessage, Identity, KeyType, SecretHandshakeError};
use crate::testing::{hex, number, recorded, rows, text};

type Says = fn(&SecretHandshakeError) -> bool;

#[test]
fn every_scripted_peer_gets_the_verdict_of_go_or_a_listed_one() {
    let recorded = recorded("secret-peers");
    let peers = rows(&recorded, "peers");
    assert_eq!(peers.len(), 63);
    for peer in peers {
        let name = text(&peer["name"]);
        let (listed, says) = listed(name);
        let by_go = peer["accepted"] == true;
        match listed {
            Listed::AcceptedByBoth => assert!(by_go, "{name} has to be listed"),
            Listed::RefusedByBoth | Listed::Laxer => assert!(!by_go, "{name}"),
            Listed::Stricter => assert!(by_go, "{name}"),
        }
        for mode in [Mode::Symmetric, Mode::Admitting] {
            for most in [1, 3, usize::MAX] {
                match meet(&recorded["head"], peer, mode, most) {
                    Ok(outcome) => {
                        let ours = matches!(listed, Listed::AcceptedByBoth | Listed::Laxer);
                        assert!(ours, "{name} was accepted");
                        check_outcome(peer, by_go, &outcome);
                    }
                    Err(error) => {
                        assert!(says.is_some_and(|says| says(&error)), "{name}: {error:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn nobody_is_refused_for_what_an_honest_peer_may_do() {
    let recorded = recorded("secret-peers");
    let names = rows(&recorded, "peers")
        .iter()
        .map(|peer| text(&peer["name"]));
    let names: Vec<&str> = names.collect();
    for name in MUST_BE_ACCEPTED {
        assert!(names.contains(&name), "{name}");
        assert_eq!(listed(name).0, Listed::AcceptedByBoth, "{name}");
    }
    let lists = REFUSED.iter().chain(STRICTER).map(|(name, _)| *name);
    for name in lists.chain(LAXER) {
        assert!(names.contains(&name), "{name} is not a peer");
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Listed {
    AcceptedByBoth,
    RefusedByBoth,
    Stricter,
    Laxer,
}

fn listed(name: &str) -> (Listed, Option<Says>) {
    let find = |list: &[(&str, Says)]| {
        let found = list.iter().find(|(listed, _)| *listed == name);
        found.map(|(_, says)| *says)
    };
    if let Some(says) = find(REFUSED) {
        return (Listed::RefusedByBoth, Some(says));
    }
    if let Some(says) = find(STRICTER) {
        return (Listed::Stricter, Some(says));
    }
    if LAXER.contains(&name) {
        return (Listed::Laxer, None);
    }
    (Listed::AcceptedByBoth, None)
}

/// What the reads after an accepted handshake gave.
struct Outcome {
    remote_key: [u8; 32],
    read: Vec<u8>,
    end: io::Result<()>,
    /// The error of a further read.
    later: Option<FrameError>,
}

fn meet(
    head: &Value,
    peer: &Value,
    mode: Mode,
    most: usize,
) -> Result<Outcome, SecretHandshakeError> {
    let seed = hex(text(&head["local_seed"])).try_into().unwrap();
    let identity = Identity::from_seed(&seed).unwrap();
    assert_eq!(
        identity.public_key().as_bytes()[..],
        hex(text(&head["local_public"]))
    );
    let own = ephemeral(&hex(text(&head["local_scalar"])).try_into().unwrap());
    assert_eq!(own.public()[..], hex(text(&head["local_ephemeral"])));
    let io = fed(&hex(text(&peer["peer_bytes"]))).in_pieces(most);
    if peer["then"] == "close" {
        io.incoming.close();
    }
    run(async {
        let mut stream = handshake_as(mode, io, &identity, own).await?;
        let (read, end) = read_all(&mut stream, 600).await;
        let later = stream.read_u8().await.expect_err("it has ended");
        Ok(Outcome {
            remote_key: *stream.remote_key().as_bytes(),
            read,
            end,
            later: FrameError::of(&later),
        })
    })
}

/// Our reads cross frames and Go's do not, so the bytes are compared, up to the first error, which is our last.
fn check_outcome(peer: &Value, by_go: bool, outcome: &Outcome) {
    let name = text(&peer["name"]);
    if !by_go {
        assert_eq!(outcome.read, b"hello", "{name}");
        return;
    }
    let id = sha256(&outcome.remote_key);
    assert_eq!(id[..20], hex(text(&peer["remote_id"])), "{name}");
    let mut rest = &outcome.read[..];
    for read in rows(peer, "reads") {
        if let Some(error) = read["error"].as_str() {
            check_end(name, error, outcome);
            break;
        }
        let (ours, left) = rest.split_at(number(&read["len"]));
        assert_eq!(sha256(ours), hex(text(&read["sha256"])), "{name}");
        rest = left;
    }
    assert_eq!(rest, b"", "{name}");
}

fn check_end(name: &str, error_of_go: &str, outcome: &Outcome) {
    let ours = outcome.end.as_ref().err();
    let ours = ours.map(|error| FrameError::of(error).expect("one of the encryption"));
    let same = match error_of_go {
        "EOF" => ours.is_none(),
        "unexpected EOF" => ours == Some(FrameError::Truncated { received: 1043 }),
        "chunkLength is greater than dataMaxSize" => {
            ours == Some(FrameError::TooLong { len: u32::MAX })
        }
        other => {
            assert!(other.starts_with("failed to decrypt"), "{other}");
            ours == Some(FrameError::NotAuthentic)
        }
    };
    assert!(same, "{name}: {error_of_go} is {ours:?}");
    assert_eq!(outcome.later, ours, "{name}: it is not latched");
}

const fn closed(error: &SecretHandshakeError) -> bool {
    matches!(error, SecretHandshakeError::Closed)
}

const fn low_order(error: &SecretHandshakeError) -> bool {
    matches!(error, SecretHandshakeError::LowOrderPoint)
}

const fn no_handshake(error: &SecretHandshakeError) -> bool {
    matches!(error, SecretHandshakeError::NotAHandshake { .. })
}

const fn reflected(error: &SecretHandshakeError) -> bool {
    matches!(error, SecretHandshakeError::Reflected)
}

const fn small_order(error: &SecretHandshakeError) -> bool {
    matches!(error, SecretHandshakeError::SmallOrderKey { .. })
}

const fn not_authentic(error: &SecretHandshakeError) -> bool {
    matches!(error, SecretHandshakeError::Frame(FrameError::NotAuthentic))
}

const fn bad_signature(error: &SecretHandshakeError) -> bool {
    matches!(error, SecretHandshakeError::BadSignature { .. })
}

const fn no_key(error: &SecretHandshakeError) -> bool {
    matches!(
        error,
        SecretHandshakeError::KeyType {
            found: KeyType::Absent
        }
    )
}

const REFUSED: &[(&str, Says)] = &[
    ("ephemeral-empty-value", no_handshake),
    ("ephemeral-wrong-wiretype", no_handshake),
    ("ephemeral-prefix-1MiB-then-close", |error| {
        matches!(
            error,
            SecretHandshakeError::TooLong {
                len: 0x10_0000,
                message: HandshakeMessage::Ephemeral,
                ..
            }
        )
    }),
    ("ephemeral-cut", closed),
    ("close-at-once", closed),
    ("close-after-ephemeral", closed),
    ("low-order-0", low_order),
    ("low-order-1", low_order),
    ("low-order-order8-a", low_order),
    ("low-order-order8-b", low_order),
    ("low-order-p", low_order),
    ("low-order-p+1", low_order),
    ("low-order-0-topbit", low_order),
    ("low-order-1-topbit", low_order),
    ("low-order-order8-b-topbit", low_order),
    ("low-order-p-1-topbit", low_order),
    ("low-order-p-topbit", low_order),
    ("low-order-p+1-topbit", low_order),
    ("same-ephemeral-key", reflected),
    ("reflection", reflected),
    ("auth-sig-over-other-text", bad_signature),
    ("auth-sig-of-other-key", bad_signature),
    ("auth-sig-63-bytes", bad_signature),
    ("auth-sig-65-bytes", bad_signature),
    ("auth-key-absent", no_key),
    ("auth-key-oneof-empty", no_key),
    ("auth-key-31-bytes", |error| {
        matches!(error, SecretHandshakeError::KeyLength { len: 31 })
    }),
    ("auth-key-33-bytes", |error| {
        matches!(error, SecretHandshakeError::KeyLength { len: 33 })
    }),
    ("auth-key-field-4", no_key),
    ("auth-length-0", no_key),
    ("auth-prefix-1MiB+1", |error| {
        matches!(
            error,
            SecretHandshakeError::TooLong {
                len: 0x10_0001,
                message: HandshakeMessage::Authentication,
                ..
            }
        )
    }),
    ("auth-garbage", |error| {
        matches!(
            error,
            SecretHandshakeError::Malformed {
                message: HandshakeMessage::Authentication
            }
        )
    }),
    ("auth-frame-length-1025", |error| {
        matches!(
            error,
            SecretHandshakeError::Frame(FrameError::TooLong { len: 1025 })
        )
    }),
    ("auth-frame-nonce-1", not_authentic),
    ("auth-frame-other-direction-key", not_authentic),
    ("auth-in-the-clear", not_authentic),
];
/// Go takes these, which nobody honest sends: it completes or cuts ephemeral keys, and from v0.38 on it takes signatures of keys of small order. Nobody else has our ephemeral key.
const STRICTER: &[(&str, Says)] = &[
    ("ephemeral-31-bytes", no_handshake),
    ("ephemeral-33-bytes", no_handshake),
    ("ephemeral-1000-bytes", no_handshake),
    ("same-ephemeral-key-other-key", reflected),
    ("auth-weak-key-order8", small_order),
    ("auth-weak-key-noncanonical", small_order),
];
/// Go reads an empty frame as an empty read, and stumbles over it; here it is skipped.
const LAXER: [&str; 1] = ["auth-after-empty-frame"];
const MUST_BE_ACCEPTED: [&str; 6] = [
    "honest",
    "auth-and-data-in-one-frame",
    "auth-in-five-frames",
    "many-reads-one-frame",
    "after-length-1024",
    "after-nonzero-padding",
];
