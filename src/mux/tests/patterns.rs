//! Falling silent and coming back is no way to more than a fair share.

use proptest::prelude::*;

use crate::channel::ChannelId;
use crate::mux::scheduler::Scheduler;
use crate::testing::{Random, Solo, cases};

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    fn no_on_off_pattern_gains_more_than_one_percent(
        others in prop::collection::vec(1..=10u16, 1..10),
        mine in 1..=10u16,
        longest_on in 1..60usize,
        longest_off in 0..60usize,
        seed: u64,
    ) {
        let gain = gain_of_pattern(&others, mine, longest_on, longest_off, seed);
        prop_assert!(gain <= 1.01, "got {gain} of the fair share");
    }

    #[test]
    fn no_strict_cycle_gains_more_than_one_percent(
        others in prop::collection::vec(1..=10u16, 1..6),
        mine in 1..=10u16,
        on in 1..12usize,
        off in 0..12usize,
    ) {
        let sum = mine + others.iter().sum::<u16>();
        let mut pattern = Pattern::new(&others, mine);
        while pattern.all < LONG * usize::from(sum) / usize::from(mine) {
            pattern.wake(LARGEST);
            (0..on).for_each(|left| pattern.serve_mine(left + 1 < on, LARGEST));
            for _ in 0..off {
                pattern.serve_one(false, 0);
            }
        }
        prop_assert!(pattern.gain(mine, sum) <= 1.01);
    }
}

#[test]
fn a_channel_with_pauses_gains_nothing_on_a_real_link() {
    for seed in 0..8 {
        let mut random = Random::new(seed);
        let mut solo = Solo::with_priorities(Some(512_000), &[3, 10, 5, 1]);
        (1..4).for_each(|channel| solo.saturate(channel, &[5000, 100]));
        let mut quiet_until = 0;
        while solo.sent.len() < 3_000 {
            let idle = solo.outbox.waiting() == 0;
            if idle && solo.sent.len() >= quiet_until {
                let messages = random.between(1, 4);
                (0..messages).for_each(|_| solo.push_len(0, random.between(0, 4000)));
                quiet_until = solo.sent.len() + random.between(0, 20);
            }
            solo.next();
        }
        let all: usize = solo.sent.iter().map(|sent| sent.framed).sum();
        let mine = solo
            .sent
            .iter()
            .filter(|sent| sent.channel() == Some(ChannelId::new(0)));
        let mine: usize = mine.map(|sent| sent.framed).sum();
        assert!(mine as f64 <= 1.01 * all as f64 * 3.0 / 19.0, "seed {seed}");
    }
}

/// What a channel of priority `mine` gets with random pauses, as a part of its fair share among saturated `others`.
fn gain_of_pattern(
    others: &[u16],
    mine: u16,
    longest_on: usize,
    longest_off: usize,
    seed: u64,
) -> f64 {
    let mut random = Random::new(seed);
    let sum = mine + others.iter().sum::<u16>();
    let mut pattern = Pattern::new(others, mine);
    while pattern.all < LONG * usize::from(sum) / usize::from(mine) {
        pattern.wake(random.between(4, LARGEST));
        for left in (0..random.between(1, longest_on)).rev() {
            pattern.serve_mine(left > 0, random.between(4, LARGEST));
        }
        for _ in 0..random.between(0, longest_off) {
            pattern.serve_one(false, 0);
        }
    }
    pattern.gain(mine, sum)
}

/// One channel, index 0, among others that always have full packets.
struct Pattern {
    scheduler: Scheduler,
    my_next: usize,
    mine: usize,
    all: usize,
}

impl Pattern {
    fn new(others: &[u16], mine: u16) -> Self {
        let priorities = std::iter::once(mine).chain(others.iter().copied());
        let mut scheduler = Scheduler::new(priorities, LARGEST);
        (1..=others.len()).for_each(|channel| scheduler.on_pending(channel, LARGEST));
        Self {
            scheduler,
            my_next: 0,
            mine: 0,
            all: 0,
        }
    }

    fn wake(&mut self, len: usize) {
        self.scheduler.on_pending(0, len);
        self.my_next = len;
    }

    /// Serves others until the pattern's packet is sent.
    fn serve_mine(&mut self, goes_on: bool, next: usize) {
        while !self.serve_one(goes_on, next) {}
    }

    /// Says whether that was the pattern's.
    fn serve_one(&mut self, goes_on: bool, next: usize) -> bool {
        let mine = self.scheduler.pick() == Some(0);
        let len = if mine { self.my_next } else { LARGEST };
        let next = if mine {
            goes_on.then_some(next)
        } else {
            Some(LARGEST)
        };
        self.scheduler.on_sent(len, next);
        self.all += len;
        if mine {
            self.mine += len;
            self.my_next = next.unwrap_or(0);
        }
        mine
    }

    fn gain(&self, mine: u16, sum: u16) -> f64 {
        let fair = self.all as f64 * f64::from(mine) / f64::from(sum);
        self.mine as f64 / fair
    }
}

const LARGEST: usize = 1036;
/// So many bytes of the pattern's that a packet or two at either end make no difference.
const LONG: usize = 400 * LARGEST;
