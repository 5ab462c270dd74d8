//! What a flood costs an honest peer of the same runtime: its round trips beside connections whose peers never pause.

#![expect(
    clippy::disallowed_methods,
    reason = "the tasks end with their runtime"
)]

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use std::{env, io, thread};

use bytes::Bytes;
use mconn::packet::{Packet, PacketMsg, encode};
use mconn::{ChannelDescriptor, ChannelId, Config, Connection};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let asked = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let smoke = !asked("--bench") || asked("--smoke") || asked("--test");
    let smoke = smoke || env::var_os("MCONN_BENCH_SMOKE").is_some();
    let time = if smoke { SMOKE } else { OFFICIAL };
    println!("| flood | p50 of one | ÷ full packets | p50 of eight | ÷ full packets |");
    println!("| --- | ---: | ---: | ---: | ---: |");
    let mut reference = [None; 2];
    for (name, kind) in KINDS {
        let mut line = format!("| {name} |");
        for (floods, reference) in [1, 8].into_iter().zip(&mut reference) {
            let p50 = median(round_trips(kind, floods, time)?);
            line += &format!(" {:.3} ms |", p50.as_secs_f64() * 1e3);
            if kind == Some(Kind::Full) {
                *reference = Some(p50);
            }
            let ratio = reference.map(|full| p50.as_secs_f64() / full.as_secs_f64());
            line += &ratio.map_or_else(|| " – |".to_owned(), |ratio| format!(" {ratio:.2} |"));
        }
        println!("{line}");
    }
    Ok(())
}

/// What the peer of a flooded connection sends without a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Full packets to a receiver that takes all.
    Full,
    Pings,
    Dropped,
    EmptyPieces,
    Shed,
}

impl Kind {
    fn packet(self) -> Vec<u8> {
        let msg = |eof, data| {
            Packet::Msg(PacketMsg {
                channel_id: i32::from(FLOODED.get()),
                eof,
                data,
                checksum: None,
            })
        };
        let packet = match self {
            Self::Full => msg(true, &[7; 1024][..]),
            Self::Pings => Packet::Ping,
            Self::Dropped | Self::Shed => msg(true, &b"small"[..]),
            Self::EmptyPieces => msg(false, &b""[..]),
        };
        let mut out = Vec::new();
        encode(&packet, &mut out);
        out
    }

    fn channel(self) -> ChannelDescriptor {
        let channel = ChannelDescriptor::new(FLOODED, 1);
        match self {
            Self::Shed => channel.with_recv_capacity(1).shedding(),
            _ => channel,
        }
    }
}

/// The round trips of an honest peer in so much time, beside so many floods.
fn round_trips(kind: Option<Kind>, floods: usize, time: Duration) -> io::Result<Vec<Duration>> {
    let server = runtime()?;
    let listener = server.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let address = listener.local_addr()?;
    let peer = thread::spawn(move || runtime()?.block_on(ask(address, time)));
    server.block_on(async {
        for _ in 0..floods {
            kind.map(flood).transpose().map_err(io::Error::other)?;
        }
        let (stream, _) = listener.accept().await?;
        echo(stream).await
    })?;
    peer.join()
        .map_err(|_| io::Error::other("the peer panicked"))?
}

/// Starts a connection whose peer never pauses.
fn flood(kind: Kind) -> Result<(), mconn::ConfigError> {
    let mut connection = Connection::new(Flood::new(&kind.packet()), Config::default());
    let (_, mut receiver) = connection.open(kind.channel())?;
    tokio::spawn(connection.run(CancellationToken::new()));
    match kind {
        Kind::Dropped => drop(receiver),
        Kind::Shed => std::mem::forget(receiver),
        Kind::Full | Kind::Pings | Kind::EmptyPieces => {
            tokio::spawn(async move { while receiver.recv().await.is_some() {} });
        }
    }
    Ok(())
}

/// Sends back what comes, until the peer closes.
async fn echo(stream: TcpStream) -> io::Result<()> {
    mconn::tcp::tune(&stream)?;
    let mut connection = Connection::new(stream, Config::default());
    let channel = ChannelDescriptor::new(HONEST, 1);
    let (sender, mut receiver) = connection.open(channel).map_err(io::Error::other)?;
    tokio::spawn(connection.run(CancellationToken::new()));
    while let Some(message) = receiver.recv().await {
        // The peer may have gone.
        let _ = sender.send(message).await;
    }
    Ok(())
}

/// Asks for one echo after the other.
async fn ask(address: std::net::SocketAddr, time: Duration) -> io::Result<Vec<Duration>> {
    let stream = TcpStream::connect(address).await?;
    mconn::tcp::tune(&stream)?;
    let mut connection = Connection::new(stream, Config::default());
    let channel = ChannelDescriptor::new(HONEST, 1);
    let (sender, mut receiver) = connection.open(channel).map_err(io::Error::other)?;
    let stop = CancellationToken::new();
    let running = tokio::spawn(connection.run(stop.clone()));
    let start = Instant::now();
    let mut times = Vec::new();
    while start.elapsed() < time || times.len() < LEAST_ROUND_TRIPS {
        let asked = Instant::now();
        let question = Bytes::from_static(&[0x5a; 100]);
        sender.send(question).await.map_err(io::Error::other)?;
        receiver.recv().await.ok_or(io::ErrorKind::UnexpectedEof)?;
        times.push(asked.elapsed());
    }
    stop.cancel();
    running.await?;
    Ok(times)
}

/// A stream that always has more of the same packet, and takes everything.
struct Flood {
    packets: Vec<u8>,
    at: usize,
}

impl Flood {
    fn new(packet: &[u8]) -> Self {
        let packets = packet.repeat((1 << 20) / packet.len());
        Self { packets, at: 0 }
    }
}

impl AsyncRead for Flood {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let rest = self.packets.get(self.at..).unwrap_or_default();
        let len = rest.len().min(buf.remaining());
        buf.put_slice(rest.split_at(len).0);
        self.at = (self.at + len) % self.packets.len();
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

fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

const KINDS: [(&str, Option<Kind>); 6] = [
    ("none", None),
    ("full packets", Some(Kind::Full)),
    ("pings", Some(Kind::Pings)),
    ("to a dropped receiver", Some(Kind::Dropped)),
    ("empty pieces", Some(Kind::EmptyPieces)),
    ("to a shedding channel", Some(Kind::Shed)),
];
const FLOODED: ChannelId = ChannelId::new(0x30);
const HONEST: ChannelId = ChannelId::new(0x31);
const OFFICIAL: Duration = Duration::from_secs(2);
const SMOKE: Duration = Duration::from_millis(20);
const LEAST_ROUND_TRIPS: usize = 5;
