//! The registry against a model that is too simple to be wrong.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::testing::cases;

/// What may happen to a registry.
#[derive(Clone, Debug)]
enum Op {
    Admit {
        address: SocketAddr,
        inbound: bool,
        id: u8,
    },
    Progress {
        place: usize,
    },
    Claim {
        place: usize,
        id: u8,
    },
    Drop {
        place: usize,
    },
    Exempt {
        id: u8,
        exempt: bool,
    },
    Dial {
        id: u8,
    },
    EndDial {
        dial: usize,
    },
    Wait {
        ms: u64,
    },
}

fn op() -> impl Strategy<Value = Op> {
    let address = (0..3u8, 0..3u16, 0..4u8).prop_map(|(host, port, kind)| {
        let ip: IpAddr = match kind {
            0 => [10, 0, 0, host].into(),
            1 => Ipv6Addr::new(
                0xfd00,
                0,
                u16::from(host / 2),
                port,
                0,
                0,
                0,
                u16::from(host),
            )
            .into(),
            2 => [10, host, 0, 1].into(),
            _ => Ipv6Addr::from([0, 0, 0, 0, 0, 0xffff, 0x0a00, u16::from(host)]).into(),
        };
        SocketAddr::new(ip, port)
    });
    prop_oneof![
        5 => (address, any::<bool>(), 0..4u8)
            .prop_map(|(address, inbound, id)| Op::Admit { address, inbound, id }),
        1 => any::<usize>().prop_map(|place| Op::Progress { place }),
        3 => (any::<usize>(), 0..4u8).prop_map(|(place, id)| Op::Claim { place, id }),
        2 => any::<usize>().prop_map(|place| Op::Drop { place }),
        1 => (0..4u8, any::<bool>()).prop_map(|(id, exempt)| Op::Exempt { id, exempt }),
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
    /// In order of arrival.
    known: Vec<Known>,
    dials: Vec<Dial>,
    exempt: Vec<PeerId>,
    /// Attempts that were taken, by network.
    attempts: BTreeMap<String, Vec<Instant>>,
}

/// A connection that has a place.
struct Known {
    place: Place,
    inbound: bool,
    agreed: bool,
    owner: Option<PeerId>,
    counts: bool,
}

impl Known {
    fn address(&self) -> SocketAddr {
        self.place.address()
    }

    fn shakes_hands(&self) -> bool {
        self.inbound && self.owner.is_none()
    }
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
            known: Vec::new(),
            dials: Vec::new(),
            exempt: Vec::new(),
            attempts: BTreeMap::new(),
        }
    }

    fn step(&mut self, op: Op) {
        match op {
            Op::Admit {
                address,
                inbound,
                id: number,
            } => self.admit(address, inbound, id(number)),
            Op::Exempt { id: number, exempt } => self.set_exempt(id(number), exempt),
            Op::Progress { place } if !self.known.is_empty() => {
                let at = place % self.known.len();
                self.known[at].agreed = true;
                self.known[at].place.progress().reach(Stage::Agreed);
            }
            Op::Claim { place, id: number } => self.claim(place, id(number)),
            Op::Drop { place } if !self.known.is_empty() => {
                self.known.remove(place % self.known.len());
            }
            Op::Dial { id: number } => self.dial(id(number)),
            Op::EndDial { dial } if !self.dials.is_empty() => {
                self.dials.swap_remove(dial % self.dials.len());
            }
            Op::Progress { .. } | Op::Drop { .. } | Op::EndDial { .. } => {}
            Op::Wait { ms } => self.now += Duration::from_millis(ms),
        }
        self.check();
    }

    fn set_exempt(&mut self, id: PeerId, exempt: bool) {
        self.registry.set_exempt(id, exempt);
        self.exempt.retain(|it| *it != id);
        self.exempt.extend(exempt.then_some(id));
        let owned = self.known.iter_mut().filter(|it| it.owner == Some(id));
        owned.for_each(|it| it.counts = !exempt);
    }

    fn admit(&mut self, address: SocketAddr, inbound: bool, expected: PeerId) {
        let admitted = if inbound {
            self.registry.admit_inbound(self.now, address)
        } else {
            self.registry.admit_outbound(address, Some(&expected))
        };
        let in_time = !inbound || self.is_in_time(address);
        let counts = inbound || !self.exempt.contains(&expected);
        let expected = self.refusal(address, inbound, counts);
        match admitted {
            Err(Refusal::TooOften { .. }) => assert!(!in_time),
            Err(refusal) => assert_eq!((in_time, Some(kind(&refusal))), (true, expected)),
            Ok(place) => {
                assert_eq!((in_time, expected), (true, None));
                if inbound && self.must_displace() {
                    let victim = self.known.remove(self.victim(address));
                    assert!(victim.place.displaced().is_cancelled());
                    assert_eq!(victim.place.claim(id(0)), Err(Refusal::Displaced));
                }
                self.known.push(Known {
                    place,
                    inbound,
                    agreed: false,
                    owner: None,
                    counts,
                });
            }
        }
    }

    fn count(&self, is: impl Fn(&Known) -> bool) -> usize {
        self.known.iter().filter(|known| is(known)).count()
    }

    fn must_displace(&self) -> bool {
        let awaited = self.exempt.iter().any(|id| !self.is_claimed(id));
        (self.count(|it| it.inbound && it.counts) >= self.limits.inbound && !awaited)
            || self.count(Known::shakes_hands) >= self.limits.handshakes
    }

    /// Where the one is that has to go for a newcomer from this address.
    fn victim(&self, address: SocketAddr) -> usize {
        let crowd = |of: SocketAddr| {
            let others = self.count(|it| it.shakes_hands() && group(it.address()) == group(of));
            others + usize::from(group(address) == group(of))
        };
        let shaking = || {
            self.known
                .iter()
                .enumerate()
                .filter(|(_, it)| it.shakes_hands())
        };
        let largest = shaking()
            .map(|(_, it)| crowd(it.address()))
            .max()
            .unwrap_or(0);
        let largest = largest.max(crowd(address));
        let candidates = shaking().filter(|(_, it)| crowd(it.address()) == largest);
        candidates
            .min_by_key(|(at, it)| (it.agreed, *at))
            .unwrap()
            .0
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

    fn refusal(&self, address: SocketAddr, inbound: bool, counts: bool) -> Option<&'static str> {
        let limits = &self.limits;
        if self.count(|it| it.inbound == inbound && it.address() == address) > 0 {
            return Some("address");
        }
        if !inbound {
            let outbound = self.count(|it| !it.inbound && it.counts);
            return (counts && outbound >= limits.outbound).then_some("full");
        }
        let same =
            self.count(|it| it.inbound && it.counts && network(it.address()) == network(address));
        let near =
            self.count(|it| it.inbound && it.counts && group(it.address()) == group(address));
        let is_cheap = address.ip().to_canonical().is_ipv6();
        if same >= limits.connections_per_address {
            Some("network")
        } else if is_cheap && near >= limits.connections_per_network {
            Some("group")
        } else if self.must_displace() && self.count(Known::shakes_hands) == 0 {
            Some("full")
        } else {
            None
        }
    }

    fn claim(&mut self, place: usize, id: PeerId) {
        let taken = self.is_claimed(&id);
        let exempt = self.exempt.contains(&id);
        let peers = self.count(|it| it.inbound && it.counts && it.owner.is_some());
        let full = !exempt && peers >= self.limits.inbound;
        let open = self.known.iter_mut().filter(|it| it.owner.is_none());
        let mut open: Vec<_> = open.collect();
        if open.is_empty() {
            return;
        }
        let at = place % open.len();
        let may = !(taken || full && open[at].inbound);
        assert_eq!(open[at].place.claim(id).is_ok(), may);
        if may {
            open[at].owner = Some(id);
            open[at].counts = !exempt;
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
        self.known.iter().any(|it| it.owner == Some(*id))
    }

    fn check(&self) {
        let counts = ConnectionCounts {
            inbound: self.count(|it| it.inbound && it.counts),
            outbound: self.count(|it| !it.inbound && it.counts),
            exempt: self.count(|it| !it.counts),
            handshakes: self.count(Known::shakes_hands),
        };
        assert_eq!(self.registry.counts(), counts);
        assert_eq!(counts.all(), self.known.len());
        for number in 0..4 {
            assert_eq!(
                self.registry.is_connected(&id(number)),
                self.is_claimed(&id(number))
            );
        }
        assert!(
            self.known
                .iter()
                .all(|it| !it.place.displaced().is_cancelled())
        );
        let shaking = self.count(Known::shakes_hands);
        assert!(shaking <= self.limits.handshakes);
        assert_eq!(
            self.registry.lock().tallies(),
            (shaking, self.count(|it| it.inbound && it.counts))
        );
    }
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn any_sequence_of_events_leaves_it_as_the_model_says(
        inbound in 1..7usize,
        outbound in 1..4usize,
        per_address in 1..4usize,
        per_network in 1..5usize,
        handshakes in 1..5usize,
        burst in 1..4u32,
        ops in prop::collection::vec(op(), 1..200),
    ) {
        let limits = Limits {
            outbound,
            connections_per_network: per_network,
            ..limits(inbound, per_address, handshakes)
        };
        let mut model = Model::new(limits, burst);
        for op in ops {
            model.step(op);
        }
        model.known.clear();
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
        Refusal::Displaced => "displaced",
        Refusal::NetworkLimit { .. } => "group",
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

/// What one owner may have, in text.
fn group(address: SocketAddr) -> String {
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => format!("{:?}", &ip.octets()[..2]),
        IpAddr::V6(ip) => format!("{:?}", &ip.segments()[..3]),
    }
}

const INTERVAL: Duration = Duration::from_millis(10);
