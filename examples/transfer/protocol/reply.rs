//! What the listener says about files.

use bytes::Bytes;

use super::{Malformed, nothing, number, split, text};
use crate::text::cut;

/// A message about the file that was offered last.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Reply {
    /// The data may come.
    Accepted,
    /// So many bytes of the file are written.
    Written { total: u64 },
    /// The file is complete, its SHA-256 agreed, and it bears this name.
    Stored { name: String },
    /// The file is not wanted, or not any more.
    Refused { reason: String },
}

impl Reply {
    pub(crate) fn encode(&self) -> Bytes {
        let message = match self {
            Self::Accepted => vec![ACCEPTED],
            Self::Written { total } => [&[WRITTEN], &total.to_be_bytes()[..]].concat(),
            Self::Stored { name } => [&[STORED], cut(name, MAX_BODY).as_bytes()].concat(),
            Self::Refused { reason } => [&[REFUSED], cut(reason, MAX_BODY).as_bytes()].concat(),
        };
        message.into()
    }

    pub(crate) fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let (kind, body) = split(message)?;
        match kind {
            ACCEPTED => nothing(kind, body).map(|()| Self::Accepted),
            WRITTEN => Ok(Self::Written {
                total: number(kind, body)?,
            }),
            STORED => Ok(Self::Stored {
                name: text(kind, body)?,
            }),
            REFUSED => Ok(Self::Refused {
                reason: text(kind, body)?,
            }),
            _ => Err(Malformed::UnknownKind(kind)),
        }
    }
}

const ACCEPTED: u8 = 1;
const WRITTEN: u8 = 2;
const STORED: u8 = 3;
const REFUSED: u8 = 4;

/// A name or a reason: more than any file system's names, less than one packet.
pub(super) const MAX_BODY: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reply_survives_the_wire() {
        let replies = [
            Reply::Accepted,
            Reply::Written { total: 1 << 40 },
            Reply::Stored {
                name: "a (1).bin".to_owned(),
            },
            Reply::Refused {
                reason: "the disk is full".to_owned(),
            },
        ];
        for reply in replies {
            assert_eq!(Reply::decode(&reply.encode()), Ok(reply));
        }
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let reply = Reply::Refused {
            reason: "é".repeat(MAX_BODY),
        };
        assert_eq!(reply.encode().len(), 1 + MAX_BODY);
        assert!(Reply::decode(&reply.encode()).is_ok());

        let odd = Reply::Refused {
            reason: format!("x{}", "é".repeat(MAX_BODY)),
        };
        assert_eq!(odd.encode().len(), MAX_BODY);
        assert!(Reply::decode(&odd.encode()).is_ok());
    }

    #[test]
    fn what_is_not_a_reply_is_refused() {
        assert_eq!(Reply::decode(b""), Err(Malformed::Empty));
        assert_eq!(Reply::decode(b"\x09"), Err(Malformed::UnknownKind(9)));
        assert_eq!(
            Reply::decode(b"\x01!"),
            Err(Malformed::Length {
                kind: ACCEPTED,
                len: 1
            })
        );
        assert_eq!(
            Reply::decode(b"\x02\0\0"),
            Err(Malformed::Length {
                kind: WRITTEN,
                len: 2
            })
        );
        assert_eq!(Reply::decode(b"\x04\xff"), Err(Malformed::NotText(REFUSED)));
    }
}
