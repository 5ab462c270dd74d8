//! Whether a deadline that has passed is to be held against anybody.

use std::time::{Duration, Instant};

/// Looks twice before a deadline is judged, since what it waited for may have come while nobody looked.
///
/// First the runtime looks at its sockets, and everybody else has a turn. Where the deadline is seen much later than it passed,
/// this program stood still (it was stopped, the machine was paused, the thread was busy elsewhere), and perhaps those that it
/// waits for did too: then all deadlines are put off by that time and a grace. That is done once for a deadline that nothing
/// moves, so that a program which is always late still finds out who is dead.
#[derive(Debug, Default)]
pub(super) struct SecondLook {
    looked: Option<Instant>,
    put_off: Option<Instant>,
}

/// What is to be done about a deadline that has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Everybody had the chance to meet it.
    Judge,
    /// The runtime is to look at its sockets first.
    LookAgain,
    /// We stood still: all deadlines are to be put off by so much.
    PutOff(Duration),
}

impl SecondLook {
    /// The nearest deadline, which has passed at `now`.
    pub(super) fn on_passed(&mut self, deadline: Instant, now: Instant) -> Outcome {
        if self.looked.replace(deadline) == Some(deadline) {
            return Outcome::Judge;
        }
        let late = now.saturating_duration_since(deadline);
        if late < LATE || self.put_off == Some(deadline) {
            return Outcome::LookAgain;
        }
        let time = late + GRACE;
        self.put_off = Some(deadline + time);
        Outcome::PutOff(time)
    }
}

/// Far above what a timer and a busy runtime are late by, far below any timeout worth setting.
const LATE: Duration = Duration::from_millis(50);
/// A round trip on any path, and turns for all that waited with us.
const GRACE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::epoch;

    #[test]
    fn a_deadline_that_is_seen_in_time_is_judged_at_the_second_look() {
        let (mut look, at) = (SecondLook::default(), epoch());
        assert_eq!(look.on_passed(at, at), Outcome::LookAgain);
        assert_eq!(look.on_passed(at, at), Outcome::Judge);
    }

    #[test]
    fn one_that_is_seen_late_is_put_off_by_as_much_and_a_grace() {
        let (mut look, at) = (SecondLook::default(), epoch());
        let hour = Duration::from_secs(3600);
        let time = hour + GRACE;
        assert_eq!(look.on_passed(at, at + hour), Outcome::PutOff(time));
        assert_eq!(look.on_passed(at + time, at + time), Outcome::LookAgain);
        assert_eq!(look.on_passed(at + time, at + time), Outcome::Judge);
    }

    #[test]
    fn whoever_is_always_late_puts_a_deadline_off_once() {
        let (mut look, at) = (SecondLook::default(), epoch());
        let Outcome::PutOff(time) = look.on_passed(at, at + GRACE) else {
            panic!("it is late");
        };
        let late = at + time + GRACE;
        assert_eq!(look.on_passed(at + time, late), Outcome::LookAgain);
        assert_eq!(look.on_passed(at + time, late), Outcome::Judge);
        // Another one that was moved by progress is another matter.
        let moved = late + GRACE;
        assert!(matches!(
            look.on_passed(moved, moved + GRACE),
            Outcome::PutOff(_)
        ));
    }
}
