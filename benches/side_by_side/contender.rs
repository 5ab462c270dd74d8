//! The compared stacks, by name.

use std::io;

use crate::echo::Echo;
use crate::support::flow::{Flow, Seen};
use crate::support::h2::H2;
use crate::support::mconn::Mconn;
use crate::support::raw::Raw;
use crate::support::yamux::{Yamux, YamuxBuffered};

/// A stack with the way it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contender {
    H2,
    Mconn,
    Raw,
    Yamux,
    YamuxBuffered,
}

impl Contender {
    /// Everyone, in the order of the table.
    pub(crate) const COLUMNS: [Self; 5] = [
        Self::Raw,
        Self::Yamux,
        Self::YamuxBuffered,
        Self::H2,
        Self::Mconn,
    ];
    /// Those that mconn is compared with.
    pub(crate) const OTHERS: [Self; 4] = [Self::Raw, Self::Yamux, Self::YamuxBuffered, Self::H2];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::H2 => "h2",
            Self::Mconn => "mconn",
            Self::Raw => "raw",
            Self::Yamux => "yamux",
            Self::YamuxBuffered => "yamux buffered",
        }
    }

    pub(crate) fn flow(self, flow: &Flow) -> io::Result<Vec<Seen>> {
        match self {
            Self::H2 => flow.run::<H2>(),
            Self::Mconn => flow.run::<Mconn>(),
            Self::Raw => flow.run::<Raw>(),
            Self::Yamux => flow.run::<Yamux>(),
            Self::YamuxBuffered => flow.run::<YamuxBuffered>(),
        }
    }

    pub(crate) fn echo(self, echo: Echo) -> io::Result<Vec<f64>> {
        match self {
            Self::H2 => echo.run::<H2>(),
            Self::Mconn => echo.run::<Mconn>(),
            Self::Raw => echo.run::<Raw>(),
            Self::Yamux => echo.run::<Yamux>(),
            Self::YamuxBuffered => echo.run::<YamuxBuffered>(),
        }
    }
}

/// The head of the table: what the cells of a line are.
pub(crate) const HEAD: [&str; 11] = [
    "work",
    "raw TCP",
    "yamux",
    "yamux buffered",
    "h2",
    "mconn",
    "÷ raw",
    "÷ yamux",
    "÷ y. buffered",
    "÷ h2",
    "floors",
];
