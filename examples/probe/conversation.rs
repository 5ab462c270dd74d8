//! Holds a connection for a while and watches what passes.

use std::pin::pin;
use std::time::Duration;

use mconn::transport::Peer;
use mconn::{CloseReason, Handle, Receiver};
use tokio::time::{Instant, interval_at, sleep};
use tokio_util::sync::CancellationToken;

use crate::failure::Failure;
use crate::pex::{self, Said};
use crate::report::Report;

/// Talks with the peer for so long, or until it or we end it.
pub(crate) async fn hold(
    mut peer: Peer,
    duration: Duration,
    stop: &CancellationToken,
    report: &mut Report,
) -> Result<(), Failure> {
    // What comes on the other channels is counted and thrown away.
    let (sender, receiver) = peer.open(pex::CHANNEL)?;
    let handle = peer.handle();
    let enough = CancellationToken::new();
    if sender.try_send(pex::request()).is_err() {
        report.no_addresses();
    }
    let watching = watch(&handle, receiver, duration, report);
    let closed = {
        let ending = async {
            stop.run_until_cancelled(watching).await;
            enough.cancel();
            handle.closed().await
        };
        tokio::join!(peer.run(enough.clone()), ending).0
    };
    report.ended(&closed);
    match closed.reason {
        CloseReason::Stopped => Ok(()),
        _ => Err(Failure::Ended(closed)),
    }
}

/// Reports what passes, for so long or until the connection has ended.
async fn watch(handle: &Handle, mut receiver: Receiver, duration: Duration, report: &mut Report) {
    let started = Instant::now();
    let mut over = pin!(sleep(duration));
    let mut beat = interval_at(started + BEAT, BEAT);
    loop {
        tokio::select! {
            () = &mut over => return,
            message = receiver.recv() => match message.as_deref().map(pex::decode) {
                Some(Some(Said::Addresses(addresses))) => report.addresses(&addresses),
                Some(_) => {}
                None => return,
            },
            _ = beat.tick() => match handle.stats().await {
                Some(stats) => report.traffic(started.elapsed(), &stats),
                None => return,
            },
        }
    }
}

/// As often as a reader can follow.
const BEAT: Duration = Duration::from_secs(1);
