//! Every event in every state of the keepalive. Times are seconds since the start.

use std::time::{Duration, Instant};

use crate::config::Config;
use crate::mux::keepalive::Keepalive;
use crate::testing::{build, epoch};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    Awaiting,
    IdlePaused,
    AwaitingPaused,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Data,
    Ping,
    Pong,
    Pause,
    Resume,
    /// The time of the next ping comes, and a little before that.
    PingTime,
    BeforePingTime,
    /// The time at which a silent peer is dead, and a little before that.
    Deadline,
    BeforeDeadline,
    PongWanted,
}

/// What is seen after the event.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    /// Whether a check passes, or a packet is given.
    yes: bool,
    deadline: Option<u64>,
    /// The deadline if reading goes on at once.
    resumed: Option<u64>,
    next_ping: u64,
}

const fn seen(yes: bool, deadline: Option<u64>, resumed: Option<u64>, next_ping: u64) -> Seen {
    Seen {
        yes,
        deadline,
        resumed,
        next_ping,
    }
}

/// A ping went out at 60, reading paused at 65 where it is paused, and the event comes at 70 unless it names a time.
const TABLE: [(State, Event, Seen); 40] = {
    use Event::*;
    use State::*;
    [
        (Idle, Data, seen(true, None, None, 120)),
        (Idle, Ping, seen(true, None, None, 120)),
        (Idle, Pong, seen(true, None, None, 120)),
        (Idle, Pause, seen(true, None, None, 120)),
        (Idle, Resume, seen(true, None, None, 120)),
        (Idle, PingTime, seen(true, Some(165), Some(165), 180)),
        (Idle, BeforePingTime, seen(false, None, None, 120)),
        (Idle, Deadline, seen(true, None, None, 120)),
        (Idle, BeforeDeadline, seen(true, None, None, 120)),
        (Idle, PongWanted, seen(false, None, None, 120)),
        (Awaiting, Data, seen(true, None, None, 120)),
        (Awaiting, Ping, seen(true, None, None, 120)),
        (Awaiting, Pong, seen(true, None, None, 120)),
        (Awaiting, Pause, seen(true, None, Some(105), 120)),
        (Awaiting, Resume, seen(true, Some(105), Some(105), 120)),
        (Awaiting, PingTime, seen(true, Some(105), Some(105), 180)),
        (
            Awaiting,
            BeforePingTime,
            seen(false, Some(105), Some(105), 120),
        ),
        (Awaiting, Deadline, seen(false, Some(105), Some(105), 120)),
        (
            Awaiting,
            BeforeDeadline,
            seen(true, Some(105), Some(105), 120),
        ),
        (Awaiting, PongWanted, seen(false, Some(105), Some(105), 120)),
        (IdlePaused, Data, seen(true, None, None, 120)),
        (IdlePaused, Ping, seen(true, None, None, 120)),
        (IdlePaused, Pong, seen(true, None, None, 120)),
        (IdlePaused, Pause, seen(true, None, None, 120)),
        (IdlePaused, Resume, seen(true, None, None, 120)),
        (IdlePaused, PingTime, seen(true, None, Some(165), 180)),
        (IdlePaused, BeforePingTime, seen(false, None, None, 120)),
        (IdlePaused, Deadline, seen(true, None, None, 120)),
        (IdlePaused, BeforeDeadline, seen(true, None, None, 120)),
        (IdlePaused, PongWanted, seen(false, None, None, 120)),
        (AwaitingPaused, Data, seen(true, None, None, 120)),
        (AwaitingPaused, Ping, seen(true, None, None, 120)),
        (AwaitingPaused, Pong, seen(true, None, None, 120)),
        (AwaitingPaused, Pause, seen(true, None, Some(110), 120)),
        (
            AwaitingPaused,
            Resume,
            seen(true, Some(110), Some(110), 120),
        ),
        (AwaitingPaused, PingTime, seen(true, None, Some(160), 180)),
        (
            AwaitingPaused,
            BeforePingTime,
            seen(false, None, Some(159), 120),
        ),
        (AwaitingPaused, Deadline, seen(true, None, Some(145), 120)),
        (
            AwaitingPaused,
            BeforeDeadline,
            seen(true, None, Some(144), 120),
        ),
        (
            AwaitingPaused,
            PongWanted,
            seen(false, None, Some(110), 120),
        ),
    ]
};

#[test]
fn every_event_in_every_state_does_what_the_table_says() {
    for (state, event, expected) in &TABLE {
        assert_eq!(&observe(*state, *event), expected, "{event:?} in {state:?}");
    }
}

#[test]
fn the_table_has_every_pair_once() {
    for (at, (state, event, _)) in TABLE.iter().enumerate() {
        let same = |(s, e, _): &(State, Event, Seen)| s == state && e == event;
        assert_eq!(
            TABLE.iter().position(same),
            Some(at),
            "{event:?} in {state:?} twice"
        );
    }
    let states = TABLE.iter().filter(|row| row.1 == Event::Data).count();
    let events = TABLE.iter().filter(|row| row.0 == State::Idle).count();
    assert_eq!(states * events, TABLE.len());
}

#[test]
fn every_event_leaves_the_pong_that_is_due() {
    let events = TABLE
        .iter()
        .filter(|row| row.0 == State::Idle)
        .map(|row| row.1);
    for event in events {
        let (mut keepalive, start) = enter(State::Idle);
        keepalive.on_ping(start);
        let due = keepalive.pong_at();
        assert!(due.is_some());
        let sent = event == Event::PongWanted;
        assert_eq!(
            apply(&mut keepalive, start, event).0,
            sent || event != Event::BeforePingTime
        );
        assert_eq!(keepalive.pong_at(), due.filter(|_| !sent), "{event:?}");
    }
}

fn observe(state: State, event: Event) -> Seen {
    let (mut keepalive, start) = enter(state);
    let (yes, at) = apply(&mut keepalive, start, event);
    let since_start = |at: Instant| (at - start).as_secs();
    let deadline = keepalive.deadline().map(since_start);
    let next_ping = since_start(keepalive.ping_at());
    keepalive.on_read_resumed(at);
    let resumed = keepalive.deadline().map(since_start);
    seen(yes, deadline, resumed, next_ping)
}

fn enter(state: State) -> (Keepalive, Instant) {
    let start = epoch();
    let config = Config::builder()
        .ping_interval(SECOND * 60)
        .pong_timeout(SECOND * 45);
    let mut keepalive = Keepalive::new(start, &build(config));
    assert!(keepalive.take_ping(start + SECOND * 60));
    if matches!(state, State::Idle | State::IdlePaused) {
        keepalive.on_packet();
    }
    if matches!(state, State::IdlePaused | State::AwaitingPaused) {
        keepalive.on_read_paused(start + SECOND * 65);
    }
    (keepalive, start)
}

/// Says whether a check passed or a packet was given, and when the event came.
fn apply(keepalive: &mut Keepalive, start: Instant, event: Event) -> (bool, Instant) {
    let now = start
        + SECOND
            * match event {
                Event::PingTime => 120,
                Event::BeforePingTime => 119,
                Event::Deadline => 105,
                Event::BeforeDeadline => 104,
                _ => 70,
            };
    let yes = match event {
        Event::Ping => {
            keepalive.on_ping(now);
            keepalive.on_packet();
            true
        }
        Event::Pong => {
            keepalive.on_pong(now);
            keepalive.on_packet();
            true
        }
        Event::Data => {
            keepalive.on_packet();
            true
        }
        Event::Pause => {
            keepalive.on_read_paused(now);
            true
        }
        Event::Resume => {
            keepalive.on_read_resumed(now);
            true
        }
        Event::PingTime | Event::BeforePingTime => keepalive.take_ping(now),
        Event::Deadline | Event::BeforeDeadline => keepalive.check(now).is_ok(),
        Event::PongWanted => keepalive.take_pong(now),
    };
    (yes, now)
}

const SECOND: Duration = Duration::from_secs(1);
