//! The file of the demo.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::protocol::Digest;

/// Writes a file that no compression makes easy, and that is the same in every run.
pub(crate) fn make(path: &Path, size: u64) -> io::Result<()> {
    let mut file = BufWriter::with_capacity(BUFFER, File::create_new(path)?);
    let mut state = SEED;
    let mut left = size;
    while left > 0 {
        let bytes = next_word(&mut state).to_le_bytes();
        let len = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
        file.write_all(&bytes[..len])?;
        left -= len as u64;
    }
    file.flush()
}

/// The SHA-256 of what lies in a file, apart from anything that a transfer has computed.
pub(crate) fn digest_of(path: &Path) -> io::Result<Digest> {
    let mut hash = Sha256::new();
    io::copy(
        &mut BufReader::with_capacity(BUFFER, File::open(path)?),
        &mut hash,
    )?;
    Ok(Digest(hash.finalize().into()))
}

/// SplitMix64.
const fn next_word(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut word = *state;
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// Any number does; a fixed one makes runs comparable.
const SEED: u64 = 3;

/// Few system calls for a file of some hundred megabytes.
const BUFFER: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_sample_has_its_size_and_is_the_same_every_time() {
        let directory = tempfile::tempdir().unwrap();
        for size in [0, 1, 8, 4099] {
            let paths = [0, 1].map(|copy| directory.path().join(format!("{size}-{copy}")));
            for path in &paths {
                make(path, size).unwrap();
                assert_eq!(fs::metadata(path).unwrap().len(), size);
            }
            assert_eq!(digest_of(&paths[0]).unwrap(), digest_of(&paths[1]).unwrap());
        }
    }

    #[test]
    fn the_digest_is_sha_256() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("abc");
        fs::write(&path, "abc").unwrap();
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest_of(&path).unwrap().to_string(), expected);
    }
}
