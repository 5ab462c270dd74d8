//! As long as anything of a switch is there.

use std::sync::Arc;

use super::event::Hub;
use super::reactor;

/// Held by all that can tell events. When the last of it is gone, there are no more events and no more sessions: a task that is aborted ends, and tells of it, only
/// after the future that owned it.
#[derive(Debug, Default)]
pub(super) struct Life {
    pub(super) hub: Arc<Hub>,
    pub(super) reactors: Vec<Arc<reactor::Shared>>,
}

impl Drop for Life {
    fn drop(&mut self) {
        for reactor in &self.reactors {
            reactor.close();
        }
        self.hub.close();
    }
}
