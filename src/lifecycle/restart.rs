//! One component after another, until one ends well.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::BoxError;
use super::component::Component;
use super::error::{Failure, RunError};
use crate::backoff::Backoff;

/// How often a component is restarted, and how long it waits before.
///
/// The waits double from the first to the longest, each lengthened by up to a half of itself at random, so that what failed together does not
/// come back together; after an instance that lived for a whole window they begin anew.
#[derive(Clone, Debug)]
pub struct RestartPolicy {
    pub(super) first_wait: Duration,
    pub(super) longest_wait: Duration,
    pub(super) max_restarts: usize,
    pub(super) window: Duration,
}

impl RestartPolicy {
    /// The wait before the first restart. Default 100 ms, which nobody notices once; at least 1 ms.
    #[must_use]
    pub fn with_first_wait(mut self, wait: Duration) -> Self {
        self.first_wait = wait.max(SHORTEST_WAIT);
        self
    }

    /// The longest wait. Default 30 s; not shorter than the first.
    #[must_use]
    pub const fn with_longest_wait(mut self, wait: Duration) -> Self {
        self.longest_wait = wait;
        self
    }

    /// At most so many restarts within any such time. Default 10 in 10 minutes; 0 is none at all.
    #[must_use]
    pub const fn with_max_restarts(mut self, restarts: usize, window: Duration) -> Self {
        self.max_restarts = restarts;
        self.window = window;
        self
    }
}

impl Default for RestartPolicy {
    fn default() -> Self {
        Self {
            first_wait: FIRST_WAIT,
            longest_wait: LONGEST_WAIT,
            max_restarts: MAX_RESTARTS,
            window: WINDOW,
        }
    }
}

/// Runs a fresh instance, and after each failure for which `restart` says so another, once the one before has ended and the policy's wait is
/// over. Cancelling `stop` stops the instance and waits for its end.
///
/// # Errors
///
/// [`RunError::Factory`] at once if no instance could be made, since another try would fail as well. [`RunError::Failed`] for a failure that
/// is not to be followed by a restart, and for one while stopping, about which `restart` is not asked. [`RunError::RestartLimit`] for one too
/// many. [`RunError::Start`] for an instance that is not fresh.
///
/// # Cancel safety
///
/// Dropping the future aborts the instance.
pub async fn run_component(
    stop: &CancellationToken,
    mut factory: impl FnMut() -> Result<Component, BoxError>,
    mut restart: impl FnMut(&Failure) -> bool,
    policy: &RestartPolicy,
) -> Result<(), RunError> {
    let mut history = Restarts::new(policy.clone());
    loop {
        let component = factory().map_err(|error| RunError::Factory(Arc::from(error)))?;
        history.begin(Instant::now());
        let failure = match component.run(stop.clone()).await {
            Err(RunError::Failed(failure)) => failure,
            ended => return ended,
        };
        if stop.is_cancelled() || !restart(&failure) {
            return Err(failure.into());
        }
        let wait = match history.next(Instant::now()) {
            Ok(wait) => wait,
            Err(restarts) => return Err(RunError::RestartLimit { restarts, failure }),
        };
        if stop.run_until_cancelled(sleep(wait)).await.is_none() {
            return Ok(());
        }
    }
}

/// What a node has been restarted before.
#[derive(Debug)]
pub(super) struct Restarts {
    policy: RestartPolicy,
    backoff: Backoff,
    begun: Option<Instant>,
    /// At most as many as the policy admits.
    past: VecDeque<Instant>,
}

impl Restarts {
    pub(super) fn new(policy: RestartPolicy) -> Self {
        let longest = policy.longest_wait.max(policy.first_wait);
        Self {
            backoff: Backoff::new(policy.first_wait, longest),
            policy,
            begun: None,
            past: VecDeque::new(),
        }
    }

    /// An instance runs from now.
    pub(super) const fn begin(&mut self, now: Instant) {
        self.begun = Some(now);
    }

    /// How long to wait for the next instance, or how many there were if that is all.
    pub(super) fn next(&mut self, now: Instant) -> Result<Duration, usize> {
        let window = self.policy.window;
        self.past
            .retain(|at| now.saturating_duration_since(*at) < window);
        if self.past.len() >= self.policy.max_restarts {
            return Err(self.past.len());
        }
        self.past.push_back(now);
        let lived = self.begun.map(|it| now.saturating_duration_since(it));
        if lived.is_some_and(|lived| lived >= window) {
            self.backoff.reset();
        }
        let wait = self.backoff.wait();
        Ok(wait.saturating_add(wait.mul_f64(random_half())))
    }
}

/// From 0 to a half.
fn random_half() -> f64 {
    // The standard library's only source of randomness.
    let random = RandomState::new().hash_one(0);
    f64::from((random >> 32) as u32) / f64::from(u32::MAX) / 2.0
}

const FIRST_WAIT: Duration = Duration::from_millis(100);
/// Without it a component that cannot live would use up a core.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
const MAX_RESTARTS: usize = 10;
const WINDOW: Duration = Duration::from_secs(600);
