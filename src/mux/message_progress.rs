//! Do the messages that are under way get on.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use super::time::later;
use crate::channel::ChannelId;
use crate::config::Config;
use crate::error::Error;

/// Follows the unfinished messages, whose memory the peer holds for as long as it does not end them.
///
/// Once in [`WINDOW`] each one that was there before must have grown at the least rate since, or other channels must have kept the
/// link busy; and none may take longer than the timeout in all. Time in which we did not read does not count, so all instants
/// in here are of reading time.
#[derive(Debug)]
pub(crate) struct MessageProgress {
    min_rate: Option<NonZeroU64>,
    timeout: Option<Duration>,
    clock: ReadingClock,
    /// By channel.
    unfinished: Vec<Option<Unfinished>>,
    count: usize,
    watch: Option<Watch>,
}

#[derive(Clone, Copy, Debug)]
struct Unfinished {
    since: Instant,
    /// What it had when the window began, if it was there then.
    before: Option<usize>,
}

/// There are unfinished messages.
#[derive(Clone, Copy, Debug)]
struct Watch {
    window_start: Instant,
    received_before: u64,
    due: Instant,
}

impl MessageProgress {
    pub(crate) fn new(config: &Config, channels: usize) -> Self {
        Self {
            min_rate: config.min_message_rate(),
            timeout: config.message_timeout(),
            clock: ReadingClock::default(),
            unfinished: vec![None; channels],
            count: 0,
            watch: None,
        }
    }

    /// A packet of a message came. Messages in one packet cost a comparison.
    #[inline]
    pub(crate) fn on_packet(&mut self, now: Instant, channel: usize, eof: bool) {
        if !eof || self.count > 0 {
            self.on_piece(now, channel, eof);
        }
    }

    /// Starts to watch if there is something to be watched. `received` are the bytes of all message packets.
    pub(crate) fn watch(&mut self, received: impl FnOnce() -> u64) {
        let bounded = self.min_rate.is_some() || self.timeout.is_some();
        if self.count == 0 || self.watch.is_some() || !bounded {
            return;
        }
        let oldest = self.unfinished.iter().flatten().map(|m| m.since).min();
        self.watch = oldest.map(|since| Watch {
            window_start: since,
            received_before: received(),
            due: self.next_due(since),
        });
    }

    pub(crate) fn on_read_paused(&mut self, now: Instant) {
        self.clock.pause(now);
    }

    pub(crate) fn on_read_resumed(&mut self, now: Instant) {
        self.clock.resume(now);
    }

    /// Nothing could be read for so long.
    pub(crate) fn put_off(&mut self, time: Duration) {
        self.clock.put_off(time);
    }

    /// Whether a message of this channel is under way.
    pub(crate) fn is_unfinished(&self, channel: usize) -> bool {
        matches!(self.unfinished.get(channel), Some(Some(_)))
    }

    /// When the messages are to be looked at; none while we do not read.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.clock.at(self.watch?.due)
    }

    /// Looks at the messages when it is time. `received` are the bytes of all message packets, and
    /// `channels` all of them, with what they hold.
    pub(crate) fn check(
        &mut self,
        now: Instant,
        received: u64,
        channels: impl Iterator<Item = (ChannelId, usize)>,
    ) -> Result<(), Error> {
        let Some(mut watch) = self.watch else {
            return Ok(());
        };
        if self.deadline().is_none_or(|due| due > now) {
            return Ok(());
        }
        let at = self.clock.reading_time(now);
        let time = at.saturating_duration_since(watch.window_start);
        let window = Window {
            time,
            received: received.saturating_sub(watch.received_before),
            is_over: time >= WINDOW,
        };
        for ((channel, held), message) in channels.zip(&mut self.unfinished) {
            let Some(message) = message else {
                continue;
            };
            let age = at.saturating_duration_since(message.since);
            check_age(channel, held, age, self.timeout)?;
            if window.is_over {
                let min_rate = least_rate(self.min_rate, self.timeout, held);
                window.check(channel, held, message.before, min_rate)?;
                message.before = Some(held);
            }
        }
        if window.is_over {
            watch.window_start = at;
            watch.received_before = received;
        }
        watch.due = self.next_due(watch.window_start);
        self.watch = Some(watch);
        Ok(())
    }

    fn on_piece(&mut self, now: Instant, channel: usize, eof: bool) {
        match self.unfinished.get_mut(channel) {
            Some(message @ Some(_)) if eof => {
                *message = None;
                self.count = self.count.saturating_sub(1);
                if self.count == 0 {
                    self.watch = None;
                }
            }
            Some(message @ None) if !eof => {
                let since = self.clock.reading_time(now);
                let before = self.watch.is_none().then_some(0);
                *message = Some(Unfinished { since, before });
                self.count += 1;
            }
            _ => {}
        }
    }

    fn next_due(&self, window_start: Instant) -> Instant {
        let window_end = window_start + WINDOW;
        let Some(timeout) = self.timeout else {
            return window_end;
        };
        let oldest = self.unfinished.iter().flatten().map(|m| m.since).min();
        oldest.map_or(window_end, |since| window_end.min(since + timeout))
    }
}

/// What the messages are measured by.
#[derive(Debug)]
struct Window {
    time: Duration,
    /// Bytes on all channels.
    received: u64,
    is_over: bool,
}

impl Window {
    fn check(
        &self,
        channel: ChannelId,
        held: usize,
        before: Option<usize>,
        min_rate: u64,
    ) -> Result<(), Error> {
        let Some(before) = before else {
            return Ok(());
        };
        let gained = held.saturating_sub(before) as u64;
        let credit = gained.saturating_add(self.received / LEAST_SHARE);
        let asked = u128::from(min_rate) * self.time.as_millis() / 1000;
        if u128::from(credit) >= asked {
            return Ok(());
        }
        Err(Error::MessageStalled {
            channel,
            received: held,
            gained,
            after: self.time,
            min_rate,
        })
    }
}

fn check_age(
    channel: ChannelId,
    held: usize,
    age: Duration,
    timeout: Option<Duration>,
) -> Result<(), Error> {
    match timeout {
        Some(after) if age >= after => Err(Error::MessageTimeout {
            channel,
            received: held,
            after,
        }),
        _ => Ok(()),
    }
}

/// A message that holds much has to go on at the pace at which it can be whole in time. An honest one of a steady link has
/// that pace anyway; one that came fast and then only trickles has not.
fn least_rate(min_rate: Option<NonZeroU64>, timeout: Option<Duration>, held: usize) -> u64 {
    let Some(min_rate) = min_rate else {
        return 0;
    };
    let seconds = timeout.map_or(u64::MAX, |timeout| timeout.as_secs().max(1));
    min_rate.get().max(held as u64 / seconds)
}

/// The time in which we read.
#[derive(Debug, Default)]
struct ReadingClock {
    /// Time in which we did not.
    lost: Duration,
    paused_since: Option<Instant>,
}

impl ReadingClock {
    fn reading_time(&self, now: Instant) -> Instant {
        let now = self.paused_since.unwrap_or(now);
        now.checked_sub(self.lost).unwrap_or(now)
    }

    /// When it will be that time, if we read.
    fn at(&self, reading_time: Instant) -> Option<Instant> {
        let at = later(reading_time, self.lost);
        self.paused_since.is_none().then_some(at)
    }

    fn pause(&mut self, now: Instant) {
        self.paused_since.get_or_insert(now);
    }

    fn resume(&mut self, now: Instant) {
        if let Some(since) = self.paused_since.take() {
            self.put_off(now.saturating_duration_since(since));
        }
    }

    fn put_off(&mut self, time: Duration) {
        if self.paused_since.is_none() {
            self.lost = self.lost.saturating_add(time);
        }
    }
}

/// Long enough for the pauses of any link that is alive, short enough that nobody holds much for nothing.
const WINDOW: Duration = Duration::from_secs(60);
/// Bytes on all channels count so much less than the message's own: its share of a busy link where it has the lowest of a stock
/// node's priorities, whose sum is 49.
const LEAST_SHARE: u64 = 50;
