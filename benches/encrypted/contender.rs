//! The compared stacks, by name.

/// A stack with the way it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contender {
    CometbftP2p,
    Mconn,
    Pipe,
}

impl Contender {
    /// Everyone, in the order of the table.
    pub(crate) const COLUMNS: [Self; 3] = [Self::Pipe, Self::CometbftP2p, Self::Mconn];
    /// Those that mconn is compared with.
    pub(crate) const OTHERS: [Self; 2] = [Self::Pipe, Self::CometbftP2p];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::CometbftP2p => "cometbft-p2p",
            Self::Mconn => "mconn",
            Self::Pipe => "pipe",
        }
    }
}

/// The head of the table: what the cells of a line are.
pub(crate) const HEAD: [&str; 7] = [
    "work, both ends encrypted",
    "bare pipe",
    "cometbft-p2p",
    "mconn",
    "÷ pipe",
    "÷ cometbft-p2p",
    "floors",
];
