//! Classes of IP addresses, with the results of CometBFT: what is worth remembering, telling others, and dialing.
//!
//! An IPv4 address mapped into IPv6 (`::ffff:1.2.3.4`) counts as the IPv4 address everywhere.
//!
//! CometBFT counts as routable what the Internet does not route: 100.64.0.0/10 (shared by carriers), 224.0.0.0/4 (multicast), 240.0.0.0/4
//! (reserved), 192.0.2.0/24, 198.51.100.0/24 and 203.0.113.0/24 (documentation), 198.18.0.0/15 (benchmarks), and multicast of IPv6. The results
//! here are the same, since an address book that judged otherwise would sort the same addresses into other buckets; who dials
//! addresses that strangers offer should leave these out.

#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A range that CometBFT has a name for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Range {
    /// RFC 1918, private: 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16.
    Rfc1918,
    /// RFC 3849, documentation: 2001:db8::/32.
    Rfc3849,
    /// RFC 3927, link-local: 169.254.0.0/16.
    Rfc3927,
    /// RFC 3964, 6to4: 2002::/16.
    Rfc3964,
    /// RFC 4193, unique local: fc00::/7.
    Rfc4193,
    /// RFC 4380, Teredo: 2001::/32.
    Rfc4380,
    /// RFC 4843, ORCHID: 2001:10::/28.
    Rfc4843,
    /// RFC 4862, link-local: fe80::/64.
    Rfc4862,
    /// RFC 6052, IPv4 embedded in IPv6: 64:ff9b::/96.
    Rfc6052,
    /// RFC 6145, IPv4 translated to IPv6: ::ffff:0:0:0/96.
    Rfc6145,
    /// Tor's hidden services, as OnionCat maps them: fd87:d87e:eb43::/48, a part of [`Rfc4193`](Self::Rfc4193).
    OnionCat,
}

impl Range {
    /// Whether the address lies in the range.
    pub fn contains(self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.nets().iter().any(|net| net.contains(ip))
    }

    const fn nets(self) -> &'static [Net] {
        match self {
            Self::Rfc1918 => {
                &const {
                    [
                        v4([10, 0, 0, 0], 8),
                        v4([172, 16, 0, 0], 12),
                        v4([192, 168, 0, 0], 16),
                    ]
                }
            }
            Self::Rfc3849 => &const { [v6([0x2001, 0xdb8, 0, 0, 0, 0], 32)] },
            Self::Rfc3927 => &const { [v4([169, 254, 0, 0], 16)] },
            Self::Rfc3964 => &const { [v6([0x2002, 0, 0, 0, 0, 0], 16)] },
            Self::Rfc4193 => &const { [v6([0xfc00, 0, 0, 0, 0, 0], 7)] },
            Self::Rfc4380 => &const { [v6([0x2001, 0, 0, 0, 0, 0], 32)] },
            Self::Rfc4843 => &const { [v6([0x2001, 0x10, 0, 0, 0, 0], 28)] },
            Self::Rfc4862 => &const { [v6([0xfe80, 0, 0, 0, 0, 0], 64)] },
            Self::Rfc6052 => &const { [v6([0x64, 0xff9b, 0, 0, 0, 0], 96)] },
            Self::Rfc6145 => &const { [v6([0, 0, 0, 0, 0xffff, 0], 96)] },
            Self::OnionCat => &const { [v6([0xfd87, 0xd87e, 0xeb43, 0, 0, 0], 48)] },
        }
    }
}

/// How well an address is reached from another, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the order of CometBFT, which sorts by it, has these six"
)]
pub enum Reachability {
    /// Not at all: where it starts from is not routable.
    Unreachable = 0,
    /// Nothing speaks for it.
    Default = 1,
    /// From Teredo, or from IPv6, to Teredo.
    Teredo = 2,
    /// Through an IPv6 tunnel.
    Ipv6Weak = 3,
    /// To IPv4.
    Ipv4 = 4,
    /// From IPv6 to IPv6 without a tunnel.
    Ipv6Strong = 5,
}

/// Whether a peer can have this address at all: neither unspecified, nor 255.255.255.255, nor in 2001:db8::/32.
pub fn is_valid(ip: IpAddr) -> bool {
    let ip = ip.to_canonical();
    !ip.is_unspecified() && ip != Ipv4Addr::BROADCAST && !Range::Rfc3849.contains(ip)
}

/// Whether the address is this machine's own: 127.0.0.0/8, ::1, or 0.0.0.0/8.
pub fn is_local(ip: IpAddr) -> bool {
    let ip = ip.to_canonical();
    ip.is_loopback() || THIS_NETWORK.contains(ip)
}

/// Whether the address is worth telling others: valid, not local, and in none of [`Range::Rfc1918`], [`Range::Rfc3927`],
/// [`Range::Rfc4193`], [`Range::Rfc4843`] and [`Range::Rfc4862`].
///
/// Not all of these are routed in the Internet; see the [module](self).
pub fn is_routable(ip: IpAddr) -> bool {
    is_valid(ip) && !is_local(ip) && !UNROUTABLE.iter().any(|range| range.contains(ip))
}

/// How well `to` is reached from `from`.
pub(super) fn reachability(from: IpAddr, to: IpAddr) -> Reachability {
    let (from, to) = (from.to_canonical(), to.to_canonical());
    if !is_routable(from) {
        return Reachability::Unreachable;
    }
    if !is_routable(to) {
        return Reachability::Default;
    }
    let from_teredo = Range::Rfc4380.contains(from);
    match (from.is_ipv4(), to.is_ipv4()) {
        (_, true) => Reachability::Ipv4,
        (true, false) => Reachability::Default,
        (false, false) if Range::Rfc4380.contains(to) => Reachability::Teredo,
        (false, false) if from_teredo || is_tunnelled(to) => Reachability::Ipv6Weak,
        (false, false) => Reachability::Ipv6Strong,
    }
}

fn is_tunnelled(ip: IpAddr) -> bool {
    [Range::Rfc3964, Range::Rfc6052, Range::Rfc6145]
        .iter()
        .any(|range| range.contains(ip))
}

/// The addresses that share the first `bits` of a prefix; `bits` is not 0.
#[derive(Clone, Copy)]
struct Net {
    prefix: IpAddr,
    bits: u32,
}

impl Net {
    fn contains(&self, ip: IpAddr) -> bool {
        match (self.prefix, ip) {
            (IpAddr::V4(prefix), IpAddr::V4(ip)) => {
                (prefix.to_bits() ^ ip.to_bits()) >> (u32::BITS - self.bits) == 0
            }
            (IpAddr::V6(prefix), IpAddr::V6(ip)) => {
                (prefix.to_bits() ^ ip.to_bits()) >> (u128::BITS - self.bits) == 0
            }
            _ => false,
        }
    }
}

const fn v4([a, b, c, d]: [u8; 4], bits: u32) -> Net {
    Net {
        prefix: IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
        bits,
    }
}

const fn v6([a, b, c, d, e, f]: [u16; 6], bits: u32) -> Net {
    Net {
        prefix: IpAddr::V6(Ipv6Addr::new(a, b, c, d, e, f, 0, 0)),
        bits,
    }
}

const THIS_NETWORK: Net = v4([0, 0, 0, 0], 8);
const UNROUTABLE: [Range; 5] = [
    Range::Rfc1918,
    Range::Rfc3927,
    Range::Rfc4193,
    Range::Rfc4843,
    Range::Rfc4862,
];
