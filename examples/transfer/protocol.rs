//! The transfer protocol: three channels, what their messages hold, and the connection under them.
//!
//! A message is one byte of kind followed by a body. Numbers are big-endian, text is UTF-8. "Sender" is the side that
//! sends files; both sides may chat.
//!
//! | channel | priority | from | kind | body | meaning |
//! | --- | --- | --- | --- | --- | --- |
//! | files | 1 | sender | 1 begin | size `u64`, name | a file follows |
//! | | | sender | 2 data | 1 byte to [`CHUNK`] bytes | the next bytes of the file |
//! | | | sender | 3 end | SHA-256, 32 bytes | all bytes were sent |
//! | replies | 10 | listener | 1 written | total `u64` | so many bytes of the file are written |
//! | | | listener | 2 stored | | the SHA-256 agreed, the file is there |
//! | | | listener | 3 refused | reason | the file is not wanted, or not any more |
//! | urgent | 100 | both | 1 say | text | a chat line |
//! | | | both | 2 probe | `u64` | to be answered at once |
//! | | | both | 3 echo | `u64` | the answer to a probe |
//!
//! Every file gets exactly one final reply, *stored* or *refused*; the next begins after it. Whatever the sender had on its way when it
//! was refused is skipped. No more than [`WINDOW`] bytes are sent ahead of *written*: a channel has no flow control of its own, so
//! without that bound a slow disk would fill the listener's inbox, the connection would pause reading, and chat would wait behind the file.

use std::time::Duration;

use bytes::Bytes;
use mconn::{ChannelDescriptor, ChannelId, Config, ConfigBuilder};

use crate::text::cut;

/// What the sending side says of a file.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum FileMessage {
    /// Neither the name nor the size is checked yet.
    Begin {
        size: u64,
        name: String,
    },
    Data(Bytes),
    End(Digest),
}

/// What the listener says of the file that was begun last.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Reply {
    Written(u64),
    Stored,
    Refused(String),
}

/// What is small and urgent enough to overtake files.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Urgent {
    Say(String),
    Probe(u64),
    Echo(u64),
}

/// A SHA-256.
pub(crate) type Digest = [u8; 32];

/// A message that this protocol does not know.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a message of kind {kind} and {len} bytes that is none of this protocol's")]
pub(crate) struct Malformed {
    kind: u8,
    len: usize,
}

impl FileMessage {
    pub(crate) fn encode(&self) -> Bytes {
        match self {
            Self::Begin { size, name } => {
                message(1, &[&size.to_be_bytes()[..], name.as_bytes()].concat())
            }
            Self::Data(data) => message(2, data),
            Self::End(digest) => message(3, digest),
        }
    }

    /// Reads a message; the data stays a slice of it.
    pub(crate) fn decode(message: &Bytes) -> Result<Self, Malformed> {
        let begin = |body: &[u8]| {
            let (size, name) = body.split_first_chunk()?;
            Some(Self::Begin {
                size: u64::from_be_bytes(*size),
                name: text(name)?,
            })
        };
        match message.split_first() {
            Some((1, body)) => begin(body),
            Some((2, [_, ..])) => Some(Self::Data(message.slice(1..))),
            Some((3, body)) => body.try_into().ok().map(Self::End),
            _ => None,
        }
        .ok_or_else(|| malformed(message))
    }
}

impl Reply {
    pub(crate) fn encode(&self) -> Bytes {
        match self {
            Self::Written(total) => message(1, &total.to_be_bytes()),
            Self::Stored => message(2, &[]),
            Self::Refused(reason) => message(3, cut(reason, MAX_REASON).as_bytes()),
        }
    }

    pub(crate) fn decode(message: &[u8]) -> Result<Self, Malformed> {
        match message.split_first() {
            Some((1, body)) => number(body).map(Self::Written),
            Some((2, [])) => Some(Self::Stored),
            Some((3, body)) => text(body).map(Self::Refused),
            _ => None,
        }
        .ok_or_else(|| malformed(message))
    }
}

impl Urgent {
    /// A chat line is not cut: the channel refuses one that is too long, and its writer is told.
    pub(crate) fn encode(&self) -> Bytes {
        match self {
            Self::Say(line) => message(1, line.as_bytes()),
            Self::Probe(number) => message(2, &number.to_be_bytes()),
            Self::Echo(number) => message(3, &number.to_be_bytes()),
        }
    }

    pub(crate) fn decode(message: &[u8]) -> Result<Self, Malformed> {
        match message.split_first() {
            Some((1, body)) => text(body).map(Self::Say),
            Some((2, body)) => number(body).map(Self::Probe),
            Some((3, body)) => number(body).map(Self::Echo),
            _ => None,
        }
        .ok_or_else(|| malformed(message))
    }
}

/// The settings of both roles, without a rate limit: a peer that is gone is found out within seconds, not minutes.
pub(crate) fn settings() -> ConfigBuilder {
    Config::builder()
        .ping_interval(PING_INTERVAL)
        .pong_timeout(PONG_TIMEOUT)
        .write_timeout(WRITE_TIMEOUT)
        .inbox_bytes(INBOX_BYTES)
}

fn message(kind: u8, body: &[u8]) -> Bytes {
    [&[kind], body].concat().into()
}

fn malformed(message: &[u8]) -> Malformed {
    Malformed {
        kind: message.first().copied().unwrap_or_default(),
        len: message.len(),
    }
}

fn text(body: &[u8]) -> Option<String> {
    Some(std::str::from_utf8(body).ok()?.to_owned())
}

fn number(body: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(body.try_into().ok()?))
}

/// Bulk: takes what the other channels leave, which is nearly all of the link.
pub(crate) const FILES: ChannelDescriptor =
    ChannelDescriptor::new(ChannelId::new(0x40), 1).with_max_message(1 + CHUNK);
/// What the listener says about files: a few short messages per window of data.
pub(crate) const REPLIES: ChannelDescriptor =
    ChannelDescriptor::new(ChannelId::new(0x41), 10).with_max_message(1 + MAX_REASON);
/// Chat: small messages that overtake the bulk.
pub(crate) const URGENT: ChannelDescriptor =
    ChannelDescriptor::new(ChannelId::new(0x42), 100).with_max_message(4 * 1024);

/// File bytes in a data message: large enough that the work per message (a queue, a hand-over to the disk thread) does
/// not count, small beside the window.
pub(crate) const CHUNK: usize = 64 * 1024;
/// Bytes of a file that may be on their way, sent and not yet written by the listener: enough for 40 MB/s at a round
/// trip of 100 ms.
pub(crate) const WINDOW: usize = 4 * 1024 * 1024;
/// Less than one packet.
const MAX_REASON: usize = 512;

const PING_INTERVAL: Duration = Duration::from_secs(5);
/// Must be less than the interval; a link that is silent for longer is of no use for chat.
const PONG_TIMEOUT: Duration = Duration::from_secs(4);
/// A peer that takes nothing for so long is gone, also when its side still answers pings.
const WRITE_TIMEOUT: Duration = Duration::from_secs(15);
/// Twice the window, so that files alone never fill the inbox and chat is always read.
const INBOX_BYTES: usize = 2 * WINDOW;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_survives_the_wire_and_what_is_none_is_refused() {
        let begin = FileMessage::Begin {
            size: 258,
            name: "é".to_owned(),
        };
        assert_eq!(
            begin.encode(),
            [1, 0, 0, 0, 0, 0, 0, 1, 2, 0xc3, 0xa9].as_slice()
        );
        let data = FileMessage::Data(Bytes::from_static(b"xy"));
        for message in [begin, data, FileMessage::End([7; 32])] {
            assert_eq!(FileMessage::decode(&message.encode()), Ok(message));
        }
        for reply in [
            Reply::Written(9),
            Reply::Stored,
            Reply::Refused("no".into()),
        ] {
            assert_eq!(Reply::decode(&reply.encode()), Ok(reply));
        }
        for said in [Urgent::Say("hi".into()), Urgent::Probe(0), Urgent::Echo(1)] {
            assert_eq!(Urgent::decode(&said.encode()), Ok(said));
        }
        for wrong in [
            &b""[..],
            b"\0",
            b"\xff",
            b"\x01\0\0\0",
            b"\x02",
            &[3; 32],
            &[3; 34],
        ] {
            let read = FileMessage::decode(&Bytes::copy_from_slice(wrong));
            assert_eq!(read.unwrap_err().len, wrong.len());
        }
        assert!(Reply::decode(b"\x02!").is_err() && Urgent::decode(b"\x01\xc3").is_err());
    }
}
