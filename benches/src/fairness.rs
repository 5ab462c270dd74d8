//! What a rule made of a scene: shares and waits.

use std::time::Duration;

use super::rule::Rule;
use super::scenes::Scene;
use super::simulation::{self, Sent};

/// A scene as one rule ran it.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub sent: Vec<Sent>,
    watched: usize,
    priorities: Vec<u16>,
}

impl Outcome {
    pub fn of<R: Rule>(scene: &Scene) -> Self {
        Self {
            sent: simulation::run::<R>(&scene.sources, scene.rate, scene.length),
            watched: scene.watched,
            priorities: scene.sources.iter().map(|source| source.priority).collect(),
        }
    }

    /// The most packets of others that went before one of the watched channel's.
    pub fn longest_wait(&self) -> u64 {
        self.waits().max().unwrap_or(0)
    }

    pub fn mean_wait(&self) -> f64 {
        let count = self.waits().count();
        self.waits().sum::<u64>() as f64 / count.max(1) as f64
    }

    /// The longest time between two packets of the watched channel, for one that always has some.
    pub fn longest_silence(&self) -> Duration {
        let times: Vec<Duration> = self.watched().map(|sent| sent.at).collect();
        times
            .windows(2)
            .map(|pair| pair[1] - pair[0])
            .max()
            .unwrap_or_default()
    }

    /// How far the worst served channel is from its priority's share: 0.01 is one per cent of that share.
    pub fn worst_share(&self) -> f64 {
        let shares = self.shares(Duration::ZERO, Duration::MAX);
        let priorities: f64 = self.priorities.iter().copied().map(f64::from).sum();
        let error = |(share, priority): (&f64, &u16)| {
            (share * priorities / f64::from(*priority) - 1.0).abs()
        };
        shares
            .iter()
            .zip(&self.priorities)
            .map(error)
            .fold(0.0, f64::max)
    }

    /// Each channel's share of the bytes that left from one time until another.
    pub fn shares(&self, from: Duration, to: Duration) -> Vec<f64> {
        let mut bytes = vec![0; self.priorities.len()];
        let first = self.sent.partition_point(|sent| sent.at <= from);
        for sent in self.sent[first..].iter().take_while(|sent| sent.at <= to) {
            bytes[sent.channel] += sent.framed;
        }
        let total = bytes.iter().sum::<usize>().max(1);
        bytes
            .iter()
            .map(|bytes| *bytes as f64 / total as f64)
            .collect()
    }

    fn waits(&self) -> impl Iterator<Item = u64> {
        self.watched().map(|sent| sent.overtaken_by)
    }

    fn watched(&self) -> impl Iterator<Item = &Sent> {
        self.sent.iter().filter(|sent| sent.channel == self.watched)
    }
}
