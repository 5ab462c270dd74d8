//! The command line.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Parser;
use mconn::address::{AddressError, HostPort, PeerAddr};

/// Connects to a CometBFT node, shows who it is, and holds a conversation with it for a while.
///
/// Without an address it starts a small node of its own on loopback and visits that.
#[derive(Debug, Parser)]
#[command(name = "probe", version)]
pub(crate) struct Cli {
    /// The node: HOST:PORT for whoever is there, ID@HOST:PORT for this node and no other.
    #[arg(value_name = "ADDR")]
    pub(crate) target: Option<Target>,
    /// Network (chain id) to say that we belong to. Without it a first visit finds out, and a second one is let in.
    #[arg(long)]
    pub(crate) network: Option<String>,
    /// How long to talk.
    #[arg(long = "for", value_name = "SECONDS", default_value_t = 10)]
    pub(crate) seconds: u64,
    /// Print one JSON object a line, for machines.
    #[arg(long)]
    pub(crate) json: bool,
    /// Be this node: a node_key.json as CometBFT writes it. Without it we are somebody new each time.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
}

impl Cli {
    pub(crate) const fn duration(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

/// Whom to visit.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    Anyone(HostPort),
    Peer(PeerAddr),
}

impl FromStr for Target {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.contains('@') {
            text.parse().map(Self::Peer)
        } else {
            text.parse().map(Self::Anyone)
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anyone(address) => address.fmt(f),
            Self::Peer(address) => address.fmt(f),
        }
    }
}
