//! Files on their way into the directory: written under a temporary name, checked, then given their own.

use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use crate::protocol::Digest;
use crate::text::is_printable;

/// A file of which not all bytes have come. Dropping it removes it from the directory.
pub(crate) struct Partial {
    pub(crate) name: String,
    pub(crate) promised: u64,
    pub(crate) written: u64,
    place: PathBuf,
    hash: Sha256,
    file: NamedTempFile,
}

impl Partial {
    /// Starts a file in `directory`. The promised size reserves nothing: it may be a lie.
    pub(crate) fn create(directory: &Path, name: &str, promised: u64) -> Result<Self, StoreError> {
        check(name)?;
        let place = directory.join(name);
        // Asked again at the end; here it saves the way.
        if place.symlink_metadata().is_ok() {
            return Err(StoreError::Exists);
        }
        let file = tempfile::Builder::new()
            .prefix(".transfer-")
            .suffix(".part")
            .tempfile_in(directory)?;
        Ok(Self {
            name: name.to_owned(),
            promised,
            written: 0,
            place,
            hash: Sha256::new(),
            file,
        })
    }

    pub(crate) fn append(&mut self, data: &[u8]) -> Result<(), StoreError> {
        let (promised, len) = (self.promised, data.len() as u64);
        if len > promised - self.written {
            return Err(StoreError::TooLong { promised });
        }
        self.hash.update(data);
        self.file.write_all(data)?;
        self.written += len;
        Ok(())
    }

    /// Compares size and SHA-256 with what the sender says, and gives the file its name, unless there is one of that name.
    pub(crate) fn finish(self, expected: &Digest) -> Result<(), StoreError> {
        let (written, promised) = (self.written, self.promised);
        if written != promised {
            return Err(StoreError::TooShort { written, promised });
        }
        if self.hash.finalize() != (*expected).into() {
            return Err(StoreError::Corrupt);
        }
        match self.file.persist_noclobber(&self.place) {
            Ok(_) => Ok(()),
            Err(taken) if taken.error.kind() == ErrorKind::AlreadyExists => Err(StoreError::Exists),
            Err(other) => Err(other.error.into()),
        }
    }
}

/// Why a file is not stored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("the name is not that of a plain file, or longer than {MAX_NAME} bytes")]
    BadName,
    #[error("more than the promised {promised} bytes came")]
    TooLong { promised: u64 },
    #[error("only {written} of the promised {promised} bytes came")]
    TooShort { written: u64, promised: u64 },
    #[error("the SHA-256 differs")]
    Corrupt,
    #[error("there is a file of this name")]
    Exists,
    /// Only the kind is shown: the peer is told, too, and paths of this system are none of its business.
    #[error("cannot be written: {}", .0.kind())]
    Disk(#[from] io::Error),
}

/// Whether a peer may choose this name: one component, harmless in any directory of any system.
fn check(name: &str) -> Result<(), StoreError> {
    let stem = name.split('.').next().unwrap_or(name).trim_end();
    let is_device = ["aux", "con", "nul", "prn"].contains(&&*stem.to_ascii_lowercase())
        || (stem.len() == 4 && stem.ends_with(|c: char| c.is_ascii_digit()))
            && ["com", "lpt"]
                .iter()
                .any(|it| stem.to_ascii_lowercase().starts_with(it));
    // A dot in front also stands for "." and ".." and for files that are not finished.
    let is_plain = !name.is_empty()
        && name.len() <= MAX_NAME
        && !name.contains(['/', '\\', ':'])
        && !name.starts_with('.')
        && !name.ends_with(['.', ' '])
        && name.chars().all(is_printable)
        && !is_device;
    is_plain.then_some(()).ok_or(StoreError::BadName)
}

/// In bytes: what file systems take.
const MAX_NAME: usize = 255;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_name_that_could_do_harm_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let long = "x".repeat(MAX_NAME + 1);
        for name in [
            "",
            ".",
            "..",
            "../a",
            "/a",
            "a/b",
            "a\\b",
            "c:a",
            "a\0b",
            "a\nb",
            "a\u{202e}b",
            ".a",
            "a.",
            "a ",
            "con",
            "NUL.txt",
            "com1",
            "Lpt9.x",
            &long,
        ] {
            let refused = Partial::create(directory.path(), name, 1);
            assert!(matches!(refused, Err(StoreError::BadName)), "{name:?}");
        }
        for name in ["a", "a.tar.gz", "naïve plan", "console", "com10", "combo"] {
            assert!(
                Partial::create(directory.path(), name, 1).is_ok(),
                "{name:?}"
            );
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_waits_under_the_name_is_not_followed_nor_replaced() {
        let (outside, directory) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let target = outside.path().join("target");
        let file = Partial::create(directory.path(), "a", 0).unwrap();
        std::os::unix::fs::symlink(&target, directory.path().join("a")).unwrap();
        let again = Partial::create(directory.path(), "a", 0).map(drop);
        assert!(matches!(again, Err(StoreError::Exists)), "{again:?}");
        let stored = file.finish(&Sha256::digest(b"").into());
        assert!(matches!(stored, Err(StoreError::Exists)), "{stored:?}");
        assert!(!fs::exists(target).unwrap());
    }
}
