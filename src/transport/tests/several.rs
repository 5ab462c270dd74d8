//! Names with several addresses: each is tried until the wanted peer has shaken hands.

use std::collections::HashSet;
use std::io;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::kit::*;
use super::net::*;
use crate::address::PeerAddr;
use crate::peer::HandshakeError;
use crate::peer::tests::kit::*;
use crate::transport::tcp::to_another;
use crate::transport::{AttemptError, Transport};

#[tokio::test]
async fn the_wanted_peer_is_found_behind_another_node_a_web_server_and_nobody() {
    let mut other_node = at("127.0.0.2:0").await;
    let port = other_node.port();
    let web = TcpListener::bind(("127.0.0.3", port)).await.unwrap();
    let mut wanted = at(&format!("127.0.0.5:{port}")).await;
    let book = Book::of(&["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"]);
    let dialer = transport(unlimited().with_resolver(book));
    let (address, cancel) = (
        PeerAddr::new(*wanted.transport.id(), named(port)),
        CancellationToken::new(),
    );
    let dial = dialer.dial(&address, &cancel);
    let others = async { tokio::join!(other_node.listener.accept(), serve_web(&web)) };
    let (dialed, accepted, _) =
        ever(async { tokio::join!(dial, wanted.listener.accept(), others) }).await;
    let dialed = dialed.unwrap();
    assert_eq!(dialed.id(), wanted.transport.id());
    assert_eq!(dialed.address(), wanted.listener.local_addr().unwrap());
    assert_eq!(accepted.unwrap().id(), dialer.id());
    assert_eq!(dialer.connections().all(), 1);
}

#[tokio::test]
async fn without_an_id_the_first_that_shakes_hands_is_taken() {
    let mut first = at("127.0.0.2:0").await;
    let port = first.port();
    let second = at(&format!("127.0.0.3:{port}")).await;
    let book = Book::of(&["127.0.0.4", "127.0.0.2", "127.0.0.3"]);
    let dialer = transport(unlimited().with_resolver(book));
    let (address, cancel) = (named(port), CancellationToken::new());
    let dial = dialer.dial_anyone(&address, &cancel);
    let (dialed, accepted) = ever(async { tokio::join!(dial, first.listener.accept()) }).await;
    assert_eq!(dialed.unwrap().id(), first.transport.id());
    drop((accepted.unwrap(), second));
}

#[tokio::test]
async fn the_error_lists_what_each_address_said_in_their_order() {
    let mut other_node = at("127.0.0.2:0").await;
    let port = other_node.port();
    let book = Book::of(&["127.0.0.3", "127.0.0.2"]);
    let dialer = transport(unlimited().with_resolver(book));
    let wanted = *node("wanted").id();
    let (address, cancel) = (PeerAddr::new(wanted, named(port)), CancellationToken::new());
    let dial = dialer.dial(&address, &cancel);
    let (dialed, _) = ever(async { tokio::join!(dial, other_node.listener.accept()) }).await;
    let error = dialed.unwrap_err();
    let [nobody, other] = error.attempts() else {
        panic!("{error:?}");
    };
    let there = |ip: &str| format!("{ip}:{port}").parse::<SocketAddr>().unwrap();
    assert_eq!(
        [nobody.address, other.address],
        [there("127.0.0.3"), there("127.0.0.2")]
    );
    assert!(matches!(&nobody.error, AttemptError::Connect(error)
        if error.kind() == io::ErrorKind::ConnectionRefused));
    let found = *other_node.transport.id();
    let text = format!("127.0.0.2:{port}: expected peer {wanted}, found {found}");
    assert!(error.to_string().ends_with(&text), "{error}");
    assert!(
        error
            .to_string()
            .starts_with(&format!("127.0.0.3:{port}: cannot connect: ")),
        "{error}"
    );
    assert_eq!(dialer.connections().all(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_dial_ends_within_its_bound_whatever_its_addresses_do() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let book = Book::of(&["127.0.0.1", "::ffff:127.0.0.1", "127.0.0.2"]);
    let second = Duration::from_secs(1);
    let us = config(NETWORK, "us", |node| {
        node.handshake_timeout(3600 * second)
            .first_message_timeout(3600 * second)
    });
    for (config, bound) in [
        (unlimited(), 60 * second),
        (unlimited().with_dial_timeout(second), second),
    ] {
        let config = config
            .with_connect_timeout(3600 * second)
            .with_resolver(book.clone());
        let dialer = Transport::new(us.clone(), config).unwrap();
        let begun = Instant::now();
        let cancel = CancellationToken::new();
        let error = dialer.dial_anyone(&named(port), &cancel).await.unwrap_err();
        assert!(begun.elapsed() <= bound, "{:?}", begun.elapsed());
        assert_eq!(error.attempts().len(), 2);
        let first = &error.attempts()[0].error;
        let half = bound / 2;
        assert!(
            matches!(first, AttemptError::Timeout { after } if *after == half),
            "{first:?}"
        );
        assert_eq!(dialer.connections().all(), 0);
    }
}

#[tokio::test]
async fn after_three_sockets_that_are_connected_to_themselves_the_last_is_given_and_all_leave_their_ports_free()
 {
    let ports = Mutex::new(Vec::new());
    let told = to_another(|| async {
        let stream = connected_to_itself().await;
        ports.lock().unwrap().push(stream.local_addr().unwrap());
        Ok(stream)
    });
    let last = told.await.unwrap();
    assert_eq!(last.local_addr().unwrap(), last.peer_addr().unwrap());
    drop(last);
    let ports = ports.into_inner().unwrap();
    assert_eq!(ports.iter().collect::<HashSet<_>>().len(), 3);
    for port in ports {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(port).unwrap();
        socket.listen(1).unwrap();
    }
}

#[tokio::test]
async fn after_a_socket_that_is_connected_to_itself_another_is_tried() {
    let listener = TcpListener::bind(LOCALHOST).await.unwrap();
    let there = listener.local_addr().unwrap();
    let first = AtomicBool::new(true);
    let stream = to_another(|| async {
        match first.swap(false, Ordering::Relaxed) {
            true => Ok(connected_to_itself().await),
            false => TcpStream::connect(there).await,
        }
    });
    assert_eq!(stream.await.unwrap().peer_addr().unwrap(), there);
}

#[tokio::test]
async fn a_connection_that_leads_back_to_ourselves_is_tried_three_times_and_nobody_s_fault() {
    let mirror = TcpListener::bind(LOCALHOST).await.unwrap();
    let address = PeerAddr::new(*node("them").id(), mirror.local_addr().unwrap());
    let (dialer, cancel) = (transport(unlimited()), CancellationToken::new());
    let mut reflections = JoinSet::new();
    let dialed = {
        let dial = dialer.dial(&address, &cancel);
        tokio::pin!(dial);
        loop {
            tokio::select! {
                dialed = &mut dial => break dialed,
                accepted = mirror.accept() => {
                    reflections.spawn(reflect(accepted.unwrap().0));
                }
            }
        }
    };
    let (at, error) = only(dialed);
    assert_eq!(at, mirror.local_addr().unwrap());
    assert!(matches!(error, AttemptError::ToItself), "{error:?}");
    assert_eq!(reflections.len(), 3);
    assert_eq!(dialer.connections().all(), 0);
}

#[tokio::test]
async fn our_own_listener_is_another_case_and_not_tried_again() {
    let mut net = Net::new().await;
    let itself = net.transport.clone();
    let (dialed, accepted) = net.dialed_by(&itself).await;
    assert!(matches!(
        only_handshake(dialed),
        HandshakeError::SelfConnection
    ));
    drop(accepted);
    tokio::select! {
        biased;
        again = net.listener.accept() => panic!("{again:?}"),
        () = tokio::task::yield_now() => {}
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_link_local_address_is_dialed_through_its_interface() {
    let index = std::fs::read_to_string("/sys/class/net/lo/ifindex").unwrap();
    let dialer = transport(unlimited());
    let address = "[fe80::1%lo]:26656".parse().unwrap();
    let cancel = CancellationToken::new();
    let (tried, _) = only(ever(dialer.dial_anyone(&address, &cancel)).await);
    assert_eq!(
        tried.to_string(),
        format!("[fe80::1%{}]:26656", index.trim())
    );
}

/// As when nobody listens at the port that the system chose.
async fn connected_to_itself() -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(LOCALHOST).unwrap();
    let itself = socket.local_addr().unwrap();
    let stream = socket.connect(itself).await.unwrap();
    assert_eq!(stream.peer_addr().unwrap(), itself);
    stream
}

/// A node that listens there.
async fn at(address: &str) -> Net {
    let transport = transport(unlimited());
    let listener = transport.listen(address.parse().unwrap()).await.unwrap();
    Net {
        transport,
        listener,
    }
}

async fn serve_web(listener: &TcpListener) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let _ = stream
        .write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
        .await;
}

async fn reflect(mut stream: TcpStream) {
    let mut bytes = [0; 1024];
    while let Ok(len @ 1..) = stream.read(&mut bytes).await {
        if stream.write_all(&bytes[..len]).await.is_err() {
            return;
        }
    }
}
