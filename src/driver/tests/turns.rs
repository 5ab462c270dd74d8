//! Turns for others while the peer never pauses.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpListener;
use tokio::runtime::Builder;

use super::kit::*;
use crate::config::Config;

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

/// A stream that always has a packet to read, until so many bytes are read.
struct Flood {
    packet: Vec<u8>,
    left: usize,
}

impl Flood {
    fn new(left: usize) -> Self {
        let packet = message(BULK, &[0; 1000]);
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
