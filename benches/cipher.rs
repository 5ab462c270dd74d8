//! The candidates for the cipher of the encrypted stream: ChaCha20-Poly1305 of three crates, on frames of 1028 bytes.

#![expect(
    clippy::expect_used,
    reason = "a bench whose cipher refuses cannot go on"
)]

use std::hint::black_box;
use std::time::Duration;

use aws_lc_rs::aead as aws_lc;
use chacha20poly1305::aead::{AeadInPlace, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Tag};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput};
use ring::aead as ring;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    run(
        &mut criterion,
        "cipher::seal",
        [seal::<AwsLc>, seal::<Ring>, seal::<ChaCha20Poly1305>],
    );
    run(
        &mut criterion,
        "cipher::open",
        [open::<AwsLc>, open::<Ring>, open::<ChaCha20Poly1305>],
    );
    criterion.final_summary();
}

type Bench = fn(&mut BenchmarkGroup<'_, WallTime>);

fn run(criterion: &mut Criterion, name: &str, benches: [Bench; 3]) {
    let mut group = criterion.benchmark_group(name);
    group
        .throughput(Throughput::Bytes(PLAIN as u64))
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    for bench in benches {
        bench(&mut group);
    }
    group.finish();
}

fn seal<C: Cipher>(group: &mut BenchmarkGroup<'_, WallTime>) {
    let cipher = C::keyed(&KEY);
    let mut frame = [0x5a; PLAIN];
    group.bench_function(C::NAME, |bencher| {
        bencher.iter(|| cipher.seal(black_box(&mut frame)));
    });
}

/// With a copy of the sealed frame each time, which takes the same of all.
fn open<C: Cipher>(group: &mut BenchmarkGroup<'_, WallTime>) {
    let cipher = C::keyed(&KEY);
    let mut sealed = [0x5a; PLAIN + TAG];
    let (plain, tag) = sealed.split_at_mut(PLAIN);
    tag.copy_from_slice(&cipher.seal(plain));
    group.bench_function(C::NAME, |bencher| {
        bencher.iter(|| {
            let mut frame = sealed;
            assert!(cipher.open(black_box(&mut frame)), "sealed by itself");
            frame
        });
    });
}

/// What the encrypted stream needs of a cipher. The nonce takes no time, so it is always the same here.
trait Cipher {
    const NAME: &str;

    fn keyed(key: &[u8; 32]) -> Self;

    fn seal(&self, frame: &mut [u8]) -> [u8; TAG];

    /// Opens a frame with its tag behind it; false if it is not authentic.
    fn open(&self, frame: &mut [u8]) -> bool;
}

struct AwsLc(aws_lc::LessSafeKey);

impl Cipher for AwsLc {
    const NAME: &str = "aws-lc-rs";

    fn keyed(key: &[u8; 32]) -> Self {
        let key = aws_lc::UnboundKey::new(&aws_lc::CHACHA20_POLY1305, key);
        Self(aws_lc::LessSafeKey::new(key.expect(KEY_FITS)))
    }

    fn seal(&self, frame: &mut [u8]) -> [u8; TAG] {
        let nonce = aws_lc::Nonce::assume_unique_for_key(NONCE);
        let sealed = self
            .0
            .seal_in_place_separate_tag(nonce, aws_lc::Aad::empty(), frame);
        tag(sealed.expect(SEALS).as_ref())
    }

    fn open(&self, frame: &mut [u8]) -> bool {
        let nonce = aws_lc::Nonce::assume_unique_for_key(NONCE);
        self.0
            .open_in_place(nonce, aws_lc::Aad::empty(), frame)
            .is_ok()
    }
}

struct Ring(ring::LessSafeKey);

impl Cipher for Ring {
    const NAME: &str = "ring";

    fn keyed(key: &[u8; 32]) -> Self {
        let key = ring::UnboundKey::new(&ring::CHACHA20_POLY1305, key);
        Self(ring::LessSafeKey::new(key.expect(KEY_FITS)))
    }

    fn seal(&self, frame: &mut [u8]) -> [u8; TAG] {
        let nonce = ring::Nonce::assume_unique_for_key(NONCE);
        let sealed = self
            .0
            .seal_in_place_separate_tag(nonce, ring::Aad::empty(), frame);
        tag(sealed.expect(SEALS).as_ref())
    }

    fn open(&self, frame: &mut [u8]) -> bool {
        let nonce = ring::Nonce::assume_unique_for_key(NONCE);
        self.0
            .open_in_place(nonce, ring::Aad::empty(), frame)
            .is_ok()
    }
}

impl Cipher for ChaCha20Poly1305 {
    const NAME: &str = "chacha20poly1305";

    fn keyed(key: &[u8; 32]) -> Self {
        Self::new(key.into())
    }

    fn seal(&self, frame: &mut [u8]) -> [u8; TAG] {
        let sealed = self.encrypt_in_place_detached(&NONCE.into(), &[], frame);
        tag(&sealed.expect(SEALS))
    }

    fn open(&self, frame: &mut [u8]) -> bool {
        let (frame, tag) = frame.split_at_mut(PLAIN);
        let tag = Tag::from_slice(tag);
        self.decrypt_in_place_detached(&NONCE.into(), &[], frame, tag)
            .is_ok()
    }
}

fn tag(bytes: &[u8]) -> [u8; TAG] {
    bytes.try_into().expect("every tag has 16 bytes")
}

const KEY: [u8; 32] = [0x42; 32];
const NONCE: [u8; 12] = [7; 12];
/// A length of four bytes and 1024 bytes of data.
const PLAIN: usize = 1028;
const TAG: usize = 16;
const KEY_FITS: &str = "a key of 32 bytes";
const SEALS: &str = "a short frame is sealed";
