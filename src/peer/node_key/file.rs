//! Files that are there as a whole or not at all.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use super::{InvalidNodeKey, NodeKeyError, failed, invalid};

pub(super) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, NodeKeyError> {
    // With all its room from the start: what a growing buffer leaves behind is not wiped.
    let mut text = Zeroizing::new(Vec::with_capacity(FILE_MAX + 1));
    let file = File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => NodeKeyError::NotFound {
            path: path.to_owned(),
        },
        _ => failed(path, error),
    })?;
    let read = file.take(FILE_MAX as u64 + 1).read_to_end(&mut text);
    read.map_err(|error| failed(path, error))?;
    if text.len() > FILE_MAX {
        return Err(invalid(path, InvalidNodeKey::TooLong { max: FILE_MAX }));
    }
    Ok(text)
}

/// Writes the file, over what is there.
pub(super) fn replace(path: &Path, text: &[u8]) -> Result<(), NodeKeyError> {
    let written = Temporary::write(path, text).and_then(|temporary| {
        fs::rename(&temporary.path, path)?;
        sync_directory(path)
    });
    written.map_err(|error| failed(path, error))
}

/// Writes the file if there is none; says whether it did.
pub(super) fn create(path: &Path, text: &[u8]) -> Result<bool, NodeKeyError> {
    let written = Temporary::write(path, text).and_then(|temporary| {
        match fs::hard_link(&temporary.path, path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
            // Not every file system has hard links.
            Err(_) => fs::rename(&temporary.path, path)?,
        }
        sync_directory(path)?;
        Ok(true)
    });
    written.map_err(|error| failed(path, error))
}

/// A file beside the one that it is to become. Dropping it removes it, if it still has this name.
struct Temporary {
    path: PathBuf,
}

impl Temporary {
    fn write(target: &Path, text: &[u8]) -> io::Result<Self> {
        let path = target.with_file_name(temporary_name(target)?);
        let mut file = owner_only().write(true).create_new(true).open(&path)?;
        let temporary = Self { path };
        file.write_all(text)?;
        file.sync_all()?;
        Ok(temporary)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // Nobody is left to be told, and nothing depends on it.
        let _ = fs::remove_file(&self.path);
    }
}

fn temporary_name(target: &Path) -> io::Result<OsString> {
    let name = target.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let mut random = [0; 8];
    SystemRandom::new()
        .fill(&mut random)
        .map_err(|_| io::Error::other("the system's random source failed"))?;
    let mut temporary = OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{:016x}", u64::from_ne_bytes(random)));
    Ok(temporary)
}

fn owner_only() -> OpenOptions {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "there are no modes"))]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes a new name in the directory of the file survive a loss of power.
#[cfg(unix)]
fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or_else(|| Path::new(".")))?.sync_all()
}

/// Directories cannot be opened as files.
#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}

/// A node key has some 180 bytes; this leaves room for other layouts of the same JSON.
const FILE_MAX: usize = 4096;
