//! One end of a connection: a current-thread runtime on a thread of its own, pinned to a core.

use std::io;
use std::thread::{self, JoinHandle};

use tokio::runtime;

/// Which end of the connection a thread is.
#[derive(Clone, Copy, Debug)]
pub enum Side {
    Dialer,
    Listener,
}

impl Side {
    const fn name(self) -> &'static str {
        match self {
            Self::Dialer => "dialer",
            Self::Listener => "listener",
        }
    }
}

/// Runs `work` to its end on the pinned thread of `side`, which bears its name for profilers.
pub fn spawn<T, F, W>(side: Side, work: W) -> io::Result<JoinHandle<io::Result<T>>>
where
    T: Send + 'static,
    F: Future<Output = io::Result<T>>,
    W: FnOnce() -> F + Send + 'static,
{
    thread::Builder::new()
        .name(side.name().to_owned())
        .spawn(move || {
            pin(side);
            runtime::Builder::new_current_thread()
                .enable_all()
                .build()?
                .block_on(work())
        })
}

/// Waits for an end; its panic is an error like any other.
pub fn join<T>(end: JoinHandle<io::Result<T>>) -> io::Result<T> {
    end.join()
        .unwrap_or_else(|_| Err(io::Error::other("an end panicked")))
}

/// With one core both ends share it, which the figures then show.
fn pin(side: Side) {
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    let index = match side {
        Side::Dialer => 0,
        Side::Listener => 1,
    };
    if let Some(core) = cores.get(index % cores.len().max(1)) {
        core_affinity::set_for_current(*core);
    }
}
