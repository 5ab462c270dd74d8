//! How much passes, for statistics only.

use std::time::{Duration, Instant};

use crate::stats::FlowStats;

/// Counts one direction of a connection or channel.
#[derive(Debug)]
pub(crate) struct Monitor {
    started: Instant,
    bytes: u64,
    packets: u64,
    sample_start: Instant,
    sample_bytes: u64,
    /// The end of the last sample in which bytes moved, apart from the running one.
    moved_until: Instant,
    average: Option<f64>,
    peak: f64,
}

impl Monitor {
    pub(crate) const fn new(now: Instant) -> Self {
        Self {
            started: now,
            bytes: 0,
            packets: 0,
            sample_start: now,
            sample_bytes: 0,
            moved_until: now,
            average: None,
            peak: 0.0,
        }
    }

    pub(crate) fn on_bytes(&mut self, now: Instant, bytes: usize) {
        self.sample(now);
        self.add(bytes);
    }

    /// Counts bytes whose time is that of the next sample.
    pub(crate) const fn add(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
        self.sample_bytes += bytes as u64;
    }

    /// Ends the running sample if it is long enough.
    pub(crate) fn sample(&mut self, now: Instant) {
        if let Some((average, peak)) = self.sampled(now) {
            self.average = Some(average);
            self.peak = peak;
            self.moved_until = self.moved_until();
            self.sample_start = now;
            self.sample_bytes = 0;
        }
    }

    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) const fn packets(&self) -> u64 {
        self.packets
    }

    pub(crate) const fn on_packet(&mut self) {
        self.packets += 1;
    }

    pub(crate) fn snapshot(&self, now: Instant) -> FlowStats {
        let (average, peak) = self
            .sampled(now)
            .unwrap_or_else(|| (self.average.unwrap_or(0.0), self.peak));
        FlowStats {
            bytes: self.bytes,
            packets: self.packets,
            rate: whole(average),
            peak_rate: whole(peak),
            average_rate: whole(per_second(
                self.bytes,
                now.saturating_duration_since(self.started),
            )),
            idle: self.idle(now),
            throttled: Duration::ZERO,
        }
    }

    /// Time since bytes last moved, to the precision of a sample.
    fn idle(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.moved_until())
    }

    /// Bytes are counted right after a sample was ended where it was time for that, so they fall into its usual length.
    fn moved_until(&self) -> Instant {
        if self.sample_bytes > 0 {
            self.sample_start + SAMPLE
        } else {
            self.moved_until
        }
    }

    /// Average and peak with the running sample, if that is long enough.
    fn sampled(&self, now: Instant) -> Option<(f64, f64)> {
        let length = now.saturating_duration_since(self.sample_start);
        if length < SAMPLE {
            return None;
        }
        let sample = per_second(self.sample_bytes, length);
        let weight = (-length.as_secs_f64() / WINDOW.as_secs_f64()).exp();
        let average = self
            .average
            .map_or(sample, |average| sample + weight * (average - sample));
        Some((average, self.peak.max(sample)))
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people to read")]
fn per_second(bytes: u64, time: Duration) -> f64 {
    if time.is_zero() {
        0.0
    } else {
        bytes as f64 / time.as_secs_f64()
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rates are positive, and saturate"
)]
fn whole(rate: f64) -> u64 {
    rate.round() as u64
}

/// As in CometBFT's status, so that figures can be compared.
pub(crate) const SAMPLE: Duration = Duration::from_millis(100);
const WINDOW: Duration = Duration::from_secs(1);
