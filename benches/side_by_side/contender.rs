//! The compared stacks, by name.

use std::io;

use crate::echo::Echo;
use mconn_benches::flow::{Flow, Seen};
use mconn_benches::h2::H2;
use mconn_benches::mconn::Mconn;
use mconn_benches::raw::Raw;
use mconn_benches::yamux::{Yamux, YamuxBuffered};

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

impl mconn_benches::contender::Contender for Contender {
    const COLUMNS: &'static [Self] = &[
        Self::Raw,
        Self::Yamux,
        Self::YamuxBuffered,
        Self::H2,
        Self::Mconn,
    ];
    const OTHERS: &'static [Self] = &[Self::Raw, Self::Yamux, Self::YamuxBuffered, Self::H2];
    const OURS: Self = Self::Mconn;
    const HEAD: &'static [&'static str] = &[
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

    fn name(self) -> &'static str {
        match self {
            Self::H2 => "h2",
            Self::Mconn => "mconn",
            Self::Raw => "raw",
            Self::Yamux => "yamux",
            Self::YamuxBuffered => "yamux buffered",
        }
    }
}

pub(crate) type Effort = mconn_benches::rounds::Effort<Contender>;
pub(crate) type Floor = mconn_benches::line::Floor<Contender>;
pub(crate) type Line = mconn_benches::line::Line<Contender>;
pub(crate) type Row = mconn_benches::suite::Row<Contender>;
