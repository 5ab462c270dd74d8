//! Speed of mconn beside CometBFT's own MConnection: one channel, one direction, loopback TCP, no encryption, in one run
//! with interleaved rounds; the medians of rates and of ratios count. `--test` runs everything once, briefly.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a measurement that cannot go on ends"
)]

#[path = "../../benches/support/end.rs"]
mod end;
#[path = "../../benches/support/loopback.rs"]
mod loopback;
mod program;

use std::io::{self, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use mconn::{ChannelDescriptor, ChannelId, Config, Connection};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use end::Side;
use program::Release;

fn main() {
    let brief = std::env::args().any(|argument| argument == "--test");
    let (rounds, time) = if brief { (1, BRIEF) } else { (ROUNDS, TIME) };
    println!(
        "messages/s and MB/s, medians of {rounds} rounds of {time:?}; x: mconn's rate in Go's, round by round"
    );
    println!(
        "{:>9} {:>26} {:>35} {:>35}",
        "bytes", "mconn", "Go v0.38.25", "Go v1.0.1"
    );
    for size in SIZES {
        let measure = |_| {
            let ours = mconn(size, time);
            [
                ours,
                go(Release::V0_38_25, size, time),
                go(Release::V1_0_1, size, time),
            ]
        };
        let seen: Vec<[f64; 3]> = (0..rounds).map(measure).collect();
        let rate = |of: usize| {
            let rate = median(seen.iter().map(|round| round[of]));
            format!("{rate:.0}/s {:.1} MB/s", rate * size as f64 / 1e6)
        };
        let ratio = |of: usize| median(seen.iter().map(|round| round[0] / round[of]));
        let beside = |of: usize| format!("{} {:.2}x", rate(of), ratio(of));
        println!(
            "{size:>9} {:>26} {:>35} {:>35}",
            rate(0),
            beside(1),
            beside(2)
        );
    }
}

/// Messages per second between two connections of mconn, each on a current-thread runtime on a pinned thread of its own.
fn mconn(size: usize, time: Duration) -> f64 {
    let (listener, address) = loopback::listen().unwrap();
    let (count, stop) = (Arc::new(AtomicU64::new(0)), CancellationToken::new());
    let counting = Arc::clone(&count);
    let receiving = end::spawn(Side::Listener, move || async move {
        receive(loopback::accept(listener).await?, &counting).await
    });
    let stopped = stop.clone();
    let sending = end::spawn(Side::Dialer, move || async move {
        let message = Bytes::from(vec![0xa5; size]);
        send(loopback::connect(address).await?, message, stopped).await
    });
    let (receiving, sending) = (receiving.unwrap(), sending.unwrap());
    thread::sleep(WARM_UP);
    let (start, first) = (Instant::now(), count.load(Relaxed));
    thread::sleep(time);
    let rate = (count.load(Relaxed) - first) as f64 / start.elapsed().as_secs_f64();
    stop.cancel();
    end::join(sending).expect("the sender ends");
    end::join(receiving).expect("the receiver ends");
    rate
}

async fn send(stream: TcpStream, message: Bytes, stop: CancellationToken) -> io::Result<()> {
    mconn::tcp::tune(&stream)?;
    let mut connection = Connection::new(stream, Config::default());
    let (sender, _receiver) = connection.open(CHANNEL).map_err(io::Error::other)?;
    let mut tasks = JoinSet::new();
    tasks.spawn(connection.run(stop));
    while sender.send(message.clone()).await.is_ok() {}
    tasks.join_all().await;
    Ok(())
}

async fn receive(stream: TcpStream, count: &AtomicU64) -> io::Result<()> {
    mconn::tcp::tune(&stream)?;
    let mut connection = Connection::new(stream, Config::default());
    let (_sender, mut receiver) = connection.open(CHANNEL).map_err(io::Error::other)?;
    let mut tasks = JoinSet::new();
    tasks.spawn(connection.run(CancellationToken::new()));
    while receiver.recv().await.is_some() {
        count.fetch_add(1, Relaxed);
    }
    tasks.join_all().await;
    Ok(())
}

/// Messages per second between two connections of Go in one process, which uses all cores.
fn go(release: Release, size: usize, time: Duration) -> f64 {
    let mut go = Command::new(release.program());
    let mut go = go
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let command = json!({
        "do": "throughput",
        "sizes": [size],
        "millis": time.as_millis(),
        "channels": [{ "id": 1, "priority": 1, "send_queue": QUEUED, "max_message": 4 << 20 }],
    });
    writeln!(go.stdin.take().unwrap(), "{command}").unwrap();
    let output = go.wait_with_output().unwrap();
    let measured: Value = serde_json::from_slice(&output.stdout).expect("one event");
    let number = |name: &str| measured[name].as_f64().expect("a number");
    number("messages") * 1e9 / number("nanos")
}

fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

const SIZES: [usize; 4] = [64, 1 << 10, 16 << 10, 1 << 20];

/// Messages in a send queue on either side; both do best with long ones.
const QUEUED: usize = 1_024;
const CHANNEL: ChannelDescriptor =
    ChannelDescriptor::new(ChannelId::new(1), 1).with_send_capacity(QUEUED);

const ROUNDS: usize = 9;
const TIME: Duration = Duration::from_millis(700);
const BRIEF: Duration = Duration::from_millis(100);
/// As long as the Go program's.
const WARM_UP: Duration = Duration::from_millis(200);
