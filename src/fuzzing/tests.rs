//! The bodies of the fuzz targets on what is at hand, so that they cannot rot.

use std::path::{Path, PathBuf};

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

/// Runs a body on its corpus, and on pseudo-random bytes behind the beginnings of its inputs.
fn check(target: &str, body: fn(&[u8])) {
    let mut random = Random(u64::from(target.as_bytes()[0]));
    for len in 0..200 {
        body(&random.bytes(len));
    }
    for path in corpus(target) {
        let input = std::fs::read(path).expect("a file");
        body(&input);
        for len in 1..8 {
            let kept = random.below(input.len() + 1);
            body(&[&input[..kept], &random.bytes(len)].concat());
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

/// splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).expect("it is below a size")
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        let words = std::iter::repeat_with(|| self.next().to_le_bytes());
        words.flatten().take(len).collect()
    }
}
