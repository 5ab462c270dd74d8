//! The compared stacks, by name.

/// A stack with the way it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contender {
    CometbftP2p,
    Mconn,
    Pipe,
}

impl mconn_benches::contender::Contender for Contender {
    const COLUMNS: &'static [Self] = &[Self::Pipe, Self::CometbftP2p, Self::Mconn];
    const OTHERS: &'static [Self] = &[Self::Pipe, Self::CometbftP2p];
    const OURS: Self = Self::Mconn;
    const HEAD: &'static [&'static str] = &[
        "work, both ends encrypted",
        "bare pipe",
        "cometbft-p2p",
        "mconn",
        "÷ pipe",
        "÷ cometbft-p2p",
        "floors",
    ];

    fn name(self) -> &'static str {
        match self {
            Self::CometbftP2p => "cometbft-p2p",
            Self::Mconn => "mconn",
            Self::Pipe => "pipe",
        }
    }
}

pub(crate) type Effort = mconn_benches::rounds::Effort<Contender>;
pub(crate) type Floor = mconn_benches::line::Floor<Contender>;
pub(crate) type Line = mconn_benches::line::Line<Contender>;
pub(crate) type Row = mconn_benches::suite::Row<Contender>;
