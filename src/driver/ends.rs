//! The connection's side of what its senders, receivers and handles hold.

use std::sync::Arc;

use super::closed::{CloseReason, Closed, Unfinished};
use super::commons::Commons;
use super::inbox::Inbox;
use super::inboxes::Inboxes;
use super::outbox::{Audience, Outbox};
use super::outboxes::Outboxes;
use super::pings::Pings;
use super::receiver::Receiver;
use super::sender::Sender;
use crate::channel::{ChannelDescriptor, ChannelSet};
use crate::config::{Config, ConfigError};

/// Both queue sides, and who asked for a ping. Whoever waits is answered at [`end`](Self::end), which a drop is too.
#[derive(Debug)]
pub(super) struct Ends {
    pub(super) set: Arc<ChannelSet>,
    pub(super) outboxes: Outboxes,
    pub(super) inboxes: Inboxes,
    pub(super) pings: Pings,
    pub(super) shared: Arc<Commons>,
}

impl Ends {
    pub(super) fn new(config: Config) -> Self {
        Self {
            set: Arc::default(),
            outboxes: Outboxes::default(),
            inboxes: Inboxes::new(config.inbox_bytes()),
            pings: Pings::default(),
            shared: Arc::new(Commons::new(config)),
        }
    }

    pub(super) fn open(
        &mut self,
        audience: Audience,
        channel: &ChannelDescriptor,
    ) -> Result<(Sender, Receiver), ConfigError> {
        let mut set = ChannelSet::clone(&self.set);
        let index = set.insert(channel.clone())?;
        self.set = Arc::new(set);
        let outbox = Arc::new(Outbox::new(channel, index, audience, self.shared.clone()));
        let inbox = Arc::new(Inbox::new(channel, self.shared.clone()));
        self.outboxes.add(self.set.clone(), outbox.clone());
        self.inboxes.add(self.set.clone(), channel, inbox.clone());
        Ok((Sender::new(outbox), Receiver::new(inbox)))
    }

    /// Answers everybody who waits, and says how it ended. The first end is the one that counts.
    pub(super) fn end(&mut self, reason: CloseReason, unfinished: Vec<Unfinished>) -> Closed {
        self.outboxes.close();
        self.inboxes.close();
        self.pings.abandon();
        let closed = Closed {
            reason,
            unsent: self.outboxes.abandon(),
            unfinished,
        };
        self.shared.end(closed.clone());
        closed
    }
}

impl Drop for Ends {
    fn drop(&mut self) {
        if !self.shared.has_ended() {
            self.end(CloseReason::Dropped, Vec::new());
        }
    }
}
