//! Those that a table compares.

use std::fmt::Debug;

/// One of them.
pub trait Contender: Copy + Debug + Eq + 'static {
    /// Everyone, in the order of the table.
    const COLUMNS: &'static [Self];
    /// Those that mconn is compared with.
    const OTHERS: &'static [Self];
    /// mconn.
    const OURS: Self;
    /// The head of the table: what the cells of a line are.
    const HEAD: &'static [&'static str];

    fn name(self) -> &'static str;
}
