//! What a key file may be, and should not be.

use std::path::PathBuf;

use super::file::{READ_BY_OTHERS, WRITE_BY_OTHERS};
use crate::secret::Identity;

/// An identity from a file.
#[derive(Debug)]
#[non_exhaustive]
pub struct Loaded {
    /// The identity.
    pub identity: Identity,
    /// What is wrong with the file, although it was read: to be shown to whoever runs the node.
    pub warning: Option<KeyFileWarning>,
}

/// Others than the owner may read or write a key file. Only known on Unix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} may be {} by others than its owner (mode {mode:04o}, it should be 0600)", path.display(), self.what())]
#[non_exhaustive]
pub struct KeyFileWarning {
    /// The file.
    pub path: PathBuf,
    /// Its permissions.
    pub mode: u32,
}

impl KeyFileWarning {
    /// Whether others may read it: then they can sign in the name of this node.
    pub const fn others_may_read(&self) -> bool {
        self.mode & READ_BY_OTHERS != 0
    }

    /// Whether others may write it: then they can make this node another one.
    pub const fn others_may_write(&self) -> bool {
        self.mode & WRITE_BY_OTHERS != 0
    }

    const fn what(&self) -> &'static str {
        match (self.others_may_read(), self.others_may_write()) {
            (true, true) => "read and written",
            (false, true) => "written",
            _ => "read",
        }
    }
}
