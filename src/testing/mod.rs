//! Machines on virtual links, for tests: no clock, no socket, no randomness that is not given.
//!
//! [`Solo`] is one machine on a link that takes everything; [`Pair`] is two machines with a [`Pipe`] each way.

mod end;
mod ledger;
mod outbox;
mod pair;
mod pattern;
mod pipe;
mod random;
mod recorded;
mod solo;
mod trace;

pub(crate) use crate::fuzzing::epoch;
pub(crate) use end::{End, Inbox};
pub(crate) use outbox::Outbox;
pub(crate) use pair::{Pair, Setup, Side};
pub(crate) use pattern::{message, pattern};
pub(crate) use pipe::{Link, Pipe};
pub(crate) use random::Random;
pub(crate) use recorded::{hex, number, recorded, recorded_bytes, rows, text};
pub(crate) use solo::{Solo, build, channels, limit, silent};
pub(crate) use trace::{Sent, What};

/// Settings of a property test that tries the same `cases` in every run, unless `PROPTEST_CASES` asks for others.
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
