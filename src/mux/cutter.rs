//! The message that a channel is cutting into packets.

use bytes::{Buf, Bytes};

use crate::channel::ChannelId;
use crate::packet::{ChunkLimits, MsgHeader, encode_msg, framed_len};

/// Where the machine takes messages from; the queues are its driver's.
pub trait MessageSource {
    /// The channel's next message. One that is taken is sent, before any other of its channel.
    fn pop(&mut self, channel: ChannelId) -> Option<Bytes>;

    /// The last packet of the channel's latest message has been encoded; it is written once the whole batch is.
    ///
    /// Does nothing by default.
    fn on_encoded(&mut self, channel: ChannelId) {
        let _ = channel;
    }
}

/// A channel's unsent rest of a message. An empty message is one packet too.
#[derive(Debug)]
pub(crate) struct Cutter {
    /// Of the packets that do not end their message.
    header: MsgHeader,
    limits: ChunkLimits,
    message: Bytes,
    next: Option<NextPacket>,
}

/// How the next packet is cut.
#[derive(Clone, Copy, Debug)]
struct NextPacket {
    data_len: usize,
    eof: bool,
    framed_len: usize,
}

impl Cutter {
    pub(crate) const fn new(channel: ChannelId, payload: usize, checked: bool) -> Self {
        let limits = ChunkLimits::new(channel, payload, checked);
        Self {
            header: MsgHeader::new(channel).with_checksum(checked),
            limits,
            message: Bytes::new(),
            next: None,
        }
    }

    pub(crate) const fn is_idle(&self) -> bool {
        self.next.is_none()
    }

    /// Takes the next message, and says how large its first packet is.
    #[inline]
    pub(crate) fn load(&mut self, source: &mut impl MessageSource) -> Option<usize> {
        self.message = source.pop(self.header.channel)?;
        self.cut();
        self.next_len()
    }

    /// Framed bytes of the next packet.
    pub(crate) fn next_len(&self) -> Option<usize> {
        Some(self.next?.framed_len)
    }

    /// Appends the next packet to `out`: its framed bytes, and whether it ended the message.
    #[inline]
    pub(crate) fn encode_next(&mut self, out: &mut Vec<u8>) -> Option<(usize, bool)> {
        let NextPacket {
            data_len,
            eof,
            framed_len,
        } = *self.next.as_ref()?;
        self.next = None;
        let data = self.message.get(..data_len)?;
        encode_msg(&self.header.with_eof(eof), data, out);
        if eof {
            self.message = Bytes::new();
        } else {
            self.message.advance(data_len);
            self.cut();
        }
        Some((framed_len, eof))
    }

    fn cut(&mut self) {
        let (data_len, eof) = self.limits.next(self.message.len());
        let framed_len = framed_len(&self.header.with_eof(eof), data_len);
        self.next = Some(NextPacket {
            data_len,
            eof,
            framed_len,
        });
    }
}
