//! The recordings of the Go implementation, see `tests/data/README.md`.

use std::path::Path;

use serde_json::Value;

/// The object in a recorded `.json`.
pub(crate) fn recorded(stem: &str) -> Value {
    let text = recorded_bytes(&format!("{stem}.json"));
    serde_json::from_slice(&text).expect("it is JSON")
}

pub(crate) fn recorded_bytes(file: &str) -> Vec<u8> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    std::fs::read(data.join(file)).expect("it is part of the package")
}

pub(crate) fn rows<'a>(table: &'a Value, name: &str) -> &'a [Value] {
    table[name].as_array().expect("a list")
}

pub(crate) fn number(value: &Value) -> usize {
    usize::try_from(value.as_u64().expect("a number")).expect("a size")
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

/// The bytes of a text of hex digits; blanks are for the reader.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| u8::try_from(c.to_digit(16).expect("hex")).expect("one digit"))
        .collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}
