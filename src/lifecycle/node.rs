//! A component in a graph, and what becomes of its failures.

use std::fmt;
use std::sync::Arc;

use super::BoxError;
use super::component::Component;
use super::error::{Failure, NotReady, RunError};
use super::restart::RestartPolicy;

/// One node of a [`Supervisor`](super::Supervisor): how to make its component, what that depends on, and what follows from a failure.
pub struct Node {
    pub(super) name: String,
    pub(super) dependencies: Vec<String>,
    pub(super) factory: Factory,
    pub(super) handler: Handler,
    pub(super) restart: RestartPolicy,
}

/// It goes to the task in which the node runs, and comes back.
pub(super) type Factory = Box<dyn FnMut() -> Result<Component, BoxError> + Send>;
pub(super) type Handler = Box<dyn FnMut(&NodeError) -> Verdict + Send>;

impl Node {
    /// A node that depends on nothing. The factory gives a fresh instance each time that it is called.
    pub fn new(
        name: impl Into<String>,
        factory: impl FnMut() -> Result<Component, BoxError> + Send + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            dependencies: Vec::new(),
            factory: Box::new(factory),
            handler: Box::new(|_| Verdict::Shutdown),
            restart: RestartPolicy::default(),
        }
    }

    /// Starts it only once these are ready, and stops it before them.
    #[must_use]
    pub fn depends_on<Name: Into<String>>(mut self, names: impl IntoIterator<Item = Name>) -> Self {
        self.dependencies.extend(names.into_iter().map(Into::into));
        self
    }

    /// Decides what follows from a failure. Default [`Verdict::Shutdown`]. It is not asked about failures while the node is being stopped.
    ///
    /// It is called where the supervisor runs, so it must not take long. One that panics has said `Shutdown`.
    #[must_use]
    pub fn on_failure(
        mut self,
        handler: impl FnMut(&NodeError) -> Verdict + Send + 'static,
    ) -> Self {
        self.handler = Box::new(handler);
        self
    }

    /// How often it is restarted, where the verdict is [`Verdict::Restart`].
    #[must_use]
    pub const fn with_restart(mut self, policy: RestartPolicy) -> Self {
        self.restart = policy;
        self
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("name", &self.name)
            .field("dependencies", &self.dependencies)
            .field("restart", &self.restart)
            .finish_non_exhaustive()
    }
}

/// What follows from the failure of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a program decides among all that there is"
)]
pub enum Verdict {
    /// A fresh instance, after the wait of the node's [`RestartPolicy`]; beyond its limit, or where the factory panicked, [`Stop`](Self::Stop). Other
    /// nodes go on.
    Restart,
    /// This node stops for good, and all that depend on it.
    Stop,
    /// The same, and all that it depends on, with what depends on those: nothing runs without its dependencies.
    StopParents,
    /// All nodes stop.
    Shutdown,
    /// All nodes stop, and then the supervisor waits for [`halt_release`](super::Supervisor::halt_release), so that whatever runs the program does not
    /// restart it into a state that is dangerous. Without a release it is [`Shutdown`](Self::Shutdown).
    SpinHalt,
}

/// Why a node failed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// It could not be made or run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A worker ended without having been ready, so that the node was stopped.
    #[error(transparent)]
    NotReady(#[from] NotReady),
    /// Its factory panicked.
    #[error("its factory panicked: {message}")]
    Panicked {
        /// What it said, where that was a text.
        message: Arc<str>,
    },
    /// It did not end within the stop timeout, and was aborted.
    #[error("it did not end when it was told to, and was aborted")]
    Stuck,
}

impl From<Failure> for NodeError {
    fn from(failure: Failure) -> Self {
        Self::Run(failure.into())
    }
}
