//! What addresses have in common.

use std::net::{IpAddr, Ipv6Addr};

/// What counts as one address: for IPv6 the first 64 bits, since one subscriber has them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Subscriber(IpAddr);

impl Subscriber {
    pub(crate) fn of(address: IpAddr) -> Self {
        Self(cut(address, 32, SUBSCRIBER_BITS))
    }
}

/// What one owner may well have whole: for IPv4 the first 16 bits, for IPv6 the first 48.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Group(IpAddr);

impl Group {
    pub(crate) fn of(address: IpAddr) -> Self {
        Self(cut(address, IPV4_GROUP_BITS, IPV6_GROUP_BITS))
    }

    /// Whether it is given out whole to whoever asks, so that its connections are limited too.
    pub(crate) const fn is_cheap(&self) -> bool {
        self.0.is_ipv6()
    }
}

/// The first bits of the address.
fn cut(address: IpAddr, ipv4_bits: u32, ipv6_bits: u32) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let mask = u32::MAX
                .checked_shl(32_u32.saturating_sub(ipv4_bits))
                .unwrap_or(0);
            IpAddr::V4((address.to_bits() & mask).into())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX
                .checked_shl(128_u32.saturating_sub(ipv6_bits))
                .unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
        }
    }
}

const SUBSCRIBER_BITS: u32 = 64;
const IPV4_GROUP_BITS: u32 = 16;
/// What a site gets, often for nothing.
const IPV6_GROUP_BITS: u32 = 48;
