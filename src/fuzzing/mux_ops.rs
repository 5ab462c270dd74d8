//! Two machines that talk to each other while everything around them happens at arbitrary moments.

use std::collections::VecDeque;
use std::num::NonZeroU64;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use arbitrary::{Arbitrary, Unstructured};
use bytes::{Bytes, BytesMut};

use crate::channel::{ChannelDescriptor, ChannelId};
use crate::config::Config;
use crate::mux::{MessageSink, MessageSource, Mux};
use crate::testing::script::{Patience, epoch};

/// Makes a sequence of operations of `data` and carries them out on a pair of machines.
///
/// Whatever the sequence is: no byte is lost or made, every channel's messages come in their order, a machine that has something to
/// send sends it or says when it will, it fails only when its peer really was silent, and after a drain everything has arrived.
pub fn mux_ops(data: &[u8]) {
    let mut input = Unstructured::new(data);
    let Ok(settings) = Settings::arbitrary(&mut input) else {
        return;
    };
    let mut pair = Pair::new(&settings);
    for _ in 0..OPS {
        let Ok(op) = Op::arbitrary(&mut input) else {
            break;
        };
        if input.is_empty() {
            break;
        }
        if pair.perform(op).is_none() {
            return;
        }
    }
    pair.settle();
}

#[derive(Arbitrary, Debug)]
struct Settings {
    /// Checksums are sent by both and required by both.
    checked: bool,
    small_payload: bool,
    pipe: u16,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Op {
    /// A message is accepted.
    Send { side: bool, channel: u8, len: Size },
    /// The transport takes so many bytes at most.
    Write { side: bool, bytes: Size },
    /// So many bytes are read at most.
    Read { side: bool, bytes: Size },
    /// Time passes, from a millisecond to more than the time between two pings.
    Wait { power: u8 },
    /// The inbox is full.
    Pause { side: bool },
    /// The inbox has room again.
    Resume { side: bool },
    /// A limit changes, of what is sent or of what is read.
    Limit { side: bool, sending: bool, rate: u8 },
    /// News of a message that the machine may know of already.
    Ring { side: bool, channel: u8 },
    /// The graceful stop begins.
    Drain { side: bool },
    /// Somebody asks for a ping.
    Ping { side: bool },
}

/// Up to 64 KiB, small ones as often as large ones.
#[derive(Arbitrary, Clone, Copy, Debug)]
struct Size(u16);

impl Size {
    fn get(self) -> usize {
        usize::from(self.0 >> (self.0 & 15))
    }
}

struct Pair {
    now: Instant,
    config: Config,
    ends: [End; 2],
    /// The bytes on their way from each end to the other.
    pipes: [BytesMut; 2],
    pipe_len: usize,
    /// What messages are cut from.
    pattern: Bytes,
    sent_bytes: usize,
}

impl Pair {
    fn new(settings: &Settings) -> Self {
        let payload = if settings.small_payload { 16 } else { 1024 };
        let config = Config::builder()
            .max_packet_payload(payload)
            .send_checksum(settings.checked)
            .require_checksum(settings.checked)
            .build()
            .expect("all of these are possible");
        let now = epoch();
        Self {
            now,
            ends: [End::new(now, &config), End::new(now, &config)],
            config,
            pipes: Default::default(),
            pipe_len: usize::from(settings.pipe).max(1),
            pattern: (0..=0xff).cycle().take(PATTERN_LEN).collect(),
            sent_bytes: 0,
        }
    }

    /// `None` once the connection is over.
    fn perform(&mut self, op: Op) -> Option<()> {
        let now = self.now;
        match op {
            Op::Send { side, channel, len } => self.send(side, channel, len.get()),
            Op::Write { side, bytes } => {
                self.write(side, bytes.get());
                self.check();
            }
            Op::Read { side, bytes } => {
                self.read(side, bytes.get());
                self.check();
            }
            Op::Wait { power } => {
                self.now += Duration::from_millis(1 << (power % 17));
                return self.check_time();
            }
            Op::Pause { side } => self.ends[usize::from(side)].pause(now),
            Op::Resume { side } => self.ends[usize::from(side)].resume(now),
            Op::Limit {
                side,
                sending,
                rate,
            } => {
                let rate = NonZeroU64::new(RATES[usize::from(rate) % RATES.len()]);
                self.ends[usize::from(side)].limit(now, sending, rate);
            }
            Op::Ring { side, channel } => {
                let (_, id) = channel_of(channel);
                self.ends[usize::from(side)].mux.on_queued(id);
            }
            Op::Drain { side } => {
                let end = &mut self.ends[usize::from(side)];
                end.draining = true;
                end.mux.begin_drain();
            }
            Op::Ping { side } => {
                self.ends[usize::from(side)].mux.request_ping();
            }
        }
        Some(())
    }

    fn send(&mut self, side: bool, channel: u8, len: usize) {
        let from = usize::from(side);
        if self.ends[from].draining || self.sent_bytes > BYTES {
            return;
        }
        self.sent_bytes += len;
        let (index, id) = channel_of(channel);
        let start = self.sent_bytes % 251;
        let message = self.pattern.slice(start..start + len);
        self.ends[from].queues.0[index].push_back(message.clone());
        self.ends[from].mux.on_queued(id);
        self.ends[1 - from].expected.0[index].push_back(message);
    }

    fn write(&mut self, side: bool, bytes: usize) {
        let (from, now) = (usize::from(side), self.now);
        let room = self.pipe_len.saturating_sub(self.pipes[from].len());
        let taken = self.ends[from].write(now, bytes.min(room));
        self.pipes[from].extend_from_slice(&taken);
    }

    fn read(&mut self, side: bool, bytes: usize) {
        let (to, now) = (usize::from(side), self.now);
        self.ends[to].read(now, bytes, &mut self.pipes[1 - to]);
    }

    fn check_time(&mut self) -> Option<()> {
        let (now, config) = (self.now, &self.config);
        let mut ends = self.ends.iter_mut();
        ends.try_for_each(|end| end.check_time(now, config))
    }

    /// Every byte that was encoded is at one of three places.
    fn check(&self) {
        for (from, end) in self.ends.iter().enumerate() {
            let sent = end.mux.stats(self.now).sent.bytes;
            let received = self.ends[1 - from].mux.stats(self.now).received.bytes;
            let underway = end.batch.len() + self.pipes[from].len();
            assert_eq!(sent, received + underway as u64, "bytes are conserved");
        }
    }

    /// Without limits and pauses, everything accepted arrives in one drain.
    fn settle(mut self) {
        self.pipe_len = usize::MAX;
        for end in &mut self.ends {
            end.resume(self.now);
            end.limit(self.now, true, None);
            end.limit(self.now, false, None);
            end.mux.begin_drain();
        }
        while !self.is_settled() {
            let before = self.progress();
            for side in [false, true] {
                self.write(side, usize::MAX);
                self.read(!side, usize::MAX);
                self.check();
            }
            assert!(
                self.is_settled() || self.progress() > before,
                "nothing moves"
            );
        }
        for end in &mut self.ends {
            assert!(
                end.expected.0.iter().all(VecDeque::is_empty),
                "all has arrived"
            );
            assert_eq!(end.mux.stats(self.now).reassembly_bytes, 0);
            end.mux.finish();
            assert!(end.mux.handle_end(self.now, &end.input).is_ok());
        }
        self.check();
    }

    fn is_settled(&self) -> bool {
        let drained = self.ends.iter().all(|end| end.mux.is_drained());
        drained && self.pipes.iter().all(BytesMut::is_empty)
    }

    fn progress(&self) -> u64 {
        let received = self
            .ends
            .iter()
            .map(|end| end.mux.stats(self.now).received.bytes);
        received.sum()
    }
}

/// A machine with what its driver would hold.
struct End {
    mux: Mux,
    queues: Queues,
    patience: Patience,
    /// What is left of the batch that is being written.
    batch: BytesMut,
    input: BytesMut,
    /// What the peer has sent and has not come.
    expected: Queues,
    /// The inbox is full.
    paused: bool,
    /// The limit of what is read was reached.
    limited: bool,
    draining: bool,
}

impl End {
    fn new(now: Instant, config: &Config) -> Self {
        Self {
            mux: Mux::new(now, config.clone(), &channels()).expect("they are distinct"),
            queues: Queues::default(),
            patience: Patience::default(),
            batch: BytesMut::new(),
            input: BytesMut::new(),
            expected: Queues::default(),
            paused: false,
            limited: false,
            draining: false,
        }
    }

    /// Has the transport take what it has `room` for, and gives that.
    fn write(&mut self, now: Instant, room: usize) -> BytesMut {
        if self.batch.is_empty() {
            let mut batch = Vec::new();
            let len = self.mux.poll_transmit(now, &mut self.queues, &mut batch);
            assert_eq!(len, batch.len());
            self.patience.on_transmit(now, &batch);
            self.batch.extend_from_slice(&batch);
            if len == 0 {
                self.check_idle(now);
            }
        }
        let taken = self.batch.split_to(room.min(self.batch.len()));
        self.mux.on_written(now, taken.len());
        self.patience.on_written(now, taken.len(), self.batch.len());
        if !self.batch.is_empty() {
            self.mux.on_write_blocked(now);
            self.patience.on_blocked(now);
        }
        taken
    }

    fn read(&mut self, now: Instant, most: usize, pipe: &mut BytesMut) {
        if self.paused {
            return;
        }
        let allowance = self.mux.read_allowance(now);
        self.limited = allowance == 0;
        self.patience.set_paused(now, self.limited);
        let len = most.min(allowance).min(pipe.len());
        self.input.extend_from_slice(&pipe.split_to(len));
        self.mux.on_read(now, len);
        let flow = self
            .mux
            .handle_input(now, &mut self.input, &mut self.expected);
        assert_eq!(
            flow.expect("the peer keeps to the protocol"),
            ControlFlow::Continue(())
        );
        self.patience
            .on_packets(self.mux.stats(now).received.packets);
    }

    fn pause(&mut self, now: Instant) {
        self.paused = true;
        self.mux.on_read_paused(now);
        self.patience.set_paused(now, true);
    }

    fn resume(&mut self, now: Instant) {
        if std::mem::take(&mut self.paused) {
            self.mux.on_read_resumed(now);
            self.patience.set_paused(now, self.limited);
        }
    }

    fn limit(&mut self, now: Instant, sending: bool, rate: Option<NonZeroU64>) {
        let changed = if sending {
            self.mux.set_send_rate(now, rate)
        } else {
            // Reading is resumed when it is tried again.
            self.limited = false;
            self.mux.set_recv_rate(now, rate)
        };
        assert!(changed.is_ok());
    }

    fn check_time(&mut self, now: Instant, config: &Config) -> Option<()> {
        let verdict = self.mux.handle_timeout(now);
        self.patience.check(now, config, verdict).then_some(())
    }

    /// It wrote nothing: then nothing waits, or it is known when it will go, which is not at once.
    fn check_idle(&mut self, now: Instant) {
        if !self.paused {
            self.limited = self.mux.read_allowance(now) == 0;
            self.patience.set_paused(now, self.limited);
        }
        let wake = self.mux.poll_timeout();
        let waiting = self.queues.0.iter().any(|queue| !queue.is_empty());
        assert!(wake.is_some() || !waiting, "a message is forgotten");
        assert!(wake.is_none_or(|at| at > now), "nothing is due");
    }
}

/// Messages by channel. As a source they are taken from; as a sink they are what must come.
#[derive(Default)]
struct Queues([VecDeque<Bytes>; CHANNELS.len()]);

impl MessageSource for Queues {
    fn pop(&mut self, channel: ChannelId) -> Option<Bytes> {
        self.0[index_of(channel)].pop_front()
    }
}

impl MessageSink for Queues {
    fn push(&mut self, channel: ChannelId, message: Bytes) -> ControlFlow<()> {
        let wanted = self.0[index_of(channel)].pop_front();
        assert!(wanted == Some(message), "lost, changed or out of order");
        ControlFlow::Continue(())
    }
}

fn index_of(channel: ChannelId) -> usize {
    let index = CHANNELS.iter().position(|(id, _)| *id == channel.get());
    index.expect("no other channel was opened")
}

fn channel_of(choice: u8) -> (usize, ChannelId) {
    let index = usize::from(choice) % CHANNELS.len();
    (index, ChannelId::new(CHANNELS[index].0))
}

fn channels() -> [ChannelDescriptor; CHANNELS.len()] {
    CHANNELS.map(|(id, priority)| ChannelDescriptor::new(ChannelId::new(id), priority))
}

/// Ids and priorities.
const CHANNELS: [(u8, u16); 5] = [
    (0x00, 1),
    (0x22, 7),
    (0x7f, 7),
    (0x80, 10),
    (0xff, u16::MAX),
];
/// In bytes per second; 0 is none.
const RATES: [u64; 5] = [0, 2_000, 100_000, 5_120_000, 10_000_000_000];
/// Both bound the time that one input takes.
const OPS: usize = 400;
const BYTES: usize = 128 * 1024;
/// The longest message, from any start below 251.
const PATTERN_LEN: usize = 65_536 + 251;
