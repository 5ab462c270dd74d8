//! What the command line asks for.

use std::env;

use super::contender::Contender;
use super::rounds::Effort;

/// `cargo bench -p mconn-benches --bench side_by_side -- [--smoke] [--rounds N] [--rows NAME,..] [--only NAME] [--readme]`.
#[derive(Clone, Debug)]
pub struct Options<C> {
    pub effort: Effort<C>,
    /// Only these rows; all of them if empty.
    pub rows: Vec<String>,
    /// Whether the table goes into `benches/README.md`.
    pub readme: bool,
}

impl<C: Contender> Options<C> {
    /// Cargo passes `--bench` when it benches; without it, as under `cargo test -p mconn-benches --benches`, this is a smoke run.
    pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            effort: official(),
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
            options.effort = smoke_run(options.effort.only);
        }
        Ok(options)
    }

    pub fn wants(&self, row: &str) -> bool {
        self.rows.is_empty() || self.rows.iter().any(|wanted| wanted == row)
    }
}

fn contender<C: Contender>(name: &str) -> Result<C, String> {
    let named = C::COLUMNS.iter().copied().find(|of| of.name() == name);
    named.ok_or_else(|| format!("nobody is called {name}"))
}

/// Enough rounds for a median that one disturbed round does not move.
const fn official<C>() -> Effort<C> {
    Effort {
        rounds: 5,
        haste: 1,
        only: None,
    }
}

/// A few seconds for everything: it shows that the rows work, and no more.
const fn smoke_run<C>(only: Option<C>) -> Effort<C> {
    Effort {
        rounds: 1,
        haste: 50,
        only,
    }
}

const SMOKE_VARIABLE: &str = "MCONN_BENCH_SMOKE";
