//! The messages of one decoding step on their way to an inbox.

use std::collections::VecDeque;

use bytes::Bytes;

use super::inbox::Tally;

/// One channel's messages, in order. Short ones that come together share an allocation.
#[derive(Debug, Default)]
pub(super) struct Staging {
    messages: VecDeque<Bytes>,
    /// The short messages behind those in `messages`, end to end, and their lengths.
    short: Vec<u8>,
    short_lens: Vec<usize>,
    tally: Tally,
}

impl Staging {
    pub(super) fn len(&self) -> usize {
        self.messages.len() + self.short_lens.len()
    }

    pub(super) fn push(&mut self, message: Bytes) {
        self.seal();
        self.tally.add(message.len());
        self.messages.push_back(message);
    }

    /// Copies a message.
    #[inline]
    pub(super) fn push_copy(&mut self, message: &[u8]) {
        if message.len() > LONGEST_SHORT {
            self.push(Bytes::copy_from_slice(message));
            return;
        }
        if self.short.len() + message.len() > SHARED_BLOCK {
            self.seal();
        }
        self.tally.add(message.len());
        self.short.extend_from_slice(message);
        self.short_lens.push(message.len());
    }

    /// All messages, which the caller takes out, and what they amount to.
    pub(super) fn run(&mut self) -> (&mut VecDeque<Bytes>, Tally) {
        self.seal();
        (&mut self.messages, std::mem::take(&mut self.tally))
    }

    /// Frees the memory of past steps.
    pub(super) fn shrink(&mut self) {
        if self.len() == 0 {
            *self = Self::default();
        }
    }

    /// Makes messages of the short ones.
    fn seal(&mut self) {
        let mut block = Bytes::copy_from_slice(&self.short);
        self.short.clear();
        for len in self.short_lens.drain(..) {
            self.messages.push_back(block.split_to(len));
        }
    }
}

/// Longer ones are worth an allocation of their own.
const LONGEST_SHORT: usize = 256;
/// What a short message that is kept for long may keep with it, at most.
const SHARED_BLOCK: usize = 2 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_messages_keep_their_order_and_content() {
        let lens = [0, 1, 64, 256, 257, 0, 2000, 3, 255, 5000, 1];
        let letters = (b'a'..=b'z').cycle();
        let sizes = lens.into_iter().cycle().take(500);
        let messages = letters.zip(sizes).map(|(letter, len)| vec![letter; len]);
        let mut staging = Staging::default();
        for message in messages.clone() {
            staging.push_copy(&message);
        }
        assert_eq!(staging.len(), 500);
        let mut wanted = Tally::default();
        messages
            .clone()
            .for_each(|message| wanted.add(message.len()));
        let (run, tally) = staging.run();
        assert_eq!(tally, wanted);
        assert!(run.iter().eq(messages.collect::<Vec<_>>().iter()));
    }

    #[test]
    fn a_lone_message_has_memory_of_its_own() {
        let mut staging = Staging::default();
        staging.push_copy(b"alone");
        let message = staging.run().0.pop_front().unwrap();
        assert!(message.is_unique());
    }
}
