//! Why the program ends with a status other than zero.

use std::io;
use std::path::PathBuf;

use mconn::ConfigError;

/// What the user is told in the last line.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
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
