//! Putting messages together from packets.

use bytes::{Bytes, BytesMut};

use crate::channel::ChannelId;
use crate::error::ProtocolError;

/// A channel's unfinished message.
///
/// Memory grows with what was received. The length of the channel's last message may be reserved at once, where the budget allows.
#[derive(Debug)]
pub(crate) struct Reassembly {
    channel: ChannelId,
    max_message: usize,
    partial: BytesMut,
    last_len: usize,
}

impl Reassembly {
    pub(crate) fn new(channel: ChannelId, max_message: usize) -> Self {
        Self {
            channel,
            max_message,
            partial: BytesMut::new(),
            last_len: 0,
        }
    }

    /// Admits `len` more bytes, or says which bound they exceed.
    pub(crate) fn admit(&self, len: usize, budget: &Budget) -> Result<(), ProtocolError> {
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
        if all > max {
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
        whole.extend_from_slice(data);
        self.last_len = whole.len();
        if whole.capacity() / 2 > whole.len() {
            return Bytes::copy_from_slice(&whole);
        }
        whole.freeze()
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
        self.partial.reserve(capacity - self.partial.len());
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
