use std::net::Ipv6Addr;

use crate::address::{PeerIdError, PeerText};

/// A text that is not an address. What it says of the text is an excerpt, as [`PeerText`] prints.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// More than one colon in a host without brackets.
    #[error("address {address} has too many colons; IPv6 needs brackets")]
    BareColons {
        /// The address.
        address: PeerText,
    },
    /// Brackets elsewhere than around the host.
    #[error("address {address} has misplaced brackets")]
    Brackets {
        /// The address.
        address: PeerText,
    },
    /// A host that is neither an IP address nor a name.
    #[error("host {host} is neither an IP address nor a name: {problem}")]
    HostName {
        /// The host.
        host: PeerText,
        /// Why it is no name.
        problem: HostNameError,
    },
    /// An id that is none.
    #[error("{id} is not a peer id: {problem}")]
    Id {
        /// What stands in the place of the id.
        id: PeerText,
        /// What is wrong with it.
        problem: PeerIdError,
    },
    /// An IPv6 address with a zone that it cannot have.
    #[error("host {host} has a zone that it cannot have: {problem}")]
    Zone {
        /// The host.
        host: PeerText,
        /// What is wrong with the zone.
        problem: ZoneError,
    },
    /// Nothing after the host.
    #[error("address {address} has no port")]
    MissingPort {
        /// The address.
        address: PeerText,
    },
    /// Nothing in front of the port.
    #[error("address {address} has no host")]
    NoHost {
        /// The address.
        address: PeerText,
    },
    /// No `@`, or more than one.
    #[error("address {address} is not of the form id@host:port")]
    NoId {
        /// The address.
        address: PeerText,
    },
    /// A port that is not a decimal number from 0 to 65535.
    #[error("{port} is not a port")]
    Port {
        /// What stands in the place of the port.
        port: PeerText,
    },
}

/// A zone (`%eth0`) that an IPv6 address cannot have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ZoneError {
    /// Neither the name of an interface, of at most 15 bytes, nor its index, from 1.
    #[error("it is neither the name nor the index of an interface")]
    NoInterface,
    /// Only a link-local address has a zone; for any other the system takes no notice of it.
    #[error("{ip} is not link-local")]
    NotLinkLocal {
        /// The address.
        ip: Ipv6Addr,
    },
}

/// A text that is not a host name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HostNameError {
    /// Something other than letters, digits, hyphens and underscores between the dots.
    #[error("'{}' at byte {position} cannot be part of a name", found.escape_default())]
    Character {
        /// The first such character.
        found: char,
        /// The byte at which it begins.
        position: usize,
    },
    /// Nothing at all, or nothing between two dots.
    #[error("empty label")]
    EmptyLabel,
    /// A label that begins or ends with a hyphen.
    #[error("hyphen at an end of a label")]
    Hyphen,
    /// A label of more than 63 bytes.
    #[error("label of {len} bytes, the maximum is 63")]
    LabelTooLong {
        /// The bytes of the label.
        len: usize,
    },
    /// Only digits and dots, as in an incomplete or mistyped IPv4 address.
    #[error("no letter in it")]
    Numeric,
    /// More than 253 bytes, a dot at the end not counted.
    #[error("name of {len} bytes, the maximum is 253")]
    TooLong {
        /// The bytes of the name.
        len: usize,
    },
}
