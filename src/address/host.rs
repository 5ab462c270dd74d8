use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use super::error::{AddressError, HostNameError};
use super::zone::LinkLocal;

/// An IP address, or a name that has to be looked up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Host {
    /// An address.
    Ip(IpAddr),
    /// A link-local address with its zone.
    LinkLocal(LinkLocal),
    /// A name.
    Name(HostName),
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => ip.to_canonical().fmt(f),
            Self::LinkLocal(address) => address.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Host {
    /// As its text.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
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

impl From<LinkLocal> for Host {
    fn from(address: LinkLocal) -> Self {
        Self::LinkLocal(address)
    }
}

impl From<SocketAddr> for Host {
    /// Without the port; a link-local address keeps its zone.
    fn from(address: SocketAddr) -> Self {
        let zoned = match address {
            SocketAddr::V6(address) => LinkLocal::of(address),
            SocketAddr::V4(_) => None,
        };
        zoned.map_or_else(|| Self::Ip(address.ip()), Self::LinkLocal)
    }
}

impl FromStr for Host {
    type Err = AddressError;

    /// Reads an IP address without brackets, or a name. A link-local IPv6 address may have a zone (`%eth0`), and keeps it; another
    /// may not. CometBFT takes it with any, and forgets it.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        match split_zone(text) {
            Some((ip, zone)) => match LinkLocal::read(ip, zone) {
                Ok(address) => Ok(Self::LinkLocal(address)),
                Err(problem) => Err(AddressError::Zone {
                    host: text.into(),
                    problem,
                }),
            },
            None => Self::read_unzoned(text),
        }
    }
}

impl Host {
    /// Reads what another node wrote, as CometBFT does: a zone is the name of an interface of that node's, and is not kept.
    pub(super) fn read_of_peer(text: &str) -> Result<Self, AddressError> {
        match split_zone(text) {
            Some((ip, _)) => Ok(Self::Ip(ip.into())),
            None => Self::read_unzoned(text),
        }
    }

    fn read_unzoned(text: &str) -> Result<Self, AddressError> {
        if let Ok(ip) = text.parse() {
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

fn split_zone(text: &str) -> Option<(Ipv6Addr, &str)> {
    let (ip, zone) = text.split_once('%')?;
    let ip = ip.parse().ok()?;
    (!zone.is_empty()).then_some((ip, zone))
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
