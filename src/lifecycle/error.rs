//! What can go wrong with a component, and with a graph of them.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use super::BoxError;

/// Why a component ended otherwise than by itself or because it was told to.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Failure {
    /// The worker that failed first; empty where it was none of them.
    pub worker: String,
    /// What became of it.
    pub cause: Arc<Cause>,
    /// The workers that failed later, while the component was stopping for the first.
    pub later: Vec<(String, Arc<Cause>)>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.cause {
            Cause::Dropped => f.write_str("the run of the component was dropped")?,
            Cause::Error(_) => write!(f, "worker {} failed", self.worker)?,
            Cause::Panicked { message } => {
                write!(f, "worker {} panicked: {message}", self.worker)?;
            }
        }
        for (worker, _) in &self.later {
            write!(f, ", then {worker}")?;
        }
        Ok(())
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &*self.cause {
            Cause::Error(error) => Some(&**error),
            Cause::Panicked { .. } | Cause::Dropped => None,
        }
    }
}

/// What became of a worker.
#[derive(Debug)]
#[non_exhaustive]
pub enum Cause {
    /// The component's `run` was dropped, and its workers with it.
    Dropped,
    /// It returned this error.
    Error(BoxError),
    /// It panicked.
    Panicked {
        /// What it said, where that was a text.
        message: String,
    },
}

impl Cause {
    pub(super) fn of_panic(payload: &(dyn Any + Send)) -> Self {
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        Self::Panicked {
            message: text.unwrap_or("without a text").to_owned(),
        }
    }
}

/// A component that never became ready.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotReady {
    /// A worker ended before it said that it was ready.
    #[error("worker {worker} ended before it was ready")]
    Ended {
        /// The worker.
        worker: String,
    },
    /// The component was told to stop before, or never ran.
    #[error("the component was stopped before it was ready")]
    Stopped,
}

/// A component that cannot be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// It runs.
    #[error("the component is running already")]
    AlreadyRunning,
    /// It has run. A component is run once; for another run there must be another instance.
    #[error("the component has been shut down already")]
    AlreadyShutDown,
}

/// Why [`Component::run`](super::Component::run) or [`run_component`](super::run_component) did not end well.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// No instance could be made; another try would fail as well.
    #[error("the component cannot be made")]
    Factory(#[source] Arc<dyn Error + Send + Sync>),
    /// A worker failed.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// It was not to be restarted any more, since it had been restarted too often.
    #[error("restarted {restarts} times within the window, and failed again")]
    RestartLimit {
        /// How often.
        restarts: usize,
        /// The last failure.
        #[source]
        failure: Failure,
    },
    /// It could not be started. From [`run_component`](super::run_component): the factory gave an instance that was not a fresh one.
    #[error(transparent)]
    Start(#[from] StartError),
}

/// Nodes that make no graph to be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// Nodes that depend on each other in a circle.
    #[error("{} depend on each other in a circle", .nodes.join(", "))]
    Circle {
        /// The nodes of one circle, each depending on the next, and the last on the first.
        nodes: Vec<String>,
    },
    /// Two nodes of one name.
    #[error("there are two nodes of the name {name}")]
    Duplicate {
        /// The name.
        name: String,
    },
    /// A dependency that is none of the nodes.
    #[error("{name} depends on {dependency}, which is none of the nodes")]
    UnknownDependency {
        /// The node.
        name: String,
        /// What it depends on.
        dependency: String,
    },
}
