//! A link in simulated time: channels wake and sleep, a rule picks, every packet is recorded.

use std::collections::VecDeque;
use std::time::Duration;

use super::rule::Rule;

/// A channel of the scene.
#[derive(Clone, Debug)]
pub struct Source {
    pub priority: u16,
    pub traffic: Traffic,
}

/// When a channel has something to send.
#[derive(Clone, Debug)]
pub enum Traffic {
    /// Always within these spans of time, with packets of these framed sizes in turn.
    Saturated {
        spans: Vec<(Duration, Duration)>,
        packets: Vec<usize>,
    },
    /// One packet at each of these times.
    Packets { times: Vec<Duration>, framed: usize },
}

/// One packet that was sent.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    pub channel: usize,
    pub framed: usize,
    /// When it had left.
    pub at: Duration,
    /// How many packets of other channels left while its channel was waiting to send it.
    pub overtaken_by: u64,
}

/// Runs the sources over a link of `rate` bytes a second for so long.
pub fn run<R: Rule>(sources: &[Source], rate: u64, length: Duration) -> Vec<Sent> {
    let mut link = Link::<R>::new(sources, rate);
    let mut sent = Vec::new();
    while link.now < length {
        match link.step() {
            Some(packet) => sent.push(packet),
            None if link.skip_to_next_wake() => {}
            None => break,
        }
    }
    sent
}

struct Link<R> {
    rule: R,
    rate: u64,
    now: Duration,
    decayed: Duration,
    packets: u64,
    channels: Vec<Channel>,
}

/// What is known of one source while it runs.
struct Channel {
    /// Starts and ends of saturation, or single packets (an end equal to its start), still to come.
    spans: VecDeque<(Duration, Duration)>,
    sizes: Vec<usize>,
    turn: usize,
    pending: bool,
    /// The count of packets on the link when this channel began to wait.
    since: u64,
}

impl<R: Rule> Link<R> {
    fn new(sources: &[Source], rate: u64) -> Self {
        let priorities: Vec<u16> = sources.iter().map(|source| source.priority).collect();
        Self {
            rule: R::new(&priorities),
            rate,
            now: Duration::ZERO,
            decayed: Duration::ZERO,
            packets: 0,
            channels: sources.iter().map(Channel::new).collect(),
        }
    }

    /// Sends one packet; none if nobody has any.
    fn step(&mut self) -> Option<Sent> {
        self.wake();
        let picked = self.rule.pick()?;
        let channel = &mut self.channels[picked];
        let framed = channel.size();
        self.now += Duration::from_nanos(framed as u64 * 1_000_000_000 / self.rate);
        let overtaken_by = self.packets - channel.since;
        self.packets += 1;
        channel.since = self.packets;
        channel.turn += 1;
        channel.pending = channel.has_more(self.now);
        let next = channel.pending.then(|| channel.size());
        self.rule.on_sent(framed, next);
        while self.now >= self.decayed + DECAY {
            self.rule.on_two_seconds();
            self.decayed += DECAY;
        }
        Some(Sent {
            channel: picked,
            framed,
            at: self.now,
            overtaken_by,
        })
    }

    fn wake(&mut self) {
        for (index, channel) in self.channels.iter_mut().enumerate() {
            if !channel.pending && channel.wakes(self.now) {
                channel.pending = true;
                channel.since = self.packets;
                self.rule.on_pending(index, channel.size());
            }
        }
    }

    /// With an idle link, time moves on to the next event; false if there is none.
    fn skip_to_next_wake(&mut self) -> bool {
        let starts = self
            .channels
            .iter()
            .filter_map(|channel| channel.spans.front());
        let Some(next) = starts.map(|(start, _)| *start).min() else {
            return false;
        };
        self.now = self.now.max(next);
        true
    }
}

impl Channel {
    fn new(source: &Source) -> Self {
        let (spans, sizes) = match &source.traffic {
            Traffic::Saturated { spans, packets } => (spans.clone(), packets.clone()),
            Traffic::Packets { times, framed } => (
                times.iter().map(|time| (*time, *time)).collect(),
                vec![*framed],
            ),
        };
        Self {
            spans: spans.into(),
            sizes,
            turn: 0,
            pending: false,
            since: 0,
        }
    }

    fn size(&self) -> usize {
        self.sizes[self.turn % self.sizes.len()]
    }

    /// Whether something to send has come by now.
    fn wakes(&self, now: Duration) -> bool {
        self.spans.front().is_some_and(|(start, _)| *start <= now)
    }

    /// After a packet: whether its span goes on, or another has begun meanwhile.
    fn has_more(&mut self, now: Duration) -> bool {
        if self.spans.front().is_some_and(|(_, end)| *end <= now) {
            self.spans.pop_front();
        }
        self.wakes(now)
    }
}

const DECAY: Duration = Duration::from_secs(2);
