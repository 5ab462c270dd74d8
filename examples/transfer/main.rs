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
//! | `protocol` | describe channels, lay a protocol of one's own over them, set up a connection |
//! | `send` | run a connection, send bulk data without holding anything else up, stop, and read why it ended |
//! | `receive` | serve many connections, each on its own, and receive bulk data |
//! | `chat` | send and receive at the same time on one channel |
//! | `stop_signals` | stop in order at Ctrl-C and SIGTERM |
//! | `demo` | measure urgent messages beside bulk data |

use std::future;
use std::io;
use std::num::NonZeroU64;
use std::panic;
use std::path::PathBuf;
use std::process::{self, ExitCode};

use clap::{Args, Parser, Subcommand};
use mconn::ConfigError;
use tokio::runtime::Runtime;
use tokio::task;
use tokio_util::sync::CancellationToken;

use crate::screen::Screen;
use crate::stop_signals::StopSignals;

mod chat;
#[cfg(all(test, unix))]
mod child;
mod demo;
mod protocol;
mod receive;
mod screen;
mod send;
mod stop_signals;
mod store;
#[cfg(test)]
mod tests;
mod text;

/// Sends files and chat over one TCP connection. Without a command it shows itself: both ends over loopback.
///
/// Nothing is encrypted and nobody is asked who they are: whoever reaches the listener's address can put files into
/// its directory.
#[derive(Debug, Parser)]
#[command(name = "transfer", version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Take files from anyone who connects, and chat with everyone connected.
    Listen {
        /// Address to listen on, for example 127.0.0.1:7000.
        #[arg(value_name = "ADDR")]
        address: String,
        /// Directory for the files; made if it is missing. Existing files are never overwritten.
        #[arg(value_name = "DIR")]
        directory: PathBuf,
        #[command(flatten)]
        limit: Limit,
    },
    /// Send files to a listener, and chat meanwhile.
    Send {
        /// Address of the listener.
        #[arg(value_name = "ADDR")]
        address: String,
        /// Files to send, one after another.
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
        #[command(flatten)]
        limit: Limit,
    },
    /// Run both ends over loopback on a file that is made for it, and print a summary.
    Demo {
        /// Size of the file in bytes, for example 64M.
        #[arg(long, value_name = "SIZE", value_parser = parse_bytes, default_value_t = DEMO_SIZE)]
        size: u64,
        #[command(flatten)]
        limit: Limit,
    },
}

#[derive(Args, Clone, Copy, Debug, Default)]
struct Limit {
    /// Carry at most this many bytes a second, for example 500k or 20M.
    #[arg(long = "limit", value_name = "RATE", value_parser = parse_rate)]
    rate: Option<NonZeroU64>,
}

/// Why the program ends with a status other than zero.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("cannot listen on {address}: {error}")]
    Listen { address: String, error: io::Error },
    #[error("cannot connect to {address}: {error}")]
    Connect { address: String, error: io::Error },
    #[error("cannot use {}: {error}", path.display())]
    Path { path: PathBuf, error: io::Error },
    #[error("this rate cannot be kept: {0}")]
    Config(#[from] ConfigError),
    #[error("{missing} of {all} files not delivered")]
    Undelivered { missing: usize, all: usize },
    #[error("the stored file differs from the one that was sent")]
    Differs,
    #[error("the system refuses what the program needs: {0}")]
    System(#[from] io::Error),
}

fn main() -> ExitCode {
    ExitCode::from(program(Cli::parse()))
}

/// The status with which the process ends.
fn program(cli: Cli) -> u8 {
    match run(cli) {
        Ok(()) => 0,
        Err(failure) => {
            eprintln!("transfer: {failure}");
            1
        }
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    let (screen, stop) = (Screen::stdout(), CancellationToken::new());
    let default = Command::Demo {
        size: DEMO_SIZE,
        limit: Limit::default(),
    };
    match cli.command.unwrap_or(default) {
        Command::Listen {
            address,
            directory,
            limit,
        } => {
            let work = receive::run(&address, directory, limit.rate, &screen, &stop);
            Runtime::new()?.block_on(stop_in_order(work, &stop, &screen))
        }
        Command::Send {
            address,
            files,
            limit,
        } => {
            let work = send::run(&address, files, limit.rate, &screen, &stop);
            Runtime::new()?.block_on(stop_in_order(work, &stop, &screen))
        }
        Command::Demo { size, limit } => demo::run(size, limit.rate, &screen),
    }
}

/// Waits for `work`, which ends in order once `stop` is cancelled by a signal; the second signal ends the process.
async fn stop_in_order<T>(
    work: impl Future<Output = Result<T, Failure>>,
    stop: &CancellationToken,
    screen: &Screen,
) -> Result<T, Failure> {
    let say = || screen.say("stopping: sending what was accepted; once more leaves at once");
    match StopSignals::new()?.until_done(work, stop, say).await {
        Some(done) => done,
        None => process::exit(STATUS_INTERRUPTED),
    }
}

/// Runs `work` (a read, a write, a hash) on a thread that may block, so that the connections of this thread go on.
async fn off_runtime<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match task::spawn_blocking(work).await {
        Ok(value) => value,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => panic::resume_unwind(panic),
            // Cancelled: the runtime is going down, and takes this future with it.
            Err(_) => future::pending().await,
        },
    }
}

fn parse_rate(text: &str) -> Result<NonZeroU64, String> {
    NonZeroU64::new(parse_bytes(text)?).ok_or_else(|| "must be more than zero".to_owned())
}

/// A number with an optional decimal suffix: k, M or G.
fn parse_bytes(text: &str) -> Result<u64, String> {
    let (digits, unit) = [("k", 1_000), ("M", 1_000_000), ("G", 1_000_000_000)]
        .iter()
        .find_map(|(suffix, unit)| Some((text.strip_suffix(suffix)?, *unit)))
        .unwrap_or((text, 1));
    let number: u64 = digits.parse().map_err(|error| format!("{error}"))?;
    number
        .checked_mul(unit)
        .ok_or_else(|| "too large".to_owned())
}

/// What shells report for a process that Ctrl-C ended: 128 + SIGINT.
const STATUS_INTERRUPTED: i32 = 130;
/// Long enough to measure, short enough to wait for.
const DEMO_SIZE: u64 = 256_000_000;
