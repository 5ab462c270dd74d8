//! Ctrl-C: once to stop in order, twice to leave at once.

use std::convert::Infallible;
use std::future;
use std::process;

use tokio::signal;
use tokio_util::sync::CancellationToken;

use crate::console::Console;

/// Waits for `work`, and cancels `stop` at the first Ctrl-C; the second ends the process.
pub(crate) async fn until_done<T>(
    work: impl Future<Output = T>,
    stop: &CancellationToken,
    console: &Console,
) -> T {
    tokio::select! {
        done = work => done,
        never = watch(stop, console) => match never {},
    }
}

async fn watch(stop: &CancellationToken, console: &Console) -> Infallible {
    interrupt().await;
    console.say("stopping: sending what was accepted; Ctrl-C again leaves at once");
    stop.cancel();
    interrupt().await;
    process::exit(STATUS_INTERRUPTED);
}

async fn interrupt() {
    if signal::ctrl_c().await.is_err() {
        // The signal cannot be caught, so it keeps its usual effect: it ends the process.
        future::pending().await
    }
}

/// What shells report for a process that Ctrl-C ended: 128 + SIGINT.
const STATUS_INTERRUPTED: i32 = 130;
