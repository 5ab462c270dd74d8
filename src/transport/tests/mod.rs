//! Tests of the transport. Those that need no socket run with paused time on in-memory pipes; the others on loopback.

#![expect(
    clippy::large_futures,
    reason = "both ends of a connection in one future, which lives as long as its test"
)]

mod accepting;
mod dialing;
mod duplicates;
mod errors;
mod exempt;
mod filters;
mod giving_up;
mod kit;
mod limits;
mod net;
mod network;
mod several;
#[cfg(feature = "tracing")]
mod spans;
