//! Files and chat over one TCP connection: bulk data on a channel of low priority, chat lines on one of high priority.
//!
//! ```text
//! cargo run --release --example transfer                                    both ends in one process, with a summary
//! cargo run --release --example transfer -- listen 127.0.0.1:7000 inbox     takes files, one process
//! cargo run --release --example transfer -- send 127.0.0.1:7000 a.bin b.bin sends files, another process
//! ```
//!
//! Where to look for what:
//!
//! | file | how to |
//! | --- | --- |
//! | `link` | configure a connection and open channels on it |
//! | `stop_signals` | stop in order at Ctrl-C and SIGTERM |
//! | `send`, `host` | run a connection, stop it, and read why it ended |
//! | `listen` | serve many connections, each on its own |
//! | `courier`, `intake` | send and receive bulk data without holding anything else up |
//! | `chat` | send and receive at the same time on one channel |
//! | `live` | read the figures of a running connection |
//! | `protocol` | lay a protocol of one's own over channels |
//! | `demo` | measure urgent messages beside bulk data |

use std::process::{self, ExitCode};

use clap::Parser;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::cli::{Cli, Command, DemoArgs};
use crate::console::Console;
use crate::failure::Failure;
use crate::stop_signals::StopSignals;

mod blocking;
mod chat;
#[cfg(all(test, unix))]
mod child;
mod cli;
mod console;
mod courier;
mod demo;
mod failure;
mod file_name;
mod host;
mod intake;
mod latency;
mod link;
mod listen;
mod live;
mod protocol;
mod sample;
mod send;
mod source;
mod stop_signals;
mod store;
#[cfg(test)]
mod tests;
mod text;

fn main() -> ExitCode {
    ExitCode::from(program(Cli::parse()))
}

/// The status with which the process ends.
fn program(cli: Cli) -> u8 {
    let command = cli
        .command
        .unwrap_or_else(|| Command::Demo(DemoArgs::default()));
    let console = Console::stdout();
    match run(command, &console) {
        Ok(()) => 0,
        Err(failure) => {
            eprintln!("transfer: {failure}");
            1
        }
    }
}

fn run(command: Command, console: &Console) -> Result<(), Failure> {
    let stop = CancellationToken::new();
    match command {
        Command::Listen(args) => {
            let listening = listen::run(args, console, &stop);
            Runtime::new()?.block_on(stop_in_order(listening, &stop, console))
        }
        Command::Send(args) => {
            let sending = send::run(args, console, &stop);
            Runtime::new()?.block_on(stop_in_order(sending, &stop, console))
        }
        Command::Demo(args) => demo::run(&args, console),
    }
}

/// Waits for `work`, which ends in order once `stop` is cancelled by a signal; the second signal ends the process.
async fn stop_in_order<T>(
    work: impl Future<Output = Result<T, Failure>>,
    stop: &CancellationToken,
    console: &Console,
) -> Result<T, Failure> {
    let say = || console.say("stopping: sending what was accepted; once more leaves at once");
    match StopSignals::new()?.until_done(work, stop, say).await {
        Some(done) => done,
        None => process::exit(STATUS_INTERRUPTED),
    }
}

/// What shells report for a process that Ctrl-C ended: 128 + SIGINT.
const STATUS_INTERRUPTED: i32 = 130;
