//! The transfer protocol: three channels, and what their messages hold.
//!
//! A message is one byte of kind followed by a body. Numbers are big-endian, text is UTF-8. "Sender" is the side that
//! sends files; both sides may chat.
//!
//! | channel | priority | from | kind | body | meaning |
//! | --- | --- | --- | --- | --- | --- |
//! | files | 1 | sender | 1 offer | size `u64`, name | a file follows, if the listener wants it |
//! | | | sender | 2 data | 1 byte to [`CHUNK`] bytes | the next bytes of the file |
//! | | | sender | 3 end | SHA-256, 32 bytes | all bytes were sent |
//! | | | sender | 4 abandon | reason | the rest cannot be read |
//! | replies | 10 | listener | 1 accepted | | send the data |
//! | | | listener | 2 written | total `u64` | so many bytes of the file are written |
//! | | | listener | 3 stored | name | SHA-256 agreed, the file has this name |
//! | | | listener | 4 refused | reason | the file is not wanted (any more) |
//! | urgent | 100 | both | 1 say | text | a chat line |
//! | | | both | 2 probe | `u64` | to be answered at once |
//! | | | both | 3 echo | `u64` | the answer to a probe |
//!
//! Every offer gets exactly one final reply, *stored* or *refused*; the next offer comes after it. Whatever the sender
//! had on its way when it was refused is skipped. No more than [`WINDOW`] bytes are sent ahead of *written*: a channel
//! has no flow control of its own, so without that bound a slow disk would fill the listener's inbox, the connection
//! would pause reading, and chat would wait behind the file.

use std::fmt;

use mconn::{ChannelDescriptor, ChannelId};

mod file;
mod reply;
mod urgent;

pub(crate) use file::{CHUNK, FileMessage};
pub(crate) use reply::Reply;
pub(crate) use urgent::UrgentMessage;

/// A message that this protocol does not know.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("an empty message")]
    Empty,
    #[error("a message of unknown kind {0}")]
    UnknownKind(u8),
    #[error("a body of {len} bytes in a message of kind {kind}")]
    Length { kind: u8, len: usize },
    #[error("text that is not UTF-8 in a message of kind {0}")]
    NotText(u8),
}

/// The SHA-256 of a file.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) struct Digest(pub(crate) [u8; 32]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// A message of one kind without its body.
fn split(message: &[u8]) -> Result<(u8, &[u8]), Malformed> {
    let (kind, body) = message.split_first().ok_or(Malformed::Empty)?;
    Ok((*kind, body))
}

fn text(kind: u8, body: &[u8]) -> Result<String, Malformed> {
    let text = std::str::from_utf8(body).map_err(|_| Malformed::NotText(kind))?;
    Ok(text.to_owned())
}

fn number(kind: u8, body: &[u8]) -> Result<u64, Malformed> {
    Ok(u64::from_be_bytes(exact(kind, body)?))
}

fn exact<const LEN: usize>(kind: u8, body: &[u8]) -> Result<[u8; LEN], Malformed> {
    body.try_into().map_err(|_| Malformed::Length {
        kind,
        len: body.len(),
    })
}

fn nothing(kind: u8, body: &[u8]) -> Result<(), Malformed> {
    exact::<0>(kind, body).map(drop)
}

/// Bulk: takes what the other channels leave, which is nearly all of the link.
pub(crate) const FILES: ChannelDescriptor =
    ChannelDescriptor::new(ChannelId::new(0x40), 1).with_max_message(1 + CHUNK);

/// What the listener says about files. A few short messages per window of data.
pub(crate) const REPLIES: ChannelDescriptor =
    ChannelDescriptor::new(ChannelId::new(0x41), 10).with_max_message(1 + reply::MAX_BODY);

/// Chat: small messages that overtake the bulk.
pub(crate) const URGENT: ChannelDescriptor =
    ChannelDescriptor::new(ChannelId::new(0x42), 100).with_max_message(1 + urgent::MAX_TEXT);

/// Bytes of a file that may be on their way, sent and not yet written by the listener: enough for 40 MB/s at a round
/// trip of 100 ms, and half of the inbox that [`link`](crate::link) gives a connection, so that it never fills.
pub(crate) const WINDOW: usize = 4 * 1024 * 1024;
