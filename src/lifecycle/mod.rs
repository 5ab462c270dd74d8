//! Components and their supervision: what starts after what, what stops before what, and what becomes of a failure.
//!
//! A [`Component`] is a set of workers that start, become ready, and end together. A [`Supervisor`] runs components that depend on each other:
//! none starts before all that it depends on are ready, none is told to stop before all that depend on it have ended, and a [`Verdict`] of the
//! program decides what follows from a failure. Nothing here knows of peers or channels.
//!
//! ```
//! use mconn::lifecycle::{Component, Node, Supervisor, Verdict};
//! use tokio::sync::oneshot;
//! use tokio_util::sync::CancellationToken;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let stop = CancellationToken::new();
//! let (tell, told) = oneshot::channel();
//! let mut tell = Some(tell);
//!
//! let store = Node::new("store", || {
//!     Ok(Component::new().worker("disk", |context| async move {
//!         context.ready(); // opened
//!         context.stopping().await;
//!         Ok(()) // flushed
//!     }))
//! });
//! let server = Node::new("server", move || {
//!     let tell = tell.take().ok_or("only once")?;
//!     Ok(Component::new().worker("accept", |context| async move {
//!         context.ready();
//!         let _ = tell.send("serving");
//!         context.stopping().await;
//!         Ok(())
//!     }))
//! })
//! .depends_on(["store"])
//! .on_failure(|_| Verdict::Shutdown);
//!
//! let supervisor = Supervisor::new([server, store]).expect("a graph without circles");
//! let running = tokio::spawn(supervisor.run(stop.clone()));
//! assert_eq!(told.await, Ok("serving"));
//! stop.cancel(); // the server ends first, then the store
//! let report = running.await.expect("it does not panic");
//! assert!(report.is_clean(), "{report}");
//! # }
//! ```
//!
//! # What it leaves to the program
//!
//! No signal handler is installed and no runtime is started: the program cancels a token, and gives
//! [`Supervisor::halt_release`] whatever should end a halt. Every task is owned by the future that started it, so dropping
//! [`Supervisor::run`], [`run_component`] or [`Component::run`] at any point aborts what runs under it.

mod component;
mod coordinator;
mod error;
mod graph;
mod node;
mod report;
mod restart;
mod signals;
mod supervisor;

#[cfg(test)]
mod tests;

pub use component::{Component, WorkerContext};
pub use error::{Cause, Failure, GraphError, NotReady, RunError, StartError};
pub use node::{Node, NodeError, Verdict};
pub use report::{NodeFailure, Report};
pub use restart::{RestartPolicy, run_component};
pub use signals::ComponentHandle;
pub use supervisor::Supervisor;

/// An error of the program, handed through unchanged.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
