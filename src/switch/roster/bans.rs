//! Whom not to have as peers.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::IpAddr;
use std::time::Instant;

use crate::address::PeerId;

/// Who is not let in and not dialed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Banned {
    /// Whoever has this address.
    Address(IpAddr),
    /// This peer, wherever it is.
    Id(PeerId),
    /// Whoever has an address in this network: make it with [`network`](Self::network).
    #[non_exhaustive]
    Network {
        /// The first address of the network.
        address: IpAddr,
        /// The bits that all its addresses have in common.
        prefix: u8,
    },
}

impl Banned {
    /// The network of this address whose members have so many bits in common.
    ///
    /// # Errors
    ///
    /// An address of this kind does not have so many bits.
    pub fn network(address: IpAddr, prefix: u8) -> Result<Self, PrefixError> {
        let address = address.to_canonical();
        let max = bits(address);
        if prefix > max {
            return Err(PrefixError { prefix, max });
        }
        let address = masked(address, prefix);
        Ok(Self::Network { address, prefix })
    }

    /// As it is kept: an IPv4 address that is mapped into IPv6 is that IPv4 address.
    fn canonical(self) -> Self {
        match self {
            Self::Address(address) => Self::Address(address.to_canonical()),
            other => other,
        }
    }

    /// Whether it is meant by this ban.
    pub(crate) fn meets(&self, id: &PeerId, address: IpAddr) -> bool {
        let address = address.to_canonical();
        match self.canonical() {
            Self::Id(banned) => banned == *id,
            Self::Address(banned) => banned == address,
            Self::Network {
                address: network,
                prefix,
            } => network.is_ipv4() == address.is_ipv4() && masked(address, prefix) == network,
        }
    }
}

impl fmt::Display for Banned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Id(id) => id.fmt(f),
            Self::Network { address, prefix } => write!(f, "{address}/{prefix}"),
        }
    }
}

/// A network of more bits than its addresses have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a network of {prefix} bits, an address of this kind has {max}")]
pub struct PrefixError {
    /// The bits that were asked for.
    pub prefix: u8,
    /// The bits that there are.
    pub max: u8,
}

/// More bans than are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{max} bans, which is the maximum")]
pub struct TooManyBans {
    /// The limit.
    pub max: usize,
}

/// The bans, each with an end or for ever.
#[derive(Debug, Default)]
pub(crate) struct Bans {
    bans: HashMap<Banned, Option<Instant>>,
    /// How many bans have a prefix of such a length.
    prefixes: BTreeMap<u8, usize>,
}

impl Bans {
    /// Bans until then, or for ever; of two bans the later one counts.
    pub(crate) fn ban(
        &mut self,
        now: Instant,
        whom: Banned,
        until: Option<Instant>,
    ) -> Result<(), TooManyBans> {
        let whom = whom.canonical();
        if !self.bans.contains_key(&whom) {
            if self.bans.len() >= BANS_MAX {
                self.expire(now);
            }
            if self.bans.len() >= BANS_MAX {
                return Err(TooManyBans { max: BANS_MAX });
            }
            if let Banned::Network { prefix, .. } = whom {
                *self.prefixes.entry(prefix).or_default() += 1;
            }
        }
        self.bans.insert(whom, until);
        Ok(())
    }

    pub(crate) fn unban(&mut self, whom: &Banned) -> bool {
        let whom = whom.canonical();
        let was_banned = self.bans.remove(&whom).is_some();
        if let (true, Banned::Network { prefix, .. }) = (was_banned, whom) {
            if let Some(bans) = self.prefixes.get_mut(&prefix) {
                *bans = bans.saturating_sub(1);
            }
            self.prefixes.retain(|_, bans| *bans > 0);
        }
        was_banned
    }

    /// The ban that this peer falls under.
    pub(crate) fn forbids_id(&self, now: Instant, id: &PeerId) -> Option<Banned> {
        self.find(now, Banned::Id(*id))
    }

    /// The ban that this address falls under. It costs a look for each length of prefix that is in use.
    pub(crate) fn forbids_address(&self, now: Instant, address: IpAddr) -> Option<Banned> {
        let address = address.to_canonical();
        let prefixes = self.prefixes.keys().copied();
        let networks = prefixes.filter_map(|prefix| Banned::network(address, prefix).ok());
        std::iter::once(Banned::Address(address))
            .chain(networks)
            .find_map(|banned| self.find(now, banned))
    }

    /// All that are in force.
    pub(crate) fn iter(
        &self,
        now: Instant,
    ) -> impl Iterator<Item = (Banned, Option<Instant>)> + '_ {
        let all = self.bans.iter().map(|(banned, until)| (*banned, *until));
        all.filter(move |(_, until)| is_in_force(now, *until))
    }

    fn find(&self, now: Instant, banned: Banned) -> Option<Banned> {
        let until = self.bans.get(&banned)?;
        is_in_force(now, *until).then_some(banned)
    }

    fn expire(&mut self, now: Instant) {
        let over = self
            .bans
            .iter()
            .filter(|(_, until)| !is_in_force(now, **until));
        let over: Vec<Banned> = over.map(|(banned, _)| *banned).collect();
        for banned in over {
            self.unban(&banned);
        }
    }
}

fn is_in_force(now: Instant, until: Option<Instant>) -> bool {
    until.is_none_or(|until| now < until)
}

fn bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The address without the bits behind the prefix.
fn masked(address: IpAddr, prefix: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let cut = 32_u32.saturating_sub(prefix.into());
            let mask = u32::MAX.checked_shl(cut).unwrap_or_default();
            IpAddr::V4((address.to_bits() & mask).into())
        }
        IpAddr::V6(address) => {
            let cut = 128_u32.saturating_sub(prefix.into());
            let mask = u128::MAX.checked_shl(cut).unwrap_or_default();
            IpAddr::V6((address.to_bits() & mask).into())
        }
    }
}

/// Some megabytes.
const BANS_MAX: usize = 65_536;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::testing::epoch;

    #[test]
    fn a_ban_meets_an_id_an_address_in_either_spelling_or_a_whole_network_until_its_end() {
        let (now, id) = (epoch(), PeerId::new([7; 20]));
        let later = now + Duration::from_secs(60);
        let mut bans = Bans::default();
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let network = Banned::network(ip("10.1.2.3"), 8).unwrap();
        assert_eq!(network.to_string(), "10.0.0.0/8");
        bans.ban(now, Banned::Id(id), Some(later)).unwrap();
        let mapped = Banned::Address(ip("::ffff:192.0.2.1"));
        bans.ban(now, mapped, None).unwrap();
        bans.ban(now, network, None).unwrap();
        assert_eq!(bans.forbids_id(now, &id), Some(Banned::Id(id)));
        assert_eq!(bans.forbids_id(later, &id), None);
        assert_eq!(bans.forbids_id(now, &PeerId::new([8; 20])), None);
        for (address, is_banned) in [
            ("192.0.2.1", true),
            ("192.0.2.2", false),
            ("10.255.0.1", true),
            ("::ffff:10.0.0.1", true),
            ("11.0.0.1", false),
            ("a00::", false),
        ] {
            let address = ip(address);
            let found = bans.forbids_address(later, address);
            assert_eq!(found.is_some(), is_banned, "{address}");
            let meets = [network, mapped].map(|ban| ban.meets(&id, address));
            assert_eq!(meets.contains(&true), is_banned, "{address}");
        }
        assert!(bans.unban(&network) && !bans.unban(&network));
        assert_eq!(bans.forbids_address(now, ip("10.255.0.1")), None);
        assert_eq!(bans.iter(later).count(), 1);
    }

    #[test]
    fn all_and_nothing_are_networks_and_more_bits_than_there_are_is_none() {
        let ip: IpAddr = "192.0.2.1".parse().unwrap();
        let all = Banned::network(ip, 0).unwrap();
        assert!(all.meets(&PeerId::new([0; 20]), "8.8.8.8".parse().unwrap()));
        assert!(!all.meets(&PeerId::new([0; 20]), "2001:db8::1".parse().unwrap()));
        assert!(
            Banned::network(ip, 32)
                .unwrap()
                .meets(&PeerId::new([0; 20]), ip)
        );
        let error = PrefixError {
            prefix: 33,
            max: 32,
        };
        assert_eq!(Banned::network(ip, 33), Err(error));
    }

    #[test]
    fn bans_are_bounded_and_those_that_are_over_make_room() {
        let now = epoch();
        let later = now + Duration::from_secs(1);
        let address = |at: u32| Banned::Address(IpAddr::V4(at.into()));
        let mut bans = Bans::default();
        for at in 0..u32::try_from(BANS_MAX).unwrap() {
            bans.ban(now, address(at), Some(later)).unwrap();
        }
        let one_more = address(u32::MAX);
        assert!(bans.ban(now, one_more, None).is_err());
        bans.ban(now, address(0), None).unwrap();
        bans.ban(later, one_more, None).unwrap();
        assert_eq!(bans.iter(later).count(), 2);
    }
}
