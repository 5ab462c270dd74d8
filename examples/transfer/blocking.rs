//! Work that must not run on a thread of the runtime.

use std::future;
use std::panic;

use tokio::task;

/// Runs `work` (a read, a write, a hash) on a thread that may block, so that the connections of this thread go on.
pub(crate) async fn off_runtime<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match task::spawn_blocking(work).await {
        Ok(value) => value,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => panic::resume_unwind(panic),
            // Cancelled: the runtime is going down, and takes this future with it.
            Err(_) => future::pending().await,
        },
    }
}
