use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};

use super::error::ZoneError;
use crate::tcp;

/// A link-local IPv6 address with its zone, the interface through which it is reached: `fe80::1%eth0`, or `fe80::1%3`.
///
/// Each link has addresses of its own in `fe80::/10`, so that without a zone the system does not know where to go. The zone is kept as it was
/// written, and looked up when it is dialed. It means nothing on another machine: no message carries it, and what others
/// write there is left out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkLocal {
    ip: Ipv6Addr,
    zone: Zone,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Zone {
    Index(u32),
    Name(Box<str>),
}

impl LinkLocal {
    /// The address without its zone.
    pub const fn ip(&self) -> Ipv6Addr {
        self.ip
    }

    /// Reads the parts before and behind the `%`.
    pub(super) fn read(ip: Ipv6Addr, zone: &str) -> Result<Self, ZoneError> {
        if !ip.is_unicast_link_local() {
            return Err(ZoneError::NotLinkLocal { ip });
        }
        let is_number = zone.bytes().all(|byte| byte.is_ascii_digit());
        let zone = match zone.parse() {
            Ok(1..) if !is_number => None,
            Ok(index @ 1..) => Some(Zone::Index(index)),
            _ if is_number || zone.len() > NAME_MAX || !zone.chars().all(is_for_names) => None,
            _ => Some(Zone::Name(zone.into())),
        };
        let zone = zone.ok_or(ZoneError::NoInterface)?;
        Ok(Self { ip, zone })
    }

    /// The address of the system's, if it is one with a zone.
    pub(super) fn of(address: SocketAddrV6) -> Option<Self> {
        let (ip, index) = (*address.ip(), address.scope_id());
        (ip.is_unicast_link_local() && index != 0).then_some(Self {
            ip,
            zone: Zone::Index(index),
        })
    }

    /// The address of the system's at this port. The name of an interface is looked up by the system, without the network.
    pub(super) async fn at(&self, port: u16) -> io::Result<SocketAddr> {
        let index = match &self.zone {
            Zone::Index(index) => *index,
            Zone::Name(_) => {
                let found = tcp::lookup((self.to_string(), port)).await?;
                let index = found.iter().find_map(scope_id);
                index.ok_or(io::ErrorKind::AddrNotAvailable)?
            }
        };
        Ok(SocketAddrV6::new(self.ip, port, 0, index).into())
    }
}

impl fmt::Display for LinkLocal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.zone {
            Zone::Index(index) => write!(f, "{}%{index}", self.ip),
            Zone::Name(name) => write!(f, "{}%{name}", self.ip),
        }
    }
}

/// The address at another port, as it is dialed: IPv4 as such, and with a scope only where that decides, which is for link-local ones.
pub(super) fn at_port(address: SocketAddr, port: u16) -> SocketAddr {
    match address.ip().to_canonical() {
        IpAddr::V6(ip) => {
            let index = scope_id(&address).unwrap_or_default();
            SocketAddrV6::new(ip, port, 0, index).into()
        }
        ip => SocketAddr::new(ip, port),
    }
}

fn scope_id(address: &SocketAddr) -> Option<u32> {
    match address {
        SocketAddr::V6(address) if address.ip().is_unicast_link_local() => Some(address.scope_id()),
        _ => None,
    }
}

/// What stands nowhere else in an address.
fn is_for_names(c: char) -> bool {
    c.is_ascii_graphic() && !matches!(c, '%' | '/' | ':' | '@' | '[' | ']')
}

/// Bytes of the name of an interface on Linux, macOS and the BSDs.
const NAME_MAX: usize = 15;
