//! What either side says on the urgent channel.

use bytes::Bytes;

use super::{Malformed, number, split, text};

/// A message small and urgent enough to overtake files.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum UrgentMessage {
    /// A chat line.
    Say(String),
    /// To be answered at once by an echo of the number.
    Probe(u64),
    /// The answer to a probe.
    Echo(u64),
}

impl UrgentMessage {
    /// Encodes the message. A chat line is not cut: the channel refuses one that is too long, and its writer is told.
    pub(crate) fn encode(&self) -> Bytes {
        let message = match self {
            Self::Say(line) => [&[SAY], line.as_bytes()].concat(),
            Self::Probe(number) => [&[PROBE], &number.to_be_bytes()[..]].concat(),
            Self::Echo(number) => [&[ECHO], &number.to_be_bytes()[..]].concat(),
        };
        message.into()
    }

    pub(crate) fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let (kind, body) = split(message)?;
        match kind {
            SAY => Ok(Self::Say(text(kind, body)?)),
            PROBE => Ok(Self::Probe(number(kind, body)?)),
            ECHO => Ok(Self::Echo(number(kind, body)?)),
            _ => Err(Malformed::UnknownKind(kind)),
        }
    }
}

const SAY: u8 = 1;
const PROBE: u8 = 2;
const ECHO: u8 = 3;

/// Longest chat line in bytes: a few packets, so that nobody can fill the urgent channel with a file.
pub(super) const MAX_TEXT: usize = 4 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_urgent_message_survives_the_wire() {
        let messages = [
            UrgentMessage::Say("schön, or not?".to_owned()),
            UrgentMessage::Say(String::new()),
            UrgentMessage::Probe(0),
            UrgentMessage::Echo(u64::MAX),
        ];
        for message in messages {
            assert_eq!(UrgentMessage::decode(&message.encode()), Ok(message));
        }
    }

    #[test]
    fn what_is_not_urgent_is_refused() {
        assert_eq!(UrgentMessage::decode(b""), Err(Malformed::Empty));
        assert_eq!(
            UrgentMessage::decode(b"\x04"),
            Err(Malformed::UnknownKind(4))
        );
        assert_eq!(
            UrgentMessage::decode(b"\x01\xc3"),
            Err(Malformed::NotText(SAY))
        );
        assert_eq!(
            UrgentMessage::decode(&[PROBE; 8]),
            Err(Malformed::Length {
                kind: PROBE,
                len: 7
            })
        );
        assert_eq!(
            UrgentMessage::decode(&[ECHO; 10]),
            Err(Malformed::Length { kind: ECHO, len: 9 })
        );
    }
}
