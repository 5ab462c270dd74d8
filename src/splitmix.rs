//! Numbers that look random (SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014). Whoever sees some can tell the others.

/// The number that a state stands for. States follow each other by [`STEP`].
pub(crate) const fn mixed(state: u64) -> u64 {
    let mut mixed = state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Odd, so that all states come before any comes again.
pub(crate) const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
