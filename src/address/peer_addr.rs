//! Where a peer is: `id@host:port`, and `host:port` alone.

#[cfg(test)]
mod tests;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use super::error::AddressError;
use super::host::Host;
use super::id::PeerId;
use super::ip::{self, Range, Reachability};
use super::peer_text::PeerText;

/// A host and a port. No id: for dialing a peer whoever it is, and for what a node says it listens on.
///
/// Its text is `host:port` with IPv6 in brackets, and a link-local address with its zone if it has one (`[fe80::1%eth0]:26656`). A scheme in
/// front, such as `tcp://`, is read whatever it says, and not kept.
///
/// ```
/// use mconn::address::HostPort;
///
/// let address: HostPort = "tcp://[::ffff:127.0.0.1]:026656".parse()?;
/// assert_eq!(address.to_string(), "127.0.0.1:26656");
/// # Ok::<(), mconn::address::AddressError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostPort {
    host: Host,
    port: u16,
}

impl HostPort {
    /// This host at this port. An IPv4 address mapped into IPv6 becomes the IPv4 address.
    pub fn new(host: impl Into<Host>, port: u16) -> Self {
        let host = match host.into() {
            Host::Ip(ip) => Host::Ip(ip.to_canonical()),
            host => host,
        };
        Self { host, port }
    }

    /// Reads what another node wrote: as `from_str`, but without a zone, which is that node's own.
    pub(crate) fn read_of_peer(text: &str) -> Result<Self, AddressError> {
        Self::read(without_scheme(text), Host::read_of_peer)
    }

    fn read(
        text: &str,
        read_host: impl FnOnce(&str) -> Result<Host, AddressError>,
    ) -> Result<Self, AddressError> {
        let (host, port) = split_host_port(text)?;
        Ok(Self::new(read_host(host)?, parse_port(port)?))
    }

    /// The host.
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// The host's address, without its zone, if it is not a name.
    pub const fn ip(&self) -> Option<IpAddr> {
        match &self.host {
            Host::Ip(ip) => Some(*ip),
            Host::LinkLocal(address) => Some(IpAddr::V6(address.ip())),
            Host::Name(_) => None,
        }
    }

    /// The port, which may be 0.
    pub const fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]:{}", self.port),
            Host::LinkLocal(address) => write!(f, "[{address}]:{}", self.port),
            host => write!(f, "{host}:{}", self.port),
        }
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for HostPort {
    /// As its text.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<T: Into<IpAddr>> From<(T, u16)> for HostPort {
    fn from((ip, port): (T, u16)) -> Self {
        Self::new(ip.into(), port)
    }
}

impl From<SocketAddr> for HostPort {
    fn from(address: SocketAddr) -> Self {
        Self::new(address, address.port())
    }
}

impl FromStr for HostPort {
    type Err = AddressError;

    /// Reads `[scheme://]host:port`; a name is checked by its syntax and not looked up.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::read(without_scheme(text), Host::from_str)
    }
}

/// A peer's id and where to find it.
///
/// Its text is `id@host:port`, as CometBFT writes it in `persistent_peers` and `seeds`. It is read by the rules of CometBFT, in
/// their order, except that a name is not looked up here but when it is dialed (and again each time it is).
///
/// ```
/// use mconn::address::PeerAddr;
///
/// let seed: PeerAddr = "21fe31dfa154a261626bf854046fd2271b7bed4b@seed.example.com:26656".parse()?;
/// assert_eq!(seed.host_port().port(), 26656);
/// # Ok::<(), mconn::address::AddressError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerAddr {
    id: PeerId,
    host_port: HostPort,
}

impl PeerAddr {
    /// This peer at this place.
    pub fn new(id: PeerId, host_port: impl Into<HostPort>) -> Self {
        Self {
            id,
            host_port: host_port.into(),
        }
    }

    /// Who is expected there.
    pub const fn id(&self) -> &PeerId {
        &self.id
    }

    /// Where.
    pub const fn host_port(&self) -> &HostPort {
        &self.host_port
    }

    /// The address, without its zone, if the host is not a name.
    pub const fn ip(&self) -> Option<IpAddr> {
        self.host_port.ip()
    }

    /// Whether both are one peer, or one place: the same id, or the same host and port.
    ///
    /// This is no equivalence: of three addresses, the first may be the same as the second, and the second as the third. A
    /// name is the same as the same name only, whatever it resolves to.
    pub fn same(&self, other: &Self) -> bool {
        self.id == other.id || self.host_port == other.host_port
    }

    /// [`ip::is_valid`] of the address. A name is in no class: `false`.
    pub fn is_valid(&self) -> bool {
        self.ip().is_some_and(ip::is_valid)
    }

    /// [`ip::is_local`] of the address. A name is in no class: `false`.
    pub fn is_local(&self) -> bool {
        self.ip().is_some_and(ip::is_local)
    }

    /// [`ip::is_routable`] of the address. A name is in no class: `false`.
    pub fn is_routable(&self) -> bool {
        self.ip().is_some_and(ip::is_routable)
    }

    /// Whether the address lies in the range. A name is in no range: `false`.
    pub fn is_in(&self, range: Range) -> bool {
        self.ip().is_some_and(|ip| range.contains(ip))
    }

    /// How well the other is reached from here. A name counts as not routable.
    pub fn reachability_to(&self, other: &Self) -> Reachability {
        match (self.ip(), other.ip()) {
            (Some(from), Some(to)) => ip::reachability(from, to),
            (Some(from), None) if ip::is_routable(from) => Reachability::Default,
            _ => Reachability::Unreachable,
        }
    }
}

impl fmt::Display for PeerAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.id, self.host_port)
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for PeerAddr {
    /// As its text.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for PeerAddr {
    type Err = AddressError;

    /// Reads `[scheme://]id@host:port`.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::read(text, Host::from_str)
    }
}

impl PeerAddr {
    fn read(
        text: &str,
        read_host: impl FnOnce(&str) -> Result<Host, AddressError>,
    ) -> Result<Self, AddressError> {
        let mut parts = without_scheme(text).split('@');
        let (Some(id), Some(place), None) = (parts.next(), parts.next(), parts.next()) else {
            return Err(AddressError::NoId {
                address: text.into(),
            });
        };
        let id = id.parse().map_err(|problem| AddressError::Id {
            id: id.into(),
            problem,
        })?;
        let host_port = HostPort::read(place, read_host)?;
        Ok(Self { id, host_port })
    }
}

/// What lies between the first `://` and the second, if there is one.
fn without_scheme(text: &str) -> &str {
    let mut parts = text.split("://");
    let first = parts.next().unwrap_or_default();
    parts.next().unwrap_or(first)
}

/// Brackets are for hosts with colons, and may stand around any other.
fn split_host_port(text: &str) -> Result<(&str, &str), AddressError> {
    let address = || PeerText::from(text);
    let (front, port) = match text.rsplit_once(':') {
        Some(parts) if !text.ends_with(']') => parts,
        _ => return Err(AddressError::MissingPort { address: address() }),
    };
    let host = match front.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']').unwrap_or(front),
        None if front.contains(':') => {
            return Err(AddressError::BareColons { address: address() });
        }
        None => front,
    };
    if host.contains(['[', ']']) {
        return Err(AddressError::Brackets { address: address() });
    }
    if host.is_empty() {
        return Err(AddressError::NoHost { address: address() });
    }
    Ok((host, port))
}

fn parse_port(text: &str) -> Result<u16, AddressError> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let port = text.parse().ok().filter(|_| digits);
    port.ok_or_else(|| AddressError::Port { port: text.into() })
}
