//! One direction of a byte stream in virtual time.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

/// How a direction of the stream behaves.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    /// Bytes that were written and not yet read.
    pub(crate) capacity: usize,
    /// Time from a write until its bytes can be read.
    pub(crate) latency: Duration,
    /// The most that one write takes, in turn.
    pub(crate) writes: Vec<usize>,
    /// The most that one read gives, in turn.
    pub(crate) reads: Vec<usize>,
    /// Spans of time, counted from the start, in which writes take nothing.
    pub(crate) stalls: Vec<(Duration, Duration)>,
}

impl Default for Link {
    fn default() -> Self {
        Self {
            capacity: 64 * 1024,
            latency: Duration::from_millis(1),
            writes: Vec::new(),
            reads: Vec::new(),
            stalls: Vec::new(),
        }
    }
}

impl Link {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self {
            capacity,
            ..Self::default()
        }
    }

    pub(crate) fn stalled(from: Duration, to: Duration) -> Self {
        Self {
            stalls: vec![(from, to)],
            ..Self::default()
        }
    }
}

/// The bytes under way.
#[derive(Debug)]
pub(crate) struct Pipe {
    link: Link,
    started: Instant,
    pieces: VecDeque<(Instant, Bytes)>,
    held: usize,
    written: usize,
    read: usize,
    closed: bool,
}

impl Pipe {
    pub(super) const fn new(started: Instant, link: Link) -> Self {
        Self {
            link,
            started,
            pieces: VecDeque::new(),
            held: 0,
            written: 0,
            read: 0,
            closed: false,
        }
    }

    /// Takes some of `bytes`; 0 means that it takes none at present.
    pub(super) fn write(&mut self, now: Instant, bytes: &[u8]) -> usize {
        if self.closed || self.stall_end(now).is_some() {
            return 0;
        }
        let room = self.link.capacity - self.held;
        let most = turn(&self.link.writes, &mut self.written);
        let len = bytes.len().min(room).min(most);
        if len > 0 {
            let piece = Bytes::copy_from_slice(bytes.split_at(len).0);
            self.pieces.push_back((now + self.link.latency, piece));
            self.held += len;
        }
        len
    }

    /// Appends at most `max` bytes that have arrived, and says how many.
    pub(super) fn read(&mut self, now: Instant, max: usize, into: &mut BytesMut) -> usize {
        let Some((arrives, piece)) = self.pieces.front_mut() else {
            return 0;
        };
        if *arrives > now {
            return 0;
        }
        let len = piece
            .len()
            .min(max)
            .min(turn(&self.link.reads, &mut self.read));
        into.extend_from_slice(&piece.split_to(len));
        if piece.is_empty() {
            self.pieces.pop_front();
        }
        self.held -= len;
        len
    }

    pub(crate) const fn held(&self) -> usize {
        self.held
    }

    /// The writer writes no more.
    pub(crate) const fn close(&mut self) {
        self.closed = true;
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.closed && self.pieces.is_empty()
    }

    /// When more can be read or written than now, if time alone brings that about.
    pub(super) fn next_event(&self, now: Instant) -> Option<Instant> {
        let arrival = self.pieces.front().map(|(arrives, _)| *arrives);
        let events = [arrival.filter(|at| *at > now), self.stall_end(now)];
        events.into_iter().flatten().min()
    }

    fn stall_end(&self, now: Instant) -> Option<Instant> {
        let since = now - self.started;
        let stall = self
            .link
            .stalls
            .iter()
            .find(|(from, to)| (*from..*to).contains(&since));
        stall.map(|(_, to)| self.started + *to)
    }
}

fn turn(schedule: &[usize], at: &mut usize) -> usize {
    let most = schedule.get(*at % schedule.len().max(1)).copied();
    *at += 1;
    most.unwrap_or(usize::MAX).max(1)
}
