//! The compared programs, by name.

use crate::program::Release;

/// mconn, or a release of CometBFT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contender {
    Go0,
    Go1,
    Mconn,
}

impl Contender {
    /// Everyone, in the order of the table.
    pub(crate) const COLUMNS: [Self; 3] = [Self::Go0, Self::Go1, Self::Mconn];
    /// Those that mconn is compared with.
    pub(crate) const OTHERS: [Self; 2] = [Self::Go0, Self::Go1];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Go0 => "v0.38",
            Self::Go1 => "v1.0",
            Self::Mconn => "mconn",
        }
    }

    pub(crate) const fn release(self) -> Option<Release> {
        match self {
            Self::Go0 => Some(Release::V0_38_25),
            Self::Go1 => Some(Release::V1_0_1),
            Self::Mconn => None,
        }
    }
}

/// The head of the table: what the cells of a line are.
pub(crate) const HEAD: [&str; 7] = [
    "work",
    "Go v0.38.25",
    "Go v1.0.1",
    "mconn",
    "÷ v0.38",
    "÷ v1.0",
    "floors",
];
