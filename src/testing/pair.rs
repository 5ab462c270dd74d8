//! Two machines, a pipe each way, one virtual clock.

use std::time::{Duration, Instant};

use super::{End, Link, Pipe, epoch, message};
use crate::channel::{ChannelDescriptor, ChannelId};
use crate::config::Config;
use crate::error::Error;

/// Which end of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    A,
    B,
}

/// What a pair is made of; A comes first.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) channels: Vec<ChannelDescriptor>,
    pub(crate) configs: [Config; 2],
    /// From A to B, and from B to A.
    pub(crate) links: [Link; 2],
}

impl Setup {
    /// Both ends alike.
    pub(crate) fn new(config: Config, link: Link, channels: Vec<ChannelDescriptor>) -> Self {
        Self {
            channels,
            configs: [config.clone(), config],
            links: [link.clone(), link],
        }
    }
}

/// Two connected machines. Invariants are checked after every step.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) now: Instant,
    pub(crate) started: Instant,
    pub(crate) a: End,
    pub(crate) b: End,
    pub(crate) a_to_b: Pipe,
    pub(crate) b_to_a: Pipe,
}

impl Pair {
    pub(crate) fn new(setup: Setup) -> Self {
        let now = epoch();
        let [config_a, config_b] = setup.configs;
        let [a_to_b, b_to_a] = setup.links;
        Self {
            now,
            started: now,
            a: End::new(now, config_a, &setup.channels),
            b: End::new(now, config_b, &setup.channels),
            a_to_b: Pipe::new(now, a_to_b),
            b_to_a: Pipe::new(now, b_to_a),
        }
    }

    /// Queues a message of this length, unlike any other of the channel.
    pub(crate) fn send(&mut self, side: Side, channel: u8, len: usize) {
        let channel = ChannelId::new(channel);
        let end = self.end(side);
        let number = end.outbox.pushed(channel);
        // The sides differ, so that a message that came back to its sender would be noticed.
        let number = number * 2 + usize::from(side == Side::B);
        end.push(channel, message(channel, number, len));
    }

    pub(crate) const fn end(&mut self, side: Side) -> &mut End {
        match side {
            Side::A => &mut self.a,
            Side::B => &mut self.b,
        }
    }

    /// Takes what has come to this side.
    pub(crate) fn take(&mut self, side: Side) -> usize {
        let now = self.now;
        self.end(side).take(now).len()
    }

    pub(crate) fn error(&self, side: Side) -> Option<&Error> {
        let end = match side {
            Side::A => &self.a,
            Side::B => &self.b,
        };
        end.ended.as_ref()?.as_ref().err()
    }

    /// Time since the start.
    pub(crate) fn elapsed(&self) -> Duration {
        self.now - self.started
    }

    /// Gives both ends a turn at this instant; if neither can do anything, moves on to the next instant at which one can.
    ///
    /// Says whether anything was done, or can ever be.
    pub(crate) fn step(&mut self) -> bool {
        if self.turn() {
            return true;
        }
        let next = self.next_event();
        self.now = next.unwrap_or(self.now);
        next.is_some()
    }

    /// Steps until nothing is under way, or an end has ended.
    pub(crate) fn drive(&mut self) {
        assert!(self.drive_bounded(MAX_STEPS), "livelock: {self:#?}");
    }

    /// As `drive`, with a number of steps after which it gives up. Says whether all was done.
    pub(crate) fn drive_bounded(&mut self, steps: usize) -> bool {
        for _ in 0..steps {
            if self.is_idle() || !self.step() {
                return true;
            }
        }
        false
    }

    /// Lets so much time pass.
    pub(crate) fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        for _ in 0..MAX_STEPS {
            if self.turn() {
                continue;
            }
            match self.next_event() {
                Some(next) if next <= end => self.now = next,
                _ => {
                    self.now = end;
                    return;
                }
            }
        }
        panic!("livelock: {self:#?}");
    }

    /// Nothing waits to be sent, and nothing is under way.
    pub(crate) fn is_idle(&self) -> bool {
        let ended = self.a.ended.is_some() || self.b.ended.is_some();
        let quiet = |from: &End, pipe: &Pipe| {
            let undelivered = from.outbox.waiting() + from.outbox.undelivered();
            undelivered == 0 && from.unwritten() == 0 && pipe.held() == 0
        };
        let both_quiet = quiet(&self.a, &self.a_to_b) && quiet(&self.b, &self.b_to_a);
        ended || both_quiet
    }

    fn turn(&mut self) -> bool {
        let a = self.a.turn(self.now, &mut self.a_to_b, &mut self.b_to_a);
        let b = self.b.turn(self.now, &mut self.b_to_a, &mut self.a_to_b);
        self.check(a | b);
        a | b
    }

    fn next_event(&self) -> Option<Instant> {
        let live = [&self.a, &self.b];
        let live = live.into_iter().filter(|end| end.ended.is_none());
        let timers = live.filter_map(|end| end.mux.poll_timeout());
        let pipes = [&self.a_to_b, &self.b_to_a];
        let pipes = pipes
            .into_iter()
            .filter_map(|pipe| pipe.next_event(self.now));
        timers.chain(pipes).min()
    }
}

/// Far above what any test needs.
const MAX_STEPS: usize = 2_000_000;
