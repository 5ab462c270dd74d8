//! How much the transport takes on, refused before a byte is said (G18 among them).

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::kit::*;
use crate::config::ConfigError;
use crate::peer::HandshakeError;
use crate::peer::tests::kit::*;
use crate::transport::{
    Incoming, Listener, Refusal, Tcp, Transport, TransportConfig, UpgradeError,
};

#[tokio::test(start_paused = true)]
async fn one_connection_above_the_maximum_is_closed_at_once_without_a_byte() {
    let mut stage = Stage::new(unlimited().with_max_inbound(2));
    let (one, _one) = stage.welcome(&seat(1), &node("one")).await;
    let _two = stage.welcome(&seat(2), &node("two")).await;
    assert_eq!(stage.refusal(&seat(3)).await, Refusal::Full { max: 2 });
    drop(one);
    stage.welcome(&seat(3), &node("three")).await.0.handle();
}

#[tokio::test(start_paused = true)]
async fn a_handshake_gives_its_place_to_a_newcomer_and_says_so() {
    let mut stage = Stage::new(unlimited().with_max_inbound(1));
    let mut stalled = stage.stall(&seat(1)).await;
    assert_eq!(stage.transport.connections().all(), 1);
    let (from, who) = (seat(2), node("two"));
    let visit = stage.door.visit(&from, &who);
    let (error, visited) = tokio::join!(stage_error(&mut stage.listener), visit);
    assert!(
        matches!(error, UpgradeError::Refused(Refusal::Displaced)),
        "{error:?}"
    );
    assert!(is_closed(&mut stalled).await);
    assert_eq!(stage.transport.connections().all(), 1);
    let peer = soon(stage.listener.accept()).await.unwrap();
    assert_eq!(peer.node_info().moniker(), "two");
    drop(visited);
}

#[tokio::test(start_paused = true)]
async fn one_address_has_so_many_connections_and_not_one_more() {
    let mut stage = Stage::new(unlimited().with_max_connections_per_address(2));
    let _one = stage.welcome("192.0.2.7:1", &node("one")).await;
    let (two, _two) = stage.welcome("192.0.2.7:2", &node("two")).await;
    let limit = |address: &str| Refusal::AddressLimit {
        address: address.parse().unwrap(),
        max: 2,
    };
    assert_eq!(stage.refusal("192.0.2.7:3").await, limit("192.0.2.7"));
    let _other = stage.welcome("192.0.2.8:1", &node("other")).await;
    drop(two);
    let _three = stage.welcome("192.0.2.7:3", &node("three")).await;
}

#[tokio::test(start_paused = true)]
async fn an_ipv4_address_in_ipv6_clothes_is_the_ipv4_address() {
    let mut stage = Stage::new(unlimited().with_max_connections_per_address(1));
    let (plain, _far) = stage.welcome("192.0.2.7:1", &node("one")).await;
    let mut io = stage.door.knock("[::ffff:192.0.2.7]:2").await;
    let error = stage.turned_away("192.0.2.7:2").await;
    let limit = Refusal::AddressLimit {
        address: "192.0.2.7".parse().unwrap(),
        max: 1,
    };
    assert!(matches!(error, UpgradeError::Refused(refusal) if refusal == limit));
    assert!(is_closed(&mut io).await);
    drop(plain);
    let (mapped, _far) = stage.welcome("[::ffff:192.0.2.7]:2", &node("two")).await;
    assert_eq!(mapped.address(), "192.0.2.7:2".parse().unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_network_of_64_bits_is_one_ipv6_address() {
    let mut stage = Stage::new(unlimited().with_max_connections_per_address(1));
    let _one = stage.welcome("[2001:db8::1]:1", &node("one")).await;
    let address = "2001:db8::ffff:0:0:1".parse().unwrap();
    let limit = Refusal::AddressLimit { address, max: 1 };
    assert_eq!(stage.refusal("[2001:db8::ffff:0:0:1]:2").await, limit);
    let _next_network = stage.welcome("[2001:db8:0:1::1]:1", &node("two")).await;
}

#[tokio::test(start_paused = true)]
async fn silent_strangers_keep_nobody_out() {
    let mut stage = Stage::new(Default::default());
    let mut strangers = Vec::new();
    for number in 0..32 {
        // Eight addresses with four connections each.
        let from = format!("10.{}.0.1:{}", number % 8, 4000 + number);
        strangers.push(stage.stall(&from).await);
    }
    for number in 100..110 {
        let (from, who) = (format!("192.168.0.{number}:1"), node("honest"));
        let visit = stage.door.visit(&from, &who);
        let (accepted, _) = tokio::join!(next_peer(&mut stage.listener), visit);
        assert_eq!(accepted.node_info().moniker(), "honest");
    }
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_is_closed_after_three_seconds_and_who_began_has_the_whole_time() {
    let mut stage = Stage::new(Default::default());
    let began = tokio::time::Instant::now();
    let _silent = stage.stall(&seat(1)).await;
    let error = why(stage.listener.accept().await, &seat(1));
    assert!(
        matches!(
            error,
            UpgradeError::Handshake(HandshakeError::FirstMessageTimeout { after }) if after == Duration::from_secs(3)
        ),
        "{error:?}"
    );
    assert_eq!(began.elapsed(), Duration::from_secs(3));
    let mut started = stage.stall(&seat(2)).await;
    let mut key = vec![34, 0x0a, 32];
    key.extend([9; 32]);
    tokio::io::AsyncWriteExt::write_all(&mut started, &key)
        .await
        .unwrap();
    let error = why(stage.listener.accept().await, &seat(2));
    assert!(
        matches!(error, UpgradeError::Handshake(HandshakeError::Timeout { after }) if after == Duration::from_secs(20)),
        "{error:?}"
    );
    assert_eq!(began.elapsed(), Duration::from_secs(23));
}

#[tokio::test(start_paused = true)]
async fn an_address_that_comes_too_often_is_closed_before_any_handshake() {
    let second = Duration::from_secs(1);
    let mut stage = Stage::new(unlimited().with_attempts_per_address(2, second));
    let _one = stage.welcome("192.0.2.7:1", &node("one")).await;
    let _two = stage.welcome("192.0.2.7:2", &node("two")).await;
    let address: std::net::IpAddr = "192.0.2.7".parse().unwrap();
    let Refusal::TooOften {
        address: found,
        after,
    } = stage.refusal("192.0.2.7:3").await
    else {
        panic!("it is not too often");
    };
    assert_eq!(found, address);
    assert!(
        after <= second && after > Duration::from_millis(900),
        "{after:?}"
    );
    let _other = stage.welcome("192.0.2.8:1", &node("other")).await;
    pass(after).await;
    let _three = stage.welcome("192.0.2.7:3", &node("three")).await;
    let again = stage.refusal("192.0.2.7:4").await;
    assert!(matches!(again, Refusal::TooOften { .. }));
}

#[tokio::test(start_paused = true)]
async fn attempts_count_whatever_becomes_of_them() {
    let config = unlimited().with_attempts_per_address(2, Duration::from_secs(1));
    let mut stage = Stage::new(config.with_max_inbound(1));
    let _peer = stage.welcome("192.0.2.7:1", &node("one")).await;
    assert_eq!(stage.refusal("192.0.2.7:2").await, Refusal::Full { max: 1 });
    let third = stage.refusal("192.0.2.7:3").await;
    assert!(matches!(third, Refusal::TooOften { .. }), "{third:?}");
}

#[tokio::test(start_paused = true)]
async fn the_defaults_are_48_inbound_connections_4_of_one_address_16_of_a_network_and_8_attempts_at_once()
 {
    let mut stage = Stage::new(Default::default());
    let mut stalled = Vec::new();
    for port in 0..4 {
        stalled.push(stage.stall(&format!("192.0.2.7:{port}")).await);
    }
    let address = "192.0.2.7".parse().unwrap();
    let limit = Refusal::AddressLimit { address, max: 4 };
    for port in 4..8 {
        assert_eq!(stage.refusal(&format!("192.0.2.7:{port}")).await, limit);
    }
    let ninth = stage.refusal("192.0.2.7:8").await;
    assert!(matches!(ninth, Refusal::TooOften { .. }), "{ninth:?}");
    for number in 0..16 {
        stalled.push(stage.stall(&format!("[2001:db8:0:{number}::1]:1")).await);
    }
    let address = "2001:db8:0:16::1".parse().unwrap();
    let limit = Refusal::NetworkLimit { address, max: 16 };
    assert_eq!(stage.refusal("[2001:db8:0:16::1]:1").await, limit);
    stalled.clear();
    while stage.listener.pending() > 0 {
        assert!(soon(stage.listener.accept()).await.is_err());
    }
    let mut peers = Vec::new();
    for number in 100..148 {
        peers.push(stage.welcome(&seat(number), &node("peer")).await);
    }
    assert_eq!(stage.refusal(&seat(148)).await, Refusal::Full { max: 48 });
}

#[tokio::test(start_paused = true)]
async fn all_listeners_of_a_transport_share_its_limits() {
    let mut one = Stage::new(unlimited().with_max_inbound(1));
    let mut other = Stage::of(one.transport.clone());
    let _peer = one.welcome(&seat(1), &node("one")).await;
    assert_eq!(other.refusal(&seat(2)).await, Refusal::Full { max: 1 });
}

#[tokio::test(start_paused = true)]
async fn a_place_is_free_again_when_run_returns() {
    let mut stage = Stage::new(unlimited());
    let (peer, far) = stage.welcome(&seat(1), &node("one")).await;
    assert_eq!(stage.transport.connections().all(), 1);
    let stop = CancellationToken::new();
    let other_end = far.run(CancellationToken::new());
    let running = async {
        let closed = peer.run(stop.clone()).await;
        (closed, stage.transport.connections().all())
    };
    let stopped = async {
        idle().await;
        assert_eq!(stage.transport.connections().all(), 1);
        stop.cancel();
    };
    let ((closed, left), _, ()) = soon(async { tokio::join!(running, other_end, stopped) }).await;
    assert!(closed.is_clean(), "{closed}");
    assert_eq!(left, 0);
}

#[tokio::test(start_paused = true)]
async fn a_place_is_free_again_when_a_peer_or_its_run_is_dropped() {
    let mut stage = Stage::new(unlimited());
    let (peer, _far) = stage.welcome(&seat(1), &node("one")).await;
    drop(peer);
    assert_eq!(stage.transport.connections().all(), 0);
    let (peer, mut far) = stage.welcome(&seat(1), &node("one")).await;
    let _ = far.open(BLOCKS).unwrap();
    {
        let mut running = std::pin::pin!(peer.run(CancellationToken::new()));
        tokio::select! {
            closed = &mut running => panic!("{closed}"),
            () = idle() => assert_eq!(stage.transport.connections().all(), 1),
        }
    }
    assert_eq!(stage.transport.connections().all(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_place_is_free_again_when_the_handshake_fails_and_when_the_listener_goes() {
    let mut stage = Stage::new(unlimited());
    drop(stage.stall(&seat(1)).await);
    stage.turned_away(&seat(1)).await;
    assert_eq!(stage.transport.connections().all(), 0);
    let _stalled = stage.stall(&seat(2)).await;
    assert_eq!(stage.transport.connections().all(), 1);
    drop(stage.listener);
    idle().await;
    assert_eq!((stage.transport.connections().all(), tasks()), (0, 0));
}

#[test]
fn each_size_is_refused_beyond_its_bounds_and_the_error_names_them() {
    let sizes: [(&str, Setter<usize>, usize, usize); 5] = [
        (
            "max_inbound",
            |n| unlimited().with_max_inbound(n),
            0,
            1 << 20,
        ),
        (
            "max_outbound",
            |n| unlimited().with_max_outbound(n),
            0,
            1 << 20,
        ),
        (
            "max_connections_per_address",
            |n| unlimited().with_max_connections_per_address(n),
            1,
            1 << 20,
        ),
        (
            "max_connections_per_network",
            |n| unlimited().with_max_connections_per_network(n),
            1,
            1 << 20,
        ),
        (
            "max_handshakes",
            |n| unlimited().with_max_handshakes(n),
            1,
            1 << 20,
        ),
    ];
    for (name, with, least, most) in sizes {
        assert_eq!(new(with(least)), Ok(()), "{name}");
        assert_eq!(new(with(most)), Ok(()), "{name}");
        for value in [least.wrapping_sub(1), most + 1, usize::MAX] {
            let (value, min, max) = (value as u64, least as u64, most as u64);
            let config = with(usize::try_from(value).unwrap());
            assert_eq!(
                new(config),
                Err(ConfigError::Size {
                    name,
                    value,
                    min,
                    max
                })
            );
        }
    }
}

#[test]
fn each_time_is_refused_beyond_its_bounds_and_the_error_names_them() {
    let nano = Duration::from_nanos(1);
    let (min, max) = (Duration::from_millis(10), Duration::from_secs(86_400));
    let times: [(&str, Setter<Duration>); 4] = [
        ("connect_timeout", |t| unlimited().with_connect_timeout(t)),
        ("dial_timeout", |t| unlimited().with_dial_timeout(t)),
        ("resolve_timeout", |t| unlimited().with_resolve_timeout(t)),
        ("filter_timeout", |t| unlimited().with_filter_timeout(t)),
    ];
    for (name, with) in times {
        assert_eq!((new(with(min)), new(with(max))), (Ok(()), Ok(())), "{name}");
        for value in [Duration::ZERO, min - nano, max + nano, Duration::MAX] {
            assert_eq!(
                new(with(value)),
                Err(ConfigError::Time {
                    name,
                    value,
                    min,
                    max
                })
            );
        }
    }
}

#[test]
fn a_rate_of_attempts_has_bounds() {
    let second = Duration::from_secs(1);
    for (burst, interval, fits) in [
        (0, second, false),
        (1, Duration::from_millis(1), true),
        (1 << 16, Duration::from_secs(3600), true),
        (1 + (1 << 16), second, false),
        (1, Duration::ZERO, false),
        (1, Duration::MAX, false),
    ] {
        let config = unlimited().with_attempts_per_address(burst, interval);
        assert_eq!(new(config).is_ok(), fits, "{burst} {interval:?}");
    }
}

type Setter<T> = fn(T) -> TransportConfig;

fn new(config: TransportConfig) -> Result<(), ConfigError> {
    Transport::new(node_config("us"), config).map(drop)
}

/// Why the next connection did not become a peer.
async fn stage_error(listener: &mut Listener) -> UpgradeError {
    match soon(listener.accept()).await {
        Err(Incoming::Refused { error, .. }) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_receive_buffer_outside_of_its_bounds_is_refused() {
    for (bytes, fits) in [
        (0, false),
        (1499, false),
        (1500, true),
        (1 << 30, true),
        ((1 << 30) + 1, false),
    ] {
        let tcp = Tcp::default().with_receive_buffer(bytes);
        assert_eq!(tcp.is_ok(), fits, "{tcp:?}");
    }
}
