//! Both ends in one process, over loopback TCP, each on a thread and runtime of its own, with a summary.

use std::fs;
use std::io;
use std::net::TcpListener as StdTcpListener;
use std::panic;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use indicatif::DecimalBytes;
use mconn::{Config, Receiver, Sender};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tokio::time::{self, Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::cli::DemoArgs;
use crate::console::Console;
use crate::courier::{Courier, Delivered};
use crate::failure::Failure;
use crate::host::Host;
use crate::latency::Latencies;
use crate::link::{self, SenderLink};
use crate::live;
use crate::protocol::UrgentMessage;
use crate::sample;
use crate::send;
use crate::stop_in_order;

/// Makes a file, sends it while small messages go to and fro, and compares what arrived.
pub(crate) fn run(args: &DemoArgs, console: &Console) -> Result<(), Failure> {
    let directory = tempfile::Builder::new().prefix("transfer-").tempdir()?;
    let original = directory.path().join(SAMPLE);
    let inbox = directory.path().join("inbox");
    fs::create_dir(&inbox)?;
    sample::make(&original, args.size)?;
    console.say(format_args!(
        "made {}, {}",
        original.display(),
        DecimalBytes(args.size)
    ));

    let listener = StdTcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?.to_string();
    let host = Host {
        directory: inbox.clone(),
        config: link::settings().build()?,
        console: Console::quiet(),
    };
    let config = link::settings().send_rate(args.limit).build()?;
    let stop = CancellationToken::new();
    let sent = thread::scope(|threads| {
        let listening = threads.spawn(|| listen_once(listener, &host, &stop));
        let sent = send_sample(&address, original.clone(), config, console, &stop);
        stop.cancel();
        let listened = listening
            .join()
            .unwrap_or_else(|payload| panic::resume_unwind(payload));
        listened.and(sent)
    })?;
    summarize(&sent, args.size, console);
    compare(&original, &inbox.join(SAMPLE), console)
}

struct Sent {
    file: Delivered,
    latencies: Latencies,
}

fn send_sample(
    address: &str,
    original: PathBuf,
    config: Config,
    console: &Console,
    stop: &CancellationToken,
) -> Result<Sent, Failure> {
    let sending = async {
        let stream = send::connect(address).await?;
        let SenderLink {
            connection,
            files,
            replies,
            urgent,
        } = SenderLink::open(stream, config)?;
        let handle = connection.handle();
        let courier = Courier::new(files, replies, console);
        let ((mut delivered, closed), latencies, ()) = tokio::join!(
            send::deliver_all(
                connection,
                courier,
                std::slice::from_ref(&original),
                console,
                stop
            ),
            probe(urgent),
            live::watch(handle, address, console),
        );
        delivered
            .pop()
            .map(|file| Sent { file, latencies })
            .ok_or_else(|| {
                console.say(format_args!("{address}: {closed}"));
                Failure::Undelivered { missing: 1, all: 1 }
            })
    };
    runtime()?.block_on(stop_in_order(sending, stop, console))
}

/// Sends small messages to and fro on the urgent channel until the connection ends, and measures each round trip.
async fn probe((sender, mut receiver): (Sender, Receiver)) -> Latencies {
    let mut latencies = Latencies::default();
    let mut ticks = time::interval(PROBE_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for number in 0.. {
        ticks.tick().await;
        let started = Instant::now();
        if sender
            .send(UrgentMessage::Probe(number).encode())
            .await
            .is_err()
        {
            break;
        }
        let Some(answer) = receiver.recv().await else {
            break;
        };
        if UrgentMessage::decode(&answer) == Ok(UrgentMessage::Echo(number)) {
            latencies.add(started.elapsed());
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
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => accepted?,
            () = stop.cancelled() => return Ok(()),
        };
        let (_, no_lines) = mpsc::channel(1);
        host.serve(stream, peer, no_lines, stop).await;
        Ok(())
    })
}

fn summarize(sent: &Sent, size: u64, console: &Console) {
    let rate = u128::from(size) * 1_000_000_000 / sent.file.took().as_nanos().max(1);
    let rate = DecimalBytes(u64::try_from(rate).unwrap_or(u64::MAX));
    console.say(format_args!(
        "throughput       {rate}/s from file to file, SHA-256 on both sides included"
    ));
    console.say(format_args!(
        "urgent messages  {}, while the file was on its way",
        sent.latencies
    ));
}

fn compare(original: &Path, copy: &Path, console: &Console) -> Result<(), Failure> {
    let digest = sample::digest_of(original)?;
    if sample::digest_of(copy)? != digest {
        return Err(Failure::Differs);
    }
    console.say(format_args!(
        "every byte       arrived: both files have the SHA-256 {digest}"
    ));
    Ok(())
}

fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

const SAMPLE: &str = "sample.bin";

/// Often enough for a percentile, seldom enough to leave the link to the file.
const PROBE_INTERVAL: Duration = Duration::from_millis(1);
