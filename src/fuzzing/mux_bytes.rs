//! Arbitrary bytes from the peer, at arbitrary times, into a live machine.

use std::num::NonZeroU64;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

use crate::channel::ChannelId;
use crate::config::Config;
use crate::error::Error;
use crate::mux::{MessageSink, Mux};
use crate::packet::max_packet;
use crate::testing::script::{NoMessages, Patience, Step, channels, epoch, split_script};

/// Feeds a machine what follows the script at the start of `data`.
///
/// The first byte chooses the settings, the second says how long the script is. Each byte of the script is a step: how much is
/// read, how much time passes, and whether the transport takes what is written; it starts anew at its end.
///
/// The machine must not panic, keep more than it may, answer more than it was asked, or blame the peer for time that did not pass.
pub fn mux_bytes(data: &[u8]) {
    let Some((settings, script, mut stream)) = split_script(data) else {
        return;
    };
    let mut feed = Feed::new(settings);
    for step in script.iter().cycle().take(STEPS) {
        match feed.step(Step::new(*step), stream) {
            Some(read) => stream = &stream[read..],
            None => return,
        }
    }
    let left = feed.buffer.clone();
    let ended = feed.mux.handle_end(feed.now, &left);
    assert_eq!(ended.is_ok(), left.is_empty());
}

/// A machine with all that surrounds it.
struct Feed {
    now: Instant,
    config: Config,
    mux: Mux,
    patience: Patience,
    buffer: BytesMut,
    inbox: Inbox,
    /// Bytes that were encoded and that the transport has not taken.
    unwritten: usize,
    read: usize,
}

impl Feed {
    fn new(settings: u8) -> Self {
        let on = |bit: u8| settings & 1 << bit != 0;
        let rate = NonZeroU64::new(if on(1) { 1000 } else { 1_000_000 });
        let config = Config::builder()
            .require_checksum(on(0))
            .recv_rate(rate.filter(|_| on(1) || on(2)))
            .reassembly_bytes(on(3).then_some(REASSEMBLY_BYTES))
            .max_packet(max_packet(1024) + usize::from(on(4)))
            .build()
            .expect("all of these are possible");
        let now = epoch();
        Self {
            now,
            mux: Mux::new(now, config.clone(), &channels()).expect("they are distinct"),
            config,
            patience: Patience::default(),
            buffer: BytesMut::new(),
            inbox: Inbox {
                fussy: on(5),
                ..Inbox::default()
            },
            unwritten: 0,
            read: 0,
        }
    }

    /// Does what a driver does when it is woken, in its order; `None` at the connection's end, else the bytes read.
    fn step(&mut self, step: Step, stream: &[u8]) -> Option<usize> {
        self.now += step.pause;
        self.write(step.takes);
        let allowance = self.mux.read_allowance(self.now);
        let read = step.size.min(allowance).min(stream.len());
        self.patience.set_paused(self.now, allowance == 0);
        self.mux.on_read(self.now, read);
        self.read += read;
        self.buffer.extend_from_slice(&stream[..read]);
        self.decode(step.pause)?;
        self.check_memory();
        let verdict = self.mux.handle_timeout(self.now);
        self.patience
            .check(self.now, &self.config, verdict)
            .then_some(())?;
        self.write(step.takes);
        self.check_timer();
        if allowance == 0 {
            // Nothing else would ever happen.
            self.now = self.now.max(self.mux.poll_timeout()?);
        }
        Some(read)
    }

    fn write(&mut self, takes: bool) {
        let mut batch = Vec::new();
        self.unwritten += self
            .mux
            .poll_transmit(self.now, &mut NoMessages, &mut batch);
        assert!(batch.len() <= 6, "at most a pong and a ping");
        self.patience.on_transmit(self.now, &batch);
        if takes {
            self.mux.on_written(self.now, self.unwritten);
            self.patience.on_written(self.now, self.unwritten, 0);
            self.unwritten = 0;
        } else if self.unwritten > 0 {
            self.mux.on_write_blocked(self.now);
            self.patience.on_blocked(self.now);
        }
        let stats = self.mux.stats(self.now);
        assert!(stats.pongs_sent <= stats.pings_received, "nobody asked");
    }

    /// Decodes all there is, with a pause wherever the inbox asks for one; `None` at the connection's end.
    fn decode(&mut self, pause: Duration) -> Option<()> {
        loop {
            let before = self.buffer.len();
            let result = self
                .mux
                .handle_input(self.now, &mut self.buffer, &mut self.inbox);
            self.patience
                .on_packets(self.mux.stats(self.now).received.packets);
            match result {
                Ok(ControlFlow::Continue(())) => return Some(()),
                Ok(ControlFlow::Break(())) => {
                    assert!(self.buffer.len() < before, "it was for a message");
                    if !self.pause(pause) {
                        return None;
                    }
                }
                Err(Error::Protocol(_)) => return None,
                Err(error) => panic!("bytes alone do not cause this: {error}"),
            }
        }
    }

    /// The inbox is full for a while. That is no fault of the peer's.
    fn pause(&mut self, pause: Duration) -> bool {
        self.mux.on_read_paused(self.now);
        self.patience.set_paused(self.now, true);
        self.now += pause;
        let verdict = self.mux.handle_timeout(self.now);
        let alive = self.patience.check(self.now, &self.config, verdict);
        self.mux.on_read_resumed(self.now);
        self.patience.set_paused(self.now, false);
        alive
    }

    fn check_memory(&self) {
        let unfinished = self.mux.stats(self.now).reassembly_bytes;
        assert!(unfinished + self.inbox.bytes + self.buffer.len() <= self.read);
        assert!(unfinished <= self.config.reassembly_bytes().unwrap_or(usize::MAX));
        assert!(self.buffer.len() < self.config.max_packet() + LONGEST_PREFIX);
    }

    /// A driver that sleeps until the stated time must not be woken at once, again and again.
    fn check_timer(&mut self) {
        let limited = self.mux.read_allowance(self.now) == 0;
        self.patience.set_paused(self.now, limited);
        let timeout = self.mux.poll_timeout();
        assert!(timeout.is_none_or(|at| at > self.now), "nothing is due");
    }
}

/// Counts what it is given. A fussy one asks for a pause after every third message.
#[derive(Default)]
struct Inbox {
    fussy: bool,
    messages: usize,
    bytes: usize,
}

impl MessageSink for Inbox {
    fn push(&mut self, channel: ChannelId, message: Bytes) -> ControlFlow<()> {
        let channels = channels();
        let known = channels.iter().find(|known| known.id() == channel);
        let channel = known.expect("nothing comes on a channel that was not opened");
        assert!(channel.receives() && message.len() <= channel.max_message());
        self.messages += 1;
        self.bytes += message.len();
        if self.fussy && self.messages % 3 == 0 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

/// Enough to read a few kilobytes and to let time go on after them, few enough for thousands of inputs a second.
const STEPS: usize = 400;
const REASSEMBLY_BYTES: usize = 3000;
/// A length prefix may be longer than needed.
const LONGEST_PREFIX: usize = 10;
