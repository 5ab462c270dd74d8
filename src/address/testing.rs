//! What the tests of several modules need.

use std::path::Path;

use serde_json::Value;

use super::id::PeerId;

/// A recording of Go, see `tests/data/README.md`.
pub(crate) fn recording(name: &str) -> Value {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let text = std::fs::read(data.join(name)).expect("a file");
    serde_json::from_slice(&text).expect("JSON")
}

/// The rows of a table of texts, with as many columns.
pub(crate) fn rows<const N: usize>(table: &Value) -> Vec<[&str; N]> {
    let row = |row| cells(row).try_into().expect("all columns");
    table.as_array().expect("rows").iter().map(row).collect()
}

fn cells(row: &Value) -> Vec<&str> {
    let cells = row.as_array().expect("a row").iter();
    cells.map(|cell| cell.as_str().expect("a text")).collect()
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex");
    (0..text.len()).step_by(2).map(byte).collect()
}

pub(crate) fn id() -> PeerId {
    ID.parse().expect("an id")
}

/// Of the key of RFC 8032, section 7.1, test 1.
pub(crate) const ID: &str = "21fe31dfa154a261626bf854046fd2271b7bed4b";
