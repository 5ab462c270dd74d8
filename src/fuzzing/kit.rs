//! What drives a machine by hand.

use std::ops::ControlFlow;
use std::time::Instant;

use bytes::Bytes;

use crate::channel::ChannelId;
use crate::mux::{MessageSink, MessageSource};

/// Takes every message and keeps it.
#[derive(Debug, Default)]
pub(crate) struct Collected(pub(crate) Vec<(u8, Bytes)>);

impl MessageSink for Collected {
    fn push(&mut self, channel: ChannelId, message: Bytes) -> ControlFlow<()> {
        self.0.push((channel.get(), message));
        ControlFlow::Continue(())
    }
}

/// Has nothing to send.
#[derive(Debug)]
pub(crate) struct NoMessages;

impl MessageSource for NoMessages {
    fn pop(&mut self, _: ChannelId) -> Option<Bytes> {
        None
    }
}

/// The instant at which virtual time starts; only differences to it matter.
#[expect(
    clippy::disallowed_methods,
    reason = "there is no other way to have an instant"
)]
pub(crate) fn origin() -> Instant {
    Instant::now()
}
