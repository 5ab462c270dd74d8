//! What comes behind the last byte of the handshake is kept for the connection (D9).

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufWriter, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::kit::*;
use crate::peer::Handshaking;
use crate::secret::SecretConnection;

#[tokio::test(start_paused = true)]
async fn a_first_packet_in_the_frame_of_node_info_is_kept() {
    let them = node("them");
    // One write is one frame.
    let one = [them.announcement(), &packet(BLOCKS, b"early")].concat();
    assert!(one.len() <= 1024);
    assert_eq!(heard(&[&one], &them).await, ["early"]);
}

#[tokio::test(start_paused = true)]
async fn packets_in_frames_that_come_together_with_node_info_are_kept_in_order() {
    let them = node("them");
    let packets = [b"one", b"two"].map(|data| packet(BLOCKS, data));
    let writes = [them.announcement(), &packets[0], &packets[1]];
    assert_eq!(heard(&writes, &them).await, ["one", "two"]);
}

#[tokio::test(start_paused = true)]
async fn a_first_packet_that_is_cut_anywhere_is_put_together() {
    let them = node("them");
    let first = packet(BLOCKS, b"early");
    for at in 0..=first.len() {
        let (head, tail) = first.split_at(at);
        let one = [them.announcement(), head].concat();
        assert_eq!(heard(&[&one, tail], &them).await, ["early"], "cut at {at}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_is_cut_on_the_wire_is_put_together() {
    let (us, them) = (node("us"), node("them"));
    for at in [1, 500, 1043] {
        let (io, far) = duplex(1 << 16);
        let cancel = CancellationToken::new();
        let here = Handshaking::inbound(io, us.clone()).handshake(&cancel, anybody);
        let there = async {
            let (tap, behind) = duplex(1 << 16);
            let (mut far, mut tap) = (far, tap);
            let identity = them.identity();
            let mut behind = std::pin::pin!(SecretConnection::handshake(behind, identity));
            let mut stream = tokio::select! {
                stream = &mut behind => stream.unwrap(),
                _ = tokio::io::copy_bidirectional(&mut far, &mut tap) => panic!("it ended"),
            };
            stream
                .write_all(&[them.announcement(), &packet(BLOCKS, b"early")].concat())
                .await
                .unwrap();
            let mut frame = [0; 1044];
            tap.read_exact(&mut frame).await.unwrap();
            far.write_all(&frame[..at]).await.unwrap();
            idle().await;
            far.write_all(&frame[at..]).await.unwrap();
            (far, stream)
        };
        let (here, _far) = soon(async { tokio::join!(here, there) }).await;
        let mut here = here.unwrap();
        let (_, mut received) = here.open(BLOCKS).unwrap();
        let running = here.run(CancellationToken::new());
        tokio::select! {
            closed = running => panic!("{closed}"),
            message = soon(received.recv()) => assert_eq!(message.as_deref(), Some(&b"early"[..])),
        }
    }
}

#[tokio::test]
async fn a_first_packet_in_the_tcp_segment_of_node_info_is_kept() {
    let (us, them) = (node("us"), node("them"));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let there = async {
        let far = TcpStream::connect(address).await.unwrap();
        say(
            BufWriter::new(far),
            &[them.announcement(), &packet(BLOCKS, b"early")],
            &them,
        )
        .await
    };
    let here = async {
        let (io, _) = listener.accept().await.unwrap();
        let cancel = CancellationToken::new();
        let mut peer = Handshaking::inbound(io, us)
            .handshake(&cancel, anybody)
            .await
            .unwrap();
        let (_, mut received) = peer.open(BLOCKS).unwrap();
        let running = peer.run(CancellationToken::new());
        tokio::select! {
            closed = running => panic!("{closed}"),
            message = received.recv() => message,
        }
    };
    let both = async { tokio::join!(here, there) };
    let (message, _) = tokio::time::timeout(Duration::from_secs(60), both)
        .await
        .unwrap();
    assert_eq!(message.as_deref(), Some(&b"early"[..]));
}

/// The messages that come of a remote that sends this, all at once, behind its proof of identity, and closes.
async fn heard(writes: &[&[u8]], them: &crate::node::LocalNode) -> Vec<bytes::Bytes> {
    let (io, far) = duplex(1 << 16);
    let cancel = CancellationToken::new();
    let here = Handshaking::inbound(io, node("us")).handshake(&cancel, anybody);
    let there = async {
        let mut stream = say(BufWriter::with_capacity(1 << 16, far), writes, them).await;
        stream.shutdown().await.unwrap();
    };
    let (here, ()) = soon(async { tokio::join!(here, there) }).await;
    let mut here = here.unwrap();
    let (_, mut received) = here.open(BLOCKS).unwrap();
    let all = async {
        let mut messages = Vec::new();
        while let Some(message) = received.recv().await {
            messages.push(message);
        }
        messages
    };
    soon(async { tokio::join!(here.run(CancellationToken::new()), all).1 }).await
}

/// Proves its identity, then makes these writes, which reach the wire together.
async fn say<Io: AsyncRead + AsyncWrite + Unpin>(
    io: Io,
    writes: &[&[u8]],
    them: &crate::node::LocalNode,
) -> SecretConnection<Io> {
    let mut stream = SecretConnection::handshake(io, them.identity())
        .await
        .unwrap();
    for write in writes {
        stream.write_all(write).await.unwrap();
    }
    stream.flush().await.unwrap();
    read_info(&mut stream).await;
    stream
}
