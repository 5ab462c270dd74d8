//! What one channel has received, as another thread may ask at any time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Counts bytes; of large messages it also keeps when each was complete.
#[derive(Debug)]
pub struct Meter {
    total: AtomicU64,
    marks: Option<Mutex<Vec<Mark>>>,
}

/// So many bytes at this time, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    pub time: u64,
    pub bytes: u64,
}

impl Meter {
    pub fn new(message: usize) -> Self {
        Self {
            total: AtomicU64::new(0),
            marks: (message >= LARGE).then(Mutex::default),
        }
    }

    /// The channel has received `bytes` in all. The clock is read only where it costs nothing beside the message.
    pub fn set(&self, bytes: u64, clock: impl FnOnce() -> u64) {
        let before = self.bytes();
        self.total.store(bytes, Ordering::Relaxed);
        if before != bytes
            && let Some(marks) = &self.marks
        {
            let mark = Mark {
                time: clock(),
                bytes,
            };
            marks
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(mark);
        }
    }

    pub fn bytes(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    /// Bytes per second between two marks that the caller took; from one large message to another within them.
    pub fn rate(&self, from: Mark, to: Mark) -> f64 {
        let Some(marks) = &self.marks else {
            return speed(from, to);
        };
        let marks = marks.lock().unwrap_or_else(PoisonError::into_inner);
        let mut within = marks
            .iter()
            .filter(|mark| (from.time..to.time).contains(&mark.time));
        match (within.next(), within.next_back()) {
            (Some(first), Some(last)) => speed(*first, *last),
            _ => speed(from, to),
        }
    }
}

fn speed(from: Mark, to: Mark) -> f64 {
    (to.bytes - from.bytes) as f64 * 1e9 / (to.time - from.time) as f64
}

/// From here on a counter would move in steps that a short window shows.
const LARGE: usize = 256 * 1024;
