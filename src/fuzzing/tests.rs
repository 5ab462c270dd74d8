//! The bodies of the fuzz targets on what is at hand, so that they cannot rot.

use std::path::{Path, PathBuf};

use crate::testing::Random;

#[cfg(feature = "secret")]
#[test]
fn packet_holds() {
    check("packet", super::packet);
}

#[test]
fn mux_bytes_holds() {
    check("mux_bytes", super::mux_bytes);
}

#[test]
fn mux_ops_holds() {
    check("mux_ops", super::mux_ops);
}

#[cfg(feature = "tokio")]
#[test]
fn driver_holds() {
    check("driver", super::driver);
}

#[cfg(feature = "peer")]
#[test]
fn node_info_holds() {
    check("node_info", super::node_info);
}

#[cfg(feature = "secret")]
#[test]
fn secret_frame_holds() {
    check("secret_frame", super::secret_frame);
}

#[cfg(feature = "secret")]
#[test]
fn handshake_holds() {
    check("handshake", super::handshake);
}

/// Runs a body on its corpus, and on pseudo-random bytes behind the beginnings of its inputs.
fn check(target: &str, body: fn(&[u8])) {
    let mut random = Random::new(target.len() as u64);
    for len in 0..200 {
        body(&noise(&mut random, len));
    }
    for path in corpus(target) {
        let input = std::fs::read(path).expect("a file");
        body(&input);
        for len in 1..4 {
            let kept = random.below(input.len() + 1);
            body(&[&input[..kept], &noise(&mut random, len)].concat());
            let mut changed = input.clone();
            if let Some(byte) = changed.get_mut(kept) {
                *byte = random.below(256).to_le_bytes()[0];
            }
            body(&changed);
        }
    }
}

/// The inputs in the repository. The published package has no `fuzz`.
fn corpus(target: &str) -> Vec<PathBuf> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    if !fuzz.exists() {
        return Vec::new();
    }
    let corpus = std::fs::read_dir(fuzz.join("corpus").join(target)).expect("its corpus");
    let mut paths: Vec<PathBuf> = corpus.map(|entry| entry.expect("a file").path()).collect();
    paths.sort();
    assert!(!paths.is_empty());
    paths
}

fn noise(random: &mut Random, len: usize) -> Vec<u8> {
    let words = std::iter::repeat_with(|| random.next().to_le_bytes());
    words.flatten().take(len).collect()
}
