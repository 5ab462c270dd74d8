//! Looking up names without holding up anybody who ends.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, OnceLock};
use std::thread;

use tokio::sync::{Semaphore, oneshot};

/// The addresses of a host, from the system's resolver, in its order: of `"example.com:26656".to_owned()`, or
/// `("example.com".to_owned(), 26656)`.
///
/// The system's resolver blocks its thread until it has an answer, for half a minute where the name server is silent. It runs on a thread
/// that nobody waits for: a lookup that was given up holds up neither the end of the runtime nor that of the program, as one on the
/// runtime's threads for blocking work would. Of such threads the program has at most 32; another lookup waits until one of them is
/// answered, so bound the whole with a timeout.
///
/// # Errors
///
/// What the system says, of the name or of the thread that it has not got.
///
/// # Cancel safety
///
/// Dropping the future gives the lookup up. Its thread ends when the system answers.
pub async fn lookup(host: impl ToSocketAddrs + Send + 'static) -> io::Result<Vec<SocketAddr>> {
    let threads = THREADS.get_or_init(|| Arc::new(Semaphore::new(MAX_THREADS)));
    detached(threads, move || Ok(host.to_socket_addrs()?.collect())).await
}

/// What the work gives, on a thread of its own for which nobody waits, once there is room for it.
pub(super) async fn detached<T: Send + 'static>(
    threads: &Arc<Semaphore>,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let room = threads.clone().acquire_owned().await;
    let room = room.map_err(io::Error::other)?;
    let (answer, answered) = oneshot::channel();
    thread::Builder::new()
        .name("lookup".to_owned())
        .spawn(move || {
            let found = work();
            drop(room);
            // Whoever asked may be gone.
            let _ = answer.send(found);
        })?;
    answered
        .await
        .unwrap_or_else(|_| Err(io::Error::other("the lookup ended without an answer")))
}

static THREADS: OnceLock<Arc<Semaphore>> = OnceLock::new();

/// As many lookups can be stuck at a dead name server; each is a thread of small memory that does nothing.
const MAX_THREADS: usize = 32;
