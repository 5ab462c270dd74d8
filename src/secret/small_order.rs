//! Long-term keys for which anybody can sign.

use super::identity::{PUBLIC_KEY_LEN, PublicKey};

impl PublicKey {
    /// Whether the key is one of the eight points of small order, in any of the encodings that a decoder may take for them.
    ///
    /// For such a key signatures can be made without a secret: of the point of order one, a single signature fits every text.
    pub fn is_small_order(&self) -> bool {
        // A point and its opposite differ in the first bit of the last byte only.
        let mut y = *self.as_bytes();
        let [.., last] = &mut y;
        *last &= 0x7f;
        SMALL_ORDER.contains(&y)
    }
}

/// The `y` of all eight points, which are five numbers, two of which have a second encoding because they are less than 2^255 - p.
const SMALL_ORDER: [[u8; PUBLIC_KEY_LEN]; 7] = [
    // 0, of order 4.
    [0; PUBLIC_KEY_LEN],
    // 1, of order 1.
    with_ends(1, 0x00, 0x00),
    // The two of order 8.
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
    // p - 1, of order 2.
    with_ends(0xec, 0xff, 0x7f),
    // p and p + 1, which are 0 and 1.
    with_ends(0xed, 0xff, 0x7f),
    with_ends(0xee, 0xff, 0x7f),
];

const fn with_ends(first: u8, middle: u8, last: u8) -> [u8; PUBLIC_KEY_LEN] {
    let mut y = [middle; PUBLIC_KEY_LEN];
    let [start, .., end] = &mut y;
    *start = first;
    *end = last;
    y
}

#[cfg(test)]
mod tests {
    use curve25519_dalek::constants::EIGHT_TORSION;
    use curve25519_dalek::edwards::CompressedEdwardsY;

    use super::*;
    use crate::secret::Identity;

    #[test]
    fn all_encodings_of_all_points_of_small_order_are_known_and_no_others() {
        let mut encodings = Vec::new();
        for point in EIGHT_TORSION {
            let mut y = point.compress().0;
            y[31] &= 0x7f;
            encodings.extend(both_signs(y));
            if let Some(second) = plus_p(y) {
                encodings.extend(both_signs(second));
            }
        }
        encodings.sort_unstable();
        encodings.dedup();
        assert_eq!(encodings.len(), 2 * SMALL_ORDER.len());
        for encoding in encodings {
            assert!(PublicKey::new(encoding).is_small_order(), "{encoding:02x?}");
        }
    }

    #[test]
    fn another_library_calls_the_same_points_of_small_order() {
        let agree = |bytes: [u8; 32]| {
            let point = CompressedEdwardsY(bytes).decompress();
            let theirs = point.is_some_and(|point| point.is_small_order());
            assert_eq!(
                PublicKey::new(bytes).is_small_order(),
                theirs,
                "{bytes:02x?}"
            );
        };
        // All numbers with a second encoding, in both.
        for small in 0..19 {
            let y = with_ends(small, 0, 0);
            both_signs(y).into_iter().for_each(agree);
            let second = plus_p(y).expect("it is small");
            both_signs(second).into_iter().for_each(agree);
        }
        for start in SMALL_ORDER {
            for bit in 0..256 {
                let mut near = start;
                near[bit / 8] ^= 1 << (bit % 8);
                agree(near);
            }
        }
        for _ in 0..100 {
            agree(*Identity::generate().unwrap().public_key().as_bytes());
        }
    }

    fn both_signs(y: [u8; 32]) -> [[u8; 32]; 2] {
        let mut opposite = y;
        opposite[31] |= 0x80;
        [y, opposite]
    }

    /// The other encoding of a number below 19: p is 2^255 - 19.
    fn plus_p(y: [u8; 32]) -> Option<[u8; 32]> {
        let small = y[0] < 19 && y[1..].iter().all(|byte| *byte == 0);
        small.then(|| with_ends(0xed + y[0], 0xff, 0x7f))
    }
}
