//! The command line.

use std::num::NonZeroU64;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Sends files and chat over one TCP connection. Without a command it shows itself: both ends over loopback.
///
/// Nothing is encrypted and nobody is asked who they are: whoever reaches the listener's address can put files into
/// its directory.
#[derive(Debug, Parser)]
#[command(name = "transfer", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Take files from anyone who connects, and chat with everyone connected.
    Listen(ListenArgs),
    /// Send files to a listener, and chat meanwhile.
    Send(SendArgs),
    /// Run both ends over loopback on a file that is made for it, and print a summary.
    Demo(DemoArgs),
}

#[derive(Args, Debug)]
pub(crate) struct ListenArgs {
    /// Address to listen on, for example 127.0.0.1:7000.
    #[arg(value_name = "ADDR")]
    pub(crate) address: String,
    /// Directory for the files; made if it is missing. Existing files are never overwritten.
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
    /// Receive at most this many bytes a second per connection, for example 500k or 20M.
    #[arg(long, value_name = "RATE", value_parser = parse_rate)]
    pub(crate) limit: Option<NonZeroU64>,
}

#[derive(Args, Debug)]
pub(crate) struct SendArgs {
    /// Address of the listener.
    #[arg(value_name = "ADDR")]
    pub(crate) address: String,
    /// Files to send, one after another.
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Send at most this many bytes a second, for example 500k or 20M.
    #[arg(long, value_name = "RATE", value_parser = parse_rate)]
    pub(crate) limit: Option<NonZeroU64>,
}

#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    /// Size of the file in bytes, for example 64M.
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes, default_value = DEMO_SIZE)]
    pub(crate) size: u64,
    /// Send at most this many bytes a second, for example 500k or 20M.
    #[arg(long, value_name = "RATE", value_parser = parse_rate)]
    pub(crate) limit: Option<NonZeroU64>,
}

impl Default for DemoArgs {
    fn default() -> Self {
        Self {
            size: 256_000_000,
            limit: None,
        }
    }
}

fn parse_rate(text: &str) -> Result<NonZeroU64, String> {
    NonZeroU64::new(parse_bytes(text)?).ok_or_else(|| "must be more than zero".to_owned())
}

/// A number with an optional decimal suffix: k, M or G.
fn parse_bytes(text: &str) -> Result<u64, String> {
    let (digits, unit) = match text.as_bytes().last() {
        Some(b'k' | b'K') => (&text[..text.len() - 1], 1_000),
        Some(b'm' | b'M') => (&text[..text.len() - 1], 1_000_000),
        Some(b'g' | b'G') => (&text[..text.len() - 1], 1_000_000_000),
        _ => (text, 1),
    };
    let number: u64 = digits.parse().map_err(|error| format!("{error}"))?;
    number
        .checked_mul(unit)
        .ok_or_else(|| "too large".to_owned())
}

/// Long enough to measure, short enough to wait for.
const DEMO_SIZE: &str = "256M";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_command_is_the_demo_with_its_defaults() {
        assert!(Cli::parse_from(["transfer"]).command.is_none());
        let Some(Command::Demo(demo)) = Cli::parse_from(["transfer", "demo"]).command else {
            panic!("not the demo")
        };
        assert_eq!(demo.size, DemoArgs::default().size);
    }

    #[test]
    fn sizes_have_decimal_suffixes() {
        assert_eq!(parse_bytes("12"), Ok(12));
        assert_eq!(parse_bytes("500k"), Ok(500_000));
        assert_eq!(parse_bytes("20M"), Ok(20_000_000));
        assert_eq!(parse_bytes("3g"), Ok(3_000_000_000));
        for wrong in ["", "k", "-1", "1.5M", "99999999999G", "é"] {
            assert!(parse_bytes(wrong).is_err(), "{wrong:?}");
        }
        assert!(parse_rate("0").is_err());
    }
}
