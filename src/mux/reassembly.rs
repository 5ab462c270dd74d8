//! Putting messages together from packets.

use bytes::Bytes;

use crate::channel::ChannelId;
use crate::error::Error;
use crate::memory::Holding;
use crate::packet::ProtocolError;

/// A channel's unfinished message.
///
/// Memory grows with what was received. The length of the channel's last message may be reserved at once, where the budget is ample.
#[derive(Debug)]
pub(crate) struct Reassembly {
    channel: ChannelId,
    max_message: usize,
    partial: Vec<u8>,
    last_len: usize,
}

impl Reassembly {
    pub(crate) fn new(channel: ChannelId, max_message: usize) -> Self {
        Self {
            channel,
            max_message,
            partial: Vec::new(),
            last_len: 0,
        }
    }

    /// Admits `len` more bytes and takes the memory for them, or says which bound they exceed. A message in one packet is never
    /// unfinished.
    pub(crate) fn admit(
        &mut self,
        len: usize,
        eof: bool,
        budget: &mut Budget,
    ) -> Result<(), Error> {
        let (channel, max) = (self.channel, self.max_message);
        let whole = self.partial.len().saturating_add(len);
        if whole > max {
            return Err(Error::from(ProtocolError::MessageTooLarge {
                channel,
                len: whole,
                max,
            }));
        }
        // An empty piece of a message that has not begun is no beginning.
        let is_whole_message = eof && !self.is_partial();
        if is_whole_message || whole <= self.partial.capacity() {
            return Ok(());
        }
        self.grow(whole, budget)
    }

    /// Whether a message is under way.
    pub(crate) fn is_partial(&self) -> bool {
        !self.partial.is_empty()
    }

    /// The bytes of it that have come.
    pub(crate) fn held(&self) -> usize {
        self.partial.len()
    }

    /// Appends admitted data that does not end its message.
    pub(crate) fn extend(&mut self, data: &[u8], budget: &mut Budget) {
        self.partial.extend_from_slice(data);
        budget.used = budget.used.saturating_add(data.len());
    }

    /// Appends the admitted end of a message and takes it whole.
    pub(crate) fn finish(&mut self, data: &[u8], budget: &mut Budget) -> Bytes {
        budget.used = budget.used.saturating_sub(self.partial.len());
        budget.give_back(charge(self.partial.capacity()));
        let mut whole = std::mem::take(&mut self.partial);
        whole.extend_from_slice(data);
        self.last_len = whole.len();
        // What was reserved ahead is given back, so that a waiting message is as large as it says.
        whole.shrink_to_fit();
        whole.into()
    }

    /// A whole message in one packet came; what to expect of the next one.
    pub(crate) const fn on_whole(&mut self, len: usize) {
        self.last_len = len;
    }

    /// Makes room for `needed` bytes, and for some of what may follow as far as the budget has it.
    fn grow(&mut self, needed: usize, budget: &mut Budget) -> Result<(), Error> {
        let old = self.partial.capacity();
        let ahead = if budget.is_tight {
            needed.saturating_add(needed / 8)
        } else if old == 0 {
            self.last_len.min(LARGEST_HINT)
        } else {
            old.saturating_mul(2)
        };
        let capacity = ahead.min(self.max_message).max(needed);
        let capacity = budget.take(self.channel, charge(old), charge(needed), charge(capacity))?;
        let capacity = capacity.saturating_sub(OVERHEAD);
        self.partial
            .reserve_exact(capacity.saturating_sub(self.partial.len()));
        Ok(())
    }
}

/// What the unfinished messages of all channels may hold together: the memory that is taken for them, not only what came.
#[derive(Debug)]
pub(crate) struct Budget {
    max: usize,
    /// Not every channel can have its largest message under way, so that little is taken ahead.
    is_tight: bool,
    used: usize,
    charged: usize,
    /// What it holds of a budget that several connections share.
    shared: Option<Holding>,
}

impl Budget {
    /// For channels with these largest messages; without a bound they may all be under way.
    pub(crate) fn new(
        maxima: impl Iterator<Item = usize>,
        bound: Option<usize>,
        shared: Option<Holding>,
    ) -> Self {
        let sum = maxima.fold(0, |sum: usize, max| sum.saturating_add(charge(max)));
        Self {
            max: bound.unwrap_or(sum),
            is_tight: shared.is_some() || bound.is_some_and(|bound| bound < sum),
            used: 0,
            charged: 0,
            shared,
        }
    }

    /// Bytes received of unfinished messages.
    pub(crate) const fn used(&self) -> usize {
        self.used
    }

    /// Takes `wished` in place of `old`, or as much of it as there is, at least `needed`.
    fn take(
        &mut self,
        channel: ChannelId,
        old: usize,
        needed: usize,
        wished: usize,
    ) -> Result<usize, Error> {
        let others = self.charged.saturating_sub(old);
        let room = self.max.saturating_sub(others);
        if needed > room {
            return Err(Error::from(ProtocolError::ReassemblyFull {
                channel,
                len: others.saturating_add(needed),
                max: self.max,
            }));
        }
        let mut taken = wished.min(room);
        if let Some(holding) = &mut self.shared {
            if !holding.resize(others.saturating_add(taken)) {
                taken = needed;
                if !holding.resize(others.saturating_add(taken)) {
                    return Err(Error::SharedMemoryFull {
                        channel,
                        held: self.charged,
                        max: holding.max(),
                    });
                }
            }
        }
        self.charged = others.saturating_add(taken);
        Ok(taken)
    }

    fn give_back(&mut self, charge: usize) {
        self.charged = self.charged.saturating_sub(charge);
        if let Some(holding) = &mut self.shared {
            holding.resize(self.charged);
        }
    }
}

/// What memory of this capacity counts; none counts nothing.
const fn charge(capacity: usize) -> usize {
    if capacity == 0 {
        0
    } else {
        capacity.saturating_add(OVERHEAD)
    }
}

/// What an allocation costs beside its content.
const OVERHEAD: usize = 32;
/// What is reserved for a message of which only the first packet came.
const LARGEST_HINT: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::memory::MemoryBudget;
    use crate::testing::{Random, cases};

    proptest! {
        #![proptest_config(cases(200))]

        #[test]
        fn all_memory_of_unfinished_messages_stays_within_the_bound(
            max_message in 1..200_000usize,
            max in 100..400_000usize,
            longest in 1..5000usize,
            shared: bool,
            seed: u64,
        ) {
            let mut random = Random::new(seed);
            let pool = MemoryBudget::new(max, 2);
            let share = shared.then(|| pool.join());
            let maxima = [max_message; 3].into_iter();
            let mut budget = Budget::new(maxima, Some(max), share);
            let mut channels = [0, 1, 2].map(|id| Reassembly::new(ChannelId::new(id), max_message));
            for _ in 0..1000 {
                let channel = &mut channels[random.below(3)];
                let data = vec![0; random.between(0, longest)];
                let eof = random.one_in(50);
                if channel.admit(data.len(), eof, &mut budget).is_err() {
                    let whole = channel.finish(&[], &mut budget);
                    prop_assert!(whole.len() <= max_message);
                } else if eof && channel.is_partial() {
                    channel.finish(&data, &mut budget);
                } else if !eof {
                    channel.extend(&data, &mut budget);
                }
                let capacities = channels.iter().map(|channel| charge(channel.partial.capacity()));
                let held: usize = capacities.sum();
                prop_assert_eq!(held, budget.charged);
                prop_assert!(held <= max);
                prop_assert_eq!(pool.held(), if shared { held } else { 0 });
                let lens: usize = channels.iter().map(Reassembly::held).sum();
                prop_assert_eq!(lens, budget.used());
                for channel in &channels {
                    let (len, capacity) = (channel.partial.len(), channel.partial.capacity());
                    prop_assert!(capacity <= max_message);
                    let hint = channel.last_len.min(LARGEST_HINT);
                    prop_assert!(capacity <= hint.max(2 * len).max(longest));
                }
            }
        }
    }

    #[test]
    fn a_message_keeps_no_more_memory_than_its_length() {
        let mut budget = Budget::new([1 << 30].into_iter(), None, None);
        let mut channel = Reassembly::new(ChannelId::new(1), 1 << 30);
        for len in [1, 1000, 1025, 100_000, 3] {
            channel.admit(len, false, &mut budget).unwrap();
            channel.extend(&vec![7; len], &mut budget);
            channel.admit(3, true, &mut budget).unwrap();
            let message = channel.finish(&[1, 2, 3], &mut budget);
            assert_eq!(message.len(), len + 3);
            let vec: Vec<u8> = message.into();
            assert_eq!(vec.capacity(), vec.len());
            assert_eq!((budget.used, budget.charged), (0, 0));
        }
    }

    #[test]
    fn a_connection_has_its_guaranteed_part_whatever_the_others_hold() {
        let pool = MemoryBudget::new(100_000, 2);
        let maxima = || [1 << 20].into_iter();
        let mut greedy = Budget::new(maxima(), None, Some(pool.join()));
        let mut modest = Budget::new(maxima(), None, Some(pool.join()));
        let mut much = Reassembly::new(ChannelId::new(1), 1 << 20);
        let refused = loop {
            if let Err(error) = much.admit(1000, false, &mut greedy) {
                break error;
            }
            much.extend(&[7; 1000], &mut greedy);
        };
        let Error::SharedMemoryFull { held, max, .. } = refused else {
            panic!("{refused}");
        };
        // Half is for all, and a quarter for each of the two.
        assert!((74_000..=75_000).contains(&held), "{held}");
        assert_eq!(max, 100_000);
        let mut little = Reassembly::new(ChannelId::new(1), 1 << 20);
        for _ in 0..24 {
            little.admit(1000, false, &mut modest).unwrap();
            little.extend(&[7; 1000], &mut modest);
        }
        assert!(little.admit(3000, false, &mut modest).is_err());
        drop(greedy);
        assert!(little.admit(3000, false, &mut modest).is_ok());
    }
}
