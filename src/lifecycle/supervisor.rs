//! Runs a graph of nodes.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::coordinator::Coordinator;
use super::error::GraphError;
use super::graph::Graph;
use super::node::Node;
use super::report::Report;

/// Runs nodes that depend on each other.
///
/// A node starts when all that it depends on are ready, and is told to stop when all that depend on it have ended. A node that ends by itself,
/// and is not restarted, takes those that depend on it along. One task decides all of this; nodes neither ask it nor wait for its answers.
#[must_use = "nothing runs before it does"]
pub struct Supervisor {
    nodes: Vec<Node>,
    graph: Graph,
    stop_timeout: Duration,
    release: Option<Release>,
}

type Release = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Supervisor {
    /// A supervisor of these nodes, in any order.
    ///
    /// # Errors
    ///
    /// Two nodes of one name, a dependency that is none of them, or a circle.
    pub fn new(nodes: impl IntoIterator<Item = Node>) -> Result<Self, GraphError> {
        let nodes: Vec<Node> = nodes.into_iter().collect();
        let edges: Vec<_> = nodes
            .iter()
            .map(|node| (node.name.as_str(), node.dependencies.as_slice()))
            .collect();
        let graph = Graph::new(&edges)?;
        Ok(Self {
            nodes,
            graph,
            stop_timeout: STOP_TIMEOUT,
            release: None,
        })
    }

    /// Bounds the time from telling a node to stop to its end. Default 10 s; then it is aborted and named in the [`Report`], and the nodes
    /// that it depends on are told.
    pub const fn with_stop_timeout(mut self, timeout: Duration) -> Self {
        self.stop_timeout = timeout;
        self
    }

    /// What ends a halt ([`Verdict::SpinHalt`](super::Verdict::SpinHalt)): a signal that the program waits for, for example.
    pub fn halt_release(mut self, release: impl Future<Output = ()> + Send + 'static) -> Self {
        self.release = Some(Box::pin(release));
        self
    }

    /// Runs the nodes until each has ended: because `stop` was cancelled, because of a verdict, or by itself.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future aborts every node.
    pub async fn run(self, stop: CancellationToken) -> Report {
        let coordinator = Coordinator::new(self.nodes, self.graph, self.stop_timeout);
        let (mut report, is_halting) = coordinator.run(&stop).await;
        if let (true, Some(release)) = (is_halting, self.release) {
            report.halted = true;
            release.await;
        }
        report
    }
}

impl fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervisor")
            .field("nodes", &self.nodes.len())
            .field("stop_timeout", &self.stop_timeout)
            .finish_non_exhaustive()
    }
}

/// Long enough to flush what is there, short enough for who waits at a prompt.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
