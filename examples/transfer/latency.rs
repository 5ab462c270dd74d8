//! A collection of round-trip times.

use std::fmt;
use std::time::Duration;

/// Round-trip times in the order in which they were measured.
#[derive(Debug, Default)]
pub(crate) struct Latencies(Vec<Duration>);

impl Latencies {
    pub(crate) fn add(&mut self, sample: Duration) {
        self.0.push(sample);
    }

    /// The least sample that `percent` in a hundred of the samples do not exceed.
    fn percentile(&self, percent: usize) -> Option<Duration> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * percent).div_ceil(100);
        sorted.get(rank.saturating_sub(1)).copied()
    }
}

impl fmt::Display for Latencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Some(median), Some(p99), Some(max)) = (
            self.percentile(50),
            self.percentile(99),
            self.percentile(100),
        ) else {
            return f.write_str("none measured");
        };
        write!(
            f,
            "median {median:.2?}, p99 {p99:.2?}, max {max:.2?}, of {} round trips",
            self.0.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_samples() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.percentile(50), None);
        for millis in (1..=200).rev() {
            latencies.add(Duration::from_millis(millis));
        }
        assert_eq!(latencies.percentile(50), Some(Duration::from_millis(100)));
        assert_eq!(latencies.percentile(99), Some(Duration::from_millis(198)));
        assert_eq!(latencies.percentile(100), Some(Duration::from_millis(200)));
    }

    #[test]
    fn one_sample_is_every_percentile() {
        let mut latencies = Latencies::default();
        latencies.add(Duration::from_micros(1500));
        assert_eq!(
            latencies.to_string(),
            "median 1.50ms, p99 1.50ms, max 1.50ms, of 1 round trips"
        );
    }
}
