//! Interleaved rounds: every contender once a round, so that what changes on the machine meets them all.

use std::io;
use std::time::Duration;

use super::flow::Window;
use crate::contender::Contender;

/// How long and how often.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    pub(crate) rounds: usize,
    /// What every duration and count is divided by; 1 is the official run.
    pub(crate) haste: u32,
    /// Nobody else takes part, as a profiler wants it.
    pub(crate) only: Option<Contender>,
}

impl Effort {
    /// The results of every contender, a round each; the order turns by one from round to round.
    pub(crate) fn interleave<T>(
        &self,
        contenders: &[Contender],
        mut once: impl FnMut(Contender) -> io::Result<T>,
    ) -> io::Result<Vec<(Contender, Vec<T>)>> {
        let mut results: Vec<(Contender, Vec<T>)> = contenders
            .iter()
            .filter(|of| self.only.is_none_or(|only| only == **of))
            .map(|of| (*of, Vec::new()))
            .collect();
        for round in 0..self.rounds {
            for turn in 0..results.len() {
                let index = (round + turn) % results.len();
                let (contender, rounds) = &mut results[index];
                let named = |error: io::Error| {
                    io::Error::new(error.kind(), format!("{}: {error}", contender.name()))
                };
                rounds.push(once(*contender).map_err(named)?);
            }
        }
        Ok(results)
    }

    pub(crate) fn seconds(&self, official: f64) -> Duration {
        Duration::from_secs_f64(official) / self.haste
    }

    /// A window of `length` seconds that starts `after` seconds of warming up.
    pub(crate) fn window(&self, after: f64, length: f64) -> Window {
        Window {
            after: self.seconds(after),
            length: self.seconds(length),
        }
    }

    pub(crate) fn count(&self, official: usize) -> usize {
        (official / self.haste as usize).max(FEWEST)
    }
}

/// Enough for a warm-up and a median.
const FEWEST: usize = 20;
