//! mconn over its encryption beside the bare cipher over TCP and cometbft-p2p, in one run: `benches/README.md` says how it
//! measures and how to run it.

mod cometbft_p2p;
mod contender;
mod pipe;
mod rows;
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    mconn_benches::suite::run("encrypted", &rows::ROWS)
}

/// As in the comparison without encryption: the system's allocator gives freed memory back and takes it again all the time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
