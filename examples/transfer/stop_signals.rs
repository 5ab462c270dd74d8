//! What asks a program to stop: Ctrl-C, and the SIGTERM of containers and service managers.

use std::io;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Both signals, from now on: none of them ends the process by itself.
pub(crate) struct StopSignals {
    #[cfg(unix)]
    interrupt: Signal,
    #[cfg(unix)]
    terminate: Signal,
}

impl StopSignals {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            interrupt: signal(SignalKind::interrupt())?,
            #[cfg(unix)]
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for `work`, and cancels `stop` at the first signal. The second ends the wait: `None`.
    pub(crate) async fn until_done<T>(
        mut self,
        work: impl Future<Output = T>,
        stop: &CancellationToken,
        on_stop: impl FnOnce(),
    ) -> Option<T> {
        tokio::select! {
            done = work => Some(done),
            () = self.twice(stop, on_stop) => None,
        }
    }

    async fn twice(&mut self, stop: &CancellationToken, on_stop: impl FnOnce()) {
        self.next().await;
        on_stop();
        stop.cancel();
        self.next().await;
    }

    #[cfg(unix)]
    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    #[cfg(not(unix))]
    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            // The signal cannot be caught, so it keeps its usual effect: it ends the process.
            std::future::pending::<()>().await;
        }
    }
}
