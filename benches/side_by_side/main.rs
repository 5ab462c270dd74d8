//! mconn beside plain TCP, yamux and h2, in one run: `benches/README.md` says how it measures and how to run it.

#![expect(
    clippy::disallowed_methods,
    reason = "a bench reads the clock, and its tasks end with their runtime"
)]

mod contender;
mod echo;
mod rows;
mod throughput;
mod urgent;

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    mconn_benches::suite::run("side_by_side", &rows::ROWS)
}

/// The system's allocator gives freed memory back and takes it again all the time: up to 260,000 page faults a run, in
/// every stack that makes messages. All of them run on this one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
