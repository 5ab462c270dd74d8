//! The optional checksum of a message packet.

use crate::channel::ChannelId;

/// CRC-32 (IEEE) over one byte of channel id, one byte of eof (0 or 1), then the data.
///
/// It stands in field 15 of the packet, which CometBFT skips as unknown.
pub fn checksum(channel: ChannelId, eof: bool, data: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&[channel.get(), u8::from(eof)]);
    hasher.update(data);
    hasher.finalize()
}
