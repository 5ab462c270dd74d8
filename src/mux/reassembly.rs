//! Putting messages together from packets.

use bytes::Bytes;

use crate::channel::ChannelId;
use crate::packet::ProtocolError;

/// A channel's unfinished message.
///
/// Memory grows with what was received. The length of the channel's last message may be reserved at once, where the budget allows.
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

    /// Admits `len` more bytes, or says which bound they exceed. A message in one packet is never unfinished.
    pub(crate) fn admit(
        &self,
        len: usize,
        eof: bool,
        budget: &Budget,
    ) -> Result<(), ProtocolError> {
        let (channel, max) = (self.channel, self.max_message);
        let whole = self.partial.len().saturating_add(len);
        if whole > max {
            return Err(ProtocolError::MessageTooLarge {
                channel,
                len: whole,
                max,
            });
        }
        let (all, max) = (budget.used.saturating_add(len), budget.max);
        let unfinished = !eof || self.is_partial();
        if all > max && unfinished {
            return Err(ProtocolError::ReassemblyFull {
                channel,
                len: all,
                max,
            });
        }
        Ok(())
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
        let needed = self.partial.len() + data.len();
        if needed > self.partial.capacity() {
            self.grow(needed, budget);
        }
        self.partial.extend_from_slice(data);
        budget.used += data.len();
    }

    /// Appends the admitted end of a message and takes it whole.
    pub(crate) fn finish(&mut self, data: &[u8], budget: &mut Budget) -> Bytes {
        budget.used -= self.partial.len();
        budget.reserved = budget.reserved.saturating_sub(self.partial.capacity());
        let mut whole = std::mem::take(&mut self.partial);
        whole.reserve_exact(data.len());
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

    /// At least doubles, or starts with the last message's length, but within the bounds and the budget if that can be.
    fn grow(&mut self, needed: usize, budget: &mut Budget) {
        let old = self.partial.capacity();
        let wished = if old == 0 {
            self.last_len.min(LARGEST_HINT)
        } else {
            old * 2
        };
        let room = budget
            .max
            .saturating_sub(budget.reserved.saturating_sub(old));
        let capacity = wished.min(self.max_message).min(room).max(needed);
        self.partial.reserve_exact(capacity - self.partial.len());
        budget.reserved = (budget.reserved + self.partial.capacity()).saturating_sub(old);
    }
}

/// What the unfinished messages of all channels may hold together.
#[derive(Debug)]
pub(crate) struct Budget {
    max: usize,
    used: usize,
    reserved: usize,
}

impl Budget {
    pub(crate) const fn new(max: usize) -> Self {
        Self {
            max,
            used: 0,
            reserved: 0,
        }
    }

    /// Bytes received of unfinished messages.
    pub(crate) const fn used(&self) -> usize {
        self.used
    }
}

/// What is reserved for a message of which only the first packet came.
const LARGEST_HINT: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{Random, cases};

    proptest! {
        #![proptest_config(cases(200))]

        #[test]
        fn what_is_reserved_stays_within_the_bound_and_what_was_received(
            max_message in 1..200_000usize,
            max in 1..400_000usize,
            longest in 1..5000usize,
            seed: u64,
        ) {
            let mut random = Random::new(seed);
            let mut budget = Budget::new(max);
            let mut channels = [0, 1, 2].map(|id| Reassembly::new(ChannelId::new(id), max_message));
            for _ in 0..1000 {
                let channel = &mut channels[random.below(3)];
                let data = vec![0; random.between(0, longest)];
                let eof = random.one_in(50) || channel.admit(data.len(), false, &budget).is_err();
                if channel.admit(data.len(), eof, &budget).is_err() {
                    let whole = channel.finish(&[], &mut budget);
                    prop_assert!(whole.len() <= max_message);
                } else if eof && channel.is_partial() {
                    channel.finish(&data, &mut budget);
                } else if !eof {
                    channel.extend(&data, &mut budget);
                }
                let capacities: usize = channels.iter().map(|channel| channel.partial.capacity()).sum();
                prop_assert_eq!(capacities, budget.reserved);
                prop_assert!(budget.used <= max);
                prop_assert!(budget.reserved <= max + budget.used);
                for channel in &channels {
                    let hint = channel.last_len.min(LARGEST_HINT);
                    let capacity = channel.partial.capacity();
                    prop_assert!(capacity <= max_message.max(longest));
                    prop_assert!(capacity <= hint.max(2 * channel.partial.len()));
                }
            }
        }
    }

    #[test]
    fn a_message_keeps_no_more_memory_than_its_length() {
        let mut budget = Budget::new(usize::MAX);
        let mut channel = Reassembly::new(ChannelId::new(1), usize::MAX);
        for len in [1, 1000, 1025, 100_000, 3] {
            channel.extend(&vec![7; len], &mut budget);
            let message = channel.finish(&[1, 2, 3], &mut budget);
            assert_eq!(message.len(), len + 3);
            let vec: Vec<u8> = message.into();
            assert_eq!(vec.capacity(), vec.len());
            assert_eq!((budget.used, budget.reserved), (0, 0));
        }
    }
}
