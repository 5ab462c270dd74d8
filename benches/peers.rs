//! A node with a thousand peers, each of which has a message echoed once a second, and the memory that it takes. The node is
//! this process; its peers live in another one.

use std::error::Error;
use std::net::Ipv4Addr;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use std::{env, io};

use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};
use mconn::address::PeerAddr;
use mconn::node::LocalNode;
use mconn::secret::Identity;
use mconn::transport::{Incoming, Listener, Peer, Transport, TransportConfig};
use mconn::{ChannelDescriptor, ChannelId, Receiver, Sender};
use tokio::process::Command;
use tokio::runtime;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval_at, sleep, timeout};
use tokio_util::sync::CancellationToken;

use mconn_benches::readme;
use mconn_benches::resident::resident;
use mconn_benches::table::Table;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    if let [flag, node, peers, seconds] = arguments.as_slice()
        && flag == CHILD
    {
        let echoes = visit(node.parse()?, peers.parse()?, seconds.parse()?);
        println!("{}", runtime.block_on(echoes)?);
        return Ok(());
    }
    let asked = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let smoke = !asked("--bench") || asked("--smoke") || asked("--test");
    let (peers, seconds) = if smoke { SMOKE } else { OFFICIAL };
    let table = runtime.block_on(host(peers, seconds))?;
    print!("{}", table.aligned());
    if asked("--readme") {
        readme::replace("peers", &table.markdown())?;
    }
    Ok(())
}

/// Takes the peers and echoes what they send until they go.
async fn host(peers: usize, seconds: u32) -> Result<Table, Box<dyn Error>> {
    let node = node(peers)?;
    let mut listener = node.listen((Ipv4Addr::LOCALHOST, 0).into()).await?;
    let address = PeerAddr::new(*node.id(), listener.local_addr()?);
    let visitors = Command::new(env::current_exe()?)
        .args([CHILD, &address.to_string()])
        .args([peers.to_string(), seconds.to_string()])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let before = resident()?;
    let mut most = before;
    let output = tokio::select! {
        output = visitors.wait_with_output() => output?,
        failed = serve(&mut listener, peers, &mut most) => failed?,
    };
    if !output.status.success() {
        return Err("the peers failed, as they say above".into());
    }
    let mib = |bytes: usize| format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20));
    let mut table = Table::new(&[
        "peers",
        "echoes",
        "resident before",
        "resident at most",
        "floor",
    ]);
    table.push(vec![
        peers.to_string(),
        String::from_utf8(output.stdout)?.trim().to_owned(),
        mib(before),
        mib(most),
        format!("{} ≤ {}", if most <= LIMIT { '✓' } else { '✗' }, mib(LIMIT)),
    ]);
    Ok(table)
}

/// Runs until an error, and keeps the most memory that there was in use.
async fn serve<T>(
    listener: &mut Listener,
    peers: usize,
    most: &mut usize,
) -> Result<T, Box<dyn Error>> {
    let mut tasks = JoinSet::new();
    while tasks.len() < peers {
        match listener.next().await {
            Incoming::Peer(peer) => drop(tasks.spawn(echo(peer))),
            other => return Err(format!("{other:?}").into()),
        }
    }
    loop {
        *most = resident()?.max(*most);
        sleep(LOOK).await;
    }
}

async fn echo(mut peer: Peer) -> io::Result<()> {
    let mut channels = open(&mut peer)?;
    let echoing = async {
        let (sender, receiver) = channels.first_mut().ok_or(io::ErrorKind::NotFound)?;
        while let Some(message) = receiver.recv().await {
            sender.send(message).await.map_err(io::Error::other)?;
        }
        Ok(())
    };
    let (_, echoed) = tokio::join!(peer.run(CancellationToken::new()), echoing);
    echoed
}

/// Connects so many peers, lets each ask for an echo once a second, and counts those that came within that second.
async fn visit(address: PeerAddr, peers: usize, seconds: u32) -> Result<usize, Box<dyn Error>> {
    let dial = async |_| {
        let node = node(1)?;
        Ok::<_, Box<dyn Error>>(node.dial(&address, &CancellationToken::new()).await?)
    };
    let dialed: Vec<_> = stream::iter(0..peers)
        .map(dial)
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    let mut tasks = JoinSet::new();
    let start = Instant::now() + SECOND;
    for (index, peer) in dialed.into_iter().enumerate() {
        let offset = SECOND.mul_f64(index as f64 / peers as f64);
        tasks.spawn(ask(peer, start + offset, seconds));
    }
    let mut echoes = 0;
    while let Some(asked) = tasks.join_next().await {
        echoes += asked??;
    }
    Ok(echoes)
}

async fn ask(mut peer: Peer, start: Instant, seconds: u32) -> io::Result<usize> {
    let mut channels = open(&mut peer)?;
    let stop = CancellationToken::new();
    let asking = async {
        let (sender, receiver) = channels.first_mut().ok_or(io::ErrorKind::NotFound)?;
        let mut seconds_passed = interval_at(start, SECOND);
        for _ in 0..seconds {
            seconds_passed.tick().await;
            let question = Bytes::from_static(&[0x5a; QUESTION]);
            sender.send(question).await.map_err(io::Error::other)?;
            let answer = timeout(SECOND, receiver.recv()).await?;
            answer.ok_or(io::ErrorKind::UnexpectedEof)?;
        }
        stop.cancel();
        Ok(seconds as usize)
    };
    let (_, asked) = tokio::join!(peer.run(stop.clone()), asking);
    asked
}

/// A node that takes so many peers, however they come.
fn node(peers: usize) -> Result<Transport, Box<dyn Error>> {
    let identity = Arc::new(Identity::generate()?);
    let channels = channel_ids().map(|id| ChannelDescriptor::new(id, 1));
    let node = LocalNode::builder(identity, "bench", "bench").channels(channels);
    let config = TransportConfig::default()
        .with_max_inbound(peers)
        .with_max_outbound(peers)
        .with_max_connections_per_address(peers)
        .without_attempt_limit();
    Ok(Transport::new(node.build()?, config)?)
}

fn open(peer: &mut Peer) -> io::Result<Vec<(Sender, Receiver)>> {
    channel_ids()
        .map(|id| peer.open(id))
        .collect::<Result<_, _>>()
        .map_err(io::Error::other)
}

fn channel_ids() -> impl Iterator<Item = ChannelId> {
    (0..CHANNELS).map(ChannelId::new)
}

const CHILD: &str = "--visit";
/// Peers, and seconds of echoes.
const OFFICIAL: (usize, u32) = (1000, 10);
const SMOKE: (usize, u32) = (20, 1);
const LIMIT: usize = 64 << 20;
const SECOND: Duration = Duration::from_secs(1);
/// How often the node looks at its memory.
const LOOK: Duration = Duration::from_millis(100);
const CHANNELS: u8 = 10;
/// Bytes that are echoed.
const QUESTION: usize = 200;
/// Handshakes at once: fewer than a transport takes by default.
const AT_ONCE: usize = 16;
