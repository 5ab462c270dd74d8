//! What a remote said that does not speak the protocol.

use std::fmt;

/// The first bytes that came from a remote, at most [`FirstBytes::MAX`] of them.
///
/// Shown, it is an escaped text in quotes, followed by the name of the protocol if it looks like a well-known one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct FirstBytes {
    bytes: [u8; Self::MAX],
    len: usize,
}

impl FirstBytes {
    /// So many are kept: enough to know a protocol, too few to fill a log.
    pub const MAX: usize = 16;

    pub(super) const fn new() -> Self {
        Self {
            bytes: [0; Self::MAX],
            len: 0,
        }
    }

    #[cfg(any(test, feature = "__fuzzing"))]
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut first = Self::new();
        first.extend(bytes);
        first
    }

    /// Keeps what there is room for.
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        for (slot, byte) in self.bytes.iter_mut().skip(self.len).zip(bytes) {
            *slot = *byte;
            self.len = self.len.saturating_add(1);
        }
    }

    pub(super) const fn room(&self) -> usize {
        Self::MAX.saturating_sub(self.len)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// The protocol that they look like, if it is a well-known one.
    pub fn protocol(&self) -> Option<KnownProtocol> {
        let starts = |start: &&[u8]| self.as_bytes().starts_with(start);
        let (_, protocol) = STARTS.iter().find(|(start, _)| starts(start))?;
        Some(*protocol)
    }
}

impl fmt::Display for FirstBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.as_bytes().escape_ascii())?;
        match self.protocol() {
            Some(protocol) => write!(f, " ({protocol})"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for FirstBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FirstBytes({self})")
    }
}

/// A protocol that is easily told by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KnownProtocol {
    /// A request of HTTP/1 or the preface of HTTP/2.
    Http,
    /// The greeting of SSH.
    Ssh,
    /// The first record of TLS.
    Tls,
}

impl fmt::Display for KnownProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "HTTP",
            Self::Ssh => "SSH",
            Self::Tls => "TLS",
        })
    }
}

const STARTS: [(&[u8], KnownProtocol); 12] = [
    (b"CONNECT ", KnownProtocol::Http),
    (b"DELETE ", KnownProtocol::Http),
    (b"GET ", KnownProtocol::Http),
    (b"HEAD ", KnownProtocol::Http),
    (b"HTTP/", KnownProtocol::Http),
    (b"OPTIONS ", KnownProtocol::Http),
    (b"PATCH ", KnownProtocol::Http),
    (b"POST ", KnownProtocol::Http),
    (b"PRI * HTTP/2", KnownProtocol::Http),
    (b"PUT ", KnownProtocol::Http),
    (b"SSH-", KnownProtocol::Ssh),
    (b"\x16\x03", KnownProtocol::Tls),
];
