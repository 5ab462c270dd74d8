//! A `config.toml` that cannot be used.

use crate::address::{AddressError, PeerIdError};
use crate::error::Fault;

/// A `config.toml` that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CometbftConfigError {
    /// It is no TOML.
    #[error("not TOML: {message}")]
    Syntax {
        /// What is wrong, and where.
        message: String,
    },
    /// The value of a key cannot be used.
    #[error("{key} {problem}")]
    Value {
        /// The key.
        key: String,
        /// Why not.
        problem: Unusable,
    },
}

impl CometbftConfigError {
    /// Who is at fault: always we.
    pub const fn fault(&self) -> Fault {
        Fault::Local
    }

    pub(super) fn syntax(error: toml::de::Error) -> Self {
        Self::Syntax {
            message: error.to_string(),
        }
    }

    pub(super) fn value(key: &str, problem: Unusable) -> Self {
        let key = key.to_owned();
        Self::Value { key, problem }
    }
}

/// Why a value cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unusable {
    /// An entry is no address of a peer, or of a listener.
    #[error("has the entry {entry:?}: {problem}")]
    Address {
        /// The entry.
        entry: String,
        /// Why not.
        problem: AddressError,
    },
    /// A text that is no duration, as `"10s"` or `"1m30s"` is.
    #[error("is {text:?}, which is no duration")]
    Duration {
        /// The text.
        text: String,
    },
    /// An entry is no id.
    #[error("has the entry {entry:?}: {problem}")]
    Id {
        /// The entry.
        entry: String,
        /// Why not.
        problem: PeerIdError,
    },
    /// A number below zero, or above what the machine can count.
    #[error("is {value}, which is out of range")]
    Range {
        /// The number.
        value: i64,
    },
    /// A value of another type.
    #[error("has a value of another type")]
    Type,
}
