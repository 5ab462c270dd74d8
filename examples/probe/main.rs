//! Connects to a CometBFT node, shows who it is, and holds a conversation with it for a while.
//!
//! ```text
//! cargo run --release --features peer --example probe                                  a small node of our own, on loopback
//! cargo run --release --features peer --example probe -- 192.0.2.1:26656               whoever is there
//! cargo run --release --features peer --example probe -- ID@node.example.com:26656     this node and no other
//! ```
//!
//! Where to look for what:
//!
//! | file | how to |
//! | --- | --- |
//! | `visit` | dial a node, also one whose network is not known yet |
//! | `conversation` | open the channels of a stock node, run the connection, watch it |
//! | `pex` | ask for addresses |
//! | `host` | accept peers and answer them |

use std::process::ExitCode;

use clap::Parser;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::cli::Cli;
use crate::failure::Failure;
use crate::host::Host;
use crate::report::Report;
use crate::stop_signals::StopSignals;

#[cfg(all(test, unix))]
#[path = "../transfer/child.rs"]
mod child;
mod cli;
mod conversation;
mod failure;
mod host;
mod identity;
mod pex;
mod report;
#[path = "../transfer/stop_signals.rs"]
mod stop_signals;
#[cfg(test)]
mod tests;
#[path = "../transfer/text.rs"]
mod text;
mod visit;

fn main() -> ExitCode {
    ExitCode::from(program(Cli::parse()))
}

/// The status with which the process ends.
fn program(cli: Cli) -> u8 {
    let mut report = Report::stdout(cli.json);
    let done = Runtime::new()
        .map_err(Failure::System)
        .and_then(|runtime| runtime.block_on(probe(cli, &mut report)));
    match done {
        Ok(()) => 0,
        Err(failure) => {
            report.failed(&failure);
            eprintln!("probe: {failure}");
            1
        }
    }
}

/// The first signal ends the conversation in order, the second at once.
async fn probe(cli: Cli, report: &mut Report) -> Result<(), Failure> {
    let stop = CancellationToken::new();
    let signals = StopSignals::new()?;
    let work = Box::pin(async {
        match &cli.target {
            Some(target) => visit::run(target, &cli, &stop, report).await,
            None => {
                let host = Host::start().await?;
                let visited = visit::run(host.target(), &cli, &stop, report).await;
                host.stop().await;
                visited
            }
        }
    });
    let done = signals.until_done(work, &stop, || {}).await;
    done.unwrap_or(Err(Failure::Interrupted))
}
