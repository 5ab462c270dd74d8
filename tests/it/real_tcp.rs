//! Real sockets of the loopback device. Nothing in here depends on how fast they are.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use mconn::{ChannelDescriptor, CloseReason, Config, Error, Receiver, Sender, tcp};
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::task::JoinSet;

use crate::peer::{CHANNEL, Peer, msg, start};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_with_unread_input_on_our_side_loses_nothing_in_a_hundred_runs() {
    for run in 0..100 {
        let (ours, theirs) = sockets().await;
        let narrow = channel().with_recv_capacity(1);
        let (mut ours, [(sender, _never_read)]) = start(ours, Config::default(), [narrow]);
        let (mut theirs, [(flood, receiver)]) = start(theirs, Config::default(), [channel()]);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            // Our side reads two of these, and has the rest before it when it closes.
            while flood.send(vec![7; 4000]).await.is_ok() {}
            Vec::new()
        });
        tasks.spawn(take_all(receiver));
        let sent: Vec<Bytes> = (0..50)
            .map(|n| vec![n; 1 + 300 * usize::from(n)].into())
            .collect();
        for message in sent.clone() {
            sender.send(message).await.unwrap();
        }
        while ours.handle.stats().await.unwrap().reading_paused.is_zero() {}
        let closed = ours.stopped().await;
        assert!(closed.is_clean(), "run {run}: {closed}");
        let closed = theirs.ended().await;
        assert!(
            matches!(closed.reason, CloseReason::PeerClosed),
            "run {run}: {closed}"
        );
        let received = tasks.join_all().await.concat();
        assert!(received == sent, "run {run}: {} messages", received.len());
    }
}

#[tokio::test]
async fn a_peer_that_writes_until_the_end_still_gets_all_that_was_sent() {
    for _ in 0..20 {
        let (ours, theirs) = sockets().await;
        let narrow = channel().with_recv_capacity(1);
        let (mut ours, [(sender, _never_read)]) = start(ours, Config::default(), [narrow]);
        let mut peer = Peer::new(theirs);
        for _ in 0..20 {
            peer.send(msg(1, true, &[7; 1000])).await;
        }
        sender.send(vec![1; 5000]).await.unwrap();
        ours.stop.cancel();
        assert_eq!(peer.next_message().await, Some((1, vec![1; 5000])));
        assert_eq!(peer.next().await, None, "the end of the stream, no reset");
        peer.send(msg(1, true, &[7; 1000])).await;
        peer.close().await;
        assert!(ours.ended().await.is_clean());
    }
}

#[tokio::test]
async fn a_connection_that_the_peer_resets_ends_with_the_error_of_the_transport() {
    let (ours, theirs) = sockets().await;
    let (mut ours, [(_sender, mut receiver)]) = start(ours, Config::default(), [channel()]);
    let mut peer = Peer::new(theirs);
    peer.send_message(1, b"before").await;
    assert_eq!(receiver.recv().await.unwrap(), "before");
    let theirs = peer.into_io();
    SockRef::from(&theirs)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    drop(theirs);
    let closed = ours.ended().await;
    let Some(Error::Transport(cause)) = closed.reason.error() else {
        panic!("{closed}");
    };
    assert_eq!(cause.kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(receiver.recv().await, None);
}

#[tokio::test]
async fn dropping_the_task_closes_the_socket() {
    let (ours, theirs) = sockets().await;
    let (running, [(sender, _)]) = start(ours, Config::default(), [channel()]);
    let mut peer = Peer::new(theirs);
    sender.send("hello").await.unwrap();
    assert_eq!(peer.next_message().await, Some((1, b"hello".to_vec())));
    let handle = running.handle.clone();
    drop(running);
    assert!(matches!(handle.closed().await.reason, CloseReason::Dropped));
    assert_eq!(peer.next().await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_producers_on_ten_channels_over_threads_keep_their_order() {
    let (ours, theirs) = sockets().await;
    let channels = ChannelDescriptor::cometbft;
    let (mut ours, here) = start(ours, Config::default(), channels());
    let (mut theirs, there) = start(theirs, Config::default(), channels());
    let mut producers = JoinSet::new();
    let mut consumers = JoinSet::new();
    for ((to_there, from_there), (to_here, from_here)) in here.into_iter().zip(there) {
        for producer in 0..2 {
            producers.spawn(produce(to_there.clone(), producer));
            producers.spawn(produce(to_here.clone(), producer));
        }
        consumers.spawn(consume(from_here));
        consumers.spawn(consume(from_there));
    }
    producers.join_all().await;
    ours.handle.flush().await.unwrap();
    theirs.handle.flush().await.unwrap();
    for received in consumers.join_all().await {
        assert_eq!(received, 2 * u32::from(EACH));
    }
    assert!(ours.stopped().await.is_clean());
    assert!(matches!(
        theirs.ended().await.reason,
        CloseReason::PeerClosed
    ));
}

#[cfg(unix)]
#[tokio::test]
async fn unix_sockets_carry_a_connection_too() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let (mut ours, [(sender, mut back)]) = start(ours, Config::default(), [channel()]);
    let (mut theirs, [(answer, mut receiver)]) = start(theirs, Config::default(), [channel()]);
    for len in [0, 1, 1024, 1_000_000] {
        let message = Bytes::from(vec![7; len]);
        sender.send(message.clone()).await.unwrap();
        let received = receiver.recv().await.unwrap();
        answer.send(received).await.unwrap();
        assert_eq!(back.recv().await.unwrap(), message);
    }
    assert!(ours.stopped().await.is_clean());
    theirs.ended().await;
}

#[tokio::test]
async fn tuning_sends_small_writes_at_once_and_keeps_little_in_the_kernel() {
    let (ours, _theirs) = sockets().await;
    assert!(ours.nodelay().unwrap());
    #[cfg(any(target_os = "android", target_os = "linux"))]
    assert_eq!(SockRef::from(&ours).tcp_notsent_lowat().unwrap(), 16 * 1024);
}

#[cfg(unix)]
#[tokio::test]
async fn a_socket_that_is_not_tcp_needs_no_tuning() {
    let (socket, _other) = UnixStream::pair().unwrap();
    tcp::tune(&socket).unwrap();
}

#[tokio::test]
async fn something_else_than_a_connection_at_the_other_end_is_one_clear_error() {
    let (ours, mut theirs) = sockets().await;
    let (mut ours, [_ends]) = start(ours, Config::default(), [channel()]);
    // "G" says that 71 bytes follow.
    let request = b"GET /status HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\nUser-Agent: browser\r\n\r\n";
    theirs.write_all(request).await.unwrap();
    let closed = ours.ended().await;
    assert!(closed.reason.error().unwrap().is_peer_fault(), "{closed}");
    let mut answer = Vec::new();
    // It may be reset, since what it wrote was not read wholly.
    let _ = theirs.read_to_end(&mut answer).await;
    assert_eq!(answer, b"");
}

/// Both ends of a connection over the loopback device, tuned.
async fn sockets() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (ours, theirs) = tokio::join!(TcpStream::connect(address), listener.accept());
    let (ours, (theirs, _)) = (ours.unwrap(), theirs.unwrap());
    tcp::tune(&ours).unwrap();
    tcp::tune(&theirs).unwrap();
    (ours, theirs)
}

async fn take_all(mut receiver: Receiver) -> Vec<Bytes> {
    let mut taken = Vec::new();
    while let Some(message) = receiver.recv().await {
        taken.push(message);
    }
    taken
}

/// Sends numbered messages of different lengths, by all the ways that there are.
async fn produce(sender: Sender, producer: u8) {
    for number in 0..EACH {
        let [high, low] = number.to_be_bytes();
        let mut message = vec![producer, high, low];
        message.resize(3 + usize::from(number) * 7 % 3000, 0);
        match number % 3 {
            0 => sender.send(message).await.unwrap(),
            1 => {
                let delivery = sender.send_tracked(message).await.unwrap();
                delivery.await.unwrap();
            }
            _ => {
                let permit = sender.reserve(message.len()).await.unwrap();
                permit.send(message).unwrap();
            }
        }
    }
}

/// How many messages came, of two producers whose order is kept.
async fn consume(mut receiver: Receiver) -> u32 {
    let (mut next, mut received) = ([0u16; 2], 0);
    while next != [EACH; 2] {
        let message = receiver.recv().await.unwrap();
        let expected = &mut next[usize::from(message[0])];
        assert_eq!(u16::from_be_bytes([message[1], message[2]]), *expected);
        assert_eq!(message.len(), 3 + usize::from(*expected) * 7 % 3000);
        *expected += 1;
        received += 1;
    }
    received
}

const fn channel() -> ChannelDescriptor {
    ChannelDescriptor::new(CHANNEL, 1)
}

/// Messages of each producer.
const EACH: u16 = 200;
