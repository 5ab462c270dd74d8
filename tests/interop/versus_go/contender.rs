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
    pub(crate) const fn release(self) -> Option<Release> {
        match self {
            Self::Go0 => Some(Release::V0_38_25),
            Self::Go1 => Some(Release::V1_0_1),
            Self::Mconn => None,
        }
    }
}

impl mconn_benches::contender::Contender for Contender {
    const COLUMNS: &'static [Self] = &[Self::Go0, Self::Go1, Self::Mconn];
    const OTHERS: &'static [Self] = &[Self::Go0, Self::Go1];
    const OURS: Self = Self::Mconn;
    const HEAD: &'static [&'static str] = &[
        "work",
        "Go v0.38.25",
        "Go v1.0.1",
        "mconn",
        "÷ v0.38",
        "÷ v1.0",
        "floors",
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Go0 => "v0.38",
            Self::Go1 => "v1.0",
            Self::Mconn => "mconn",
        }
    }
}

pub(crate) type Effort = mconn_benches::rounds::Effort<Contender>;
pub(crate) type Floor = mconn_benches::line::Floor<Contender>;
pub(crate) type Line = mconn_benches::line::Line<Contender>;
pub(crate) type Row = mconn_benches::suite::Row<Contender>;
