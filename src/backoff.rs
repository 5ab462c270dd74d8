//! Waits that grow.

use std::time::Duration;

/// Doubles from the first wait to the longest one.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    pub(crate) const fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            next: first,
        }
    }

    /// How long to wait now.
    pub(crate) fn wait(&mut self) -> Duration {
        let wait = self.next.min(self.longest);
        self.next = wait.saturating_mul(2);
        wait
    }

    /// The next wait is the first again.
    pub(crate) const fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_begin_anew_after_a_reset() {
        let second = Duration::from_secs(1);
        let mut backoff = Backoff::new(second, 5 * second);
        let waits = [0; 5].map(|_| backoff.wait());
        assert_eq!(waits, [1, 2, 4, 5, 5].map(|it| it * second));
        backoff.reset();
        assert_eq!(backoff.wait(), second);
        assert_eq!(Backoff::new(9 * second, second).wait(), second);
    }
}
