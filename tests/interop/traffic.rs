//! Messages that both sides can compute, and digests of what was sent and received.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Message number `seq` of a channel: a splitmix64 stream, cut to size. The Go side computes the same.
pub(crate) fn message(channel: u8, seq: u64, size: usize) -> Bytes {
    let mut message = Vec::with_capacity(size + 7);
    let mut state = u64::from(channel) << 32 | seq;
    while message.len() < size {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        message.extend_from_slice(&(word ^ (word >> 31)).to_le_bytes());
    }
    message.truncate(size);
    message.into()
}

/// The digest of the first messages of a channel, their sizes going round.
pub(crate) fn digest_of(channel: u8, sizes: &[usize], messages: usize) -> Digest {
    let mut tally = Tally::default();
    for (seq, &size) in (0..).zip(sizes.iter().cycle().take(messages)) {
        tally.add(&message(channel, seq, size));
    }
    tally.digest()
}

/// What one channel carried. The hash covers each message behind its length, so that moved boundaries show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Digest {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
}

pub(crate) type Digests = BTreeMap<u8, Digest>;

/// Reads the digests of an event of the Go side. Channels that carried nothing are not in it.
pub(crate) fn digests(event: &Value) -> Digests {
    let rows = event["digests"].as_array().map_or(&[][..], Vec::as_slice);
    rows.iter()
        .map(|row| (channel_of(row), digest(row)))
        .filter(|(_, digest)| digest.messages > 0)
        .collect()
}

fn channel_of(row: &Value) -> u8 {
    row["channel"]
        .as_u64()
        .and_then(|id| u8::try_from(id).ok())
        .expect("a digest names its channel")
}

fn digest(row: &Value) -> Digest {
    Digest {
        messages: row["messages"].as_u64().unwrap(),
        bytes: row["bytes"].as_u64().unwrap(),
        sha256: row["sha256"].as_str().unwrap().to_owned(),
    }
}

/// Adds messages up to a [`Digest`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    messages: u64,
    bytes: u64,
    hash: Sha256,
}

impl Tally {
    pub(crate) fn add(&mut self, message: &[u8]) {
        let length = message.len() as u64;
        self.hash.update(length.to_le_bytes());
        self.hash.update(message);
        self.messages += 1;
        self.bytes += length;
    }

    pub(crate) fn digest(&self) -> Digest {
        let sum = self.hash.clone().finalize();
        let sha256 = sum.iter().map(|byte| format!("{byte:02x}")).collect();
        Digest {
            messages: self.messages,
            bytes: self.bytes,
            sha256,
        }
    }

    pub(crate) fn messages(&self) -> u64 {
        self.messages
    }
}
