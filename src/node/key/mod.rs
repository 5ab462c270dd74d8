//! `node_key.json`: a node's identity on disk, as CometBFT writes and reads it.
//!
//! The file is one line of JSON with the private key, see [`save`]. Everything here blocks the thread for as long as the disk takes: call
//! it before the runtime starts, or where blocking is allowed.

mod file;
#[cfg(test)]
mod tests;
mod text;
mod warning;

use std::io;
use std::path::{Path, PathBuf};

pub use self::warning::{KeyFileWarning, Loaded};
use crate::error::Fault;
use crate::secret::{Identity, IdentityError};

/// Reads an identity.
///
/// Line breaks inside the key are skipped, as CometBFT's decoder does. Unlike CometBFT it checks that both halves of the key belong together,
/// and it tells where others than the owner may read or write the file: CometBFT writes it for the owner only, but whoever mounts secrets
/// into a container may have a reason for more, so that is a warning and no error. What was read is wiped from memory.
///
/// # Errors
///
/// [`NodeKeyError::NotFound`] if there is no file, [`NodeKeyError::DanglingLink`] if there is a link to none, [`NodeKeyError::Invalid`] if it
/// is no node key, [`NodeKeyError::Io`] if it cannot be read.
pub fn load(path: impl AsRef<Path>) -> Result<Loaded, NodeKeyError> {
    let path = path.as_ref();
    let file::Found { text, warning } = file::read(path)?;
    let identity = text::parse(&text).map_err(|problem| invalid(path, problem))?;
    Ok(Loaded { identity, warning })
}

/// Writes an identity, over whatever is there, in a directory that exists.
///
/// The bytes are those of CometBFT. On Unix only the owner may read the file (mode 0600). It is written beside its place, forced to the disk
/// and then renamed, so that at any moment there is the old file or the new one; a symbolic link in its place is replaced.
///
/// ```
/// use mconn::node::key;
/// use mconn::secret::Identity;
///
/// # let directory = tempfile::tempdir()?;
/// let path = directory.path().join("node_key.json");
/// let identity = Identity::generate()?;
/// key::save(&identity, &path)?;
/// let loaded = key::load(&path)?;
/// assert_eq!(loaded.identity.public_key(), identity.public_key());
/// assert!(loaded.warning.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`NodeKeyError::Io`]: what was there is then untouched. [`NodeKeyError::NotDurable`]: the new file is there, but its directory could not be
/// forced to the disk. A file system that cannot do that at all is no error.
pub fn save(identity: &Identity, path: impl AsRef<Path>) -> Result<(), NodeKeyError> {
    save_with(identity, path.as_ref(), file::sync_directory)
}

fn save_with(
    identity: &Identity,
    path: &Path,
    sync: file::SyncDirectory,
) -> Result<(), NodeKeyError> {
    file::replace(path, &text::write(identity), sync)
}

/// Reads an identity, or generates one and writes it if there is no file.
///
/// Of several processes that do this at once on a file system with hard links, all get the same identity.
///
/// # Errors
///
/// As of [`load`] and [`save`]. A file that is there and cannot be read as a node key is never touched, nor is a link that leads nowhere.
pub fn load_or_generate(path: impl AsRef<Path>) -> Result<Loaded, NodeKeyError> {
    load_or_generate_with(path.as_ref(), file::sync_directory)
}

fn load_or_generate_with(path: &Path, sync: file::SyncDirectory) -> Result<Loaded, NodeKeyError> {
    match load(path) {
        Err(NodeKeyError::NotFound { .. }) => {}
        found => return found,
    }
    let identity = Identity::generate()?;
    if file::create(path, &text::write(&identity), sync)? {
        return Ok(Loaded {
            identity,
            warning: None,
        });
    }
    load(path)
}

/// A node key that could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeKeyError {
    /// There is a symbolic link, and no file where it leads.
    #[error("{} is a link to {}, which does not exist", path.display(), target.display())]
    DanglingLink {
        /// The link.
        path: PathBuf,
        /// Where it leads.
        target: PathBuf,
    },
    /// No identity could be generated.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The file is no node key.
    #[error("{} is no node key", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        problem: InvalidNodeKey,
    },
    /// The file cannot be read or written.
    #[error("{} could not be read or written", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is written, but its name may be lost with a loss of power: its directory could not be forced to the disk.
    #[error("{} is written, but a loss of power may undo it", path.display())]
    NotDurable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There is no file.
    #[error("{} does not exist", path.display())]
    NotFound {
        /// Where it should be.
        path: PathBuf,
    },
}

impl NodeKeyError {
    /// Who is at fault: always this program or its machine.
    pub const fn fault(&self) -> Fault {
        Fault::Local
    }
}

/// What makes a text no node key. None of it shows anything of the key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidNodeKey {
    /// The key is of an unknown type.
    #[error("key type {found:?}, it must be \"tendermint/PrivKeyEd25519\"")]
    KeyType {
        /// The type that the file states, unless it is too long to be one.
        found: String,
    },
    /// The key has a wrong length.
    #[error("key of {len} bytes, it must have 64")]
    Length {
        /// The bytes of the key.
        len: usize,
    },
    /// The public half of the key does not belong to the private one.
    #[error("the halves of the key do not belong together")]
    Mismatch,
    /// A part is missing, or is no text.
    #[error("there is no text {field:?}")]
    Missing {
        /// Where it should be.
        field: &'static str,
    },
    /// The key is not Base64.
    #[error("the key is not Base64")]
    NotBase64,
    /// The file is not JSON.
    #[error("not JSON, at line {line}, column {column}")]
    NotJson {
        /// The line of the first error, from 1.
        line: usize,
        /// The column of the first error, from 1.
        column: usize,
    },
    /// The key is one of secp256k1, which no secret connection takes.
    #[error("secp256k1 key, but secret connections need ed25519")]
    Secp256k1,
    /// The file is much longer than a node key.
    #[error("more than {max} bytes")]
    TooLong {
        /// The bytes that are read at most.
        max: usize,
    },
}

impl InvalidNodeKey {
    /// Who is at fault: always this program or its machine.
    pub const fn fault(&self) -> Fault {
        Fault::Local
    }
}

fn invalid(path: &Path, problem: InvalidNodeKey) -> NodeKeyError {
    NodeKeyError::Invalid {
        path: path.to_owned(),
        problem,
    }
}

fn failed(path: &Path, source: io::Error) -> NodeKeyError {
    NodeKeyError::Io {
        path: path.to_owned(),
        source,
    }
}
