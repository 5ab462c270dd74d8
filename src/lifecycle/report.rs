//! How a supervisor ended.

use std::error::Error;
use std::fmt;

use super::node::NodeError;

/// What a [`Supervisor`](super::Supervisor) has to say at its end, when no node runs any more.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// Every failure, in the order in which they came; also those after which a node was restarted.
    pub failures: Vec<NodeFailure>,
    /// The nodes that did not end within the stop timeout and were aborted.
    pub stuck: Vec<String>,
    /// Whether it halted before.
    pub halted: bool,
}

impl Report {
    /// Whether no node failed, and each ended when it was told to.
    pub fn is_clean(&self) -> bool {
        self.failures.is_empty() && self.stuck.is_empty()
    }

    /// The first failure as the error.
    ///
    /// # Errors
    ///
    /// That, if there was one.
    pub fn into_result(self) -> Result<(), NodeFailure> {
        self.failures.into_iter().next().map_or(Ok(()), Err)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_clean() {
            return f.write_str("all nodes ended well");
        }
        for (number, failure) in self.failures.iter().enumerate() {
            let before = if number == 0 { "" } else { "; " };
            write!(f, "{before}{failure}")?;
            let mut source = failure.source();
            while let Some(error) = source {
                write!(f, ": {error}")?;
                source = error.source();
            }
        }
        Ok(())
    }
}

/// The failure of one node.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NodeFailure {
    /// Its name.
    pub node: String,
    /// Why it failed.
    pub error: NodeError,
}

impl fmt::Display for NodeFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {}: {}", self.node, self.error)
    }
}

impl Error for NodeFailure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.source()
    }
}
