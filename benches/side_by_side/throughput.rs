//! Saturated channels: payload bytes per second beside plain TCP.

use std::io;

use crate::contender::{Contender, Effort, Floor, Line};
use mconn_benches::contender::Contender as _;
use mconn_benches::flow::{Flow, RAW_WRITE};
use mconn_benches::line::Unit;

/// Channels that are always full, each with messages of its own size.
#[derive(Clone, Debug)]
pub(crate) struct Throughput {
    pub(crate) work: &'static str,
    pub(crate) messages: Vec<usize>,
    /// Each message leaves by itself.
    pub(crate) alone: bool,
    /// At least so much of raw TCP, of h2 and of yamux.
    pub(crate) floors: [f64; 3],
}

impl Throughput {
    pub(crate) fn run(&self, effort: Effort) -> io::Result<Vec<Line>> {
        let results =
            effort.interleave(Contender::COLUMNS, |of| of.flow(&self.flow(of, effort)))?;
        let rates = results.into_iter().map(|(of, rounds)| {
            let rates = rounds.iter().flatten().map(|seen| seen.rate()).collect();
            (of, rates)
        });
        let [raw, h2, yamux] = self.floors;
        Ok(vec![Line {
            work: self.work.to_owned(),
            unit: Unit::BytesPerSecond,
            figures: rates.collect(),
            floors: vec![
                Floor::at_least(Contender::Raw, raw),
                Floor::at_least(Contender::H2, h2),
                Floor::at_least(Contender::Yamux, yamux),
            ],
        }])
    }

    fn flow(&self, of: Contender, effort: Effort) -> Flow {
        let messages = match of {
            Contender::Raw => vec![RAW_WRITE],
            _ => self.messages.clone(),
        };
        Flow {
            alone: self.alone,
            ..Flow::saturated(messages, vec![effort.window(0.3, 0.7)])
        }
    }
}
