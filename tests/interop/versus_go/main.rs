//! Speed of mconn beside CometBFT's own code, without and with encryption, in one run: `benches/README.md` says how it measures.

#![expect(
    clippy::disallowed_methods,
    reason = "a bench reads the clock, and its tasks end with their runtime"
)]

mod contender;
mod go;
mod handshakes;
#[path = "../program.rs"]
mod program;
mod rows;
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    mconn_benches::suite::run("versus_go", &rows::ROWS)
}

/// Where the Go programs are.
const PROGRAMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/interop");
