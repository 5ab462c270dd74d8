//! The rows of the table, in its order.

use std::io;
use std::num::NonZeroU64;

use crate::contender::{Contender, Effort, Floor, Line, Row};
use crate::echo::Echo;
use crate::throughput::Throughput;
use crate::urgent;
use mconn_benches::contender::Contender as _;
use mconn_benches::flow::MIXED;
use mconn_benches::line::Unit;
use mconn_benches::quantile::median;

pub(crate) const ROWS: [Row; 12] = [
    ("64", |effort| {
        one_channel("one channel, 64 B messages", 64, [0.18, 1.0, 1.0]).run(effort)
    }),
    ("1k", |effort| {
        one_channel("one channel, 1 KiB", 1 << 10, [0.60, 1.7, 2.2]).run(effort)
    }),
    ("16k", |effort| {
        one_channel("one channel, 16 KiB", 16 << 10, [0.50, 1.5, 3.0]).run(effort)
    }),
    ("1m", |effort| {
        one_channel("one channel, 1 MiB", 1 << 20, [0.50, 1.2, 2.0]).run(effort)
    }),
    ("mixed", |effort| mixed().run(effort)),
    ("producers", |effort| producers().run(effort)),
    ("echo", echo),
    ("urgent", |effort| urgent::unlimited(effort, false)),
    ("urgent-tuned", |effort| urgent::unlimited(effort, true)),
    ("link", |effort| urgent::through_link(effort, false)),
    ("link-tuned", |effort| urgent::through_link(effort, true)),
    ("limits", limits),
];

fn one_channel(work: &'static str, message: usize, floors: [f64; 3]) -> Throughput {
    Throughput {
        work,
        messages: vec![message],
        alone: false,
        floors,
    }
}

fn mixed() -> Throughput {
    Throughput {
        work: "ten channels, 64 B to 1 MiB at once",
        messages: MIXED.to_vec(),
        alone: false,
        floors: [0.45, 1.3, 1.5],
    }
}

fn producers() -> Throughput {
    Throughput {
        work: "8 producers × 100 B on 8 channels, each sent by itself",
        messages: vec![100; 8],
        alone: true,
        floors: [0.14, 5.0, 30.0],
    }
}

fn echo(effort: Effort) -> io::Result<Vec<Line>> {
    let echo = Echo {
        size: 100,
        trips: effort.count(20_000),
    };
    let results = effort.interleave(Contender::COLUMNS, |of| of.echo(echo))?;
    let medians = |rounds: Vec<Vec<f64>>| rounds.iter().map(|times| median(times)).collect();
    Ok(vec![Line {
        work: "echo of 100 B, median".to_owned(),
        unit: Unit::Microseconds,
        figures: results
            .into_iter()
            .map(|(of, rounds)| (of, medians(rounds)))
            .collect(),
        floors: vec![
            Floor::at_most(Contender::Raw, 1.08),
            Floor::at_most(Contender::H2, 1.0),
            Floor::at_most(Contender::Yamux, 1.0),
        ],
    }])
}

fn limits(effort: Effort) -> io::Result<Vec<Line>> {
    let mut lines = urgent::limited(effort, FAST, "5.12 MB/s", 0.002)?;
    lines.extend(urgent::limited(effort, SLOW, "512 kB/s", 0.010)?);
    Ok(lines)
}

/// The limit of a CometBFT node since v0.38.
const FAST: NonZeroU64 = NonZeroU64::new(5_120_000).unwrap();
/// The limit of the library itself.
const SLOW: NonZeroU64 = NonZeroU64::new(512_000).unwrap();
