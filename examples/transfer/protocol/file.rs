//! What the sending side says on the files channel.

use bytes::Bytes;

use super::{Digest, Malformed, exact, split, text};

/// A message from the side that sends files.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum FileMessage {
    /// A file, as the peer describes it: neither its name nor its size is checked.
    Offer { size: u64, name: String },
    /// The next bytes of the file, never empty.
    Data(Bytes),
    /// The end of the file.
    End { digest: Digest },
    /// The sender cannot read the rest.
    Abandon { reason: String },
}

impl FileMessage {
    /// A data message of `len` bytes that `fill` writes in place: reading a file into it saves a copy.
    pub(crate) fn data_from<E>(
        len: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> Result<Bytes, E> {
        let mut message = vec![0; 1 + len];
        message[0] = DATA;
        fill(&mut message[1..])?;
        Ok(message.into())
    }

    pub(crate) fn encode(&self) -> Bytes {
        let message = match self {
            Self::Offer { size, name } => {
                [&[OFFER], &size.to_be_bytes()[..], name.as_bytes()].concat()
            }
            Self::Data(data) => [&[DATA], &data[..]].concat(),
            Self::End { digest } => [&[END], &digest.0[..]].concat(),
            Self::Abandon { reason } => [&[ABANDON], reason.as_bytes()].concat(),
        };
        message.into()
    }

    /// Reads a message; the data stays a slice of it.
    pub(crate) fn decode(message: &Bytes) -> Result<Self, Malformed> {
        let (kind, body) = split(message)?;
        match kind {
            OFFER => {
                let (size, name) = body.split_first_chunk().ok_or(Malformed::Length {
                    kind,
                    len: body.len(),
                })?;
                Ok(Self::Offer {
                    size: u64::from_be_bytes(*size),
                    name: text(kind, name)?,
                })
            }
            DATA if body.is_empty() => Err(Malformed::Length { kind, len: 0 }),
            DATA => Ok(Self::Data(message.slice(1..))),
            END => Ok(Self::End {
                digest: Digest(exact(kind, body)?),
            }),
            ABANDON => Ok(Self::Abandon {
                reason: text(kind, body)?,
            }),
            _ => Err(Malformed::UnknownKind(kind)),
        }
    }
}

const OFFER: u8 = 1;
const DATA: u8 = 2;
const END: u8 = 3;
const ABANDON: u8 = 4;

/// File bytes in a data message: large enough that the work per message (a queue, a hand-over to the disk thread) does
/// not count, small beside the window.
pub(crate) const CHUNK: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(message: &[u8]) -> Result<FileMessage, Malformed> {
        FileMessage::decode(&Bytes::copy_from_slice(message))
    }

    #[test]
    fn every_message_survives_the_wire() {
        let messages = [
            FileMessage::Offer {
                size: u64::MAX,
                name: "naïve plan.txt".to_owned(),
            },
            FileMessage::Offer {
                size: 0,
                name: String::new(),
            },
            FileMessage::Data(Bytes::from_static(b"\0\x01\xff")),
            FileMessage::End {
                digest: Digest([7; 32]),
            },
            FileMessage::Abandon {
                reason: "it shrank".to_owned(),
            },
        ];
        for message in messages {
            assert_eq!(FileMessage::decode(&message.encode()), Ok(message));
        }
    }

    #[test]
    fn the_bytes_are_as_documented() {
        let offer = FileMessage::Offer {
            size: 258,
            name: "a".to_owned(),
        };
        assert_eq!(offer.encode(), [1, 0, 0, 0, 0, 0, 0, 1, 2, b'a'].as_slice());
        assert_eq!(
            FileMessage::Data(Bytes::from_static(b"xy")).encode(),
            b"\x02xy".as_slice()
        );
    }

    #[test]
    fn data_written_in_place_is_a_data_message() {
        let message = FileMessage::data_from(2, |data| {
            data.copy_from_slice(b"xy");
            Ok::<_, ()>(())
        });
        assert_eq!(
            message.unwrap(),
            FileMessage::Data(Bytes::from_static(b"xy")).encode()
        );
        assert_eq!(
            FileMessage::data_from(2, |_| Err("unreadable")),
            Err("unreadable")
        );
    }

    #[test]
    fn what_is_not_a_message_is_refused() {
        assert_eq!(decode(b""), Err(Malformed::Empty));
        assert_eq!(decode(b"\0"), Err(Malformed::UnknownKind(0)));
        assert_eq!(decode(b"\xffrest"), Err(Malformed::UnknownKind(255)));
        assert_eq!(
            decode(b"\x01\0\0\0"),
            Err(Malformed::Length {
                kind: OFFER,
                len: 3
            })
        );
        assert_eq!(
            decode(b"\x01\0\0\0\0\0\0\0\0\xff"),
            Err(Malformed::NotText(OFFER))
        );
        assert_eq!(
            decode(b"\x02"),
            Err(Malformed::Length { kind: DATA, len: 0 })
        );
        assert_eq!(
            decode(&[END; 32]),
            Err(Malformed::Length { kind: END, len: 31 })
        );
        assert_eq!(
            decode(&[END; 34]),
            Err(Malformed::Length { kind: END, len: 33 })
        );
    }
}
