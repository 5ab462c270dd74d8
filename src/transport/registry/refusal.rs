//! Why a connection is not taken.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::address::PeerId;
use crate::error::Fault;

/// A connection that the transport does not take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// As many connections with this address as one may have.
    #[error("{address} has {max} connections already, which is the maximum for one address")]
    AddressLimit {
        /// The address.
        address: IpAddr,
        /// The limit.
        max: usize,
    },
    /// Its place went to another one: it was in its handshake, in the address group with most of them, and had come least far.
    #[error("displaced in its handshake by a newcomer")]
    Displaced,
    /// A connection with this very address and port.
    #[error("already connected to {address}")]
    DuplicateAddress {
        /// The address.
        address: SocketAddr,
    },
    /// A connection with this peer, or a dial to it that is under way.
    #[error("already connected to peer {id}, or dialing it")]
    DuplicateId {
        /// The peer.
        id: PeerId,
    },
    /// As many connections in this direction as there may be.
    #[error("{max} connections in this direction, which is the maximum")]
    Full {
        /// The limit.
        max: usize,
    },
    /// As many connections with this IPv6 network as one may have.
    #[error(
        "the /48 network of {address} has {max} connections already, which is the maximum for one network"
    )]
    NetworkLimit {
        /// The address.
        address: IpAddr,
        /// The limit.
        max: usize,
    },
    /// More connections from this address in a short time than it may make.
    #[error("{address} connects too often, it may again after {after:?}")]
    TooOften {
        /// The address.
        address: IpAddr,
        /// How long until the next one is taken.
        after: Duration,
    },
}

impl Refusal {
    /// Who is at fault.
    pub const fn fault(&self) -> Fault {
        match self {
            Self::AddressLimit { .. } | Self::NetworkLimit { .. } | Self::Full { .. } => {
                Fault::Local
            }
            Self::Displaced => Fault::Silence,
            Self::DuplicateAddress { .. } | Self::DuplicateId { .. } => Fault::Nobody,
            Self::TooOften { .. } => Fault::Peer,
        }
    }
}
