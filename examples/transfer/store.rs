//! Files on their way into the directory: written under a temporary name, checked, then given their own.

use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use crate::file_name::FileName;
use crate::protocol::Digest;

/// A file of which not all bytes have come. Dropping it removes it from the directory.
pub(crate) struct Partial {
    directory: PathBuf,
    name: FileName,
    promised: u64,
    written: u64,
    hash: Sha256,
    file: NamedTempFile,
}

impl Partial {
    /// Starts a file in `directory`. The promised size reserves nothing: it may be a lie.
    pub(crate) fn create(
        directory: &Path,
        name: FileName,
        promised: u64,
    ) -> Result<Self, StoreError> {
        let file = tempfile::Builder::new()
            .prefix(".transfer-")
            .suffix(".part")
            .tempfile_in(directory)?;
        Ok(Self {
            directory: directory.to_owned(),
            name,
            promised,
            written: 0,
            hash: Sha256::new(),
            file,
        })
    }

    pub(crate) fn append(&mut self, data: &[u8]) -> Result<(), StoreError> {
        let written = self.written + data.len() as u64;
        if written > self.promised {
            return Err(StoreError::TooLong {
                promised: self.promised,
            });
        }
        self.hash.update(data);
        self.file.write_all(data)?;
        self.written = written;
        Ok(())
    }

    /// Compares size and SHA-256 with what the sender says, and gives the file its name, or the first free one like it.
    pub(crate) fn finish(self, expected: Digest) -> Result<FileName, StoreError> {
        if self.written != self.promised {
            return Err(StoreError::TooShort {
                written: self.written,
                promised: self.promised,
            });
        }
        if Digest(self.hash.finalize().into()) != expected {
            return Err(StoreError::Corrupt);
        }
        let mut file = self.file;
        for name in self.name.candidates() {
            match file.persist_noclobber(self.directory.join(name.as_str())) {
                Ok(_) => return Ok(name),
                Err(taken) if taken.error.kind() == ErrorKind::AlreadyExists => file = taken.file,
                Err(other) => return Err(other.error.into()),
            }
        }
        Err(StoreError::NoFreeName)
    }

    pub(crate) const fn name(&self) -> &FileName {
        &self.name
    }

    pub(crate) const fn promised(&self) -> u64 {
        self.promised
    }

    pub(crate) const fn written(&self) -> u64 {
        self.written
    }
}

/// Why a file is not stored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("more than the promised {promised} bytes came")]
    TooLong { promised: u64 },
    #[error("only {written} of the promised {promised} bytes came")]
    TooShort { written: u64, promised: u64 },
    #[error("the SHA-256 differs")]
    Corrupt,
    #[error("every name like it is taken")]
    NoFreeName,
    /// Only the kind is shown: the peer is told, too, and paths of this system are none of its business.
    #[error("cannot be written: {}", .0.kind())]
    Disk(#[from] io::Error),
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn digest_of(content: &[u8]) -> Digest {
        Digest(Sha256::digest(content).into())
    }

    fn partial(directory: &Path, promised: u64) -> Partial {
        Partial::create(directory, FileName::parse("a.txt").unwrap(), promised).unwrap()
    }

    fn names_in(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_complete_file_gets_its_name() {
        let directory = tempfile::tempdir().unwrap();
        let mut file = partial(directory.path(), 5);
        file.append(b"he").unwrap();
        file.append(b"llo").unwrap();
        assert_eq!(file.written(), 5);
        assert_eq!(file.finish(digest_of(b"hello")).unwrap().as_str(), "a.txt");
        assert_eq!(names_in(directory.path()), ["a.txt"]);
        assert_eq!(fs::read(directory.path().join("a.txt")).unwrap(), b"hello");
    }

    #[test]
    fn an_empty_file_is_a_file() {
        let directory = tempfile::tempdir().unwrap();
        partial(directory.path(), 0).finish(digest_of(b"")).unwrap();
        assert_eq!(names_in(directory.path()), ["a.txt"]);
    }

    #[test]
    fn what_exists_is_never_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("a.txt"), "mine").unwrap();
        fs::create_dir(directory.path().join("a (1).txt")).unwrap();
        let name = partial(directory.path(), 0).finish(digest_of(b"")).unwrap();
        assert_eq!(name.as_str(), "a (2).txt");
        assert_eq!(fs::read(directory.path().join("a.txt")).unwrap(), b"mine");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_waits_under_the_name_is_not_followed() {
        let outside = tempfile::tempdir().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let target = outside.path().join("target");
        std::os::unix::fs::symlink(&target, directory.path().join("a.txt")).unwrap();
        let name = partial(directory.path(), 0).finish(digest_of(b"")).unwrap();
        assert_eq!(name.as_str(), "a (1).txt");
        assert!(!target.exists());
    }

    #[test]
    fn a_promise_that_is_not_kept_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();

        let mut longer = partial(directory.path(), 2);
        longer.append(b"ab").unwrap();
        assert!(matches!(
            longer.append(b"c"),
            Err(StoreError::TooLong { promised: 2 })
        ));
        drop(longer);

        let mut shorter = partial(directory.path(), u64::MAX);
        shorter.append(b"abc").unwrap();
        let error = shorter.finish(digest_of(b"abc"));
        assert!(matches!(
            error,
            Err(StoreError::TooShort {
                written: 3,
                promised: u64::MAX
            })
        ));

        let mut corrupt = partial(directory.path(), 3);
        corrupt.append(b"abc").unwrap();
        assert!(matches!(
            corrupt.finish(digest_of(b"abd")),
            Err(StoreError::Corrupt)
        ));

        assert!(names_in(directory.path()).is_empty());
    }
}
