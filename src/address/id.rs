//! What a peer is known by.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{SHA256, digest};

use crate::secret::PublicKey;

/// A peer's id: the first 20 bytes of SHA-256 over the 32 bytes of its public key (CometBFT p2p specification, "Peer Identity").
///
/// It prints as 40 lower-case hex digits, the only form that CometBFT writes. It is read in either case and compared by its
/// bytes, so that two spellings of an id are one id; CometBFT compares the text, and takes them for two.
///
/// ```
/// use mconn::address::PeerId;
///
/// let id: PeerId = "21FE31DFA154A261626BF854046FD2271B7BED4B".parse()?;
/// assert_eq!(id.to_string(), "21fe31dfa154a261626bf854046fd2271b7bed4b");
/// # Ok::<(), mconn::address::PeerIdError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId([u8; ID_LEN]);

impl PeerId {
    /// The id with these bytes.
    pub const fn new(bytes: [u8; ID_LEN]) -> Self {
        Self(bytes)
    }

    /// The bytes of the id.
    pub const fn as_bytes(&self) -> &[u8; ID_LEN] {
        &self.0
    }
}

impl From<&PublicKey> for PeerId {
    fn from(key: &PublicKey) -> Self {
        let hash = digest(&SHA256, key.as_bytes());
        let mut id = [0; ID_LEN];
        for (byte, hashed) in id.iter_mut().zip(hash.as_ref()) {
            *byte = *hashed;
        }
        Self(id)
    }
}

impl FromStr for PeerId {
    type Err = PeerIdError;

    /// Reads 40 hex digits in either case, and nothing around them.
    fn from_str(text: &str) -> Result<Self, PeerIdError> {
        if text.is_empty() {
            return Err(PeerIdError::Empty);
        }
        let odd = text.char_indices().find(|(_, c)| !c.is_ascii_hexdigit());
        if let Some((position, found)) = odd {
            return Err(PeerIdError::NotHex { found, position });
        }
        if text.len() != 2 * ID_LEN {
            return Err(PeerIdError::Length { digits: text.len() });
        }
        let mut id = [0; ID_LEN];
        for (byte, pair) in id.iter_mut().zip(text.as_bytes().chunks(2)) {
            *byte = pair.iter().fold(0, |byte, digit| byte << 4 | value(*digit));
        }
        Ok(Self(id))
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PeerId({self})")
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for PeerId {
    /// As its text.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A text that is not a peer id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PeerIdError {
    /// Nothing at all.
    #[error("the peer id is empty")]
    Empty,
    /// Too many or too few digits.
    #[error("peer id of {digits} hex digits, it must have 40")]
    Length {
        /// The digits that are there.
        digits: usize,
    },
    /// Something other than hex digits.
    #[error("'{}' at byte {position} of the peer id is not a hex digit", found.escape_default())]
    NotHex {
        /// The first character that is none.
        found: char,
        /// The byte at which it begins.
        position: usize,
    },
}

/// The value of a hex digit.
fn value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

pub(super) const ID_LEN: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Identity;

    #[test]
    fn an_id_follows_from_the_key() {
        for (key, id) in GOLDEN {
            let key: Vec<u8> = (0..64)
                .step_by(2)
                .map(|at| u8::from_str_radix(&key[at..at + 2], 16).unwrap())
                .collect();
            let key = PublicKey::new(key.try_into().unwrap());
            assert_eq!(PeerId::from(&key).to_string(), id);
            assert_eq!(id.parse(), Ok(PeerId::from(&key)));
        }
    }

    #[test]
    fn case_does_not_matter_when_read() {
        let id = PeerId::from(Identity::generate().unwrap().public_key());
        assert_eq!(id.to_string().to_uppercase().parse(), Ok(id));
        assert_eq!(PeerId::new(*id.as_bytes()), id);
        let (all, mixed) = ([0x0a; 20], "0a0A".repeat(10));
        assert_eq!(mixed.parse(), Ok(PeerId::new(all)));
    }

    #[test]
    fn an_error_names_the_problem() {
        let id = GOLDEN[0].1;
        let cases = [
            (String::new(), PeerIdError::Empty),
            (id[..39].to_owned(), PeerIdError::Length { digits: 39 }),
            (format!("{id}00"), PeerIdError::Length { digits: 42 }),
            (format!("{}g", &id[..39]), odd('g', 39)),
            (format!(" {id}"), odd(' ', 0)),
            (format!("ab\u{e9}{id}"), odd('\u{e9}', 2)),
            (format!("+{}", &id[1..]), odd('+', 0)),
            (format!("0x{}", &id[2..]), odd('x', 1)),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<PeerId>(), Err(error), "{text:?}");
        }
    }

    fn odd(found: char, position: usize) -> PeerIdError {
        PeerIdError::NotHex { found, position }
    }

    const GOLDEN: [(&str, &str); 3] = [
        (
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "21fe31dfa154a261626bf854046fd2271b7bed4b",
        ),
        (
            "31762ca9ca4c9ff72a7b0bcd5c25364728c3afae719c662ab194c7f242c69450",
            "a4713d8b79ff1349891e99021966b04abeffa268",
        ),
        (
            "f7feb0b5ba0760b2c58893e329475d1ea81781dd636e37144b6d599ad38aa825",
            "117c95c4fd7e636c38d303493302d2c271a39669",
        ),
    ];
}
