//! Texts of others, as they may stand in a log.

use std::fmt;

/// A text that a peer chose, or whoever wrote an address.
///
/// It prints as an excerpt in quotes: printable ASCII as it is, all else escaped (`\n`, `\u{202e}`), cut after 120 bytes, with the whole length
/// behind it if it was. So it neither fills a log nor begins a line of its own, turns or hides what stands beside it, or passes for
/// another text that looks the same.
///
/// ```
/// use mconn::address::PeerText;
///
/// let text = PeerText::from("m\u{430}in\n");
/// assert_eq!(text.to_string(), r#""m\u{430}in\n""#);
/// assert_eq!(text.raw(), "m\u{430}in\n");
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerText(Box<str>);

impl PeerText {
    /// The whole text as it came. It may hold anything, in any length that the message around it can have.
    pub fn raw(&self) -> &str {
        &self.0
    }
}

impl From<&str> for PeerText {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for PeerText {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for PeerText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Excerpt(&self.0).fmt(f)
    }
}

impl fmt::Debug for PeerText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A borrowed text of a peer that prints as [`PeerText`] does.
pub(crate) struct Excerpt<'a>(pub(crate) &'a str);

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        let mut shown = 0_usize;
        for c in self.0.chars() {
            let escaped = c.escape_default();
            shown = shown.saturating_add(escaped.len());
            if shown > SHOWN_MAX {
                return write!(f, "\"... ({} bytes)", self.0.len());
            }
            escaped.fmt(f)?;
        }
        f.write_str("\"")
    }
}

impl fmt::Debug for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Bytes. An id and a host name of usual length fit.
const SHOWN_MAX: usize = 120;

#[cfg(test)]
mod tests;
