//! What is secret is nowhere in memory once it was dropped. The secrets are those of these tests alone.

use std::hint::black_box;
use std::sync::Arc;

use super::kit::*;
use crate::secret::Identity;
use crate::secret::internals::*;
use crate::testing::memory::{Masked, copies};
use crate::testing::remote::shared_secret;

#[test]
fn the_seed_of_an_identity_is_nowhere_once_it_is_dropped() {
    let [seed] = copies([SEED], || {
        let identity = Identity::from_seed(&SEED.reveal()).unwrap();
        encode_authentication(&identity, &[7; 32]);
        Arc::new(moved(identity))
    });
    assert!(seed.held > 0, "it is not found where it is");
    assert_eq!(seed.dropped, 0);
}

#[test]
fn an_ephemeral_scalar_is_nowhere_once_it_is_dropped() {
    let [scalar] = copies([UNUSED_SCALAR], || {
        moved(Ephemeral::new(&UNUSED_SCALAR.reveal()).unwrap())
    });
    assert!(scalar.held > 0, "it is not found where it is");
    assert_eq!(scalar.dropped, 0);
}

#[test]
fn nothing_of_an_agreement_is_anywhere_once_the_session_is_dropped() {
    let secrets = [SCALAR, SHARED, LOWER, UPPER];
    let [scalar, shared, lower, upper] = copies(secrets, || {
        let ours = moved(Ephemeral::new(&SCALAR.reveal()).unwrap());
        moved(ours.agree(ephemeral(&[THEM; 32]).public()).unwrap())
    });
    assert!(
        lower.held > 0 && upper.held > 0,
        "they are not found where they are"
    );
    for secret in [scalar, shared, lower, upper] {
        assert_eq!(secret.dropped, 0);
    }

    // Those were the right ones.
    let secret = shared_secret(&SCALAR.reveal(), ephemeral(&[THEM; 32]).public()).unwrap();
    let keys = expand(&secret).unwrap();
    assert_eq!(secret, SHARED.reveal().as_slice());
    assert_eq!(keys[..32], LOWER.reveal()[..]);
    assert_eq!(keys[32..64], UPPER.reveal()[..]);
}

/// The library's cipher leaves the key on the stack of the thread that sealed or opened.
#[test]
fn a_frame_key_is_nowhere_but_on_the_stack_once_its_direction_is_dropped() {
    let [key] = copies([FRAME_KEY], || {
        let key = || frame_key(FRAME_KEY.reveal().as_slice()).unwrap();
        let (mut sealer, mut opener) = (moved(Sealer::new(key())), moved(Opener::new(key())));
        let mut frames = Vec::new();
        sealer.seal(&[7; 3000], &mut frames).unwrap();
        opener.open(&mut frames[..SEALED_FRAME]).unwrap();
        (sealer, opener)
    });
    assert!(key.held > 0, "it is not found where it is");
    assert_eq!(key.later, 0);
}

/// The value at another place, after it was so far down the stack that later calls do not write over what it left there.
fn moved<T>(value: T) -> T {
    sunk(value, 8)
}

#[inline(never)]
fn sunk<T>(value: T, levels: usize) -> T {
    let room = black_box([0x5a; 1024]);
    let value = match levels {
        0 => value,
        _ => sunk(value, levels - 1),
    };
    black_box(room);
    black_box(value)
}

const SEED: Masked = Masked(b"the masked seed of a memory test");
const UNUSED_SCALAR: Masked = Masked(b"the masked scalar nobody agreed!");
const FRAME_KEY: Masked = Masked(b"the masked frame key of one test");
const SCALAR: Masked = Masked(b"the masked scalar for agreements");
/// What follows from the scalar and the other one's.
const SHARED: Masked = Masked(&[
    0x41, 0xde, 0x9b, 0x36, 0x20, 0x15, 0xdc, 0x71, 0x32, 0x79, 0x16, 0x14, 0x59, 0xe4, 0xca, 0x0a,
    0xd6, 0xac, 0xdc, 0xf4, 0xb9, 0x40, 0xb0, 0x6a, 0x73, 0x06, 0x2c, 0xbd, 0x50, 0x8a, 0x0a, 0xa1,
]);
const LOWER: Masked = Masked(&[
    0xe9, 0xe4, 0x8b, 0xff, 0x06, 0x96, 0x01, 0x4c, 0x60, 0x08, 0x47, 0x28, 0xea, 0xff, 0x61, 0x4c,
    0x3e, 0xf9, 0x3a, 0xe0, 0xe2, 0x30, 0xaf, 0xb1, 0x5b, 0x34, 0xa0, 0x84, 0x91, 0xeb, 0x7b, 0xba,
]);
const UPPER: Masked = Masked(&[
    0x3e, 0xe1, 0xeb, 0x59, 0x21, 0xe0, 0xa6, 0xde, 0x3a, 0x63, 0x2c, 0xe5, 0xd5, 0xcf, 0x10, 0x44,
    0x3f, 0x4a, 0xe4, 0xf8, 0x91, 0x53, 0x1a, 0x0d, 0x19, 0xee, 0xd6, 0x9a, 0x42, 0x83, 0x7d, 0x19,
]);
