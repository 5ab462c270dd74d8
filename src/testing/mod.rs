//! Machines on virtual links, scripted remotes and streams, for tests and fuzz targets: no clock, no socket, no randomness that is not given.
//!
//! [`Solo`] is one machine on a link that takes everything; [`Pair`] is two machines with a [`Pipe`] each way.

#![allow(clippy::expect_used, reason = "a panic is how a fuzz target reports")]

#[cfg(test)]
mod end;
#[cfg(feature = "tokio")]
pub(crate) mod fed_stream;
#[cfg(test)]
mod ledger;
#[cfg(all(test, feature = "secret", target_os = "linux"))]
pub(crate) mod memory;
#[cfg(test)]
mod outbox;
#[cfg(feature = "secret")]
pub(crate) mod paced;
#[cfg(test)]
mod pair;
#[cfg(test)]
mod pattern;
#[cfg(test)]
mod pipe;
#[cfg(test)]
mod random;
#[cfg(test)]
mod recorded;
#[cfg(feature = "secret")]
pub(crate) mod remote;
pub(crate) mod script;
#[cfg(test)]
mod solo;
#[cfg(test)]
mod trace;

#[cfg(test)]
pub(crate) use self::{
    end::{End, Inbox},
    outbox::Outbox,
    pair::{Pair, Setup, Side},
    pattern::{message, pattern},
    pipe::{Link, Pipe},
    random::Random,
    recorded::{hex, number, recorded, recorded_bytes, rows, text},
    solo::{Solo, build, channels, limit, silent},
    trace::{Sent, What},
};
#[cfg(test)]
pub(crate) use script::epoch;

/// Settings of a property test that tries the same `cases` in every run, unless `PROPTEST_CASES` asks for others.
#[cfg(test)]
pub(crate) fn cases(cases: u32) -> proptest::prelude::ProptestConfig {
    let mut config = proptest::prelude::ProptestConfig {
        failure_persistence: None,
        ..proptest::prelude::ProptestConfig::default()
    };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = cases;
        config.rng_seed = proptest::test_runner::RngSeed::Fixed(1);
    }
    config
}
