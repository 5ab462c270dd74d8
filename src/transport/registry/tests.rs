//! The registry: what it counts, refuses and forgets, and its arithmetic of time.

mod model;

use std::time::Duration;

use super::state::MAX_IDLE_SOURCES;
use super::*;
use crate::peer::Stage;
use crate::testing::epoch;
use crate::transport::limits::AttemptRate;

#[test]
fn the_refusal_that_is_told_first_is_the_most_lasting_one() {
    let now = epoch();
    let registry = Registry::new(limits(1, 1, 9));
    let first = registry.admit_inbound(now, at("192.0.2.1:1")).unwrap();
    first.claim(id(1)).unwrap();
    let again = registry.admit_inbound(now, at("192.0.2.1:1")).unwrap_err();
    assert!(matches!(again, Refusal::DuplicateAddress { .. }));
    let crowded = registry.admit_inbound(now, at("192.0.2.1:2")).unwrap_err();
    assert!(matches!(crowded, Refusal::AddressLimit { max: 1, .. }));
    let full = registry.admit_inbound(now, at("192.0.2.2:1")).unwrap_err();
    assert_eq!(full, Refusal::Full { max: 1 });
}

#[test]
fn each_direction_has_places_of_its_own() {
    let now = epoch();
    let registry = Registry::new(Limits {
        outbound: 2,
        ..limits(3, 9, 9)
    });
    let inbound = ["192.0.2.1:1", "192.0.2.2:1", "192.0.2.3:1"]
        .map(|address| registry.admit_inbound(now, at(address)).unwrap());
    (1..)
        .zip(&inbound)
        .for_each(|(number, place)| place.claim(id(number)).unwrap());
    // The same addresses, since whom we dial may have dialed us.
    let outbound = ["192.0.2.1:1", "192.0.2.1:2"]
        .map(|address| registry.admit_outbound(at(address), None).unwrap());
    let full = registry
        .admit_outbound(at("192.0.2.9:1"), None)
        .unwrap_err();
    assert_eq!(full, Refusal::Full { max: 2 });
    let full = registry.admit_inbound(now, at("192.0.2.9:1")).unwrap_err();
    assert_eq!(full, Refusal::Full { max: 3 });
    assert_eq!(registry.counts().all(), 5);
    drop((inbound, outbound));
    assert_eq!(registry.counts().all(), 0);
}

#[test]
fn a_full_set_of_handshakes_loses_the_one_with_least_progress_of_the_busiest_group() {
    let now = epoch();
    let registry = Registry::new(limits(9, 9, 4));
    let knock = |address| registry.admit_inbound(now, at(address)).unwrap();
    let lone = knock("198.51.100.1:1");
    let [first, second, third] = ["192.0.2.1:1", "192.0.2.2:1", "192.0.9.3:1"].map(knock);
    first.progress().reach(Stage::Agreed);
    third.progress().reach(Stage::Authenticated);
    // The lone one has done nothing either, but its group has no more than itself.
    let newcomer = knock("203.0.113.1:1");
    let displaced = |place: &Place| place.displaced().is_cancelled();
    assert_eq!(
        [&lone, &first, &second, &third].map(displaced),
        [false, false, true, false]
    );
    assert_eq!(second.claim(id(1)), Err(Refusal::Displaced));
    // What it leaves behind takes nothing from who has its place.
    drop(second);
    assert_eq!(registry.counts().all(), 4);
    // Among equals the oldest goes.
    let again = knock("100.64.0.1:1");
    assert_eq!(
        [&lone, &first, &third, &newcomer, &again].map(displaced),
        [false, true, false, false, false]
    );
    let one_more = knock("198.51.100.2:1");
    assert!(displaced(&lone) && !displaced(&one_more));
}

#[test]
fn handshakes_give_way_where_all_inbound_places_are_taken_and_peers_do_not() {
    let now = epoch();
    let registry = Registry::new(limits(2, 9, 9));
    let peer = registry.admit_inbound(now, at("192.0.2.1:1")).unwrap();
    peer.claim(id(1)).unwrap();
    let silent = registry.admit_inbound(now, at("192.0.2.2:1")).unwrap();
    let newcomer = registry.admit_inbound(now, at("192.0.2.3:1")).unwrap();
    assert!(silent.displaced().is_cancelled());
    newcomer.claim(id(2)).unwrap();
    let full = registry.admit_inbound(now, at("192.0.2.4:1")).unwrap_err();
    assert_eq!(full, Refusal::Full { max: 2 });
    assert!(!peer.displaced().is_cancelled());
}

#[test]
fn an_ipv6_network_of_48_bits_has_so_many_connections_and_not_one_more() {
    let now = epoch();
    let registry = Registry::new(Limits {
        connections_per_network: 2,
        ..limits(9, 9, 9)
    });
    let first = registry
        .admit_inbound(now, at("[2001:db8:1:1::1]:1"))
        .unwrap();
    let _second = registry
        .admit_inbound(now, at("[2001:db8:1:2::1]:1"))
        .unwrap();
    let third = registry
        .admit_inbound(now, at("[2001:db8:1:3::1]:1"))
        .unwrap_err();
    let address = "2001:db8:1:3::1".parse().unwrap();
    assert_eq!(third, Refusal::NetworkLimit { address, max: 2 });
    let _other = registry
        .admit_inbound(now, at("[2001:db8:2:1::1]:1"))
        .unwrap();
    // A group of IPv4 addresses is not given away whole.
    let _plain = ["192.0.2.1:1", "192.0.2.2:1", "192.0.2.3:1"]
        .map(|address| registry.admit_inbound(now, at(address)).unwrap());
    drop(first);
    assert!(
        registry
            .admit_inbound(now, at("[2001:db8:1:3::1]:1"))
            .is_ok()
    );
}

#[test]
fn a_burst_comes_at_once_and_then_one_in_each_interval() {
    let registry = Registry::new(limits_of(rate(3, 10)));
    let now = epoch();
    for attempt in 0..3 {
        assert_eq!(try_at(&registry, now, attempt), Ok(()));
    }
    for (ms, expected) in [
        (0, Err(10)),
        (4, Err(6)),
        (10, Ok(())),
        (10, Err(10)),
        (29, Ok(())),
        (30, Ok(())),
        (31, Err(9)),
    ] {
        let now = now + Duration::from_millis(ms);
        let result = try_at(&registry, now, 9).map_err(|after| after.as_millis());
        assert_eq!(result, expected, "after {ms} ms");
    }
}

#[test]
fn after_a_pause_the_whole_burst_is_there_again_and_not_more() {
    let registry = Registry::new(limits_of(rate(3, 10)));
    for start in [0, 30, 10_000] {
        let now = epoch() + Duration::from_millis(start);
        let taken = (0..10).take_while(|_| try_at(&registry, now, 1).is_ok());
        assert_eq!(taken.count(), 3);
    }
}

#[test]
fn what_is_told_to_wait_is_taken_after_that_time_and_not_before() {
    let registry = Registry::new(limits_of(rate(2, 1000)));
    let now = epoch();
    let after = (0..9)
        .find_map(|_| try_at(&registry, now, 1).err())
        .unwrap();
    let just_before = now + after - Duration::from_nanos(1);
    assert_eq!(
        try_at(&registry, just_before, 1),
        Err(Duration::from_nanos(1))
    );
    assert_eq!(try_at(&registry, now + after, 1), Ok(()));
}

#[test]
fn a_rate_is_that_of_one_network() {
    let now = epoch();
    let registry = Registry::new(limits_of(rate(1, 1000)));
    for (address, passes) in [
        ("192.0.2.1:1", true),
        ("192.0.2.1:2", false),
        ("[::ffff:192.0.2.1]:3", false),
        ("192.0.2.2:1", true),
        ("[2001:db8::1]:1", true),
        ("[2001:db8::2]:1", false),
        ("[2001:db8:0:1::1]:1", true),
    ] {
        let admitted = registry.admit_inbound(now, at(address));
        assert_eq!(admitted.is_ok(), passes, "{address}");
    }
}

#[test]
fn a_flood_from_very_many_addresses_is_remembered_in_bounds() {
    let now = epoch();
    let registry = Registry::new(limits_of(rate(1, 1_000_000)));
    for number in 0..3 * MAX_IDLE_SOURCES {
        drop(registry.admit_inbound(now, from(number)));
        assert!(registry.lock().sources() <= MAX_IDLE_SOURCES);
    }
}

#[test]
fn addresses_that_may_come_again_are_forgotten_first() {
    let now = epoch();
    let registry = Registry::new(limits_of(rate(1, 1000)));
    let later = now + Duration::from_secs(2);
    for number in 0..MAX_IDLE_SOURCES - 1 {
        drop(registry.admit_inbound(now, from(number)));
    }
    assert!(registry.admit_inbound(later, at("192.0.2.1:1")).is_ok());
    drop(registry.admit_inbound(later, at("192.0.2.2:1")));
    assert!(registry.lock().sources() <= 3);
    let again = registry.admit_inbound(later, at("192.0.2.1:2"));
    assert!(matches!(again, Err(Refusal::TooOften { .. })));
}

#[test]
fn very_many_connections_do_not_make_it_forget_who_comes_too_often() {
    let now = epoch();
    let registry = Registry::new(limits_of(rate(1, 1000)));
    let held: Vec<_> = (0..MAX_IDLE_SOURCES + 10)
        .map(|number| registry.admit_inbound(now, from(number)).unwrap())
        .collect();
    assert!(registry.admit_inbound(now, at("192.0.2.1:1")).is_ok());
    for port in 2..5 {
        let again = registry.admit_inbound(now, at(&format!("192.0.2.1:{port}")));
        assert!(matches!(again, Err(Refusal::TooOften { .. })), "{again:?}");
    }
    assert_eq!(registry.counts().all(), held.len());
}

#[test]
fn nothing_is_kept_of_connections_that_are_gone_or_were_refused() {
    for per_address in [0, 1] {
        let registry = Registry::new(limits(9, per_address, 9));
        let now = epoch();
        let place = registry.admit_inbound(now, at("[2001:db8::1]:1"));
        let refused = registry.admit_inbound(now, at("[2001:db8::1]:2"));
        assert!(refused.is_err());
        drop(place);
        let state = format!("{:?}", registry.lock());
        assert!(state.contains("sources: {}, groups: {}"), "{state}");
    }
}

#[test]
fn a_panic_that_holds_the_lock_does_not_stop_the_others() {
    let registry = Registry::new(limits(9, 9, 9));
    let poisoned = registry.clone();
    let _ = std::thread::spawn(move || {
        let _lock = poisoned.lock();
        std::panic::resume_unwind(Box::new(()));
    })
    .join();
    assert!(registry.admit_outbound(at("192.0.2.1:1"), None).is_ok());
    assert_eq!(registry.counts().all(), 0);
}

#[test]
fn a_dial_is_marked_until_it_is_dropped() {
    let registry = Registry::new(limits(9, 9, 9));
    let dial = registry.begin_dial(id(1)).unwrap();
    assert_eq!(
        registry.begin_dial(id(1)).unwrap_err(),
        Refusal::DuplicateId { id: id(1) }
    );
    // A dial under way is no connection.
    assert!(!registry.is_connected(&id(1)));
    let place = registry.admit_outbound(at("192.0.2.1:1"), None).unwrap();
    place.claim(id(1)).unwrap();
    drop(dial);
    assert!(registry.begin_dial(id(1)).is_err());
    drop(place);
    assert!(registry.begin_dial(id(1)).is_ok());
}

#[test]
fn a_claim_that_fails_leaves_the_first_one_in_force() {
    let registry = Registry::new(limits(9, 9, 9));
    let first = registry.admit_outbound(at("192.0.2.1:1"), None).unwrap();
    let second = registry.admit_outbound(at("192.0.2.1:2"), None).unwrap();
    first.claim(id(1)).unwrap();
    assert!(second.claim(id(1)).is_err());
    drop(second);
    assert!(registry.is_connected(&id(1)));
    assert_eq!(registry.lock().tallies(), (0, 0));
}

/// Of inbound connections; everything else is without one.
fn limits(inbound: usize, connections_per_address: usize, handshakes: usize) -> Limits {
    Limits {
        inbound,
        outbound: usize::MAX,
        connections_per_address,
        connections_per_network: usize::MAX,
        handshakes,
        attempts: None,
    }
}

fn limits_of(rate: AttemptRate) -> Limits {
    Limits {
        attempts: Some(rate),
        ..limits(usize::MAX, usize::MAX, usize::MAX)
    }
}

const fn rate(burst: u32, ms: u64) -> AttemptRate {
    AttemptRate::new(burst, Duration::from_millis(ms))
}

/// An attempt from one address at that time, which leaves no connection.
fn try_at(registry: &Arc<Registry>, now: Instant, port: u16) -> Result<(), Duration> {
    match registry.admit_inbound(now, SocketAddr::new([192, 0, 2, 1].into(), port)) {
        Ok(_place) => Ok(()),
        Err(Refusal::TooOften { after, .. }) => Err(after),
        Err(other) => panic!("{other}"),
    }
}

fn from(number: usize) -> SocketAddr {
    let number = u32::try_from(number).unwrap();
    SocketAddr::new(
        std::net::Ipv4Addr::from_bits(0x0a00_0000 + number).into(),
        1,
    )
}

fn at(address: &str) -> SocketAddr {
    address.parse().unwrap()
}

const fn id(number: u8) -> PeerId {
    PeerId::new([number; 20])
}

#[test]
fn of_two_connections_in_opposite_directions_the_one_that_the_greater_id_dialed_wins() {
    let (lesser, greater) = (PeerId::new([1; 20]), PeerId::new([2; 20]));
    for (us, them, newer_wins) in [
        (lesser, greater, Direction::Inbound),
        (greater, lesser, Direction::Outbound),
    ] {
        for newer in [Direction::Inbound, Direction::Outbound] {
            let registry = Registry::with_ties(limits(9, 9, 9), Some(us));
            let now = epoch();
            let inbound = registry
                .admit_inbound(now, "192.0.2.1:1".parse().unwrap())
                .unwrap();
            let address = "192.0.2.1:2".parse().unwrap();
            let outbound = registry.admit_outbound(address, Some(&them)).unwrap();
            let (first, second) = match newer {
                Direction::Inbound => (outbound, inbound),
                Direction::Outbound => (inbound, outbound),
            };
            first.claim(them).unwrap();
            let wins = newer == newer_wins;
            assert_eq!(second.claim(them).is_ok(), wins);
            assert_eq!(first.displaced().is_cancelled(), wins);
            let (winner, loser) = if wins {
                (second, first)
            } else {
                (first, second)
            };
            drop(loser);
            assert!(registry.is_connected(&them));
            drop(winner);
            assert!(!registry.is_connected(&them));
            assert_eq!(registry.counts().all(), 0);
        }
    }
}
