//! A small gossip network on loopback that loses a node and is parted, and gets over both.
//!
//! ```text
//! cargo run --release --features switch --example node
//! ```
//!
//! Where to look for what:
//!
//! | file | how to |
//! | --- | --- |
//! | `gossip` | write a protocol: one session per peer, messages of a type, a breach |
//! | `node` | put a switch together, run it, stop it |
//! | `town` | many nodes: who dials whom, a kill, a partition |
//! | `ledger` | find out whether every note reached everybody |

mod gossip;
mod ledger;
mod node;
#[cfg(test)]
mod tests;
mod town;

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use tokio::runtime::Runtime;

use crate::ledger::Summary;
use crate::town::Town;

/// A gossip network on loopback.
#[derive(Debug, Parser)]
pub(crate) struct Cli {
    /// How many nodes, from 4 to 64; an even number.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u8).range(4..=64))]
    nodes: u8,
    /// For how long notes are written in each of the four parts, in milliseconds.
    #[arg(long, default_value_t = 3000, value_parser = clap::value_parser!(u64).range(100..=600_000))]
    millis: u64,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = Runtime::new()
        .map_err(Into::into)
        .and_then(|runtime| runtime.block_on(show(&cli)));
    match done {
        Ok(summary) => {
            println!("{summary}");
            ExitCode::from(u8::from(summary.lost > 0))
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the whole play, and says how it went.
pub(crate) async fn show(cli: &Cli) -> Result<Summary, Box<dyn Error + Send + Sync>> {
    let part = Duration::from_millis(cli.millis);
    let mut town = Town::found(usize::from(cli.nodes)).await?;
    town.say("all are connected with all that they dial");
    town.write_notes(part).await;

    town.kill(0).await?;
    town.say("node 0 was killed");
    town.write_notes(part).await;
    let back = town.revive(0).await?;
    town.say(&format!("node 0 is back, after {back:.1?}"));

    town.part().await?;
    town.say("the two halves do not let each other in");
    town.write_notes(part).await;
    let healed = town.heal().await?;
    town.say(&format!("the halves are one again, after {healed:.1?}"));
    town.write_notes(part).await;

    let mut summary = town.close().await?;
    summary.reconnected = Some((back, healed));
    Ok(summary)
}
