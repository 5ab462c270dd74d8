//! The message that a channel is cutting into packets.

use bytes::{Buf, Bytes};

use crate::channel::ChannelId;
use crate::packet::{ChunkLimits, encode_msg, framed_len};

/// Where the machine takes messages from; the queues are its driver's.
pub trait MessageSource {
    /// The channel's next message.
    ///
    /// Asked for when the last packet of the channel's message before it has been encoded, so an answer says also that.
    fn pop(&mut self, channel: ChannelId) -> Option<Bytes>;
}

/// A channel's unsent rest of a message. An empty message is one packet too.
#[derive(Debug)]
pub(crate) struct Outgoing {
    channel: ChannelId,
    limits: ChunkLimits,
    checked: bool,
    message: Option<Bytes>,
}

impl Outgoing {
    pub(crate) const fn new(channel: ChannelId, payload: usize, checked: bool) -> Self {
        let limits = ChunkLimits::new(channel, payload, checked);
        Self {
            channel,
            limits,
            checked,
            message: None,
        }
    }

    pub(crate) const fn is_idle(&self) -> bool {
        self.message.is_none()
    }

    /// Takes the next message, and says how large its first packet is.
    pub(crate) fn load(&mut self, source: &mut impl MessageSource) -> Option<usize> {
        self.message = source.pop(self.channel);
        self.next_len()
    }

    /// Framed bytes of the next packet.
    pub(crate) fn next_len(&self) -> Option<usize> {
        let (len, eof) = self.limits.next(self.message.as_ref()?.len());
        Some(framed_len(self.channel, eof, len, self.checked))
    }

    /// Appends the next packet to `out`: its framed bytes, and whether it ended the message.
    pub(crate) fn encode_next(&mut self, out: &mut Vec<u8>) -> Option<(usize, bool)> {
        let message = self.message.as_mut()?;
        let (len, eof) = self.limits.next(message.len());
        let framed = encode_msg(self.channel, eof, message.get(..len)?, self.checked, out);
        message.advance(len);
        if eof {
            self.message = None;
        }
        Some((framed, eof))
    }
}
