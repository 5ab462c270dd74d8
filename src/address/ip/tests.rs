use super::*;
use crate::address::testing;
use crate::address::testing::{recording, rows};
use crate::address::{HostPort, PeerAddr};

#[test]
fn each_class_holds_for_the_addresses_for_which_it_holds_in_go() {
    for [text, printed, classes] in rows(&recording("addresses.json")["ips"]) {
        let ip: IpAddr = text.parse().unwrap();
        let mut found = Vec::new();
        found.extend(is_valid(ip).then(|| "valid".to_owned()));
        found.extend(is_local(ip).then(|| "local".to_owned()));
        found.extend(is_routable(ip).then(|| "routable".to_owned()));
        let ranges = RANGES.iter().filter(|range| range.contains(ip));
        found.extend(ranges.map(|range| format!("{range:?}")));
        assert_eq!(found.join(" "), classes, "{text}");
        assert_eq!(ip.to_canonical(), printed.parse::<IpAddr>().unwrap());
        check_peer_addr(ip);
    }
}

#[test]
fn reachability_is_that_of_go() {
    let recording = recording("addresses.json");
    let matrix = recording["reachability"].as_array().unwrap();
    let ip = |row: &serde_json::Value| -> IpAddr { row[0].as_str().unwrap().parse().unwrap() };
    for row in matrix {
        for (to, expected) in matrix.iter().map(ip).zip(row[1].as_array().unwrap()) {
            let found = reachability(ip(row), to);
            assert_eq!(found as u64, expected.as_u64().unwrap(), "{row} to {to}");
            assert_eq!(addr(ip(row)).reachability_to(&addr(to)), found);
        }
    }
}

#[test]
fn a_name_is_in_no_class() {
    let name: HostPort = "example.com:1".parse().unwrap();
    let name = PeerAddr::new(testing::id(), name);
    assert!(!name.is_valid() && !name.is_local() && !name.is_routable());
    assert!(!RANGES.iter().any(|range| name.is_in(*range)));
    let (public, private) = ([8, 8, 8, 8], [10, 0, 0, 1]);
    let reached = |from: IpAddr| addr(from).reachability_to(&name);
    assert_eq!(reached(public.into()), Reachability::Default);
    assert_eq!(reached(private.into()), Reachability::Unreachable);
    let from_name = name.reachability_to(&addr(public.into()));
    assert_eq!(from_name, Reachability::Unreachable);
}

fn check_peer_addr(ip: IpAddr) {
    let addr = addr(ip);
    assert_eq!(addr.is_valid(), is_valid(ip));
    assert_eq!(addr.is_local(), is_local(ip));
    assert_eq!(addr.is_routable(), is_routable(ip));
    for range in RANGES {
        assert_eq!(addr.is_in(range), range.contains(ip));
    }
}

fn addr(ip: IpAddr) -> PeerAddr {
    PeerAddr::new(testing::id(), (ip, 26656))
}

/// In the order of the recording.
const RANGES: [Range; 11] = [
    Range::Rfc1918,
    Range::Rfc3849,
    Range::Rfc3927,
    Range::Rfc3964,
    Range::Rfc4193,
    Range::Rfc4380,
    Range::Rfc4843,
    Range::Rfc4862,
    Range::Rfc6052,
    Range::Rfc6145,
    Range::OnionCat,
];
