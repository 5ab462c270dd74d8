//! The time for a whole handshake.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::error::HandshakeError;
use crate::node::TIME_MAX;

/// When a handshake must be done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    after: Duration,
    deadline: Instant,
}

impl Limit {
    pub(super) fn starting_now(after: Duration) -> Self {
        // Whoever waits longer than a clock can say waits as long as a day.
        let deadline = Instant::now()
            .checked_add(after)
            .unwrap_or_else(|| Instant::now() + TIME_MAX);
        Self { after, deadline }
    }

    /// The stage's output, unless the time is up before.
    pub(crate) async fn bound<T>(
        self,
        stage: impl Future<Output = Result<T, HandshakeError>>,
    ) -> Result<T, HandshakeError> {
        let Self { after, deadline } = self;
        timeout_at(deadline, stage)
            .await
            .unwrap_or(Err(HandshakeError::Timeout { after }))
    }
}
