//! Tests of the handshake and of what comes of it, with paused time and in-memory pipes.
//!
//! Rows D1 to D11 are those of the acceptance list: [`lifecycle`] D1, D3, D4; [`failures`], [`authentication`] and [`order`] D5; [`time`] D6
//! and D7; [`early_bytes`] D9; [`running`] D11. D2 is the compile-fail examples of [`Handshaking`](super::Handshaking).

#![expect(
    clippy::large_futures,
    reason = "both ends of a connection in one future, which lives as long as its test"
)]

mod authentication;
mod channels;
mod early_bytes;
mod failures;
pub(crate) mod kit;
mod lifecycle;
mod order;
mod running;
mod session;
mod time;
