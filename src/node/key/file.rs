//! Files that are there as a whole or not at all.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use super::{InvalidNodeKey, KeyFileWarning, NodeKeyError, failed, invalid};

/// The text of a file, and who may do what with it.
pub(super) struct Found {
    pub(super) text: Zeroizing<Vec<u8>>,
    pub(super) warning: Option<KeyFileWarning>,
}

pub(super) fn read(path: &Path) -> Result<Found, NodeKeyError> {
    // With all its room from the start: what a growing buffer leaves behind is not wiped.
    let mut text = Zeroizing::new(Vec::with_capacity(FILE_MAX + 1));
    let file = File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => nothing_there(path),
        _ => failed(path, error),
    })?;
    let metadata = file.metadata().map_err(|error| failed(path, error))?;
    let warning = warning(path, &metadata);
    let read = file.take(FILE_MAX as u64 + 1).read_to_end(&mut text);
    read.map_err(|error| failed(path, error))?;
    if text.len() > FILE_MAX {
        return Err(invalid(path, InvalidNodeKey::TooLong { max: FILE_MAX }));
    }
    Ok(Found { text, warning })
}

fn nothing_there(path: &Path) -> NodeKeyError {
    let path = path.to_owned();
    match fs::read_link(&path) {
        Ok(target) => NodeKeyError::DanglingLink { path, target },
        Err(_) => NodeKeyError::NotFound { path },
    }
}

#[cfg(unix)]
fn warning(path: &Path, metadata: &fs::Metadata) -> Option<KeyFileWarning> {
    let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777;
    (mode & (READ_BY_OTHERS | WRITE_BY_OTHERS) != 0).then(|| KeyFileWarning {
        path: path.to_owned(),
        mode,
    })
}

/// There are no modes.
#[cfg(not(unix))]
fn warning(_: &Path, _: &fs::Metadata) -> Option<KeyFileWarning> {
    None
}

/// How a directory is made durable; tests have others.
pub(super) type SyncDirectory = fn(&Path) -> io::Result<()>;

/// Writes the file, over what is there.
pub(super) fn replace(path: &Path, text: &[u8], sync: SyncDirectory) -> Result<(), NodeKeyError> {
    Temporary::write(path, text)
        .and_then(|temporary| fs::rename(&temporary.path, path))
        .map_err(|error| failed(path, error))?;
    make_durable(path, sync)
}

/// Writes the file if there is none; says whether it did.
pub(super) fn create(path: &Path, text: &[u8], sync: SyncDirectory) -> Result<bool, NodeKeyError> {
    let written = Temporary::write(path, text).and_then(|temporary| {
        match fs::hard_link(&temporary.path, path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            // Not every file system has hard links.
            Err(_) => fs::rename(&temporary.path, path).map(|()| true),
        }
    });
    let written = written.map_err(|error| failed(path, error))?;
    if written {
        make_durable(path, sync)?;
    }
    Ok(written)
}

/// Makes a new name in the directory of the file survive a loss of power, where the system can do that.
fn make_durable(path: &Path, sync: SyncDirectory) -> Result<(), NodeKeyError> {
    let directory = path.parent().filter(|it| !it.as_os_str().is_empty());
    match sync(directory.unwrap_or_else(|| Path::new("."))) {
        Ok(()) => Ok(()),
        // Some shares know no such call, and a directory may be written by those who may not open it.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::InvalidInput
                    | io::ErrorKind::PermissionDenied
                    | io::ErrorKind::Unsupported
            ) =>
        {
            Ok(())
        }
        Err(source) => Err(NodeKeyError::NotDurable {
            path: path.to_owned(),
            source,
        }),
    }
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

#[cfg(unix)]
pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Directories cannot be opened as files.
#[cfg(not(unix))]
pub(super) fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}

/// A node key has some 180 bytes; this leaves room for other layouts of the same JSON.
const FILE_MAX: usize = 4096;
/// The bits of a mode for the group and for everybody.
pub(super) const READ_BY_OTHERS: u32 = 0o044;
pub(super) const WRITE_BY_OTHERS: u32 = 0o022;
