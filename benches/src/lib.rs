//! What the benches share: the stacks that are compared, the work that they are given, and the tables of figures.

#![expect(
    clippy::disallowed_methods,
    reason = "a bench reads the clock, and its tasks end with their runtime"
)]

pub mod block;
pub mod contender;
pub mod disturbance;
pub mod end;
pub mod fairness;
pub mod flow;
pub mod framing;
pub mod go_rule;
pub mod h2;
pub mod line;
pub mod loopback;
pub mod machine;
pub mod mconn;
pub mod meter;
pub mod options;
pub mod pace;
pub mod picture;
pub mod quantile;
pub mod raw;
pub mod readme;
pub mod relay;
pub mod resident;
pub mod rounds;
pub mod rule;
pub mod scenes;
pub mod secret;
pub mod secret_stream;
pub mod simulation;
pub mod stack;
pub mod suite;
pub mod table;
pub mod yamux;
