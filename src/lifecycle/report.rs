//! How a supervisor ended.

use std::error::Error;
use std::fmt;

use super::node::NodeError;

/// What a [`Supervisor`](super::Supervisor) has to say at its end, when no node runs any more.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// The failures in the order in which they came, also those after which a node was restarted: the first 1,000.
    pub failures: Vec<NodeFailure>,
    /// How many there were beyond these.
    pub more_failures: u64,
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

    pub(super) fn add(&mut self, node: &str, error: NodeError) {
        if self.failures.len() < MAX_FAILURES {
            let node = node.to_owned();
            self.failures.push(NodeFailure { node, error });
        } else {
            self.more_failures = self.more_failures.saturating_add(1);
        }
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
        match self.more_failures {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
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

/// A node that is restarted for years has a bound to what is kept of it; what went wrong first tells most.
const MAX_FAILURES: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_very_many_failures_the_first_are_kept_and_the_others_counted() {
        let mut report = Report::default();
        (0..1500).for_each(|node| report.add(&format!("{node}"), NodeError::Stuck));
        assert_eq!((report.failures.len(), report.more_failures), (1000, 500));
        assert!(report.to_string().ends_with("; and 500 more"));
        assert_eq!(report.into_result().unwrap_err().node, "0");
    }
}
