use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::error::{AddressError, HostNameError};

/// An IP address, or a name that has to be looked up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Host {
    /// An address.
    Ip(IpAddr),
    /// A name.
    Name(HostName),
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => ip.to_canonical().fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

impl From<HostName> for Host {
    fn from(name: HostName) -> Self {
        Self::Name(name)
    }
}

impl From<IpAddr> for Host {
    fn from(ip: IpAddr) -> Self {
        Self::Ip(ip)
    }
}

impl From<Ipv4Addr> for Host {
    fn from(ip: Ipv4Addr) -> Self {
        Self::Ip(ip.into())
    }
}

impl From<Ipv6Addr> for Host {
    fn from(ip: Ipv6Addr) -> Self {
        Self::Ip(ip.into())
    }
}

impl FromStr for Host {
    type Err = AddressError;

    /// Reads an IP address without brackets, or a name. The zone of an IPv6 address (`%eth0`) is read and not kept, as by
    /// CometBFT: it is the name of an interface of whoever wrote it.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        if let Some(ip) = parse_ip(text) {
            return Ok(Self::Ip(ip));
        }
        match text.parse() {
            Ok(name) => Ok(Self::Name(name)),
            Err(problem) => Err(AddressError::HostName {
                host: text.into(),
                problem,
            }),
        }
    }
}

/// A name by its syntax: labels of letters, digits, hyphens and underscores with dots between them, at least one letter,
/// hyphen or underscore in all, a dot at the end or none. Names are compared without regard to case, and print in lower case.
///
/// This is what Go's own resolver asks for before it looks a name up, except for the name of a lone dot, which has no address. Go asks the
/// system's C library instead where it is built to; that one also takes names of digits alone (`127.1`), and others from `/etc/hosts`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostName(Box<str>);

impl HostName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for HostName {
    type Err = HostNameError;

    fn from_str(text: &str) -> Result<Self, HostNameError> {
        let name = text.strip_suffix('.').unwrap_or(text);
        if name.len() > NAME_MAX {
            return Err(HostNameError::TooLong { len: name.len() });
        }
        let odd = name.char_indices().find(|(_, c)| !is_for_names(*c));
        if let Some((position, found)) = odd {
            return Err(HostNameError::Character { found, position });
        }
        name.split('.').try_for_each(check_label)?;
        if name
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.')
        {
            return Err(HostNameError::Numeric);
        }
        Ok(Self(text.to_ascii_lowercase().into()))
    }
}

fn parse_ip(text: &str) -> Option<IpAddr> {
    match text.split_once('%') {
        Some((_, "")) => None,
        Some((ip, _)) => ip.parse().ok().map(IpAddr::V6),
        None => text.parse().ok(),
    }
}

fn is_for_names(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

fn check_label(label: &str) -> Result<(), HostNameError> {
    match label.len() {
        0 => Err(HostNameError::EmptyLabel),
        len if len > LABEL_MAX => Err(HostNameError::LabelTooLong { len }),
        _ if label.starts_with('-') || label.ends_with('-') => Err(HostNameError::Hyphen),
        _ => Ok(()),
    }
}

/// RFC 1035: a length of 6 bits in front of each label, and 255 bytes with those of the first and the empty last one.
const LABEL_MAX: usize = 63;
const NAME_MAX: usize = 253;
