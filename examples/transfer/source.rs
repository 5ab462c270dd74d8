//! A file that is read in chunks and hashed on the way.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::protocol::{CHUNK, Digest, FileMessage};

/// A file on its way out, by the size that it had when it was opened.
pub(crate) struct Source {
    file: File,
    left: u64,
    hash: Sha256,
}

impl Source {
    /// Opens a file and says its size.
    pub(crate) fn open(path: &Path) -> io::Result<(Self, u64)> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(
                ErrorKind::InvalidInput,
                "not a regular file",
            ));
        }
        let size = metadata.len();
        Ok((
            Self {
                file,
                left: size,
                hash: Sha256::new(),
            },
            size,
        ))
    }

    /// The next data message, none at the end. A file that shrank is an error, since its size has been promised; what
    /// it grew by is left out.
    pub(crate) fn next_message(&mut self) -> io::Result<Option<Bytes>> {
        let len = usize::try_from(self.left).map_or(CHUNK, |left| left.min(CHUNK));
        if len == 0 {
            return Ok(None);
        }
        let message = FileMessage::data_from(len, |data| {
            self.file.read_exact(data).map_err(name_the_end)?;
            self.hash.update(data);
            Ok::<_, io::Error>(())
        })?;
        self.left -= len as u64;
        Ok(Some(message))
    }

    /// Bytes that are still to be read.
    pub(crate) const fn left(&self) -> u64 {
        self.left
    }

    /// The SHA-256 of what was read.
    pub(crate) fn digest(self) -> Digest {
        Digest(self.hash.finalize().into())
    }
}

fn name_the_end(error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::UnexpectedEof => {
            io::Error::new(ErrorKind::UnexpectedEof, "the file became shorter")
        }
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn chunks_and_digest_are_those_of_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        let content: Vec<u8> = (0..=250).cycle().take(2 * CHUNK + 5).collect();
        fs::write(&path, &content).unwrap();

        let (mut source, size) = Source::open(&path).unwrap();
        assert_eq!(size, content.len() as u64);
        let mut read = Vec::new();
        while let Some(message) = source.next_message().unwrap() {
            let Ok(FileMessage::Data(data)) = FileMessage::decode(&message) else {
                panic!("not data")
            };
            assert!(data.len() <= CHUNK);
            read.extend_from_slice(&data);
        }
        assert_eq!(read, content);
        assert_eq!(source.digest(), Digest(Sha256::digest(&content).into()));
    }

    #[test]
    fn a_file_that_changes_keeps_its_promised_size() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        fs::write(&path, "12345").unwrap();

        let (mut shrunk, _) = Source::open(&path).unwrap();
        fs::write(&path, "12").unwrap();
        assert_eq!(
            shrunk.next_message().unwrap_err().kind(),
            ErrorKind::UnexpectedEof
        );

        let (mut grown, _) = Source::open(&path).unwrap();
        fs::write(&path, "123456").unwrap();
        assert_eq!(grown.next_message().unwrap().unwrap().len(), 1 + 2);
        assert!(grown.next_message().unwrap().is_none());
    }

    #[test]
    fn a_directory_is_not_a_file() {
        let directory = tempfile::tempdir().unwrap();
        assert!(Source::open(directory.path()).is_err());
    }
}
