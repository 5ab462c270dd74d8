//! Names of files that a peer may choose: one component, harmless in any directory.

use std::fmt;
use std::path::Path;

use crate::text::is_printable;

/// A name that can be joined to a directory and never leads out of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct FileName(String);

impl FileName {
    /// Accepts a name as it is, or says why not: a changed name would surprise both sides.
    pub(crate) fn parse(name: &str) -> Result<Self, BadName> {
        if name.is_empty() {
            return Err(BadName::Empty);
        }
        if name.len() > MAX_NAME {
            return Err(BadName::TooLong(name.len()));
        }
        if name.contains(['/', '\\', ':']) {
            return Err(BadName::Path);
        }
        if !name.chars().all(is_printable) {
            return Err(BadName::Unprintable);
        }
        // Also refuses "." and "..", and keeps the names of unfinished files for the store.
        if name.starts_with('.') {
            return Err(BadName::Hidden);
        }
        if name.ends_with(['.', ' ']) || is_device(name) {
            return Err(BadName::Reserved);
        }
        Ok(Self(name.to_owned()))
    }

    /// The name under which the file at `path` is offered.
    pub(crate) fn of(path: &Path) -> Result<Self, BadName> {
        let name = path.file_name().ok_or(BadName::Empty)?;
        Self::parse(&name.to_string_lossy())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The name itself, then "name (1).ext", "name (2).ext" and so on, for use when a file has the name already.
    pub(crate) fn candidates(&self) -> impl Iterator<Item = Self> {
        let (stem, dot, extension) = match self.0.rfind('.') {
            Some(at) => (&self.0[..at], ".", &self.0[at + 1..]),
            None => (self.0.as_str(), "", ""),
        };
        let numbered = (1..=MAX_COPIES).map(move |n| Self(format!("{stem} ({n}){dot}{extension}")));
        std::iter::once(self.clone()).chain(numbered)
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a name is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum BadName {
    #[error("the name is empty")]
    Empty,
    #[error("the name is {0} bytes long, {MAX_NAME} are allowed")]
    TooLong(usize),
    #[error("the name is a path")]
    Path,
    #[error("the name has characters that cannot be shown")]
    Unprintable,
    #[error("the name starts with a dot")]
    Hidden,
    #[error("the name is not usable on every system")]
    Reserved,
}

/// Names that Windows gives to devices, whatever extension follows.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name).trim_end();
    let is_numbered = |prefix: &str| {
        stem.len() == 4
            && stem
                .get(..3)
                .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
            && stem.ends_with(|c: char| c.is_ascii_digit())
    };
    DEVICES
        .iter()
        .any(|device| stem.eq_ignore_ascii_case(device))
        || is_numbered("com")
        || is_numbered("lpt")
}

const DEVICES: [&str; 4] = ["aux", "con", "nul", "prn"];

/// Longest name in bytes: file systems take 255, and a number may have to be added.
const MAX_NAME: usize = 240;

/// Copies of one name before the listener gives up looking for a free one.
const MAX_COPIES: u32 = 999;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_are_kept_as_they_are() {
        for name in [
            "a",
            "a.b",
            "two words.tar.gz",
            "été 2026.jpg",
            "-rf",
            "~",
            "a..b",
            "com10",
            "console",
            "(1)",
        ] {
            assert_eq!(FileName::parse(name).unwrap().as_str(), name);
        }
        assert!(FileName::parse(&"x".repeat(MAX_NAME)).is_ok());
    }

    #[test]
    fn a_name_that_leads_anywhere_else_is_refused() {
        let paths = [
            "/",
            "/etc/passwd",
            "../x",
            "a/../b",
            "a/b",
            "a/",
            "./a",
            "..\\x",
            "\\\\host\\x",
            "C:\\x",
            "C:x",
            "a:b",
        ];
        for name in paths {
            assert_eq!(FileName::parse(name), Err(BadName::Path), "{name:?}");
        }
        for name in [".", "..", "...", ".bashrc", ".part"] {
            assert_eq!(FileName::parse(name), Err(BadName::Hidden), "{name:?}");
        }
    }

    #[test]
    fn a_name_that_cannot_be_written_or_shown_is_refused() {
        assert_eq!(FileName::parse(""), Err(BadName::Empty));
        assert_eq!(
            FileName::parse(&"x".repeat(MAX_NAME + 1)),
            Err(BadName::TooLong(MAX_NAME + 1))
        );
        for name in [
            "a\0b",
            "\0",
            "a\nb",
            "\x1b[2Jx",
            "x\u{7f}",
            "fdp.\u{202e}txt",
            "a\u{2028}b",
        ] {
            assert_eq!(FileName::parse(name), Err(BadName::Unprintable), "{name:?}");
        }
        for name in [
            "con", "NUL", "Aux.txt", "com1", "LPT9.log", "nul .txt", "end.", "end ",
        ] {
            assert_eq!(FileName::parse(name), Err(BadName::Reserved), "{name:?}");
        }
    }

    #[test]
    fn an_accepted_name_is_one_component_of_a_path() {
        for name in ["a", "a..b", "-rf", "~", "été 2026.jpg"] {
            let name = FileName::parse(name).unwrap();
            let path = Path::new("dir").join(name.as_str());
            assert_eq!(path.parent(), Some(Path::new("dir")));
            assert_eq!(path.components().count(), 2);
        }
    }

    #[test]
    fn a_path_is_offered_by_its_last_component() {
        assert_eq!(
            FileName::of(Path::new("some/dir/a.txt")).unwrap().as_str(),
            "a.txt"
        );
        assert_eq!(FileName::of(Path::new("..")), Err(BadName::Empty));
        assert_eq!(FileName::of(Path::new("/")), Err(BadName::Empty));
    }

    #[test]
    fn copies_are_numbered_before_the_extension() {
        let names = |name: &str| -> Vec<String> {
            FileName::parse(name)
                .unwrap()
                .candidates()
                .take(3)
                .map(|name| name.to_string())
                .collect()
        };
        assert_eq!(
            names("a.tar.gz"),
            ["a.tar.gz", "a.tar (1).gz", "a.tar (2).gz"]
        );
        assert_eq!(names("plain"), ["plain", "plain (1)", "plain (2)"]);
    }
}
