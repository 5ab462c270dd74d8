//! The live line of a connection.

use std::pin::pin;

use indicatif::DecimalBytes;
use mconn::{Handle, Stats};
use tokio::time;

use crate::console::Console;

/// Keeps a line about the connection up to date until it ends.
pub(crate) async fn watch(handle: Handle, peer: &str, console: &Console) {
    let line = console.live_line();
    let mut ticks = time::interval(line.period());
    // The first tick comes at once, when there is nothing to say.
    ticks.tick().await;
    let mut closed = pin!(handle.closed());
    let mut bytes_before = 0;
    loop {
        tokio::select! {
            _ = &mut closed => return,
            _ = ticks.tick() => {}
        }
        let Some(stats) = handle.stats().await else {
            return;
        };
        let bytes = stats.sent.bytes + stats.received.bytes;
        if bytes != bytes_before {
            line.show(describe(peer, &stats));
        }
        bytes_before = bytes;
    }
}

fn describe(peer: &str, stats: &Stats) -> String {
    let queued_messages: usize = stats
        .channels
        .iter()
        .map(|channel| channel.queued_messages)
        .sum();
    let queued_bytes: usize = stats
        .channels
        .iter()
        .map(|channel| channel.queued_bytes)
        .sum();
    let round_trip = stats.round_trip.map_or_else(
        || "not measured yet".to_owned(),
        |time| format!("{time:.2?}"),
    );
    format!(
        "{peer}: out {}/s, in {}/s, queued {queued_messages} messages ({}), round trip {round_trip}",
        DecimalBytes(stats.sent.rate),
        DecimalBytes(stats.received.rate),
        DecimalBytes(queued_bytes as u64),
    )
}
