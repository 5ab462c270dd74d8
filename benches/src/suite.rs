//! A table of rows, from the command line to `benches/README.md`.

use std::error::Error;
use std::{env, io};

use super::contender::Contender;
use super::disturbance::Disturbance;
use super::line::Line;
use super::options::Options;
use super::rounds::Effort;
use super::table::Table;
use super::{machine, readme};

/// A row by its name on the command line.
pub type Row<C> = (&'static str, fn(Effort<C>) -> io::Result<Vec<Line<C>>>);

/// Runs the rows that are asked for. The table goes into the readme's block of this name where that is asked for.
pub fn run<C: Contender>(bench: &str, rows: &[Row<C>]) -> Result<(), Box<dyn Error>> {
    let options = Options::<C>::parse(env::args().skip(1))?;
    let start = Disturbance::start();
    let mut lines = Vec::new();
    for (name, run) in rows.iter().filter(|(name, _)| options.wants(name)) {
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
        readme::replace(bench, &text)?;
    }
    Ok(())
}

fn table<C: Contender>(lines: &[Line<C>]) -> Table {
    let mut table = Table::new(C::HEAD);
    for line in lines {
        table.push(line.cells());
    }
    table
}

fn score<C: Contender>(lines: &[Line<C>]) -> (usize, usize) {
    lines
        .iter()
        .map(Line::score)
        .fold((0, 0), |sum, score| (sum.0 + score.0, sum.1 + score.1))
}
