//! What the command line asks for.

use std::env;

use super::rounds::Effort;
use crate::contender::Contender;

/// `cargo bench --bench side_by_side -- [--smoke] [--rounds N] [--rows NAME,..] [--only NAME] [--readme]`.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) effort: Effort,
    /// Only these rows; all of them if empty.
    pub(crate) rows: Vec<String>,
    /// Whether the table goes into `benches/README.md`.
    pub(crate) readme: bool,
}

impl Options {
    /// Cargo passes `--bench` when it benches; without it, as under `cargo test --benches`, this is a smoke run.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            effort: OFFICIAL,
            rows: Vec::new(),
            readme: false,
        };
        let mut smoke = env::var_os(SMOKE_VARIABLE).is_some();
        let mut benching = false;
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .ok_or_else(|| format!("{argument} needs a value"))
            };
            match argument.as_str() {
                "--bench" => benching = true,
                "--smoke" | "--test" => smoke = true,
                "--readme" => options.readme = true,
                "--rounds" => {
                    let rounds = value()?
                        .parse()
                        .map_err(|error| format!("--rounds: {error}"))?;
                    options.effort.rounds = std::cmp::max(rounds, 1);
                }
                "--rows" => options.rows = value()?.split(',').map(str::to_owned).collect(),
                "--only" => options.effort.only = Some(contender(&value()?)?),
                unknown => return Err(format!("unknown argument {unknown}")),
            }
        }
        if smoke || !benching {
            options.effort = Effort {
                only: options.effort.only,
                ..SMOKE
            };
        }
        Ok(options)
    }

    pub(crate) fn wants(&self, row: &str) -> bool {
        self.rows.is_empty() || self.rows.iter().any(|wanted| wanted == row)
    }
}

fn contender(name: &str) -> Result<Contender, String> {
    let named = Contender::COLUMNS.into_iter().find(|of| of.name() == name);
    named.ok_or_else(|| format!("nobody is called {name}"))
}

/// Enough rounds for a median that one disturbed round does not move.
const OFFICIAL: Effort = Effort {
    rounds: 5,
    haste: 1,
    only: None,
};
/// A few seconds for everything: it shows that the rows work, and no more.
const SMOKE: Effort = Effort {
    rounds: 1,
    haste: 50,
    only: None,
};
const SMOKE_VARIABLE: &str = "MCONN_BENCH_SMOKE";
