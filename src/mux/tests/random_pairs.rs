//! Whatever the link, the settings and the traffic: everything arrives, in order, and nothing else.

use std::time::Duration;

use proptest::prelude::*;

use crate::channel::{ChannelDescriptor, ChannelId};
use crate::config::Config;
use crate::packet::max_packet;
use crate::testing::{Link, Pair, Random, Setup, Side, build, cases, limit, silent};

proptest! {
    #![proptest_config(cases(80))]

    #[test]
    fn everything_sent_over_any_link_arrives_once_and_in_order(seed: u64) {
        let mut random = Random::new(seed);
        let mut traffic = Traffic::new(&mut random);
        let [from_a, from_b] = traffic.run(&mut random);
        traffic.settle(&mut random);
        prop_assert_eq!(traffic.taken, [from_b, from_a]);
        prop_assert!(traffic.pair.a.ended.is_none() && traffic.pair.b.ended.is_none());
    }

    #[test]
    fn a_drain_at_any_moment_delivers_what_was_accepted_before(seed: u64) {
        let mut random = Random::new(seed);
        let mut traffic = Traffic::new(&mut random);
        let [from_a, from_b] = traffic.run(&mut random);
        traffic.pair.a.begin_drain();
        let both = random.one_in(2);
        if both {
            traffic.pair.b.begin_drain();
        }
        traffic.settle(&mut random);
        // The ends of the streams take the way of the bytes before them, through full inboxes too.
        for _ in 0..20 {
            traffic.pair.run_for(Duration::from_secs(1));
            traffic.take();
        }
        let Traffic { pair, taken: [at_a, at_b], .. } = traffic;
        prop_assert_eq!(at_b, from_a);
        prop_assert!(matches!(pair.b.ended, Some(Ok(()))));
        // A B that does not drain ends with A's stream, wherever it is in its own.
        prop_assert!(!both || (at_a == from_b && matches!(pair.a.ended, Some(Ok(())))));
        prop_assert!(pair.a.ended.is_some());
    }
}

/// A pair with a random link and settings, under random load.
struct Traffic {
    pair: Pair,
    ids: Vec<u8>,
    longest: usize,
    /// Messages that arrived, at A and at B.
    taken: [usize; 2],
}

impl Traffic {
    fn new(random: &mut Random) -> Self {
        let smallest = *[1, 10, 300, 20_000].get(random.below(4)).unwrap();
        let payload = random.between(7, 2000);
        let checked = random.one_in(3);
        let configs = [0, 1].map(|_| config(random, payload, checked));
        let links = [0, 1].map(|_| link(random, smallest));
        let channels = descriptors(random);
        let ids = channels.iter().map(|channel| channel.id().get()).collect();
        let mut pair = Pair::new(Setup {
            channels,
            configs,
            links,
        });
        if random.one_in(3) {
            pair.b.inbox.capacity = random.between(1, 4);
        }
        Self {
            pair,
            ids,
            longest: (smallest * 100).min(20_000),
            taken: [0, 0],
        }
    }

    /// Sends at random moments, and says how many messages that were, from A and from B.
    fn run(&mut self, random: &mut Random) -> [usize; 2] {
        let mut sent = [0, 0];
        for _ in 0..random.between(1, 10) {
            for _ in 0..random.below(4) {
                let from = random.below(2);
                let side = [Side::A, Side::B][from];
                let id = self.ids[random.below(self.ids.len())];
                let len = if random.one_in(4) {
                    0
                } else {
                    random.below(self.longest)
                };
                self.pair.send(side, id, len);
                sent[from] += 1;
            }
            if random.one_in(4) {
                let rate = limit(Some(random.between(20_000, 3_000_000) as u64));
                let now = self.pair.now;
                self.pair.a.mux.set_send_rate(now, rate).unwrap();
                self.pair
                    .b
                    .mux
                    .set_recv_rate(now, rate.filter(|_| random.one_in(2)))
                    .unwrap();
            }
            self.pair
                .run_for(Duration::from_micros(random.below(30_000) as u64));
            self.take();
        }
        sent
    }

    /// Lets time pass until everything has arrived.
    fn settle(&mut self, random: &mut Random) {
        while !self.pair.is_idle() {
            self.pair.run_for(Duration::from_micros(
                random.between(1_000, 10_000_000) as u64
            ));
            self.take();
        }
        self.take();
    }

    fn take(&mut self) {
        self.taken[0] += self.pair.take(Side::A);
        self.taken[1] += self.pair.take(Side::B);
    }
}

fn config(random: &mut Random, payload: usize, checked: bool) -> Config {
    let rate = |random: &mut Random| {
        let limited = random.one_in(2);
        limit(limited.then(|| random.between(20_000, 5_000_000) as u64))
    };
    let config = silent()
        .max_packet_payload(payload)
        .max_packet(max_packet(payload) + 1)
        .send_rate(rate(random))
        .recv_rate(rate(random));
    build(config.send_checksum(checked).require_checksum(checked))
}

fn link(random: &mut Random, smallest: usize) -> Link {
    let schedule = |random: &mut Random| -> Vec<usize> {
        (0..random.below(4))
            .map(|_| random.between(smallest, smallest * 5))
            .collect()
    };
    let mut at = 0;
    let stalls = (0..random.below(4)).map(|_| {
        let from = at + random.below(100);
        at = from + random.between(1, 2_000);
        (
            Duration::from_millis(from as u64),
            Duration::from_millis(at as u64),
        )
    });
    Link {
        stalls: stalls.collect(),
        capacity: random.between(smallest, smallest * 20),
        latency: Duration::from_micros(random.below(20_000) as u64),
        writes: schedule(random),
        reads: schedule(random),
    }
}

fn descriptors(random: &mut Random) -> Vec<ChannelDescriptor> {
    let first = random.between(0, 250);
    (first..first + random.between(1, 5))
        .map(|id| {
            let id = ChannelId::new(u8::try_from(id).unwrap());
            let priority = [1, 2, 5, 7, 10, 100][random.below(6)];
            ChannelDescriptor::new(id, priority)
        })
        .collect()
}
