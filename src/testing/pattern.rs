//! Contents of messages: any two of them differ early, and making one costs next to nothing.

use std::sync::OnceLock;

use bytes::Bytes;

use super::Random;
use crate::channel::ChannelId;

/// `len` bytes that start at `offset` of an endless stream without short repetition.
pub(crate) fn pattern(offset: usize, len: usize) -> Bytes {
    static BLOCK: OnceLock<Bytes> = OnceLock::new();
    let block = BLOCK.get_or_init(make_block);
    let start = offset % block.len();
    if len <= block.len() - start {
        return block.slice(start..start + len);
    }
    block[start..]
        .iter()
        .chain(block.iter().cycle())
        .take(len)
        .copied()
        .collect()
}

/// The content of a channel's message number `number`.
pub(crate) fn message(channel: ChannelId, number: usize, len: usize) -> Bytes {
    pattern(number * 37 + channel.index() * 8191, len)
}

fn make_block() -> Bytes {
    let mut random = Random::new(1);
    let words = (0..BLOCK_LEN / 8).flat_map(|_| random.next().to_le_bytes());
    words.collect()
}

/// Long enough that messages are almost always slices of it, short enough to be made in a moment.
const BLOCK_LEN: usize = 256 * 1024;
