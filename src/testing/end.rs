//! One end of a pair: a machine with what a driver would hold for it.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::time::Instant;

use bytes::{Bytes, BytesMut};

use super::trace::record;
use super::{Outbox, Pipe, Sent};
use crate::channel::{ChannelDescriptor, ChannelId};
use crate::config::Config;
use crate::error::Error;
use crate::mux::{MessageSink, Mux};

/// A machine, its queues, and the bytes that it has not passed on.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) mux: Mux,
    pub(crate) config: Config,
    pub(crate) outbox: Outbox,
    pub(crate) inbox: Inbox,
    /// What it has encoded, packet by packet.
    pub(crate) sent: Vec<Sent>,
    /// What it has read, and when.
    pub(crate) reads: Vec<(Instant, usize)>,
    /// How the connection ended here: `Ok` at an orderly end of the peer's stream.
    pub(crate) ended: Option<Result<(), Error>>,
    /// Bytes read from the stream in all.
    pub(super) read: usize,
    /// Bytes written to the stream in all.
    pub(super) written: usize,
    out: Vec<u8>,
    out_written: usize,
    input: BytesMut,
    draining: bool,
    finished: bool,
    /// The peer's stream is at its end.
    read_ended: bool,
}

impl End {
    pub(super) fn new(now: Instant, config: Config, channels: &[ChannelDescriptor]) -> Self {
        let mux = match Mux::new(now, config.clone(), channels) {
            Ok(mux) => mux,
            Err(error) => panic!("{error}"),
        };
        Self {
            mux,
            config,
            outbox: Outbox::keeping(),
            inbox: Inbox::default(),
            sent: Vec::new(),
            reads: Vec::new(),
            ended: None,
            read: 0,
            written: 0,
            out: Vec::new(),
            out_written: 0,
            input: BytesMut::new(),
            draining: false,
            finished: false,
            read_ended: false,
        }
    }

    /// Sends what was pushed until now, closes its half of the stream, and ends when the peer has closed the other.
    pub(crate) fn begin_drain(&mut self) {
        self.draining = true;
        self.mux.begin_drain();
    }

    pub(crate) fn push(&mut self, channel: ChannelId, message: Bytes) {
        self.outbox.push(channel, message);
        self.mux.on_queued(channel);
    }

    /// Takes the messages that have come, so that reading goes on if it was paused.
    pub(crate) fn take(&mut self, now: Instant) -> Vec<(ChannelId, Bytes)> {
        if self.inbox.paused {
            self.inbox.paused = false;
            self.mux.on_read_resumed(now);
        }
        self.inbox.messages.drain(..).collect()
    }

    /// One chance to do everything that can be done now. Says whether anything was.
    pub(super) fn turn(&mut self, now: Instant, to: &mut Pipe, from: &mut Pipe) -> bool {
        if self.ended.is_some() {
            return false;
        }
        let read = self.read_step(now, from);
        if self.ended.is_none() && self.mux.poll_timeout().is_some_and(|due| due <= now) {
            if let Err(error) = self.mux.handle_timeout(now) {
                self.ended = Some(Err(error));
            }
        }
        if self.ended.is_some() {
            to.close();
            return true;
        }
        read | self.write_step(now, to)
    }

    /// Bytes encoded that the stream has not taken.
    pub(crate) fn unwritten(&self) -> usize {
        self.out.len() - self.out_written
    }

    /// Bytes read that are not decoded.
    pub(crate) fn undecoded(&self) -> usize {
        self.input.len()
    }

    fn read_step(&mut self, now: Instant, from: &mut Pipe) -> bool {
        if self.inbox.paused {
            return false;
        }
        let waiting = self.input.len();
        self.decode(now);
        let allowance = self.mux.read_allowance(now);
        if self.inbox.paused || self.ended.is_some() || allowance == 0 {
            return self.input.len() < waiting;
        }
        let len = from.read(now, allowance, &mut self.input);
        if len > 0 {
            self.read += len;
            self.reads.push((now, len));
            self.mux.on_read(now, len);
            self.decode(now);
        } else if from.is_at_end() {
            self.on_end(now);
        }
        len > 0 || self.input.len() < waiting
    }

    fn on_end(&mut self, now: Instant) {
        if !self.read_ended {
            self.read_ended = true;
            if let Err(error) = self.mux.handle_end(now, &self.input) {
                self.ended = Some(Err(error));
            }
        }
        if self.ended.is_none() && self.draining == self.finished {
            self.ended = Some(Ok(()));
        }
    }

    fn decode(&mut self, now: Instant) {
        match self.mux.handle_input(now, &mut self.input, &mut self.inbox) {
            Ok(ControlFlow::Continue(())) => {}
            Ok(ControlFlow::Break(())) => {
                self.inbox.paused = true;
                self.mux.on_read_paused(now);
            }
            Err(error) => self.ended = Some(Err(error)),
        }
    }

    fn write_step(&mut self, now: Instant, to: &mut Pipe) -> bool {
        let encoded = self.encode(now);
        if self.unwritten() == 0 {
            if self.mux.is_drained() && !self.finished {
                self.finished = true;
                self.mux.finish();
                to.close();
            }
            return false;
        }
        let len = to.write(now, self.out.split_at(self.out_written).1);
        self.out_written += len;
        self.written += len;
        if len > 0 {
            self.mux.on_written(now, len);
        } else {
            self.mux.on_write_blocked(now);
        }
        len > 0 || encoded
    }

    fn encode(&mut self, now: Instant) -> bool {
        if self.unwritten() > 0 {
            return false;
        }
        self.out.clear();
        self.out_written = 0;
        let len = self.mux.poll_transmit(now, &mut self.outbox, &mut self.out);
        assert_eq!(len, self.out.len(), "it says what it wrote");
        record(now, &self.out, &mut self.sent);
        len > 0
    }
}

/// Messages that have come and were not taken.
#[derive(Debug)]
pub(crate) struct Inbox {
    pub(crate) messages: VecDeque<(ChannelId, Bytes)>,
    /// With so many it is full, and reading pauses.
    pub(crate) capacity: usize,
    /// Messages that came since they were last compared with what was sent.
    pub(super) fresh: Vec<(ChannelId, Bytes)>,
    paused: bool,
}

impl Inbox {
    pub(crate) const fn is_paused(&self) -> bool {
        self.paused
    }
}

impl Default for Inbox {
    fn default() -> Self {
        Self {
            messages: VecDeque::new(),
            capacity: usize::MAX,
            fresh: Vec::new(),
            paused: false,
        }
    }
}

impl MessageSink for Inbox {
    fn push(&mut self, channel: ChannelId, message: Bytes) -> ControlFlow<()> {
        self.fresh.push((channel, message.clone()));
        self.messages.push_back((channel, message));
        if self.messages.len() < self.capacity {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    }
}
