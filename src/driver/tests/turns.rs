//! Turns for others while the peer never pauses.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, duplex};
use tokio::net::TcpListener;
use tokio::runtime::Builder;

use super::kit::*;
use crate::config::Config;
use crate::packet::Packet;

/// On a runtime that looks at its sockets only when no task is ready, as every runtime does most of the time.
#[test]
fn the_runtime_sees_its_sockets_while_the_peer_never_pauses() {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .event_interval(u32::MAX)
        .build()
        .unwrap();
    runtime.block_on(async {
        let flood = Flood::new(256 << 20);
        let (mut running, [(_sender, receiver)]) = start(flood, Config::default(), [bulk()]);
        drop(receiver);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _dialer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        tokio::select! {
            accepted = listener.accept() => accepted.map(drop).unwrap(),
            closed = running.ended() => panic!("all input went first: {closed}"),
        }
    });
}

#[tokio::test(start_paused = true)]
async fn floods_of_every_kind_share_the_runtime_fairly_and_leave_others_their_turns() {
    let kinds = [
        message(BULK, &[0; 1000]),
        framed(&Packet::Ping),
        piece(BULK, false, b""),
        message(BULK, b"small"),
    ];
    let mut floods = Vec::new();
    for packet in kinds.iter().chain(&kinds) {
        let flood = Flood::of(packet.clone(), usize::MAX);
        let (running, [(_, receiver)]) = start(flood, quiet().build().unwrap(), [bulk()]);
        drop(receiver);
        floods.push(running);
    }
    let (here, there) = duplex(1000);
    let (_here, [(sender, mut back)]) = start(here, Config::default(), [bulk()]);
    let (_there, [(echo, mut receiver)]) = start(there, Config::default(), [bulk()]);
    for _ in 0..50 {
        sender.send("asked").await.unwrap();
        echo.send(receiver.recv().await.unwrap()).await.unwrap();
        back.recv().await.unwrap();
    }
    let turns = floods.iter().map(Running::polls);
    let (least, most) = (turns.clone().min().unwrap(), turns.max().unwrap());
    assert!(least > 0 && most <= least + 2, "{least} to {most} turns");
    assert!(most <= 50 * 10, "{most} turns for fifty round trips");
}

/// A stream that always has a packet to read, until so many bytes are read.
struct Flood {
    packet: Vec<u8>,
    left: usize,
}

impl Flood {
    fn new(left: usize) -> Self {
        Self::of(message(BULK, &[0; 1000]), left)
    }

    fn of(packet: Vec<u8>, left: usize) -> Self {
        Self { packet, left }
    }
}

impl AsyncRead for Flood {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.left > 0 && buf.remaining() >= self.packet.len() {
            buf.put_slice(&self.packet);
            self.left = self.left.saturating_sub(self.packet.len());
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Flood {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
