//! Speed of mconn beside CometBFT's own MConnection: one channel, one direction, loopback TCP, no encryption, in one run
//! with interleaved rounds; the median counts. `--test` runs everything once, briefly.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a measurement that cannot go on ends"
)]

mod program;

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use mconn::{ChannelDescriptor, ChannelId, Config, Connection};
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use program::Release;

fn main() {
    let brief = std::env::args().any(|argument| argument == "--test");
    let (rounds, time) = if brief { (1, BRIEF) } else { (ROUNDS, TIME) };
    println!(
        "median of {rounds} rounds of {time:?}: messages/s, MB/s, and how much of them mconn does"
    );
    println!(
        "{:>9} {:>26} {:>34} {:>34}",
        "size", "mconn", "Go v0.38.25", "Go v1.0.1"
    );
    for size in SIZES {
        let mut rates: [Vec<f64>; 3] = Default::default();
        for _ in 0..rounds {
            rates[0].push(mconn(size, time));
            rates[1].push(go(Release::V0_38_25, size, time));
            rates[2].push(go(Release::V1_0_1, size, time));
        }
        let [ours, old, new] = rates.map(median);
        let cell = |rate: f64| format!("{rate:.0}/s {:.1} MB/s", rate * size as f64 / 1e6);
        let beside = |go: f64| format!("{} {:.2}x", cell(go), ours / go);
        println!(
            "{size:>9} {:>26} {:>34} {:>34}",
            cell(ours),
            beside(old),
            beside(new)
        );
    }
}

/// Messages per second between two connections of mconn, each on a current-thread runtime on a thread of its own.
fn mconn(size: usize, time: Duration) -> f64 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (far, _) = listener.accept().unwrap();
    let (count, stop) = (Arc::new(AtomicU64::new(0)), CancellationToken::new());
    let sending = thread::spawn({
        let stop = stop.clone();
        move || run_sender(near, Bytes::from(vec![0xa5; size]), stop)
    });
    let receiving = thread::spawn({
        let count = Arc::clone(&count);
        move || run_receiver(far, &count)
    });
    thread::sleep(WARM_UP);
    let (start, first) = (Instant::now(), count.load(Relaxed));
    thread::sleep(time);
    let rate = (count.load(Relaxed) - first) as f64 / start.elapsed().as_secs_f64();
    stop.cancel();
    sending.join().expect("the sender ends");
    receiving.join().expect("the receiver ends");
    rate
}

fn run_sender(stream: TcpStream, message: Bytes, stop: CancellationToken) {
    block_on(stream, async move |mut connection| {
        let (sender, _receiver) = connection.open(CHANNEL).unwrap();
        let produce = async { while sender.send(message.clone()).await.is_ok() {} };
        let (closed, ()) = tokio::join!(connection.run(stop), produce);
        closed
    });
}

fn run_receiver(stream: TcpStream, count: &AtomicU64) {
    block_on(stream, async move |mut connection| {
        let (_sender, mut receiver) = connection.open(CHANNEL).unwrap();
        let consume = async {
            while receiver.recv().await.is_some() {
                count.fetch_add(1, Relaxed);
            }
        };
        let (closed, ()) = tokio::join!(connection.run(CancellationToken::new()), consume);
        closed
    });
}

fn block_on<T>(stream: TcpStream, end: impl AsyncFnOnce(Connection<tokio::net::TcpStream>) -> T) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        stream.set_nonblocking(true).unwrap();
        let stream = tokio::net::TcpStream::from_std(stream).unwrap();
        mconn::tcp::tune(&stream).unwrap();
        end(Connection::new(stream, Config::default())).await;
    });
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
        "channels": [{ "id": 1, "priority": 1, "send_queue": GO_SEND_QUEUE, "max_message": 4 << 20 }],
    });
    writeln!(go.stdin.take().unwrap(), "{command}").unwrap();
    let output = go.wait_with_output().unwrap();
    let measured: Value = serde_json::from_slice(&output.stdout).expect("one event");
    let number = |name: &str| measured[name].as_f64().expect("a number");
    number("messages") * 1e9 / number("nanos")
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

const SIZES: [usize; 4] = [64, 1 << 10, 16 << 10, 1 << 20];
const CHANNEL: ChannelDescriptor = ChannelDescriptor::new(ChannelId::new(1), 1);
/// Longer queues do not make Go faster; it is as long as ours.
const GO_SEND_QUEUE: usize = 64;

const ROUNDS: usize = 7;
const TIME: Duration = Duration::from_secs(1);
const BRIEF: Duration = Duration::from_millis(100);
/// As long as the Go program's.
const WARM_UP: Duration = Duration::from_millis(200);
