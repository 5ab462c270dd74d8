//! Interleaved rounds: every contender once a round, so that what changes on the machine meets them all.

use std::io;
use std::time::Duration;

use super::contender::Contender;
use super::flow::Window;

/// How long and how often.
#[derive(Clone, Copy, Debug)]
pub struct Effort<C> {
    pub rounds: usize,
    /// What every duration and count is divided by; 1 is the official run.
    pub haste: u32,
    /// Nobody else takes part, as a profiler wants it.
    pub only: Option<C>,
}

impl<C: Contender> Effort<C> {
    /// The results of every contender, a round each; the order turns by one from round to round.
    pub fn interleave<T>(
        &self,
        contenders: &[C],
        mut once: impl FnMut(C) -> io::Result<T>,
    ) -> io::Result<Vec<(C, Vec<T>)>> {
        let mut results: Vec<(C, Vec<T>)> = contenders
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

    pub fn seconds(&self, official: f64) -> Duration {
        Duration::from_secs_f64(official) / self.haste
    }

    /// A window of `length` seconds that starts `after` seconds of warming up.
    pub fn window(&self, after: f64, length: f64) -> Window {
        Window {
            after: self.seconds(after),
            length: self.seconds(length),
        }
    }

    pub fn count(&self, official: usize) -> usize {
        (official / self.haste as usize).max(FEWEST)
    }
}

/// Enough for a warm-up and a median.
const FEWEST: usize = 20;
