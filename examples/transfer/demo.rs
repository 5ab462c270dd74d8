//! Both ends in one process, over loopback TCP, each on a thread and runtime of its own, with a summary.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::net::TcpListener as StdTcpListener;
use std::num::NonZeroU64;
use std::panic;
use std::path::Path;
use std::thread;
use std::time::Duration;

use indicatif::DecimalBytes;
use mconn::{Connection, Receiver, Sender};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::broadcast;
use tokio::time::{self, Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::protocol::{Digest, URGENT, Urgent, settings};
use crate::receive::Host;
use crate::screen::Screen;
use crate::send::{self, Courier, Delivered};
use crate::{Failure, stop_in_order};

/// Makes a file, sends it while small messages go to and fro, and compares what arrived.
pub(crate) fn run(size: u64, limit: Option<NonZeroU64>, screen: &Screen) -> Result<(), Failure> {
    let directory = tempfile::Builder::new().prefix("transfer-").tempdir()?;
    let (original, inbox) = (
        directory.path().join(SAMPLE),
        directory.path().join("inbox"),
    );
    fs::create_dir(&inbox)?;
    let digest = make_sample(&original, size)?;
    let (place, len) = (original.display(), DecimalBytes(size));
    screen.say(format_args!("made {place}, {len}"));

    let listener = StdTcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?.to_string();
    let host = Host {
        directory: inbox.clone(),
        config: settings().build()?,
        screen: Screen::quiet(),
    };
    let stop = CancellationToken::new();
    let (file, latencies) = thread::scope(|threads| {
        let listening = threads.spawn(|| listen_once(listener, &host, &stop));
        let sending = send_sample(&address, &original, limit, screen, &stop);
        let sent = runtime().and_then(|it| it.block_on(stop_in_order(sending, &stop, screen)));
        stop.cancel();
        let listened = listening
            .join()
            .unwrap_or_else(|payload| panic::resume_unwind(payload));
        listened.and(sent)
    })?;
    summarize(&file, latencies, size, screen);
    if digest_of(&inbox.join(SAMPLE))? != digest {
        return Err(Failure::Differs);
    }
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    screen.say(format_args!(
        "every byte       arrived: both files have the SHA-256 {digest}"
    ));
    Ok(())
}

async fn send_sample(
    address: &str,
    original: &Path,
    limit: Option<NonZeroU64>,
    screen: &Screen,
    stop: &CancellationToken,
) -> Result<(Delivered, Vec<Duration>), Failure> {
    let config = settings().send_rate(limit).build()?;
    let mut connection = Connection::new(send::connect(address).await?, config);
    let urgent = connection.open(URGENT)?;
    let courier = Courier::open(&mut connection, screen)?;
    let paths = [original.to_owned()];
    let ((mut delivered, closed), latencies) = tokio::join!(
        send::deliver_all(connection, courier, &paths, stop),
        probe(urgent),
    );
    let Some(file) = delivered.pop() else {
        screen.say(format_args!("{address}: {closed}"));
        return Err(Failure::Undelivered { missing: 1, all: 1 });
    };
    Ok((file, latencies))
}

/// Sends small messages to and fro on the urgent channel until the connection ends, and measures each round trip.
async fn probe((sender, mut receiver): (Sender, Receiver)) -> Vec<Duration> {
    let mut latencies = Vec::new();
    let mut ticks = time::interval(PROBE_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for number in 0.. {
        ticks.tick().await;
        let started = Instant::now();
        if sender.send(Urgent::Probe(number).encode()).await.is_err() {
            break;
        }
        let Some(answer) = receiver.recv().await else {
            break;
        };
        if Urgent::decode(&answer) == Ok(Urgent::Echo(number)) {
            latencies.push(started.elapsed());
        }
    }
    latencies
}

fn listen_once(
    listener: StdTcpListener,
    host: &Host,
    stop: &CancellationToken,
) -> Result<(), Failure> {
    listener.set_nonblocking(true)?;
    runtime()?.block_on(async {
        let listener = TcpListener::from_std(listener)?;
        let Some(accepted) = stop.run_until_cancelled(listener.accept()).await else {
            return Ok(());
        };
        let (stream, peer) = accepted?;
        let (_, no_lines) = broadcast::channel(1);
        host.serve(stream, peer, no_lines, stop).await;
        Ok(())
    })
}

fn summarize(file: &Delivered, mut latencies: Vec<Duration>, size: u64, screen: &Screen) {
    let rate = u128::from(size) * 1_000_000_000 / file.took.as_nanos().max(1);
    let rate = DecimalBytes(u64::try_from(rate).unwrap_or(u64::MAX));
    screen.say(format_args!(
        "throughput       {rate}/s from file to file, SHA-256 on both sides included"
    ));
    latencies.sort_unstable();
    let count = latencies.len();
    let [median, p99, max] = [50, 99, 100].map(|percent| percentile(&latencies, percent));
    screen.say(format_args!(
        "urgent messages  median {median:.2?}, p99 {p99:.2?}, max {max:.2?}, of {count} round trips while the file was on its way"
    ));
}

/// The least of the sorted samples that `percent` in a hundred of them do not exceed.
fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100);
    let sample = sorted.get(rank.saturating_sub(1));
    sample.copied().unwrap_or_default()
}

/// Writes a file that is the same in every run, and says its SHA-256.
fn make_sample(path: &Path, size: u64) -> io::Result<Digest> {
    let mut file = BufWriter::with_capacity(1 << 20, File::create_new(path)?);
    let (mut hash, mut left) = (Sha256::new(), size);
    for number in 0_u64.. {
        // A block of noise, told from all others by its number.
        let mut block = [0; 4096];
        block
            .chunks_mut(8)
            .zip(number.wrapping_mul(ODD)..)
            .for_each(|(word, noise)| word.copy_from_slice(&noise.wrapping_mul(ODD).to_le_bytes()));
        let len = usize::try_from(left).map_or(block.len(), |left| left.min(block.len()));
        let Some(block) = block.get(..len).filter(|block| !block.is_empty()) else {
            break;
        };
        file.write_all(block)?;
        hash.update(block);
        left -= len as u64;
    }
    file.flush()?;
    Ok(hash.finalize().into())
}

fn digest_of(path: &Path) -> io::Result<Digest> {
    let mut hash = Sha256::new();
    io::copy(&mut File::open(path)?, &mut hash)?;
    Ok(hash.finalize().into())
}

fn runtime() -> Result<Runtime, Failure> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

const SAMPLE: &str = "sample.bin";
/// Often enough for a percentile, seldom enough to leave the link to the file.
const PROBE_INTERVAL: Duration = Duration::from_millis(1);
/// The golden ratio in 64 bits: its multiples spread over all of them.
const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
