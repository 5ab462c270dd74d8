//! The registry against a model that is too simple to be wrong.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::testing::cases;

/// What may happen to a registry.
#[derive(Clone, Debug)]
enum Op {
    Admit { address: SocketAddr, inbound: bool },
    Claim { slot: usize, id: u8 },
    Drop { slot: usize },
    Dial { id: u8 },
    EndDial { dial: usize },
    Wait { ms: u64 },
}

fn op() -> impl Strategy<Value = Op> {
    let address = (0..3u8, 0..3u16, 0..3u8).prop_map(|(host, port, kind)| {
        let ip: IpAddr = match kind {
            0 => [10, 0, 0, host].into(),
            1 => Ipv6Addr::new(0xfd00, 0, 0, u16::from(host / 2), 0, 0, 0, u16::from(host)).into(),
            _ => Ipv6Addr::from([0, 0, 0, 0, 0, 0xffff, 0x0a00, u16::from(host)]).into(),
        };
        SocketAddr::new(ip, port)
    });
    prop_oneof![
        5 => (address, any::<bool>()).prop_map(|(address, inbound)| Op::Admit { address, inbound }),
        3 => (any::<usize>(), 0..4u8).prop_map(|(slot, id)| Op::Claim { slot, id }),
        2 => any::<usize>().prop_map(|slot| Op::Drop { slot }),
        1 => (0..4u8).prop_map(|id| Op::Dial { id }),
        1 => any::<usize>().prop_map(|dial| Op::EndDial { dial }),
        2 => (0..30u64).prop_map(|ms| Op::Wait { ms }),
    ]
}

/// A registry, and lists of what it should know.
struct Model {
    registry: Arc<Registry>,
    limits: Limits,
    burst: u32,
    now: Instant,
    slots: Vec<(Slot, Option<PeerId>)>,
    dials: Vec<Dial>,
    /// Attempts that were taken, by network.
    attempts: BTreeMap<String, Vec<Instant>>,
}

impl Model {
    fn new(limits: Limits, burst: u32) -> Self {
        let attempts = Some(AttemptRate::new(burst, INTERVAL));
        let limits = Limits { attempts, ..limits };
        Self {
            registry: Registry::new(limits.clone()),
            limits,
            burst,
            now: epoch(),
            slots: Vec::new(),
            dials: Vec::new(),
            attempts: BTreeMap::new(),
        }
    }

    fn step(&mut self, op: Op) {
        match op {
            Op::Admit { address, inbound } => self.admit(address, inbound),
            Op::Claim { slot, id: number } => self.claim(slot, id(number)),
            Op::Drop { slot } if !self.slots.is_empty() => {
                self.slots.swap_remove(slot % self.slots.len());
            }
            Op::Dial { id: number } => self.dial(id(number)),
            Op::EndDial { dial } if !self.dials.is_empty() => {
                self.dials.swap_remove(dial % self.dials.len());
            }
            Op::Drop { .. } | Op::EndDial { .. } => {}
            Op::Wait { ms } => self.now += Duration::from_millis(ms),
        }
        self.check();
    }

    fn admit(&mut self, address: SocketAddr, inbound: bool) {
        let admitted = if inbound {
            self.registry.admit_inbound(self.now, address)
        } else {
            self.registry.admit_outbound(address)
        };
        let in_time = !inbound || self.is_in_time(address);
        let expected = self.refusal(address);
        match admitted {
            Err(Refusal::TooOften { .. }) => assert!(!in_time),
            Err(refusal) => assert_eq!((in_time, Some(kind(&refusal))), (true, expected)),
            Ok(slot) => {
                assert_eq!((in_time, expected), (true, None));
                self.slots.push((slot, None));
            }
        }
    }

    /// Whether the attempt is within the rate; counts it if so.
    fn is_in_time(&mut self, address: SocketAddr) -> bool {
        let past = self.attempts.entry(network(address)).or_default();
        // A bucket that holds a burst, and loses one attempt in each interval.
        let mut paid = None;
        for attempt in past.iter() {
            paid = Some(paid.map_or(*attempt, |paid: Instant| paid.max(*attempt)) + INTERVAL);
        }
        let ahead = paid.map_or(Duration::ZERO, |paid| {
            paid.saturating_duration_since(self.now)
        });
        let taken = ahead <= INTERVAL * (self.burst - 1);
        if taken {
            past.push(self.now);
        }
        taken
    }

    fn refusal(&self, address: SocketAddr) -> Option<&'static str> {
        let held = || self.slots.iter().map(|(slot, _)| slot.address());
        let in_handshake = self.slots.iter().filter(|(_, id)| id.is_none()).count();
        let same = held()
            .filter(|held| network(*held) == network(address))
            .count();
        if held().any(|held| held == address) {
            Some("address")
        } else if self.slots.len() >= self.limits.connections {
            Some("full")
        } else if in_handshake >= self.limits.handshakes {
            Some("handshakes")
        } else if same >= self.limits.connections_per_address {
            Some("network")
        } else {
            None
        }
    }

    fn claim(&mut self, slot: usize, id: PeerId) {
        let taken = self.is_claimed(&id);
        let open = self.slots.iter_mut().filter(|(_, id)| id.is_none());
        let mut open: Vec<_> = open.collect();
        if open.is_empty() {
            return;
        }
        let at = slot % open.len();
        let (slot, owner) = &mut *open[at];
        assert_eq!(slot.claim(id).is_ok(), !taken);
        if !taken {
            *owner = Some(id);
        }
    }

    fn dial(&mut self, id: PeerId) {
        let dialed = self.dials.iter().any(|dial| dial.id == id);
        let expected = !dialed && !self.is_claimed(&id);
        let dial = self.registry.begin_dial(id);
        assert_eq!(dial.is_ok(), expected);
        self.dials.extend(dial);
    }

    fn is_claimed(&self, id: &PeerId) -> bool {
        self.slots.iter().any(|(_, owner)| *owner == Some(*id))
    }

    fn check(&self) {
        assert_eq!(self.registry.connections(), self.slots.len());
        for number in 0..4 {
            assert_eq!(
                self.registry.is_connected(&id(number)),
                self.is_claimed(&id(number))
            );
        }
        let state = self.registry.lock();
        assert_eq!(
            state.handshakes,
            self.slots.iter().filter(|(_, id)| id.is_none()).count()
        );
        let counted: usize = state
            .sources
            .values()
            .map(|source| source.connections)
            .sum();
        assert_eq!(counted, self.slots.len());
    }
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn any_sequence_of_events_leaves_it_as_the_model_says(
        connections in 1..7usize,
        per_address in 1..4usize,
        handshakes in 1..5usize,
        burst in 1..4u32,
        ops in prop::collection::vec(op(), 1..200),
    ) {
        let mut model = Model::new(limits(connections, per_address, handshakes), burst);
        for op in ops {
            model.step(op);
        }
        model.slots.clear();
        model.dials.clear();
        model.check();
    }
}

fn kind(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::AddressLimit { .. } => "network",
        Refusal::DuplicateAddress { .. } => "address",
        Refusal::DuplicateId { .. } => "id",
        Refusal::Full { .. } => "full",
        Refusal::HandshakeLimit { .. } => "handshakes",
        Refusal::TooOften { .. } => "rate",
    }
}

/// What one address is, in text.
fn network(address: SocketAddr) -> String {
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("{:?}", &ip.segments()[..4]),
    }
}

const INTERVAL: Duration = Duration::from_millis(10);
