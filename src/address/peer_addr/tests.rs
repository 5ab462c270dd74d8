use std::net::{Ipv4Addr, SocketAddr};

use proptest::prelude::*;

use super::*;
use crate::address::testing::{ID, id, recording, rows};
use crate::address::{HostName, ZoneError};
use crate::testing::cases;

#[test]
fn a_text_is_read_as_go_reads_it() {
    for [text, verdict, printed] in rows(&recording("addresses.json")["texts"]) {
        // As what another node says; a zone of our own is kept.
        let read = PeerAddr::read(text, Host::read_of_peer);
        if !text.contains('%') {
            assert_eq!(text.parse(), read);
        }
        match verdict {
            "ok" => assert_eq!(read.unwrap().to_string(), printed.to_lowercase(), "{text}"),
            "name" => assert_eq!(read.unwrap().ip(), None, "{text}"),
            "no_id" => assert!(matches!(read, Err(AddressError::NoId { .. })), "{text}"),
            "no_name" => assert!(
                matches!(read, Err(AddressError::HostName { .. })),
                "{text}: {read:?}"
            ),
            "invalid" => assert!(
                !matches!(
                    read,
                    Ok(_) | Err(AddressError::NoId { .. } | AddressError::HostName { .. })
                ),
                "{text}: {read:?}"
            ),
            other => panic!("{other}"),
        }
    }
}

#[test]
fn an_error_names_the_value_and_the_problem() {
    for (text, message) in [
        ("127.0.0.1", r#"address "127.0.0.1" has no port"#),
        ("[::1]", r#"address "[::1]" has no port"#),
        (":1", r#"address ":1" has no host"#),
        ("a]:1", r#"address "a]:1" has misplaced brackets"#),
        ("a:65536", r#""65536" is not a port"#),
        ("a:+1", r#""+1" is not a port"#),
        (
            "::1:1",
            r#"address "::1:1" has too many colons; IPv6 needs brackets"#,
        ),
    ] {
        let error = text.parse::<HostPort>().unwrap_err();
        assert_eq!(error.to_string(), message);
        let full = format!("{ID}@{text}").parse::<PeerAddr>().unwrap_err();
        assert_eq!(full, error, "{text}");
    }
    for (text, message) in [
        (
            "1.2.3.4:1",
            r#"address "1.2.3.4:1" is not of the form id@host:port"#,
        ),
        (
            "ab@1.2.3.4:1",
            r#""ab" is not a peer id: peer id of 2 hex digits, it must have 40"#,
        ),
    ] {
        let error = text.parse::<PeerAddr>().unwrap_err();
        assert_eq!(error.to_string(), message);
        // Shown, so not a source as well.
        assert!(std::error::Error::source(&error).is_none());
    }
}

#[test]
fn what_is_no_name_is_refused_with_the_reason() {
    let long = "a.".repeat(127) + "a";
    let long_label = "a".repeat(64);
    for (host, reason) in [
        ("a b", "' ' at byte 1 cannot be part of a name"),
        ("a..b", "empty label"),
        (".", "empty label"),
        ("-a", "hyphen at an end of a label"),
        ("a-.b", "hyphen at an end of a label"),
        ("1.2.3", "no letter in it"),
        (&long_label, "label of 64 bytes, the maximum is 63"),
        (&long, "name of 255 bytes, the maximum is 253"),
    ] {
        let problem = host.parse::<HostName>().unwrap_err();
        assert_eq!(problem.to_string(), reason);
        let error = format!("{host}:1").parse::<HostPort>().unwrap_err();
        let host = host.into();
        let expected = AddressError::HostName { host, problem };
        assert_eq!(error, expected);
    }
}

#[test]
fn a_long_text_is_cut_in_what_is_said_of_it() {
    let error = "\u{e9}".repeat(5000).parse::<PeerAddr>().unwrap_err();
    let shown = format!(r#""{}"... (10000 bytes)"#, r"\u{e9}".repeat(20));
    let message = format!("address {shown} is not of the form id@host:port");
    assert_eq!(error.to_string(), message);
}

#[test]
fn the_first_problem_is_the_one_that_is_named() {
    let is_id = |error| matches!(error, AddressError::Id { .. });
    assert!(is_id("x@nothing".parse::<PeerAddr>().unwrap_err()));
    let is_host = |error| matches!(error, AddressError::HostName { .. });
    let bad_both = format!("{ID}@a b:x");
    assert!(is_host(bad_both.parse::<PeerAddr>().unwrap_err()));
}

#[test]
fn names_at_their_limits() {
    let long = format!("{}{}", "a.".repeat(126), "a");
    assert_eq!(long.len(), 253);
    for name in [
        long.as_str(),
        &format!("{long}."),
        &"a".repeat(63),
        "localhost",
        "_srv.a-b.c1",
        "1a",
        "a.1",
        "xn--bcher-kva.example.",
    ] {
        let read: HostName = name.parse().unwrap();
        assert_eq!(read.as_str(), name);
    }
}

#[test]
fn names_are_equal_in_any_case() {
    let (one, other): (HostPort, HostPort) = (
        "Example.COM:1".parse().unwrap(),
        "tcp://example.com:1".parse().unwrap(),
    );
    assert_eq!(one, other);
    assert_eq!(one.to_string(), "example.com:1");
}

#[test]
fn an_ipv4_address_in_ipv6_is_the_ipv4_address() {
    let mapped: IpAddr = "::ffff:1.2.3.4".parse().unwrap();
    let plain: IpAddr = "1.2.3.4".parse().unwrap();
    assert_eq!(HostPort::new(mapped, 5), HostPort::new(plain, 5));
    assert_eq!(HostPort::from((mapped, 5)).ip(), Some(plain));
    assert_eq!(HostPort::from(SocketAddr::new(mapped, 5)).ip(), Some(plain));
    assert_eq!(Host::from(mapped).to_string(), "1.2.3.4");
}

#[test]
fn addresses_of_one_id_or_one_place_are_the_same() {
    let read = |text: &str| text.parse::<PeerAddr>().unwrap();
    let other = "a4713d8b79ff1349891e99021966b04abeffa268";
    let here = read(&format!("{ID}@1.2.3.4:5"));
    assert!(here.same(&here));
    assert!(here.same(&read(&format!("{}@5.6.7.8:9", ID.to_uppercase()))));
    assert!(here.same(&read(&format!("{other}@[::ffff:1.2.3.4]:5"))));
    assert!(!here.same(&read(&format!("{other}@1.2.3.4:6"))));
    assert_ne!(here, read(&format!("{other}@1.2.3.4:5")));
    assert_ne!(here, read(&format!("{ID}@1.2.3.4:6")));
}

#[test]
fn a_link_local_address_keeps_its_zone() {
    for text in [
        "[fe80::1%eth0]:1",
        "[fe80::1%3]:1",
        "[febf::1%br-lan.100]:1",
    ] {
        let place: HostPort = text.parse().unwrap();
        assert_eq!(place.to_string(), text);
        let peer: PeerAddr = format!("{ID}@{text}").parse().unwrap();
        assert_eq!(peer, PeerAddr::new(id(), place.clone()));
        assert_eq!(peer.to_string(), format!("{ID}@{text}"));
        assert!(peer.is_in(Range::Rfc4862) || text.contains("febf"));
        assert!(!peer.is_routable() || text.contains("febf"));
    }
    let read = |text: &str| text.parse::<HostPort>().unwrap();
    assert_ne!(read("[fe80::1%3]:1"), read("[fe80::1%4]:1"));
    assert_ne!(read("[fe80::1%3]:1"), read("[fe80::1]:1"));
    assert_eq!(read("[fe80::1%03]:1"), read("[fe80::1%3]:1"));
}

#[test]
fn a_link_local_address_of_the_system_s_keeps_its_scope() {
    for (text, kept) in [
        ("[fe80::1%3]:1", "[fe80::1%3]:1"),
        ("[fe80::1]:1", "[fe80::1]:1"),
        ("[2001:db8::1%3]:1", "[2001:db8::1]:1"),
    ] {
        let address: SocketAddr = text.parse().unwrap();
        assert_eq!(HostPort::from(address).to_string(), kept);
        assert_eq!(PeerAddr::new(id(), address).host_port().to_string(), kept);
    }
}

#[test]
fn no_other_address_has_a_zone_and_no_zone_is_a_guess() {
    let problem = |host: &str| match format!("[{host}]:1").parse::<HostPort>() {
        Err(AddressError::Zone {
            host: said,
            problem,
        }) => {
            assert_eq!(said.raw(), host);
            problem
        }
        other => panic!("{host}: {other:?}"),
    };
    for ip in ["2001:db8::1", "::1", "::ffff:1.2.3.4", "fec0::1", "ff02::1"] {
        let expected = ip.parse().unwrap();
        assert_eq!(
            problem(&format!("{ip}%lo")),
            ZoneError::NotLinkLocal { ip: expected }
        );
    }
    for zone in [
        "0",
        "00",
        "4294967296",
        "a b",
        "a%b",
        "a/b",
        "../lo",
        "eth0\n",
        "\u{e9}",
        "+1 ",
        "sixteen-bytes-if",
    ] {
        assert_eq!(
            problem(&format!("fe80::1%{zone}")),
            ZoneError::NoInterface,
            "{zone}"
        );
    }
}

#[test]
fn what_another_node_says_of_a_zone_is_left_out() {
    for (text, read) in [
        ("tcp://[fe80::1%eth0]:1", "[fe80::1]:1"),
        ("[2001:db8::1%eth0]:1", "[2001:db8::1]:1"),
    ] {
        assert_eq!(HostPort::read_of_peer(text).unwrap().to_string(), read);
    }
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn an_address_comes_back_from_its_text(host in any_host(), port: u16, bytes: [u8; 20]) {
        let place = HostPort::new(host, port);
        prop_assert_eq!(&place.to_string().parse::<HostPort>(), &Ok(place.clone()));
        let peer = PeerAddr::new(PeerId::new(bytes), place);
        prop_assert_eq!(&peer.to_string().parse::<PeerAddr>(), &Ok(peer.clone()));
        prop_assert_eq!(format!("any://{peer}://any").parse::<PeerAddr>(), Ok(peer));
    }

    #[test]
    fn no_text_makes_it_panic_and_what_is_read_prints_as_what_reads_the_same(
        text in prop_oneof![any::<String>(), "([a-zA-Z0-9.:@%_-]|\\[|\\]|://){0,60}"],
    ) {
        if let Ok(place) = text.parse::<HostPort>() {
            prop_assert_eq!(place.to_string().parse::<HostPort>(), Ok(place));
        }
        let peer = format!("{}@{text}", id()).parse::<PeerAddr>();
        if let Ok(peer) = peer {
            prop_assert_eq!(peer.to_string().parse::<PeerAddr>(), Ok(peer));
        }
    }
}

fn zoned([a, b, c, d]: [u16; 4], zone: &str) -> String {
    format!("fe80::{a:x}:{b:x}:{c:x}:{d:x}%{zone}")
}

fn any_host() -> impl Strategy<Value = Host> {
    prop_oneof![
        any::<IpAddr>().prop_map(Host::from),
        (any::<[u16; 4]>(), "[a-z][a-z0-9.-]{0,14}|[1-9][0-9]{0,8}").prop_map(|(low, zone)| zoned(
            low, &zone
        )
        .parse()
        .unwrap()),
        any::<[u8; 4]>().prop_map(|low| {
            let [a, b, c, d] = low;
            Host::from(Ipv4Addr::new(a, b, c, d).to_ipv6_mapped())
        }),
        "[a-zA-Z_]{1,63}(\\.[a-z0-9_]([a-z0-9-]{0,10}[a-z0-9])?){0,4}\\.?"
            .prop_map(|name| Host::Name(name.parse().unwrap())),
    ]
}
