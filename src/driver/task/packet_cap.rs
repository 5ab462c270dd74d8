//! How much one step may decode.

use std::ops::ControlFlow;

use bytes::Bytes;

use crate::channel::ChannelId;
use crate::mux::MessageSink;

/// A sink that lets only so many packets pass.
#[derive(Debug)]
pub(super) struct PacketCap<'a, Sink> {
    sink: &'a mut Sink,
    left: usize,
}

impl<'a, Sink> PacketCap<'a, Sink> {
    /// For at least one packet.
    pub(super) const fn new(sink: &'a mut Sink, packets: usize) -> Self {
        Self {
            sink,
            left: packets,
        }
    }

    pub(super) const fn left(&self) -> usize {
        self.left
    }
}

impl<Sink: MessageSink> MessageSink for PacketCap<'_, Sink> {
    #[inline]
    fn push(&mut self, channel: ChannelId, message: Bytes) -> ControlFlow<()> {
        self.sink.push(channel, message)
    }

    #[inline]
    fn push_copy(&mut self, channel: ChannelId, message: &[u8]) -> ControlFlow<()> {
        self.sink.push_copy(channel, message)
    }

    #[inline]
    fn on_packet(&mut self) -> ControlFlow<()> {
        self.left = self.left.saturating_sub(1);
        if self.left == 0 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}
