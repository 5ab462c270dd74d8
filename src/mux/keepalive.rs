//! Is the peer alive, and what do we owe it to show that we are.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use super::time::later;
use crate::config::Config;
use crate::error::Error;
use crate::limiter::Pacer;

/// Pings, pongs, and the limits of silence (CometBFT p2p specification, "Ping and pong").
///
/// Any valid packet is a sign of life, and so is a transport that takes bytes after it was blocked: our ping may wait behind what
/// a slow peer has not read. Pongs that come late or unasked are counted and otherwise ignored. A ping from the
/// peer sets a flag, so a flood of them costs one pong per write, and beyond a burst one per [`PONG_PERIOD`].
///
/// A ping that is asked for counts as the regular one, and waits until no other is out and the peer has [rested](PING_PAUSE). So it
/// is the regular one alone that goes out while another is unanswered, and only where the peer shows other signs of life.
#[derive(Debug)]
pub(crate) struct Keepalive {
    ping_interval: Duration,
    pong_timeout: Duration,
    next_ping: Instant,
    state: State,
    flight: Flight,
    /// Somebody asked for a ping that was not sent yet.
    asked: bool,
    /// Before this no ping is sent because it is asked for.
    rested_at: Instant,
    /// The latest ping whose round trip was measured, counted from one.
    measured: u64,
    /// The pong that is owed.
    pong: Option<Pong>,
    /// Which pongs may be written.
    pongs: Pacer,
    paused_since: Option<Instant>,
    counters: Counters,
}

/// Whether the peer's silence is being timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    AwaitingPong { deadline: Instant },
}

/// What the next pong answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flight {
    Nothing,
    /// This ping, and whether somebody asked for it.
    One {
        sent: Instant,
        asked: bool,
    },
    /// Any of several pings: pongs carry no number.
    Several,
}

/// A ping that was asked for by [`Mux::request_ping`](super::Mux::request_ping).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PingRequest {
    /// Pings sent before.
    after: u64,
}

/// A pong that is owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pong {
    /// It may be written, since then.
    Granted(Instant),
    /// It may not be written before.
    NotBefore(Instant),
}

/// What [`Stats`](crate::Stats) tells of pings and pongs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    pub(crate) pings_sent: u64,
    pub(crate) pings_received: u64,
    pub(crate) pongs_sent: u64,
    pub(crate) pongs_received: u64,
    pub(crate) round_trip: Option<Duration>,
}

impl Keepalive {
    pub(crate) fn new(now: Instant, config: &Config) -> Self {
        Self {
            ping_interval: config.ping_interval(),
            pong_timeout: config.pong_timeout(),
            next_ping: now + config.ping_interval(),
            state: State::Idle,
            flight: Flight::Nothing,
            asked: false,
            rested_at: now,
            measured: 0,
            pong: None,
            pongs: Pacer::new(now, PONG_PERIOD, PONG_BURST),
            paused_since: None,
            counters: Counters::default(),
        }
    }

    /// Any valid packet came, pings and pongs included.
    pub(crate) const fn on_packet(&mut self) {
        self.state = State::Idle;
    }

    /// The peer took what it had not taken before, so from here it has the whole time for its pong.
    pub(crate) fn on_sign_of_life(&mut self, now: Instant) {
        if let State::AwaitingPong { deadline } = &mut self.state {
            *deadline = now + self.pong_timeout;
        }
    }

    pub(crate) fn on_ping(&mut self, now: Instant) {
        self.counters.pings_received += 1;
        if self.pong.is_none() {
            let granted = self.pongs.take(now).map(|()| now);
            self.pong = Some(granted.map_or_else(Pong::NotBefore, Pong::Granted));
        }
    }

    pub(crate) fn on_pong(&mut self, now: Instant) {
        self.counters.pongs_received += 1;
        match std::mem::replace(&mut self.flight, Flight::Nothing) {
            Flight::Nothing => return,
            Flight::One { sent, .. } => {
                self.counters.round_trip = Some(now.saturating_duration_since(sent));
                self.measured = self.counters.pings_sent;
            }
            Flight::Several => {}
        }
        self.rested_at = later(now, PING_PAUSE);
    }

    /// Somebody wants to know how long a ping takes that is sent from now on.
    pub(crate) const fn request_ping(&mut self) -> PingRequest {
        self.asked = true;
        PingRequest {
            after: self.counters.pings_sent,
        }
    }

    /// The latest round trip, if that began after the request.
    pub(crate) fn answer(&self, request: PingRequest) -> Option<Duration> {
        let fresh = self.measured > request.after;
        self.counters.round_trip.filter(|_| fresh)
    }

    /// We stopped reading: from here the peer's silence is our doing.
    pub(crate) fn on_read_paused(&mut self, now: Instant) {
        self.paused_since.get_or_insert(now);
    }

    /// We read again: the time of the pause does not count.
    pub(crate) fn on_read_resumed(&mut self, now: Instant) {
        let Some(since) = self.paused_since.take() else {
            return;
        };
        if let State::AwaitingPong { deadline } = &mut self.state {
            let asked = deadline.checked_sub(self.pong_timeout).unwrap_or(since);
            *deadline += now.saturating_duration_since(since.max(asked));
        }
    }

    /// Nothing could be read for so long.
    pub(crate) fn put_off(&mut self, time: Duration) {
        if let State::AwaitingPong { deadline } = &mut self.state {
            if self.paused_since.is_none() {
                *deadline = later(*deadline, time);
            }
        }
    }

    /// Whether a pong is to be written now; counts it as written.
    pub(crate) fn take_pong(&mut self, now: Instant) -> bool {
        let left = match self.pong {
            Some(Pong::Granted(_)) => None,
            Some(Pong::NotBefore(at)) if at <= now => {
                self.pongs.take(now).err().map(Pong::NotBefore)
            }
            _ => return false,
        };
        self.pong = left;
        if left.is_none() {
            self.counters.pongs_sent += 1;
        }
        left.is_none()
    }

    /// Whether a ping is to be written now; counts it as written and starts to time the peer's silence.
    pub(crate) fn take_ping(&mut self, now: Instant) -> bool {
        if now < self.ping_at() {
            return false;
        }
        self.next_ping = now + self.ping_interval;
        self.flight = match self.flight {
            Flight::Nothing => Flight::One {
                sent: now,
                asked: std::mem::take(&mut self.asked),
            },
            Flight::One { asked, .. } => {
                // Nothing will measure it any more: whoever asked for it gets another.
                self.asked |= asked;
                Flight::Several
            }
            Flight::Several => Flight::Several,
        };
        if self.state == State::Idle {
            self.state = State::AwaitingPong {
                deadline: now + self.pong_timeout,
            };
        }
        self.counters.pings_sent += 1;
        true
    }

    /// When the next ping is due.
    pub(crate) fn ping_at(&self) -> Instant {
        if self.asked && self.flight == Flight::Nothing {
            self.next_ping.min(self.rested_at)
        } else {
            self.next_ping
        }
    }

    /// When the pong that is due may be written.
    pub(crate) fn pong_at(&self) -> Option<Instant> {
        self.pong
            .map(|(Pong::Granted(at) | Pong::NotBefore(at))| at)
    }

    /// When the peer will have been silent for too long; none while that is our own doing.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::AwaitingPong { deadline } if self.paused_since.is_none() => Some(deadline),
            _ => None,
        }
    }

    /// Fails once the peer has been silent for too long.
    pub(crate) fn check(&self, now: Instant) -> Result<(), Error> {
        match self.deadline() {
            Some(deadline) if deadline <= now => Err(Error::PongTimeout {
                after: self.pong_timeout,
            }),
            _ => Ok(()),
        }
    }

    pub(crate) const fn counters(&self) -> Counters {
        self.counters
    }
}

/// Pongs that are written at once, more than a well-behaved peer ever asks for in a row.
const PONG_BURST: NonZeroU32 = NonZeroU32::new(10).unwrap();
/// Beyond the burst: ten small writes a second cost nothing, whatever the peer sends.
const PONG_PERIOD: Duration = Duration::from_millis(100);
/// From a pong to the next ping that is asked for: however many ask, they cost the peer no more than ten small packets a second,
/// and one that answers as seldom as we do (see [`PONG_PERIOD`]) does so at once.
const PING_PAUSE: Duration = PONG_PERIOD;
