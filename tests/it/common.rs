//! What several of the tests use.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use bytes::Bytes;
use mconn::ChannelId;
use mconn::mux::MessageSink;
use serde_json::Value;

/// Takes every message and keeps it.
#[derive(Debug, Default)]
pub(crate) struct Collected(pub(crate) Vec<(ChannelId, Bytes)>);

impl MessageSink for Collected {
    fn push(&mut self, channel: ChannelId, message: Bytes) -> ControlFlow<()> {
        self.0.push((channel, message));
        ControlFlow::Continue(())
    }
}

/// A file of `tests/data`, whose README says what it is.
pub(crate) fn recorded_bytes(name: &str) -> Vec<u8> {
    std::fs::read(data_path(name)).expect("it is part of the package")
}

/// The same for an index.
pub(crate) fn recorded_index(name: &str) -> Value {
    serde_json::from_slice(&recorded_bytes(name)).expect("it is JSON")
}

/// Bytes that stand in an index as hex digits.
pub(crate) fn hex(value: &Value) -> Vec<u8> {
    let text = value.as_str().expect("text");
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex"))
        .collect()
}

/// The instant at which virtual time starts; only differences to it matter.
#[expect(
    clippy::disallowed_methods,
    reason = "there is no other way to have an instant"
)]
pub(crate) fn origin() -> Instant {
    Instant::now()
}

fn data_path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name)
}
