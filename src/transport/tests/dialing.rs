//! Dials on loopback: whom they reach, and whom not.

use std::future::poll_fn;
use std::time::Duration;

#[cfg(target_os = "linux")]
use socket2::SockRef;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::kit::*;
use super::net::*;
use crate::address::{PeerAddr, ResolveError};
use crate::peer::HandshakeError;
use crate::peer::tests::kit::*;
use crate::transport::Tcp;
use crate::transport::tcp::poll_tuned;
use crate::transport::{
    AttemptError, DialError, Direction, Incoming, Refusal, Transport, TransportConfig, UpgradeError,
};

#[tokio::test]
async fn both_ends_know_whom_they_have() {
    let (mut net, other) = (Net::new().await, transport(unlimited()));
    let (dialed, accepted) = net.dialed_by(&other).await;
    let (dialed, accepted) = (dialed.unwrap(), accepted.unwrap());
    assert_eq!(
        (dialed.id(), accepted.id()),
        (net.transport.id(), other.id())
    );
    assert_eq!(
        (dialed.direction(), accepted.direction()),
        (Direction::Outbound, Direction::Inbound)
    );
    assert_eq!(dialed.address(), net.listener.local_addr().unwrap());
    assert_ne!(accepted.address().port(), net.port());
    assert_eq!(
        (net.transport.connections().all(), other.connections().all()),
        (1, 1)
    );
    drop((dialed, accepted));
    assert_eq!(
        (net.transport.connections().all(), other.connections().all()),
        (0, 0)
    );
}

#[tokio::test]
async fn sixty_four_dialers_at_once_are_all_accepted() {
    let mut net = Net::new().await;
    let (address, cancel) = (net.address(), CancellationToken::new());
    let dialers: Vec<_> = (0..64).map(|_| transport(unlimited())).collect();
    let dials = dialers.iter().map(|dialer| dialer.dial(&address, &cancel));
    let accepts = async {
        let mut peers = Vec::new();
        for _ in 0..dialers.len() {
            peers.push(net.listener.accept().await.unwrap());
        }
        peers
    };
    let dials = futures::future::join_all(dials);
    let (dialed, accepted) = ever(async { tokio::join!(dials, accepts) }).await;
    assert!(dialed.iter().all(Result::is_ok));
    assert_eq!(accepted.len(), 64);
}

#[tokio::test]
async fn both_ends_of_a_connection_have_their_socket_options() {
    let (tcp, listener) = (Tcp::default(), TcpListener::bind(LOCALHOST).await.unwrap());
    let dial = tcp.open(listener.local_addr().unwrap());
    let accept = poll_fn(|cx| poll_tuned(&listener, cx));
    let (dialed, accepted) = ever(async { tokio::join!(dial, accept) }).await;
    let (dialed, (accepted, from)) = (dialed.unwrap(), accepted.unwrap());
    assert_eq!(from, dialed.local_addr().unwrap());
    for stream in [dialed, accepted] {
        assert!(stream.nodelay().unwrap());
        #[cfg(target_os = "linux")]
        assert_eq!(
            SockRef::from(&stream).tcp_notsent_lowat().unwrap(),
            16 * 1024
        );
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn both_ends_of_a_connection_have_the_receive_buffer_that_was_asked_for() {
    let tcp = Tcp::default().with_receive_buffer(64 * 1024).unwrap();
    let listener = tcp.listen(LOCALHOST).await.unwrap();
    let dial = tcp.open(listener.local_addr().unwrap());
    let accept = poll_fn(|cx| poll_tuned(&listener, cx));
    let (dialed, accepted) = ever(async { tokio::join!(dial, accept) }).await;
    let (dialed, (accepted, _)) = (dialed.unwrap(), accepted.unwrap());
    for stream in [dialed, accepted] {
        // Linux doubles it.
        assert_eq!(
            SockRef::from(&stream).recv_buffer_size().unwrap(),
            128 * 1024
        );
    }
}

#[tokio::test]
async fn a_wrong_id_is_found_out_and_the_other_side_sees_the_end() {
    let (mut net, other) = (Net::new().await, transport(unlimited()));
    let (expected, cancel) = (*node("another").id(), CancellationToken::new());
    let address = PeerAddr::new(expected, net.address().host_port().clone());
    let dial = other.dial(&address, &cancel);
    let (dialed, accepted) = ever(async { tokio::join!(dial, net.listener.accept()) }).await;
    let HandshakeError::UnexpectedPeer { found, .. } = only_handshake(dialed) else {
        panic!("something else");
    };
    assert_eq!(found, *net.transport.id());
    assert!(matches!(handshake_error(accepted), HandshakeError::Closed));
    assert_eq!(
        (net.transport.connections().all(), other.connections().all()),
        (0, 0)
    );
    // It is not taken for a peer that is being dialed any more.
    let again = other.dial(&address, &cancel);
    let (again, _) = ever(async { tokio::join!(again, net.listener.accept()) }).await;
    assert!(matches!(
        only_handshake(again),
        HandshakeError::UnexpectedPeer { .. }
    ));
}

#[tokio::test]
async fn both_ends_of_a_dial_to_ourselves_find_it_out() {
    let mut net = Net::new().await;
    let itself = net.transport.clone();
    let (dialed, accepted) = net.dialed_by(&itself).await;
    assert!(matches!(
        only_handshake(dialed),
        HandshakeError::SelfConnection
    ));
    assert!(matches!(
        handshake_error(accepted),
        HandshakeError::SelfConnection
    ));
    assert_eq!(net.transport.connections().all(), 0);
}

#[tokio::test]
async fn another_network_is_refused_on_both_sides() {
    let config = config("main-chain", "them", |info| info);
    let (mut net, other) = (
        Net::new().await,
        Transport::new(config, unlimited()).unwrap(),
    );
    let (dialed, accepted) = net.dialed_by(&other).await;
    assert!(matches!(
        only_handshake(dialed),
        HandshakeError::Incompatible(_)
    ));
    assert!(matches!(
        handshake_error(accepted),
        HandshakeError::Incompatible(_)
    ));
}

#[tokio::test]
async fn anyone_is_dialed_without_an_id() {
    let (mut net, other) = (Net::new().await, transport(unlimited()));
    let (address, cancel) = (net.address(), CancellationToken::new());
    let dial = other.dial_anyone(address.host_port(), &cancel);
    let (dialed, accepted) = ever(async { tokio::join!(dial, net.listener.accept()) }).await;
    assert_eq!(dialed.unwrap().id(), net.transport.id());
    assert_eq!(accepted.unwrap().id(), other.id());
}

#[tokio::test]
async fn a_name_is_looked_up_for_each_dial() {
    let mut net = Net::new().await;
    let book = Book::of(&["127.0.0.1"]);
    let other = transport(unlimited().with_resolver(book.clone()));
    let (id, cancel) = (*net.transport.id(), CancellationToken::new());
    for times in 1..=3 {
        let address = PeerAddr::new(id, named(net.port()));
        let dial = other.dial(&address, &cancel);
        let (dialed, accepted) = ever(async { tokio::join!(dial, net.listener.accept()) }).await;
        drop((dialed.unwrap(), accepted.unwrap()));
        assert_eq!(book.asked(), times);
    }
}

#[tokio::test]
async fn the_system_s_resolver_is_asked_unless_said_otherwise() {
    let (mut net, other) = (Net::new().await, transport(unlimited()));
    let address = format!("localhost:{}", net.port()).parse().unwrap();
    let cancel = CancellationToken::new();
    let dial = other.dial_anyone(&address, &cancel);
    let (dialed, accepted) = ever(async { tokio::join!(dial, net.listener.accept()) }).await;
    drop((dialed.unwrap(), accepted.unwrap()));
}

#[tokio::test]
async fn a_name_without_an_address_is_told() {
    let other = transport(unlimited().with_resolver(Book::of(&[])));
    let error = other
        .dial_anyone(&named(1), &CancellationToken::new())
        .await
        .unwrap_err();
    assert!(
        matches!(error, DialError::Resolve(ResolveError::Failed { .. })),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_peer_that_is_connected_is_not_dialed_again() {
    let (mut net, other) = (Net::new().await, transport(unlimited()));
    let (dialed, accepted) = net.dialed_by(&other).await;
    let peers = (dialed.unwrap(), accepted.unwrap());
    let (address, cancel) = (net.address(), CancellationToken::new());
    let again = other.dial(&address, &cancel).await;
    assert_duplicate(again, net.transport.id());
    // Nor is it from the side to which it connected itself.
    let back = PeerAddr::new(*other.id(), nobody_there().await);
    assert_duplicate(net.transport.dial(&back, &cancel).await, other.id());
    drop(peers);
    let (dialed, accepted) = net.dialed_by(&other).await;
    drop((dialed.unwrap(), accepted.unwrap()));
}

#[tokio::test]
async fn a_peer_that_is_being_dialed_is_not_dialed_a_second_time() {
    let (there, other) = (
        TcpListener::bind(LOCALHOST).await.unwrap(),
        transport(unlimited()),
    );
    let address = PeerAddr::new(*node("them").id(), there.local_addr().unwrap());
    let cancel = CancellationToken::new();
    let first = other.dial(&address, &cancel);
    let second = async {
        let _stalled = there.accept().await.unwrap();
        assert_duplicate(other.dial(&address, &cancel).await, address.id());
        cancel.cancel();
    };
    let (first, ()) = ever(async { tokio::join!(first, second) }).await;
    assert!(matches!(first, Err(DialError::Cancelled)), "{first:?}");
}

#[tokio::test]
async fn a_peer_that_we_dialed_is_refused_when_it_dials_us_and_the_other_way_round() {
    let (mut ours, mut theirs) = (Net::new().await, Net::new().await);
    let (us, them) = (ours.transport.clone(), theirs.transport.clone());
    let (_dialed, accepted) = theirs.dialed_by(&us).await;
    let _accepted = accepted.unwrap();
    // Another transport of the same node that knows nothing of the first connection.
    let stranger = Transport::new((*them.shared.node).clone(), unlimited()).unwrap();
    let (dialed, accepted) = ours.dialed_by(&stranger).await;
    let Err(Incoming::Refused {
        error: UpgradeError::Refused(refusal),
        ..
    }) = accepted
    else {
        panic!("{accepted:?}");
    };
    assert_eq!(refusal, Refusal::DuplicateId { id: *them.id() });
    assert!(matches!(only_handshake(dialed), HandshakeError::Closed));
    assert_eq!(ours.transport.connections().all(), 1);
}

#[tokio::test]
async fn two_nodes_that_dial_each_other_at_once_have_one_connection_or_none_and_can_try_again() {
    let (mut ours, mut theirs) = (Net::new().await, Net::new().await);
    let (here, there) = (ours.address(), theirs.address());
    let (us, them) = (ours.transport.clone(), theirs.transport.clone());
    let cancel = CancellationToken::new();
    for _ in 0..20 {
        let ends = async {
            tokio::join!(
                us.dial(&there, &cancel),
                them.dial(&here, &cancel),
                ours.listener.accept(),
                theirs.listener.accept(),
            )
        };
        let (dialed, dialed_back, accepted, accepted_there) = ever(ends).await;
        assert!(dialed.is_err() || accepted.is_err());
        assert!(dialed_back.is_err() || accepted_there.is_err());
        assert!(us.connections().all() <= 1 && them.connections().all() <= 1);
    }
    let (dialed, accepted) = theirs.dialed_by(&us).await;
    drop((dialed.unwrap(), accepted.unwrap()));
}

#[tokio::test]
async fn limits_hold_for_dials_before_anything_is_opened() {
    let there = TcpListener::bind(LOCALHOST).await.unwrap();
    let address = there.local_addr().unwrap();
    let cancel = CancellationToken::new();
    let configs = [(unlimited().with_max_outbound(0), Refusal::Full { max: 0 })];
    for (config, expected) in configs {
        let other = transport(config);
        let (_, AttemptError::Upgrade(UpgradeError::Refused(refusal))) =
            only(other.dial_anyone(&address.into(), &cancel).await)
        else {
            panic!("something else");
        };
        assert_eq!(refusal, expected);
    }
    let came = poll_fn(|cx| std::task::Poll::Ready(there.poll_accept(cx).is_ready())).await;
    assert!(!came);
}

#[tokio::test]
async fn strangers_do_not_compete_with_dials_for_places() {
    let mut net = Net::new().await;
    // As many as may come, in their handshake or as peers.
    let other = transport(TransportConfig::default().with_max_inbound(1));
    let mut stage = Stage::of(other.clone());
    let mut strangers = Vec::new();
    let (peer, far) = stage.welcome(&seat(1), &node("first")).await;
    strangers.push(stage.door.knock(&seat(2)).await);
    for _ in 0..3 {
        let (dialed, accepted) = net.dialed_by(&other).await;
        drop((dialed.unwrap(), accepted.unwrap()));
    }
    drop((peer, far));
}

#[tokio::test]
async fn dials_under_way_keep_no_stranger_out() {
    let other = transport(TransportConfig::default().with_max_outbound(32));
    let mut stage = Stage::of(other.clone());
    let cancel = CancellationToken::new();
    // They listen and never answer.
    let listeners = futures::future::join_all((0..32).map(|_| TcpListener::bind(LOCALHOST))).await;
    let addresses = listeners
        .iter()
        .map(|it| it.as_ref().unwrap().local_addr().unwrap());
    let mut dials: tokio::task::JoinSet<_> = addresses
        .map(|address| {
            let (other, cancel) = (other.clone(), cancel.clone());
            async move { other.dial_anyone(&address.into(), &cancel).await }
        })
        .collect();
    while other.connections().all() < 32 {
        tokio::task::yield_now().await;
    }
    for number in 0..9 {
        let _newcomer = stage.welcome(&seat(number), &node("newcomer")).await;
    }
    cancel.cancel();
    while let Some(dialed) = dials.join_next().await {
        assert!(dialed.unwrap().is_err());
    }
}

#[tokio::test]
async fn dials_are_not_counted_as_attempts_of_the_address() {
    let mut net = Net::new().await;
    let config = unlimited().with_attempts_per_address(1, Duration::from_secs(3600));
    let other = transport(config);
    for _ in 0..3 {
        let (dialed, accepted) = net.dialed_by(&other).await;
        drop((dialed.unwrap(), accepted.unwrap()));
    }
}

#[tokio::test]
async fn a_filter_is_asked_about_the_address_before_and_about_the_id_after_the_handshake() {
    let mut net = Net::new().await;
    let filter = Asking::about_address(|_, direction| match direction {
        Direction::Outbound => no(1),
        Direction::Inbound => yes(),
    });
    let other = transport(unlimited().with_filter(filter));
    let cancel = CancellationToken::new();
    let (_, AttemptError::Upgrade(UpgradeError::Filtered(reason))) =
        only(other.dial(&net.address(), &cancel).await)
    else {
        panic!("something else");
    };
    assert_eq!(reason.downcast_ref(), Some(&Unwelcome(1)));
    let id = *net.transport.id();
    let filter = Asking::about_id(move |asked, direction| {
        assert_eq!((asked, direction), (id, Direction::Outbound));
        no(2)
    });
    let other = transport(unlimited().with_filter(filter));
    let (dialed, accepted) = net.dialed_by(&other).await;
    let HandshakeError::Rejected(reason) = only_handshake(dialed) else {
        panic!("something else");
    };
    assert_eq!(reason.downcast_ref(), Some(&Unwelcome(2)));
    assert_eq!(other.connections().all(), 0);
    // The other side has a peer that is gone.
    let closed = ever(accepted.unwrap().run(CancellationToken::new())).await;
    assert!(!closed.is_clean());
}

fn assert_duplicate(dialed: Dialed, expected: &crate::address::PeerId) {
    let Err(DialError::Refused(refusal)) = dialed else {
        panic!("{dialed:?}");
    };
    assert_eq!(refusal, Refusal::DuplicateId { id: *expected });
}

fn handshake_error(accepted: Taken) -> HandshakeError {
    match accepted {
        Err(Incoming::Refused {
            error: UpgradeError::Handshake(error),
            ..
        }) => error,
        other => panic!("{other:?}"),
    }
}
