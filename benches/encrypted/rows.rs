//! The rows of the table, in its order.

use std::io;

use crate::cometbft_p2p::{CometbftP2p, LARGEST_MESSAGE};
use crate::contender::{Contender, Effort, Floor, Line, Row};
use crate::pipe::{PIPE_WRITE, Pipe};
use mconn_benches::contender::Contender as _;
use mconn_benches::flow::{Flow, MIXED, Seen};
use mconn_benches::line::Unit;
use mconn_benches::secret::MconnEncrypted;
use mconn_benches::secret_stream::SecretStream;
use mconn_benches::stack::Stack;

pub(crate) const ROWS: [Row; 7] = [
    ("128", |effort| {
        one_channel("one channel, 128 B messages", 128, Vec::new()).run::<MconnEncrypted>(effort)
    }),
    ("1k", |effort| {
        one_channel("one channel, 1 KiB", 1 << 10, vec![pipe(0.80), p2p(4.0)])
            .run::<MconnEncrypted>(effort)
    }),
    ("16k", |effort| {
        one_channel("one channel, 16 KiB", 16 << 10, vec![pipe(0.85), p2p(2.5)])
            .run::<MconnEncrypted>(effort)
    }),
    ("1m", |effort| {
        one_channel("one channel, 1 MiB", 1 << 20, vec![pipe(0.85), p2p(2.5)])
            .run::<MconnEncrypted>(effort)
    }),
    ("mixed", |effort| mixed().run::<MconnEncrypted>(effort)),
    ("stream", |effort| {
        stream(
            "the byte stream alone, 64 KiB writes, the pipe too",
            64 << 10,
            64 << 10,
        )
        .run::<SecretStream>(effort)
    }),
    ("stream-62", |effort| {
        stream("the byte stream alone, 62 KiB writes", 62 << 10, PIPE_WRITE)
            .run::<SecretStream>(effort)
    }),
];

/// Channels that are always full, each with messages of its own size.
struct Work {
    title: &'static str,
    messages: Vec<usize>,
    /// What the pipe writes at once.
    pipe_write: usize,
    floors: Vec<Floor>,
}

impl Work {
    fn run<Ours: Stack>(&self, effort: Effort) -> io::Result<Vec<Line>> {
        let contenders = match self.messages.as_slice() {
            [_] => Contender::COLUMNS.to_vec(),
            // It carries one message at a time and has no channels.
            _ => vec![Contender::Pipe, Contender::Mconn],
        };
        let results = effort.interleave(&contenders, |of| self.once::<Ours>(of, effort))?;
        Ok(vec![Line {
            work: self.title.to_owned(),
            unit: Unit::BytesPerSecond,
            figures: results,
            floors: self.floors.clone(),
        }])
    }

    /// Bytes of payload per second.
    fn once<Ours: Stack>(&self, of: Contender, effort: Effort) -> io::Result<f64> {
        let window = effort.window(0.3, 0.7);
        let flow = |messages| Flow::saturated(messages, vec![window]);
        let seen = match of {
            Contender::CometbftP2p => {
                let fitting = self.messages.iter().map(|size| *size.min(&LARGEST_MESSAGE));
                flow(fitting.collect()).run::<CometbftP2p>()
            }
            Contender::Mconn => flow(self.messages.clone()).run::<Ours>(),
            Contender::Pipe => flow(vec![self.pipe_write]).run::<Pipe>(),
        };
        Ok(seen?.iter().map(Seen::rate).sum())
    }
}

const fn pipe(ratio: f64) -> Floor {
    Floor::at_least(Contender::Pipe, ratio)
}

const fn p2p(ratio: f64) -> Floor {
    Floor::at_least(Contender::CometbftP2p, ratio)
}

fn one_channel(title: &'static str, message: usize, floors: Vec<Floor>) -> Work {
    Work {
        title,
        messages: vec![message],
        pipe_write: PIPE_WRITE,
        floors,
    }
}

fn stream(title: &'static str, write: usize, pipe_write: usize) -> Work {
    Work {
        pipe_write,
        ..one_channel(title, write, vec![pipe(0.95), p2p(2.5)])
    }
}

fn mixed() -> Work {
    Work {
        title: "ten channels, 64 B to 1 MiB at once",
        messages: MIXED.to_vec(),
        pipe_write: PIPE_WRITE,
        floors: vec![pipe(0.75)],
    }
}
