//! Giving up.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use tokio_util::sync::CancellationToken;

/// The future's output, or nothing once it is cancelled. Where both come at the same moment the cancelling wins, so that
/// nothing is begun after it; [`CancellationToken::run_until_cancelled`] has it the other way round.
pub(crate) async fn unless_cancelled<T>(
    cancel: &CancellationToken,
    future: impl Future<Output = T>,
) -> Option<T> {
    let mut cancelled = pin!(cancel.cancelled());
    let mut future = pin!(future);
    poll_fn(|cx| {
        if cancelled.as_mut().poll(cx).is_ready() {
            return Poll::Ready(None);
        }
        future.as_mut().poll(cx).map(Some)
    })
    .await
}
