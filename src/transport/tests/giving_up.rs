//! The end of a dial that leads nowhere: its time is up, or we do not want it any more. It leaves nothing behind.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::kit::*;
use super::net::*;
use crate::address::{PeerAddr, ResolveError};
use crate::peer::tests::kit::*;
use crate::peer::{HandshakeError, Handshaking};
use crate::transport::{AttemptError, DialError, Transport, UpgradeError};

#[cfg(target_os = "linux")]
#[tokio::test(start_paused = true)]
async fn an_address_that_does_not_answer_is_given_up_after_3_seconds_unless_said_otherwise() {
    let hole = BlackHole::new();
    let second = Duration::from_secs(1);
    for (config, expected) in [
        (unlimited(), 3 * second),
        (unlimited().with_connect_timeout(7 * second), 7 * second),
    ] {
        let (other, cancel) = (transport(config), CancellationToken::new());
        let (dialed, time) = timed(other.dial_anyone(&hole.address.into(), &cancel)).await;
        let (address, AttemptError::ConnectTimeout { after }) = only(dialed) else {
            panic!("something else");
        };
        assert_eq!((address, after, time), (hole.address, expected, expected));
        assert_eq!(other.connections().all(), 0);
    }
}

#[cfg(target_os = "linux")]
#[tokio::test(start_paused = true)]
async fn each_address_of_a_name_has_the_whole_time() {
    let hole = BlackHole::new();
    let book = Book::of(&["127.0.0.1", "::1"]);
    let (other, cancel) = (
        transport(unlimited().with_resolver(book)),
        CancellationToken::new(),
    );
    let address = named(hole.address.port());
    let (dialed, time) = timed(other.dial_anyone(&address, &cancel)).await;
    let Err(DialError::Failed { attempts }) = dialed else {
        panic!("{dialed:?}");
    };
    assert!(
        matches!(attempts[0].error, AttemptError::ConnectTimeout { .. }),
        "{attempts:?}"
    );
    // At the second address nobody listens.
    assert!(
        matches!(attempts[1].error, AttemptError::Connect(_)),
        "{attempts:?}"
    );
    assert_eq!(time, Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn a_resolver_that_does_not_answer_is_given_up_after_5_seconds_unless_said_otherwise() {
    let second = Duration::from_secs(1);
    let config = || unlimited().with_resolver(Book::silent());
    for (config, expected) in [
        (config(), 5 * second),
        (config().with_resolve_timeout(second), second),
    ] {
        let (other, cancel) = (transport(config), CancellationToken::new());
        let (dialed, time) = timed(other.dial_anyone(&named(1), &cancel)).await;
        let Err(DialError::Resolve(ResolveError::Timeout { after, .. })) = dialed else {
            panic!("{dialed:?}");
        };
        assert_eq!((after, time), (expected, expected));
    }
}

#[tokio::test]
async fn a_filter_that_does_not_answer_a_dial_is_given_up() {
    let mut net = Net::new().await;
    let after = Duration::from_millis(10);
    let filters = [
        Asking::about_address(|_, _| never()),
        Asking::about_id(|_, _| never()),
    ];
    for filter in filters {
        let other = transport(unlimited().with_filter(filter).with_filter_timeout(after));
        let (address, cancel) = (net.address(), CancellationToken::new());
        let dial = other.dial(&address, &cancel);
        let dialed = ever(while_accepting(&mut net, dial)).await;
        let (_, AttemptError::Upgrade(UpgradeError::FilterTimeout { after: stated })) =
            only(dialed)
        else {
            panic!("something else");
        };
        assert_eq!(stated, after);
        assert_eq!(other.connections().all(), 0);
    }
}

#[tokio::test]
async fn a_stalled_handshake_of_a_dial_is_given_up() {
    let there = TcpListener::bind(LOCALHOST).await.unwrap();
    let limit = Duration::from_millis(10);
    let us = config(NETWORK, "us", |node| node.handshake_timeout(limit));
    let (other, cancel) = (
        Transport::new(us, unlimited()).unwrap(),
        CancellationToken::new(),
    );
    let address = there.local_addr().unwrap().into();
    let dialed = ever(other.dial_anyone(&address, &cancel)).await;
    let HandshakeError::Timeout { after } = only_handshake(dialed) else {
        panic!("something else");
    };
    assert_eq!(after, limit);
    assert_eq!(other.connections().all(), 0);
}

#[tokio::test]
async fn a_dial_is_cancelled_while_the_name_is_looked_up() {
    let book = Book::silent();
    let other = transport(unlimited().with_resolver(book.clone()));
    let address = PeerAddr::new(*node("them").id(), named(1));
    assert_cancelled(&other, &address, async || book.asked() > 0).await;
}

#[tokio::test]
async fn a_dial_is_cancelled_while_the_filter_thinks_about_the_address() {
    let (asked, filter_asked) = shared_flag();
    let filter = Asking::about_address(move |_, _| {
        filter_asked.notify_one();
        never()
    });
    let other = transport(unlimited().with_filter(filter));
    let address = PeerAddr::new(*node("them").id(), nobody_there().await);
    assert_cancelled(&other, &address, async || {
        asked.notified().await;
        true
    })
    .await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_dial_is_cancelled_while_it_connects() {
    let (hole, other) = (BlackHole::new(), transport(unlimited()));
    let address = PeerAddr::new(*node("them").id(), hole.address);
    assert_cancelled(&other, &address, async || other.connections().all() == 1).await;
}

#[tokio::test]
async fn a_dial_is_cancelled_in_its_handshake_and_closes_the_stream() {
    let (there, other) = (
        TcpListener::bind(LOCALHOST).await.unwrap(),
        transport(unlimited()),
    );
    let address = PeerAddr::new(*node("them").id(), there.local_addr().unwrap());
    let mut far: Option<TcpStream> = None;
    assert_cancelled(&other, &address, async || {
        far = Some(there.accept().await.unwrap().0);
        true
    })
    .await;
    let mut heard = Vec::new();
    let _ = ever(far.unwrap().read_to_end(&mut heard)).await;
    assert!(heard.len() <= 35);
}

#[tokio::test]
async fn a_dial_is_cancelled_while_the_filter_thinks_about_the_id() {
    let mut net = Net::new().await;
    let (asked, filter_asked) = shared_flag();
    let filter = Asking::about_id(move |_, _| {
        filter_asked.notify_one();
        never()
    });
    let other = transport(unlimited().with_filter(filter));
    let address = net.address();
    let cancelled = assert_cancelled(&other, &address, async || {
        asked.notified().await;
        true
    });
    while_accepting(&mut net, cancelled).await;
}

#[tokio::test]
async fn a_dial_that_is_cancelled_before_it_begins_asks_nobody() {
    let book = Book::silent();
    let other = transport(unlimited().with_resolver(book.clone()));
    let cancel = CancellationToken::new();
    cancel.cancel();
    let dialed = other.dial_anyone(&named(1), &cancel).await;
    assert!(matches!(dialed, Err(DialError::Cancelled)), "{dialed:?}");
    assert_eq!(book.asked(), 0);
}

#[tokio::test]
async fn a_dropped_dial_gives_its_place_back_and_may_be_repeated() {
    let (there, other) = (
        TcpListener::bind(LOCALHOST).await.unwrap(),
        transport(unlimited()),
    );
    let address = PeerAddr::new(*node("them").id(), there.local_addr().unwrap());
    for _ in 0..3 {
        let cancel = CancellationToken::new();
        let far = {
            let mut dial = pin!(other.dial(&address, &cancel));
            tokio::select! {
                dialed = &mut dial => panic!("{dialed:?}"),
                accepted = there.accept() => accepted.unwrap().0,
            }
        };
        assert_eq!(other.connections().all(), 0);
        let mut far = far;
        let _ = ever(far.read_to_end(&mut Vec::new())).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_that_is_dropped_at_any_poll_gives_its_place_back_and_closes_the_stream() {
    let (other, them) = (transport(unlimited()), node("them"));
    for polls in 1.. {
        let (io, far) = duplex(64);
        let slot = other
            .shared
            .registry
            .admit_outbound("192.0.2.1:1".parse().unwrap(), None)
            .unwrap();
        let cancel = CancellationToken::new();
        let there = async {
            let shaken = Handshaking::inbound(far, them.clone())
                .handshake(&cancel, anybody)
                .await;
            match shaken {
                Ok(peer) => drop(peer.run(CancellationToken::new()).await),
                Err(error) => assert!(matches!(error, HandshakeError::Closed), "{error:?}"),
            }
        };
        let here = polled(
            polls,
            other.shared.upgrade_outbound(Box::new(io), None, slot),
        );
        let (done, ()) = soon(async { tokio::join!(here, there) }).await;
        assert_eq!(other.connections().all(), 0, "at poll {polls}");
        if done {
            break;
        }
    }
}

#[test]
fn what_a_transport_does_can_be_done_in_tasks() {
    fn check<T: Send>(_: &T) {}
    fn check_error<T: std::error::Error + Send + Sync + 'static>() {}
    check_error::<DialError>();
    let (other, cancel) = (transport(unlimited()), CancellationToken::new());
    let address = PeerAddr::new(*other.id(), named(1));
    check(&other.dial(&address, &cancel));
    check(&other.dial_anyone(address.host_port(), &cancel));
    check(&other.listen(LOCALHOST));
    let mut stage = Stage::of(other);
    check(&stage.listener.next());
    check(&stage.listener.close());
}

/// Dials until it is as far as said, cancels, and finds nothing left.
async fn assert_cancelled(
    other: &Transport,
    address: &PeerAddr,
    mut far_enough: impl AsyncFnMut() -> bool,
) {
    let cancel = CancellationToken::new();
    let dial = other.dial(address, &cancel);
    let program = async {
        while !far_enough().await {
            tokio::task::yield_now().await;
        }
        cancel.cancel();
    };
    let (dialed, ()) = ever(async { tokio::join!(dial, program) }).await;
    assert!(matches!(dialed, Err(DialError::Cancelled)), "{dialed:?}");
    assert_eq!(other.connections().all(), 0);
    // It does not count as being dialed any more.
    let again = other.dial(address, &cancel).await;
    assert!(matches!(again, Err(DialError::Cancelled)), "{again:?}");
}

/// The future's output; whatever comes meanwhile is accepted.
async fn while_accepting<T>(net: &mut Net, future: impl Future<Output = T>) -> T {
    let accepts = async {
        let mut all = Vec::new();
        loop {
            all.push(net.listener.accept().await);
        }
    };
    tokio::select! {
        output = future => output,
        () = accepts => unreachable!("it accepts for ever"),
    }
}

fn shared_flag() -> (Arc<Notify>, Arc<Notify>) {
    let flag = Arc::new(Notify::new());
    (flag.clone(), flag)
}
