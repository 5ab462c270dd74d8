//! The limit is exact, opens when it says, and lets no more through than it promises.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::window::Windows;
use crate::mux::throttle::Throttle;
use crate::rate::LinkRate;
use crate::testing::{Random, cases, epoch};

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn it_opens_at_the_announced_instant_and_not_before(rate in any_rate(), seed: u64) {
        let mut link = Link::new(rate, seed);
        for _ in 0..300 {
            let late = link.late();
            link.now += late;
            if let Err(at) = link.throttle.ready(link.now) {
                prop_assert!(at > link.now);
                link.now = at - NANOSECOND;
                prop_assert_eq!(link.throttle.ready(link.now), Err(at));
                link.now = at;
                prop_assert!(link.throttle.ready(link.now).is_ok());
            }
            link.pass();
        }
    }

    #[test]
    fn it_is_exact_within_one_percent_over_300_packets_after_the_first_burst(
        rate in any_rate(),
        seed: u64,
    ) {
        let mut link = Link::new(rate, seed);
        link.fill();
        let (start, before) = (link.now, link.bytes);
        let packets = link.packets;
        while link.packets < packets + 300 {
            let late = link.late();
            link.wait(late);
            link.fill();
        }
        let seconds = (link.now - start).as_secs_f64();
        let actual = (link.bytes - before) as f64 / seconds;
        prop_assert!((actual / rate as f64 - 1.0).abs() <= 0.01, "{} of {}", actual, rate);
    }

    #[test]
    fn no_window_carries_more_than_the_rate_the_burst_and_one_packet(
        rate in any_rate(),
        seed: u64,
    ) {
        let mut link = Link::new(rate, seed);
        let mut windows = Windows::default();
        for _ in 0..400 {
            match link.random.below(8) {
                0 => link.rest(),
                1 => link.now += NANOSECOND,
                _ => { let late = link.late(); link.wait(late); }
            }
            link.control();
            if link.throttle.ready(link.now).is_ok() {
                windows.add(link.now, link.pass(), rate);
            }
        }
        prop_assert!(windows.worst() <= link.promised(), "{} ns", windows.worst());
    }

    #[test]
    fn changes_of_rate_give_no_burst(
        rates in prop::collection::vec(any_rate(), 2..6),
        seed: u64,
    ) {
        let mut link = Link::new(rates[0], seed);
        let mut whole = Windows::default();
        let mut promised = link.promised();
        for turn in 0..40 {
            let mut since_change = Windows::default();
            for _ in 0..link.random.below(12) {
                let late = link.late();
                link.wait(late);
                let (now, bytes, rate) = (link.now, link.pass(), link.rate());
                whole.add(now, bytes, rate);
                since_change.add(now, bytes, rate);
            }
            prop_assert!(since_change.worst() <= link.promised());
            link.change(rates[turn % rates.len()]);
            promised = promised.max(link.promised());
            prop_assert!(whole.worst() <= promised);
        }
    }

    #[test]
    fn a_change_of_rate_pauses_for_one_old_burst_and_packet_at_most(
        old in any_rate(),
        new in any_rate(),
        seed: u64,
    ) {
        let mut link = Link::new(old, seed);
        link.fill();
        let most = link.promised();
        link.change(new);
        let pause = link.throttle.ready(link.now).map_or_else(|at| at - link.now, |_| Duration::ZERO);
        prop_assert!(nanos(pause) <= most, "{:?}", pause);
    }
}

#[test]
fn every_rate_from_1_kb_to_10_gb_per_second_is_exact() {
    for rate in [
        1_000,
        10_000,
        512_000,
        5_120_000,
        100_000_000,
        1_000_000_000,
        10_000_000_000,
    ] {
        let mut link = Link::new(rate, rate);
        link.fill();
        let (start, before, packets) = (link.now, link.bytes, link.packets);
        while link.packets < packets + 1_000 {
            link.wait(Duration::ZERO);
            link.fill();
        }
        let actual = (link.bytes - before) as f64 / (link.now - start).as_secs_f64();
        assert!(
            (actual / rate as f64 - 1.0).abs() <= 0.0035,
            "{actual} of {rate}"
        );
    }
}

#[test]
fn a_day_of_silence_earns_one_burst_only() {
    let mut link = Link::new(512_000, 1);
    link.fill();
    link.now += Duration::from_secs(86_400);
    let before = link.bytes;
    link.fill();
    let burst = (link.bytes - before) as u64;
    assert!(burst <= 512_000 / 100 + 1036 + 1036, "{burst} bytes");
}

#[test]
fn what_control_packets_owe_is_paid_before_anything_else_passes() {
    let mut link = Link::new(1_000, 1);
    link.fill();
    (0..1_000).for_each(|_| link.throttle.charge(link.now, 3));
    let wait = link.throttle.ready(link.now).unwrap_err() - link.now;
    assert!(wait >= Duration::from_secs(3));
    link.wait(Duration::ZERO);
    assert!(link.throttle.ready(link.now).is_ok());
}

/// A throttle that is always used as far as it allows.
struct Link {
    throttle: Throttle,
    now: Instant,
    random: Random,
    bytes: usize,
    packets: usize,
}

impl Link {
    fn new(rate: u64, seed: u64) -> Self {
        let now = epoch();
        Self {
            throttle: Throttle::new(now, link_rate(rate)),
            now,
            random: Random::new(seed),
            bytes: 0,
            packets: 0,
        }
    }

    fn rate(&self) -> u64 {
        self.throttle.rate().bytes_per_second().get()
    }

    /// Passes packets until no more may.
    fn fill(&mut self) {
        while self.throttle.ready(self.now).is_ok() {
            self.pass();
        }
    }

    /// Passes a batch as large as may be, and at least a packet, if any may pass.
    fn pass(&mut self) -> usize {
        let Ok(spare) = self.throttle.ready(self.now) else {
            return 0;
        };
        let room = usize::try_from(spare)
            .unwrap()
            .clamp(1, self.throttle.rate().batch());
        let mut batch = 0;
        while batch < room {
            batch += self.random.between(518, PACKET);
            self.packets += 1;
        }
        self.throttle.charge(self.now, batch);
        self.bytes += batch;
        batch
    }

    /// Waits for the limit, and for `late` on top.
    fn wait(&mut self, late: Duration) {
        if let Err(at) = self.throttle.ready(self.now) {
            self.now = at + late;
        }
    }

    /// How late a timer may fire without a loss.
    fn late(&mut self) -> Duration {
        match self.random.below(3) {
            0 => Duration::ZERO,
            1 => Duration::from_nanos(self.random.below(1_000) as u64),
            _ => Duration::from_nanos(self.random.below(10_000_000) as u64),
        }
    }

    fn rest(&mut self) {
        self.now += Duration::from_nanos(self.random.below(3_000_000_000) as u64);
    }

    /// Now and then, a ping that does not ask.
    fn control(&mut self) {
        if self.random.one_in(10) {
            self.throttle.charge(self.now, 3);
        }
    }

    fn change(&mut self, rate: u64) {
        self.throttle.set_rate(self.now, link_rate(rate));
    }

    /// Nanoseconds of link time that a window may carry beyond its length: the burst and one packet.
    fn promised(&self) -> u128 {
        let packet = PACKET as u128 * 1_000_000_000 / u128::from(self.rate());
        u128::from(self.throttle.rate().burst().get()) + packet + 1
    }
}

/// Evenly spread over the orders of magnitude.
fn any_rate() -> impl Strategy<Value = u64> {
    (1_000..10_000u64, 0..7u32).prop_map(|(digits, exponent)| digits * 10u64.pow(exponent))
}

fn link_rate(rate: u64) -> LinkRate {
    LinkRate::new("send_rate", NonZeroU64::new(rate).unwrap(), PACKET).unwrap()
}

fn nanos(duration: Duration) -> u128 {
    duration.as_nanos()
}

const PACKET: usize = 1036;
const NANOSECOND: Duration = Duration::from_nanos(1);
