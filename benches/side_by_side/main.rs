//! mconn beside plain TCP, yamux and h2, in one run: `benches/README.md` says how it measures and how to run it.

#![expect(
    clippy::disallowed_methods,
    reason = "a bench reads the clock, and its tasks end with their runtime"
)]

mod contender;
mod disturbance;
mod echo;
mod flow;
mod line;
mod meter;
mod options;
mod rounds;
mod rows;
#[path = "../support"]
mod support {
    pub(crate) mod block;
    pub(crate) mod end;
    pub(crate) mod framing;
    pub(crate) mod h2;
    pub(crate) mod loopback;
    pub(crate) mod machine;
    pub(crate) mod mconn;
    pub(crate) mod pace;
    pub(crate) mod quantile;
    pub(crate) mod raw;
    pub(crate) mod readme;
    pub(crate) mod relay;
    pub(crate) mod stack;
    pub(crate) mod table;
    pub(crate) mod yamux;
}
mod throughput;
mod urgent;

use std::env;
use std::error::Error;

use crate::disturbance::Disturbance;
use crate::line::{HEAD, Line};
use crate::options::Options;
use crate::rows::ROWS;
use crate::support::table::Table;
use crate::support::{machine, readme};

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse(env::args().skip(1))?;
    let start = Disturbance::start();
    let mut lines = Vec::new();
    for (name, run) in ROWS.iter().filter(|(name, _)| options.wants(name)) {
        let row = run(options.effort).map_err(|error| format!("row {name}: {error}"))?;
        print!("{}", table(&row).aligned());
        lines.extend(row);
    }
    let (floors, reached) = score(&lines);
    let others = start.and_then(Disturbance::share).unwrap_or_default() * 100.0;
    let note = format!(
        "{floors} floors, {reached} reached. {}; {} rounds; other programs used {others:.0} % of it.",
        machine::describe(),
        options.effort.rounds
    );
    println!("{note}");
    if options.readme {
        let text = format!("{}\n{note}", table(&lines).markdown());
        readme::replace("side_by_side", &text)?;
    }
    Ok(())
}

fn table(lines: &[Line]) -> Table {
    let mut table = Table::new(&HEAD);
    for line in lines {
        table.push(line.cells());
    }
    table
}

fn score(lines: &[Line]) -> (usize, usize) {
    lines
        .iter()
        .map(Line::score)
        .fold((0, 0), |sum, score| (sum.0 + score.0, sum.1 + score.1))
}

/// The system's allocator gives freed memory back and takes it again all the time: up to 260,000 page faults a run, in
/// every stack that makes messages. All of them run on this one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
