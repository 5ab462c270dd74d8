//! What the peer sends: from bytes to complete messages.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes, BytesMut};

use super::{Channel, Mux};
use crate::channel::ChannelId;
use crate::error::Error;
use crate::packet::ProtocolError;
use crate::packet::{Packet, PacketMsg, checksum, decode};
use crate::trace;

/// Where the machine puts complete messages; the queues are its driver's.
pub trait MessageSink {
    /// Takes a message. `Break` asks the machine to decode no further at present.
    fn push(&mut self, channel: ChannelId, message: Bytes) -> ControlFlow<()>;

    /// Takes a message that came in one packet and lies in the input.
    ///
    /// By default it is copied into memory of its own, since a slice would keep the whole input alive; a sink that takes many
    /// short ones may put several into one allocation.
    fn push_copy(&mut self, channel: ChannelId, message: &[u8]) -> ControlFlow<()> {
        self.push(channel, Bytes::copy_from_slice(message))
    }

    /// A packet was decoded, whatever it was. `Break` asks the machine to decode no further at present.
    ///
    /// With it a driver bounds the work of one step: the bytes of an input say little about it, since a packet may have three.
    /// By default it goes on.
    fn on_packet(&mut self) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

impl Mux {
    /// Decodes the packets at the start of `input` and removes them from it; what is left is an unfinished packet, or what a
    /// `Break` of the sink left undone. Append to it what is read next.
    ///
    /// # Errors
    ///
    /// [`Error::Protocol`] at the first violation; what was complete before it has been pushed. The connection is over then.
    pub fn handle_input(
        &mut self,
        now: Instant,
        input: &mut BytesMut,
        sink: &mut impl MessageSink,
    ) -> Result<ControlFlow<()>, Error> {
        self.sample(now);
        let mut done = 0;
        let result = self.decode_all(now, input, &mut done, sink);
        input.advance(done);
        self.messages.watch(|| received_bytes(&self.channels));
        result
    }

    /// The peer closed its half of the stream, with `rest` undecoded.
    ///
    /// # Errors
    ///
    /// [`Error::Truncated`] if that was inside a packet, also right behind a length prefix.
    pub fn handle_end(&mut self, now: Instant, rest: &[u8]) -> Result<(), Error> {
        // Nothing will come any more, which is no silence.
        self.on_read_paused(now);
        if rest.is_empty() {
            Ok(())
        } else {
            Err(Error::Truncated {
                received: rest.len(),
            })
        }
    }

    /// How many bytes may be read now; 0 if the limit forbids it until [`poll_timeout`](Self::poll_timeout).
    pub fn read_allowance(&mut self, now: Instant) -> usize {
        let room = self.recv.room(now);
        if room == 0 {
            self.keepalive.on_read_paused(now);
            self.messages.on_read_paused(now);
            return 0;
        }
        if !self.reading.is_paused() {
            self.keepalive.on_read_resumed(now);
            self.messages.on_read_resumed(now);
        }
        room.max(self.config.largest_received())
    }

    /// `bytes` were read from the transport.
    pub fn on_read(&mut self, now: Instant, bytes: usize) {
        self.recv.on_bytes(now, bytes);
    }

    /// Reading stops because an inbox is full; the peer's silence is not held against it until it resumes.
    pub fn on_read_paused(&mut self, now: Instant) {
        self.reading.paused_since.get_or_insert(now);
        self.keepalive.on_read_paused(now);
        self.messages.on_read_paused(now);
    }

    /// Reading goes on after a pause.
    pub fn on_read_resumed(&mut self, now: Instant) {
        self.reading.paused_in_all = self.reading.paused(now);
        self.reading.paused_since = None;
        if self.recv.not_before().is_none() {
            self.keepalive.on_read_resumed(now);
            self.messages.on_read_resumed(now);
        }
    }

    fn decode_all(
        &mut self,
        now: Instant,
        input: &[u8],
        done: &mut usize,
        sink: &mut impl MessageSink,
    ) -> Result<ControlFlow<()>, Error> {
        let max_packet = self.config.max_packet();
        while let Some(framed) = decode(input.get(*done..).unwrap_or_default(), max_packet)? {
            let flow = match &framed.packet {
                Packet::Ping => {
                    self.keepalive.on_ping(now);
                    ControlFlow::Continue(())
                }
                Packet::Pong => {
                    self.keepalive.on_pong(now);
                    ControlFlow::Continue(())
                }
                Packet::Msg(msg) => match self.on_msg(now, msg, framed.framed_len)? {
                    Received::Piece => ControlFlow::Continue(()),
                    Received::End(channel, message) => sink.push(channel, message),
                    Received::Whole(channel) => sink.push_copy(channel, msg.data),
                },
            };
            *done += framed.framed_len;
            self.recv.on_packet();
            self.keepalive.on_packet();
            if sink.on_packet().is_break() || flow.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// The one place that admits a piece of a message.
    fn on_msg(
        &mut self,
        now: Instant,
        msg: &PacketMsg<'_>,
        framed_len: usize,
    ) -> Result<Received, Error> {
        let unknown = ProtocolError::UnknownChannel { id: msg.channel_id };
        let id = u8::try_from(msg.channel_id)
            .map(ChannelId::new)
            .map_err(|_| unknown.clone())?;
        let index = self.set.index_of(id);
        let channel = index.and_then(|index| Some((index, self.channels.get_mut(index)?)));
        let (index, channel) = channel
            .filter(|(_, channel)| channel.descriptor.receives())
            .ok_or(unknown)?;
        if self.config.require_checksum() {
            verify(id, msg)?;
        }
        channel
            .reassembly
            .admit(msg.data.len(), msg.eof, &mut self.budget)?;
        self.messages.on_packet(now, index, msg.eof);
        trace::packet_received(id, framed_len, msg.eof);
        channel.received.add(framed_len);
        channel.received.on_packet();
        channel.messages_received += u64::from(msg.eof);
        if !msg.eof {
            channel.reassembly.extend(msg.data, &mut self.budget);
            return Ok(Received::Piece);
        }
        if channel.reassembly.is_partial() {
            return Ok(Received::End(
                id,
                channel.reassembly.finish(msg.data, &mut self.budget),
            ));
        }
        channel.reassembly.on_whole(msg.data.len());
        Ok(Received::Whole(id))
    }
}

/// What a message packet amounts to.
enum Received {
    /// The message goes on.
    Piece,
    /// The end of a message that was put together from several packets.
    End(ChannelId, Bytes),
    /// A message in one packet.
    Whole(ChannelId),
}

/// Whether an inbox stops us from reading.
#[derive(Debug, Default)]
pub(super) struct Reading {
    paused_since: Option<Instant>,
    paused_in_all: Duration,
}

impl Reading {
    pub(super) const fn is_paused(&self) -> bool {
        self.paused_since.is_some()
    }

    /// Time paused in all.
    pub(super) fn paused(&self, now: Instant) -> Duration {
        let running = self
            .paused_since
            .map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        self.paused_in_all + running
    }
}

/// Bytes of message packets on all channels.
pub(super) fn received_bytes(channels: &[Channel]) -> u64 {
    channels
        .iter()
        .map(|channel| channel.received.bytes())
        .sum()
}

fn verify(channel: ChannelId, msg: &PacketMsg<'_>) -> Result<(), ProtocolError> {
    let Some(stated) = msg.checksum else {
        return Err(ProtocolError::ChecksumMissing { channel });
    };
    let computed = checksum(channel, msg.eof, msg.data);
    if stated == computed {
        Ok(())
    } else {
        Err(ProtocolError::ChecksumMismatch {
            channel,
            stated,
            computed,
        })
    }
}
