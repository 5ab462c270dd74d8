//! Resident memory of an idle connection end with ten channels: mconn beside yamux, h2 and a bare socket.

use std::error::Error;
use std::process::Command;
use std::time::Duration;
use std::{env, io};

use bytes::Bytes;
use futures::future::try_join_all;
use tokio::runtime;

use mconn_benches::h2::H2;
use mconn_benches::loopback;
use mconn_benches::mconn::Mconn;
use mconn_benches::raw::Raw;
use mconn_benches::readme;
use mconn_benches::resident::resident;
use mconn_benches::secret::MconnEncrypted;
use mconn_benches::stack::{Channel, Plan, Stack};
use mconn_benches::table::Table;
use mconn_benches::yamux::{Yamux, YamuxBuffered};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [flag, stack, pairs] = arguments.as_slice()
        && flag == CHILD
    {
        let stages = child(stack, pairs.parse()?)?;
        println!("{}", stages.map(|bytes| bytes.to_string()).join(" "));
        return Ok(());
    }
    let asked = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let smoke = !asked("--bench") || asked("--smoke") || asked("--test");
    let table = measure(if smoke { SMOKE_PAIRS } else { PAIRS })?;
    print!("{}", table.aligned());
    if asked("--readme") {
        readme::replace("memory", &table.markdown())?;
    }
    Ok(())
}

/// One fresh process a stack.
fn measure(pairs: usize) -> Result<Table, Box<dyn Error>> {
    let mut table = Table::new(&HEAD);
    for stack in STACKS {
        let child = Command::new(env::current_exe()?)
            .args([CHILD, stack, &pairs.to_string()])
            .output()?;
        if !child.status.success() {
            return Err(format!("{stack}: {}", String::from_utf8_lossy(&child.stderr)).into());
        }
        let mut row = vec![stack.to_owned()];
        for bytes in String::from_utf8(child.stdout)?.split_whitespace() {
            row.push(format!("{:.1}", bytes.parse::<f64>()? / 1024.0));
        }
        table.push(row);
    }
    Ok(table)
}

/// The bytes of a connection end at each stage, in this process.
fn child(stack: &str, pairs: usize) -> io::Result<[usize; STAGES]> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match stack {
            "h2" => hold::<H2>(pairs).await,
            "mconn" => hold::<Mconn>(pairs).await,
            "mconn encrypted" => hold::<MconnEncrypted>(pairs).await,
            "raw TCP" => hold::<Raw>(pairs).await,
            "yamux" => hold::<Yamux>(pairs).await,
            "yamux buffered" => hold::<YamuxBuffered>(pairs).await,
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    })
}

async fn hold<S: Stack>(pairs: usize) -> io::Result<[usize; STAGES]> {
    let before = resident()?;
    let mut connections = Vec::with_capacity(pairs);
    for _ in 0..pairs {
        connections.push(open::<S>().await?);
    }
    let opened = settled().await?;
    for connection in &mut connections {
        exchange(connection).await?;
    }
    let in_turn = settled().await?;
    try_join_all(connections.iter_mut().map(exchange)).await?;
    let at_once = settled().await?;
    drop(connections);
    Ok([opened, in_turn, at_once].map(|bytes| bytes.saturating_sub(before) / (2 * pairs)))
}

async fn open<S: Stack>() -> io::Result<(Vec<S::Channel>, Vec<S::Channel>)> {
    let plan = Plan {
        priorities: vec![1; CHANNELS],
        rate: None,
    };
    let (listener, address) = loopback::listen()?;
    let dial = async { S::dial(loopback::connect(address).await?, plan.clone()).await };
    let accept = async { S::accept(loopback::accept(listener).await?, plan.clone()).await };
    tokio::try_join!(dial, accept)
}

/// 64 KiB there and 64 KiB back.
async fn exchange<C: Channel>((dialed, accepted): &mut (Vec<C>, Vec<C>)) -> io::Result<()> {
    carry(dialed, accepted).await?;
    carry(accepted, dialed).await
}

/// 64 KiB spread over the channels of one connection.
async fn carry<C: Channel>(from: &mut [C], to: &mut [C]) -> io::Result<()> {
    let size = CARRIED / from.len().max(1);
    let message = Bytes::from(vec![0x5a; size]);
    for channel in from {
        channel.send(&message).await?;
        channel.flush().await?;
    }
    for channel in to {
        let mut received = 0;
        while received < size {
            if !channel.receive(|part| received += part.len()).await? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
    Ok(())
}

/// The resident bytes once every task has done what it still had to, and all have been idle for a while.
async fn settled() -> io::Result<usize> {
    tokio::time::sleep(IDLE).await;
    resident()
}

const STACKS: [&str; 6] = [
    "raw TCP",
    "yamux",
    "yamux buffered",
    "h2",
    "mconn",
    "mconn encrypted",
];
const HEAD: [&str; 1 + STAGES] = [
    "KiB per connection end with ten channels",
    "just opened",
    "idle after 64 KiB each way, in turn",
    "and all at once",
];
const STAGES: usize = 3;
const CHANNELS: usize = 10;
const CARRIED: usize = 64 * 1024;
/// Longer than mconn waits before it frees what a burst needed.
const IDLE: Duration = Duration::from_secs(3);
/// Two ends each.
const PAIRS: usize = 1000;
const SMOKE_PAIRS: usize = 20;
const CHILD: &str = "--child";
