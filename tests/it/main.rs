//! Everything that is tested through the public interface, in one binary.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a panic is how a test fails"
)]

mod common;
mod recorded_streams;
