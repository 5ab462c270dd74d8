//! The figures in `benches/README.md`, each block named like the bench it comes from.

use std::{fs, io};

use super::block::splice;

/// Puts `text` in the place of the block of `bench`.
pub fn replace(bench: &str, text: &str) -> io::Result<()> {
    let readme = fs::read_to_string(README)?;
    let replaced = splice(&readme, bench, text)
        .ok_or_else(|| io::Error::other(format!("no block named {bench} in benches/README.md")))?;
    fs::write(README, replaced)
}

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
