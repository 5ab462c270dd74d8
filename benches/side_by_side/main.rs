//! mconn beside plain TCP, yamux and h2, in one run: `benches/README.md` says how it measures and how to run it.

#![expect(
    clippy::disallowed_methods,
    reason = "a bench reads the clock, and its tasks end with their runtime"
)]

mod contender;
mod echo;
mod rows;
#[expect(dead_code, reason = "other benches use more of it")]
#[path = "../support"]
mod support {
    pub(crate) mod block;
    pub(crate) mod disturbance;
    pub(crate) mod end;
    pub(crate) mod flow;
    pub(crate) mod framing;
    pub(crate) mod h2;
    pub(crate) mod line;
    pub(crate) mod loopback;
    pub(crate) mod machine;
    pub(crate) mod mconn;
    pub(crate) mod meter;
    pub(crate) mod options;
    pub(crate) mod pace;
    pub(crate) mod quantile;
    pub(crate) mod raw;
    pub(crate) mod readme;
    pub(crate) mod relay;
    pub(crate) mod rounds;
    pub(crate) mod stack;
    pub(crate) mod suite;
    pub(crate) mod table;
    pub(crate) mod yamux;
}
mod throughput;
mod urgent;

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    support::suite::run("side_by_side", &rows::ROWS)
}

/// The system's allocator gives freed memory back and takes it again all the time: up to 260,000 page faults a run, in
/// every stack that makes messages. All of them run on this one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
