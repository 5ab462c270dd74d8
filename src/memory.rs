//! Memory that several connections share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bounds what the unfinished messages of several connections hold together; clones are the same budget.
///
/// Half of it is divided among so many connections, each of which has its part whatever the others do; of the other half each takes what it
/// needs, first come, first served. A connection whose peer needs more than is left ends, with
/// [`Error::SharedMemoryFull`](crate::Error::SharedMemoryFull): so those who hold much pay for it, and not those who hold little. Connections beyond
/// the number have no part of their own.
///
/// ```
/// use mconn::{Config, MemoryBudget};
///
/// // A node with 50 peers, whose unfinished messages may take 256 MiB in all.
/// let memory = MemoryBudget::new(256 * 1024 * 1024, 50);
/// let config = Config::builder().memory_budget(Some(memory)).build()?;
/// # Ok::<(), mconn::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct MemoryBudget(Arc<Pool>);

#[derive(Debug)]
struct Pool {
    max: usize,
    connections: usize,
    /// Connections that have a part of their own at present.
    members: AtomicUsize,
    /// What is held beyond the parts.
    elastic: AtomicUsize,
    held: AtomicUsize,
}

impl MemoryBudget {
    /// So many bytes for so many connections; 0 connections have no parts, and share half of the bytes.
    pub fn new(bytes: usize, connections: usize) -> Self {
        Self(Arc::new(Pool {
            max: bytes,
            connections,
            members: AtomicUsize::new(0),
            elastic: AtomicUsize::new(0),
            held: AtomicUsize::new(0),
        }))
    }

    /// Bytes that are held at present.
    pub fn held(&self) -> usize {
        self.0.held.load(Ordering::Relaxed)
    }

    /// One more connection.
    pub(crate) fn join(&self) -> Holding {
        let pool = self.0.clone();
        let joined = pool
            .members
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |members| {
                (members < pool.connections).then_some(members.saturating_add(1))
            });
        let part = (pool.max / 2).checked_div(pool.connections);
        Holding {
            part: part.filter(|_| joined.is_ok()),
            held: 0,
            pool,
        }
    }
}

/// Two settings are the same if they are of the same budget.
impl PartialEq for MemoryBudget {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for MemoryBudget {}

/// What one connection holds of a budget; dropping it gives all back.
#[derive(Debug)]
pub(crate) struct Holding {
    pool: Arc<Pool>,
    /// What it may hold whatever others do, if it has such a part.
    part: Option<usize>,
    held: usize,
}

impl Holding {
    /// Holds so many bytes from here, if that can be; less can always be.
    pub(crate) fn resize(&mut self, held: usize) -> bool {
        let part = self.part.unwrap_or_default();
        let (before, after) = (self.held.saturating_sub(part), held.saturating_sub(part));
        let half = self.pool.max.div_ceil(2);
        let elastic = &self.pool.elastic;
        let fits = elastic.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |elastic| {
            let elastic = elastic.saturating_sub(before).saturating_add(after);
            (elastic <= half || after <= before).then_some(elastic)
        });
        if fits.is_err() {
            return false;
        }
        // Atomics wrap, so that this is less where it is less.
        let more = held.wrapping_sub(self.held);
        self.pool.held.fetch_add(more, Ordering::Relaxed);
        self.held = held;
        true
    }

    /// The bytes of the whole budget.
    pub(crate) fn max(&self) -> usize {
        self.pool.max
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.resize(0);
        if self.part.is_some() {
            self.pool.members.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;

    #[test]
    fn all_together_never_hold_more_than_there_is() {
        for seed in 0..100 {
            let mut random = Random::new(seed);
            let max = random.between(0, 5000);
            let pool = MemoryBudget::new(max, random.between(0, 4));
            let mut shares = Vec::new();
            for _ in 0..500 {
                match random.below(8) {
                    0 => shares.push(pool.join()),
                    1 if !shares.is_empty() => drop(shares.swap_remove(random.below(shares.len()))),
                    _ if !shares.is_empty() => {
                        let at = random.below(shares.len());
                        let (wished, before) = (random.between(0, 3000), shares[at].held);
                        let fits = shares[at].resize(wished);
                        assert!(fits || wished > before);
                        assert!(fits || wished > shares[at].part.unwrap_or(0));
                        assert_eq!(shares[at].held, if fits { wished } else { before });
                    }
                    _ => {}
                }
                assert!(pool.held() <= max, "{} of {max}", pool.held());
                assert_eq!(
                    pool.held(),
                    shares.iter().map(|share| share.held).sum::<usize>()
                );
            }
            drop(shares);
            assert_eq!(
                (pool.held(), pool.0.elastic.load(Ordering::Relaxed)),
                (0, 0)
            );
            assert_eq!(pool.0.members.load(Ordering::Relaxed), 0);
        }
    }
}
