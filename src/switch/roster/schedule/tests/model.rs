//! The schedule beside a list that is searched from end to end.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Copy, Debug)]
enum Step {
    Add(u32, u16, bool),
    Forget(u32),
    Pop,
    Fail(u32, bool, u32),
    Dialed(u32),
    Connect(u32),
    Disconnect(u32, u32),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let peer = 1..6_u32;
    prop_oneof![
        (peer.clone(), 1..4_u16, any::<bool>()).prop_map(|(id, port, p)| Step::Add(id, port, p)),
        peer.clone().prop_map(Step::Forget),
        Just(Step::Pop),
        Just(Step::Pop),
        (peer.clone(), any::<bool>(), any::<u32>()).prop_map(|(id, h, r)| Step::Fail(id, h, r)),
        peer.clone().prop_map(Step::Dialed),
        peer.clone().prop_map(Step::Connect),
        (peer, any::<u32>()).prop_map(|(id, roll)| Step::Disconnect(id, roll)),
        (0..100_000_u64).prop_map(Step::Wait),
    ]
}

/// What is known of one peer.
#[derive(Clone, Debug, Default)]
struct Known {
    ports: Vec<u16>,
    is_persistent: bool,
    failures: u32,
    due: Option<Instant>,
    is_dialed: bool,
    dialed: u16,
    since: Option<Instant>,
}

impl Known {
    fn forget(&mut self) {
        self.ports.clear();
        (self.is_persistent, self.failures, self.due) = (false, 0, None);
    }

    fn wait(&mut self, now: Instant, heals: bool, roll: u32) {
        let ceiling = PACE
            .first
            .mul_f64(f64::from(1_u32 << self.failures.min(20)));
        let drawn = ceiling
            .min(PACE.longest)
            .mul_f64(f64::from(roll) / f64::from(u32::MAX));
        self.failures += 1;
        self.due = Some(now + if heals { drawn } else { PACE.longest });
    }
}

struct Model([Known; 6]);

impl Model {
    fn knows(&mut self, peer: u32) -> &mut Known {
        &mut self.0[usize::try_from(peer).unwrap()]
    }

    fn dials(&self) -> usize {
        self.0.iter().filter(|known| known.is_dialed).count()
    }

    fn next(&self, now: Instant) -> Option<(u32, u16)> {
        if self.dials() >= PACE.max_dials {
            return None;
        }
        let peers = (0..).zip(&self.0);
        let due = peers.filter(|(_, known)| known.due.is_some_and(|due| due <= now));
        let first = due.min_by_key(|(peer, known)| (!known.is_persistent, known.due, *peer));
        first.map(|(peer, known)| (peer, known.ports[0]))
    }

    fn take(&mut self, now: Instant, step: Step) {
        match step {
            Step::Add(peer, port, persistent) => {
                let known = self.knows(peer);
                let is_free = known.since.is_none() && !known.is_dialed;
                if !known.ports.contains(&port) {
                    known.ports.push(port);
                }
                known.is_persistent |= persistent;
                if is_free {
                    known.due = known.due.or(Some(now));
                } else if !known.is_persistent && known.since.is_some() {
                    known.forget();
                }
            }
            Step::Forget(peer) => self.knows(peer).forget(),
            Step::Fail(peer, heals, roll) => {
                let known = self.knows(peer);
                known.is_dialed = false;
                if known.ports.is_empty() {
                } else if known.is_persistent {
                    known.ports.rotate_left(1);
                    if known.since.is_none() {
                        known.wait(now, heals, roll);
                    }
                } else {
                    let dialed = known.dialed;
                    known.ports.retain(|port| *port != dialed);
                    known.due = Some(now);
                    if known.ports.is_empty() || known.since.is_some() {
                        known.forget();
                    }
                }
            }
            Step::Dialed(peer) => self.knows(peer).is_dialed = false,
            Step::Connect(peer) => {
                let known = self.knows(peer);
                known.since = Some(now);
                known.due = None;
                if !known.is_persistent {
                    known.forget();
                }
            }
            Step::Disconnect(peer, roll) => {
                let known = self.knows(peer);
                let since = known.since.take();
                if since.is_some_and(|since| now - since >= PACE.settled_after) {
                    known.failures = 0;
                }
                if !known.ports.is_empty() && !known.is_dialed {
                    known.wait(now, true, roll);
                }
            }
            Step::Pop | Step::Wait(_) => {}
        }
    }
}

/// Whether the switch could come to this step: a dial ends only while it is under way, a connection while it is there.
fn can_be(model: &mut Model, step: Step) -> bool {
    match step {
        Step::Fail(peer, ..) => model.knows(peer).is_dialed,
        // It is followed by the connection at once.
        Step::Dialed(peer) => model.knows(peer).is_dialed && model.knows(peer).since.is_some(),
        Step::Connect(peer) => model.knows(peer).since.is_none(),
        Step::Disconnect(peer, _) => model.knows(peer).since.is_some(),
        _ => true,
    }
}

fn carry_out(schedule: &mut Schedule, now: Instant, step: Step) {
    let healing = |heals| {
        if heals {
            Healing::Possible
        } else {
            Healing::Unlikely
        }
    };
    match step {
        Step::Add(peer, port, true) => {
            schedule
                .add(now, at(peer, port), Wanted::Persistent)
                .unwrap();
        }
        Step::Add(peer, port, false) => schedule.add(now, at(peer, port), Wanted::Once).unwrap(),
        Step::Forget(peer) => _ = schedule.forget(&id(peer)),
        Step::Fail(peer, heals, roll) => schedule.on_failed(now, &id(peer), healing(heals), roll),
        Step::Dialed(peer) => schedule.on_dialed(&id(peer)),
        Step::Connect(peer) => schedule.on_connected(now, id(peer)),
        Step::Disconnect(peer, roll) => schedule.on_disconnected(now, &id(peer), roll),
        Step::Pop | Step::Wait(_) => {}
    }
}

proptest! {
    #[test]
    fn it_is_as_a_list_that_is_searched(steps in prop::collection::vec(step(), 1..200)) {
        let (mut now, mut schedule, mut model) = (epoch(), schedule(), Model(Default::default()));
        for step in steps {
            if !can_be(&mut model, step) {
                continue;
            }
            carry_out(&mut schedule, now, step);
            model.take(now, step);
            match step {
                Step::Wait(millis) => now += Duration::from_millis(millis),
                Step::Pop => {
                    let next = model.next(now);
                    let popped = schedule.pop(now);
                    prop_assert_eq!(&popped, &next.map(|(peer, port)| at(peer, port)));
                    if let Some((peer, port)) = next {
                        let known = model.knows(peer);
                        prop_assert!(known.since.is_none());
                        (known.due, known.is_dialed, known.dialed) = (None, true, port);
                    }
                }
                _ => {}
            }
            let due = model.0.iter().filter_map(|known| known.due).min();
            let due = due.filter(|_| model.dials() < PACE.max_dials);
            prop_assert_eq!(schedule.poll_timeout(), due);
            prop_assert_eq!(schedule.dialing().count(), model.dials());
            for peer in 1..6 {
                prop_assert_eq!(schedule.is_persistent(&id(peer)), model.knows(peer).is_persistent);
            }
        }
    }
}
