//! Every pending channel is served within its fair period, whatever the others do.

use proptest::prelude::*;

use crate::mux::scheduler::Scheduler;
use crate::testing::{Random, cases};

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn every_pending_channel_is_served_within_its_fair_period(
        priorities in priorities(),
        seed: u64,
    ) {
        let mut link = Churn::new(&priorities, seed);
        link.run(200, true);
        link.forget_waits();
        link.run(2_000, false);
        prop_assert!(link.worst <= 1.0, "{} of the bound", link.worst);
    }

    #[test]
    fn newcomers_cost_a_waiting_channel_at_most_one_more_fair_period(
        priorities in priorities(),
        seed: u64,
    ) {
        let mut link = Churn::new(&priorities, seed);
        link.periods = 2.0;
        link.run(3_000, true);
        prop_assert!(link.worst <= 1.0, "{} of the bound", link.worst);
    }
}

fn priorities() -> impl Strategy<Value = Vec<u16>> {
    let priority = prop_oneof![1..=10u16, 1..=100u16, Just(1), 1..=1000u16];
    prop::collection::vec(priority, 2..14)
}

/// Channels that wake and fall idle at random.
struct Churn {
    scheduler: Scheduler,
    channels: Vec<Waiting>,
    random: Random,
    wake_one_in: usize,
    stop_one_in: usize,
    /// How many fair periods a channel may wait.
    periods: f64,
    /// The longest wait as a part of what is allowed.
    worst: f64,
}

struct Waiting {
    priority: f64,
    /// The framed size of its next packet.
    next: Option<usize>,
    /// Bytes of others since it was served or woke; not counted before `counts`.
    waited: usize,
    counts: bool,
    /// Channels that were pending at some time of the wait.
    rivals: Vec<bool>,
}

impl Churn {
    fn new(priorities: &[u16], seed: u64) -> Self {
        let mut random = Random::new(seed);
        let waiting = |&priority: &u16| Waiting {
            priority: f64::from(priority),
            next: None,
            waited: 0,
            counts: true,
            rivals: vec![false; priorities.len()],
        };
        Self {
            scheduler: Scheduler::new(priorities.iter().copied(), LARGEST),
            channels: priorities.iter().map(waiting).collect(),
            wake_one_in: random.between(1, 60),
            stop_one_in: random.between(1, 60),
            random,
            periods: 1.0,
            worst: 0.0,
        }
    }

    /// Counts only waits that begin after the channel's next packet.
    fn forget_waits(&mut self) {
        self.worst = 0.0;
        self.channels
            .iter_mut()
            .for_each(|channel| channel.counts = false);
    }

    fn run(&mut self, packets: usize, with_newcomers: bool) {
        for _ in 0..packets {
            if with_newcomers {
                self.wake_some();
            }
            if let Some(channel) = self.scheduler.pick() {
                self.serve(channel, with_newcomers);
            }
        }
    }

    fn wake_some(&mut self) {
        for channel in 0..self.channels.len() {
            if self.channels[channel].next.is_none() && self.random.one_in(self.wake_one_in) {
                let len = self.random.between(4, LARGEST);
                self.scheduler.on_pending(channel, len);
                self.channels[channel].next = Some(len);
                self.begin_wait(channel);
                for other in self
                    .channels
                    .iter_mut()
                    .filter(|other| other.next.is_some())
                {
                    other.rivals[channel] = true;
                }
            }
        }
    }

    fn serve(&mut self, channel: usize, may_stop: bool) {
        self.judge(channel);
        let sent = self.channels[channel].next.unwrap();
        for (index, other) in self.channels.iter_mut().enumerate() {
            if index != channel && other.next.is_some() {
                other.waited += sent;
            }
        }
        let stops = may_stop && self.random.one_in(self.stop_one_in);
        let next = (!stops).then(|| self.random.between(4, LARGEST));
        self.scheduler.on_sent(sent, next);
        self.channels[channel].next = next;
        self.channels[channel].counts = true;
        self.begin_wait(channel);
    }

    fn begin_wait(&mut self, channel: usize) {
        let pending: Vec<bool> = self
            .channels
            .iter()
            .map(|other| other.next.is_some())
            .collect();
        self.channels[channel].waited = 0;
        self.channels[channel].rivals = pending;
    }

    fn judge(&mut self, channel: usize) {
        let me = &self.channels[channel];
        let rivals = self
            .channels
            .iter()
            .enumerate()
            .filter(|(index, _)| *index != channel && me.rivals[*index]);
        let (mut sum, mut count) = (me.priority, 0.0);
        for (_, rival) in rivals {
            sum += rival.priority;
            count += 1.0;
        }
        let bound = (self.periods * sum / me.priority + count) * LARGEST as f64;
        if me.counts {
            self.worst = self.worst.max(me.waited as f64 / bound);
        }
    }
}

const LARGEST: usize = 1036;
