//! What the errors of the transport say: each thing once, and who is at fault.

use std::error::Error;
use std::io;
use std::time::Duration;

use crate::address::*;
use crate::error::Fault;
use crate::node::*;
use crate::peer::*;
use crate::secret::SecretHandshakeError;
use crate::transport::*;

#[test]
fn no_error_says_anything_twice_in_its_chain() {
    for error in all() {
        let mut texts = vec![error.to_string()];
        let mut next = error.source();
        while let Some(source) = next {
            texts.push(source.to_string());
            next = source.source();
        }
        for (at, text) in texts.iter().enumerate() {
            let others = texts.iter().enumerate().filter(|(other, _)| *other != at);
            let twice = others
                .map(|(_, other)| other)
                .find(|other| other.contains(text.as_str()));
            assert_eq!(twice, None, "{texts:?}");
        }
        let first = &texts[0];
        for word in ["deep down", "not wanted", "bench-1", "connected already"] {
            assert!(first.matches(word).count() <= 1, "{first}");
        }
    }
}

#[test]
fn every_error_says_who_is_at_fault() {
    let handshakes = handshake_errors().into_iter().map(|(error, fault)| {
        assert_eq!(error.fault(), fault, "{error}");
        (UpgradeError::from(error), fault)
    });
    let refusals = refusals().into_iter().map(|(refusal, fault)| {
        assert_eq!(refusal.fault(), fault, "{refusal}");
        (UpgradeError::from(refusal), fault)
    });
    let ours = [
        UpgradeError::Filtered("not wanted".into()),
        UpgradeError::FilterTimeout { after: SECOND },
    ];
    let ours = ours.map(|error| (error, Fault::Local));
    for (error, fault) in handshakes.chain(refusals).chain(ours) {
        assert_eq!(error.fault(), fault, "{error}");
        assert_eq!(AttemptError::Upgrade(error).fault(), fault);
    }
    let resolve = ResolveError::NoAddress {
        host: "nowhere".into(),
    };
    assert_eq!(resolve.fault(), Fault::Transport);
    assert_eq!(DialError::from(resolve).fault(), Fault::Transport);
    let host = "nowhere".into();
    let late = ResolveError::Timeout {
        host,
        after: SECOND,
    };
    assert_eq!(DialError::from(late).fault(), Fault::Silence);
    assert_eq!(DialError::Cancelled.fault(), Fault::Local);
    assert_eq!(AttemptError::ToItself.fault(), Fault::Transport);
    assert_eq!(AttemptError::Connect(deep()).fault(), Fault::Transport);
    assert_eq!(
        AttemptError::ConnectTimeout { after: SECOND }.fault(),
        Fault::Silence
    );
}

fn all() -> Vec<Box<dyn Error>> {
    let mut all: Vec<Box<dyn Error>> = Vec::new();
    for (error, _) in handshake_errors() {
        all.push(Box::new(AttemptError::from(UpgradeError::from(error))));
    }
    for (error, _) in handshake_errors() {
        all.push(Box::new(UpgradeError::from(error)));
    }
    for (refusal, _) in refusals() {
        all.push(Box::new(DialError::from(refusal)));
    }
    all.push(Box::new(UpgradeError::Filtered("not wanted".into())));
    all.push(Box::new(AttemptError::Connect(deep())));
    let (host, error) = ("nowhere".into(), deep());
    all.push(Box::new(DialError::from(ResolveError::Failed {
        host,
        error,
    })));
    all
}

fn handshake_errors() -> Vec<(HandshakeError, Fault)> {
    let (one, other) = (PeerId::new([1; 20]), PeerId::new([2; 20]));
    let info = |network: &str| NodeInfo::builder(one, network, "moniker").build().unwrap();
    let incompatible = info("bench-1")
        .compatible_with(&info("bench-2"))
        .unwrap_err();
    let message = MalformedMessage::NodeInfo;
    vec![
        (
            HandshakeError::Authentication(SecretHandshakeError::LowOrderPoint),
            Fault::Peer,
        ),
        (HandshakeError::Cancelled, Fault::Local),
        (HandshakeError::Closed, Fault::Transport),
        (
            HandshakeError::FirstMessageTimeout { after: SECOND },
            Fault::Silence,
        ),
        (
            HandshakeError::IdentityMismatch {
                proven: one,
                stated: other,
            },
            Fault::Peer,
        ),
        (HandshakeError::Incompatible(incompatible), Fault::Nobody),
        (
            HandshakeError::InvalidNodeInfo(NodeInfoError::TooLong { len: 1 << 20 }),
            Fault::Peer,
        ),
        (HandshakeError::Io(deep()), Fault::Transport),
        (HandshakeError::Malformed { message }, Fault::Peer),
        (HandshakeError::Rejected("not wanted".into()), Fault::Local),
        (HandshakeError::SelfConnection, Fault::Nobody),
        (HandshakeError::Timeout { after: SECOND }, Fault::Silence),
        (
            HandshakeError::UnexpectedPeer {
                expected: one,
                found: other,
            },
            Fault::Nobody,
        ),
    ]
}

fn refusals() -> Vec<(Refusal, Fault)> {
    let address = "192.0.2.1".parse().unwrap();
    vec![
        (Refusal::AddressLimit { address, max: 4 }, Fault::Local),
        (Refusal::NetworkLimit { address, max: 16 }, Fault::Local),
        (Refusal::Full { max: 48 }, Fault::Local),
        (Refusal::Displaced, Fault::Silence),
        (
            Refusal::DuplicateAddress {
                address: "192.0.2.1:1".parse().unwrap(),
            },
            Fault::Nobody,
        ),
        (
            Refusal::DuplicateId {
                id: PeerId::new([1; 20]),
            },
            Fault::Nobody,
        ),
        (
            Refusal::TooOften {
                address,
                after: SECOND,
            },
            Fault::Peer,
        ),
    ]
}

fn deep() -> io::Error {
    io::Error::other("deep down")
}

const SECOND: Duration = Duration::from_secs(1);
