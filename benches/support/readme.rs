//! The figures in `benches/README.md`, each block between two marks that name the bench it comes from.

use std::{fs, io};

/// Puts `text` in the place of the block of `bench`.
pub(crate) fn replace(bench: &str, text: &str) -> io::Result<()> {
    let readme = fs::read_to_string(README)?;
    let replaced = splice(&readme, bench, text)
        .ok_or_else(|| io::Error::other(format!("no block named {bench} in benches/README.md")))?;
    fs::write(README, replaced)
}

/// The text of the README with the block exchanged; none if it has no such block.
pub(crate) fn splice(readme: &str, bench: &str, text: &str) -> Option<String> {
    let (before, rest) = readme.split_once(&format!("<!-- begin {bench} -->"))?;
    let end = format!("<!-- end {bench} -->");
    let (_, after) = rest.split_once(&end)?;
    Some(format!(
        "{before}<!-- begin {bench} -->\n\n{}\n\n{end}{after}",
        text.trim()
    ))
}

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/README.md");
