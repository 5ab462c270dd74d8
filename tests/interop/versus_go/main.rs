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
#[expect(dead_code, reason = "other benches use more of it")]
#[path = "../../../benches/support"]
mod support {
    pub(crate) mod block;
    pub(crate) mod disturbance;
    pub(crate) mod end;
    pub(crate) mod flow;
    pub(crate) mod line;
    pub(crate) mod loopback;
    pub(crate) mod machine;
    pub(crate) mod mconn;
    pub(crate) mod meter;
    pub(crate) mod options;
    pub(crate) mod pace;
    pub(crate) mod quantile;
    pub(crate) mod readme;
    pub(crate) mod relay;
    pub(crate) mod rounds;
    pub(crate) mod secret;
    pub(crate) mod secret_stream;
    pub(crate) mod stack;
    pub(crate) mod suite;
    pub(crate) mod table;
}

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    support::suite::run("versus_go", &rows::ROWS)
}
