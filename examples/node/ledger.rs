//! Who heard which note, and when.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// All notes, beside the network.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    notes: HashMap<(u32, u64), Written>,
    latencies: Vec<Duration>,
    crowded: usize,
}

#[derive(Debug)]
struct Written {
    at: Instant,
    /// The nodes that have to hear of it, and have not.
    missing: Vec<usize>,
}

impl Ledger {
    /// A note is written, which has to reach these nodes.
    pub(crate) fn written(&self, key: (u32, u64), readers: Vec<usize>) {
        let written = Written {
            at: Instant::now(),
            missing: readers,
        };
        self.book().notes.insert(key, written);
    }

    pub(crate) fn heard(&self, node: usize, key: (u32, u64)) {
        let mut book = self.book();
        let Some(note) = book.notes.get_mut(&key) else {
            return;
        };
        let Some(at) = note.missing.iter().position(|it| *it == node) else {
            return;
        };
        note.missing.swap_remove(at);
        let latency = note.at.elapsed();
        book.latencies.push(latency);
    }

    /// So many peers had no room for a note.
    pub(crate) fn crowded(&self, peers: usize) {
        self.book().crowded += peers;
    }

    /// Whether everybody has heard every note.
    pub(crate) fn is_complete(&self) -> bool {
        self.book()
            .notes
            .values()
            .all(|note| note.missing.is_empty())
    }

    pub(crate) fn summary(&self) -> Summary {
        let mut book = self.book();
        book.latencies.sort_unstable();
        let at = |part: usize| {
            book.latencies
                .get(book.latencies.len() * part / 100)
                .copied()
        };
        Summary {
            notes: book.notes.len(),
            heard: book.latencies.len(),
            lost: book.notes.values().map(|note| note.missing.len()).sum(),
            crowded: book.crowded,
            median: at(50).unwrap_or_default(),
            p99: at(99).unwrap_or_default(),
            reconnected: None,
            overdue: 0,
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How the play went.
#[derive(Debug)]
pub(crate) struct Summary {
    pub(crate) notes: usize,
    pub(crate) heard: usize,
    /// Notes that did not reach a node that was there, counted for each such node.
    pub(crate) lost: usize,
    pub(crate) crowded: usize,
    pub(crate) median: Duration,
    pub(crate) p99: Duration,
    /// After the kill, and after the partition.
    pub(crate) reconnected: Option<(Duration, Duration)>,
    /// Sessions that did not end in time.
    pub(crate) overdue: usize,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} notes, heard {} times by others, {} times not; {} found a full queue",
            self.notes, self.heard, self.lost, self.crowded
        )?;
        writeln!(
            f,
            "latency: median {:.2?}, p99 {:.2?}",
            self.median, self.p99
        )?;
        if let Some((kill, partition)) = self.reconnected {
            writeln!(
                f,
                "reconnected {kill:.2?} after the kill, {partition:.2?} after the partition"
            )?;
        }
        write!(f, "{} sessions did not end in time", self.overdue)
    }
}
