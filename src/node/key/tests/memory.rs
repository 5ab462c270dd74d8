//! Nothing of a key file is left in memory, whether it was good, damaged, or written. The secrets are those of these tests alone.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::*;
use crate::testing::memory::{Masked, copies};

#[test]
fn nothing_of_a_file_that_was_written_is_left_but_the_identity() {
    let (_directory, path) = place();
    let [seed, text] = copies([SAVED, SAVED_TEXT], || {
        let identity = Identity::from_seed(&SAVED.reveal()).unwrap();
        save(&identity, &path).unwrap();
        identity
    });
    assert!(seed.held > 0, "it is not found where it is");
    assert_eq!((text.held, text.dropped, seed.dropped), (0, 0, 0));
    assert_text_of(SAVED_TEXT, SAVED);
}

#[test]
fn nothing_of_a_file_that_was_read_is_left_but_the_identity() {
    let (_directory, path) = place();
    let [seed, text] = copies([LOADED, LOADED_TEXT], || {
        save(&Identity::from_seed(&LOADED.reveal()).unwrap(), &path).unwrap();
        load(&path).unwrap()
    });
    assert!(seed.held > 0, "it is not found where it is");
    assert_eq!((text.held, text.dropped, seed.dropped), (0, 0, 0));
    assert_text_of(LOADED_TEXT, LOADED);
}

#[test]
fn nothing_of_a_damaged_file_is_left() {
    let (_directory, path) = place();
    let [text] = copies([DAMAGED_TEXT], || {
        write_masked(&path, FRONT, "");
        Zeroizing::new(fs::read(&path).unwrap())
    });
    assert!(text.held > 0, "it is not found where it is");
    for (front, back) in [
        // Good JSON with a bad key, and JSON that ends or breaks behind the key.
        (FRONT, r#""}}"#),
        (FRONT, r#"A\n\/"}}"#),
        (FRONT, "\"}"),
        (FRONT, ""),
        (FRONT, "\\x\"}}"),
        (
            r#"{"priv_key":{"type":"tendermint/PrivKeyEd25519",""#,
            r#""}}"#,
        ),
        (
            r#"{"priv_key":{"value":""#,
            r#"","type":"tendermint/PrivKeySr25519"}}"#,
        ),
        (r#"{"priv_key":{"type":""#, r#""}}"#),
        (r#"{"priv_key":""#, r#""}"#),
        (r#"["#, r#""]"#),
        (r#"{""#, r#"":1}"#),
        ("", ""),
    ] {
        write_masked(&path, front, back);
        let [text] = copies([DAMAGED_TEXT], || load(&path).unwrap_err());
        // An unoptimised search for line breaks, by which the place of an error is found, leaves a few of its vectors on the stack.
        assert_eq!(text.later, 0, "{front} {back}");
    }
}

/// Only then does it show something that the text is not found.
fn assert_text_of(text: Masked, seed: Masked) {
    let whole = Zeroizing::new(STANDARD.encode(seed.reveal().as_slice()));
    assert!(whole.as_bytes().starts_with(&text.reveal()[..]));
}

/// Writes a file with the secret text in the middle, without a copy.
fn write_masked(path: &Path, front: &str, back: &str) {
    let mut text = Zeroizing::new(Vec::with_capacity(200));
    text.extend_from_slice(front.as_bytes());
    // Memory that was given back loses its first bytes, so they are others.
    text.extend_from_slice(&[b'A'; 24]);
    text.extend_from_slice(DAMAGED_TEXT.reveal().as_slice());
    text.extend_from_slice(back.as_bytes());
    fs::write(path, &text).unwrap();
}

const FRONT: &str = r#"{"priv_key":{"type":"tendermint/PrivKeyEd25519","value":""#;
const SAVED: Masked = Masked(b"the masked seed of a saved file.");
const LOADED: Masked = Masked(b"the masked seed in a loaded file");
/// How they begin in Base64.
const SAVED_TEXT: Masked = Masked(&[
    0x95, 0xc6, 0x96, 0xe4, 0xcd, 0xc6, 0xcf, 0xe0, 0x94, 0xd6, 0x92, 0xe4, 0xd2, 0xfc, 0xfd, 0xf2,
    0xd2, 0xe8, 0xe1, 0xe7, 0xcd, 0xc6, 0xd7, 0xe1, 0xcd, 0xc6, 0xf6, 0xe3, 0x94, 0xd6, 0xf1, 0xf1,
]);
const LOADED_TEXT: Masked = Masked(&[
    0x95, 0xc6, 0x96, 0xe4, 0xcd, 0xc6, 0xcf, 0xe0, 0x94, 0xd6, 0x92, 0xe4, 0xd2, 0xfc, 0xfd, 0xf2,
    0xd2, 0xe8, 0xe1, 0xe7, 0xcd, 0xc6, 0xdf, 0xe9, 0xcd, 0xc6, 0xf6, 0xe3, 0xdc, 0xc6, 0xd7, 0xe0,
]);
/// Also Base64.
const DAMAGED_TEXT: Masked = Masked(&[
    0xdc, 0xe8, 0xf1, 0xf2, 0xdf, 0xd6, 0xe1, 0xe7, 0xcc, 0xfc, 0xfd, 0xe8, 0xdc, 0x91, 0xfd, 0xe0,
    0xcd, 0xc6, 0xed, 0xe0, 0xdc, 0xe8, 0xf1, 0xe6, 0xd2, 0xe8, 0xe2, 0xe3, 0xdf, 0xd6, 0xe1, 0xc6,
]);
