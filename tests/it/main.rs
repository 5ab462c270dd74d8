//! Everything that is tested through the public interface, in one binary.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a panic is how a test fails"
)]

mod bad_input;
mod common;
mod defects;
mod peer;
mod real_tcp;
mod recorded_streams;
mod upstream;
