//! Everything that is tested through the public interface, in one binary.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a panic is how a test fails"
)]

#[cfg(feature = "tokio")]
mod bad_input;
mod common;
#[cfg(feature = "tokio")]
mod defects;
mod guarantees;
#[cfg(feature = "tokio")]
mod peer;
#[cfg(feature = "tokio")]
mod real_tcp;
mod recorded_streams;
#[cfg(all(feature = "peer", feature = "serde"))]
mod serialised;
#[cfg(all(feature = "tokio", unix))]
mod stopped_process;
#[cfg(feature = "tokio")]
mod upstream;
