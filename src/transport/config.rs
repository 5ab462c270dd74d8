//! How a transport dials and whom it takes.

use std::sync::Arc;
use std::time::Duration;

use super::filter::{Everybody, Filter};
use super::limits::{AttemptRate, Limits};
use super::network::Network;
use super::tcp::Tcp;
use crate::address::{Resolver, SystemResolver};
use crate::config::{ConfigError, size, time};
use crate::node::{TIME_MAX, TIME_MIN};

/// The settings of a [`Transport`](super::Transport), which checks them. Each has a default that suits one node of a public network.
///
/// A time is 10 ms to a day, a number of connections 1 to 2^20; those of a direction may be 0.
#[derive(Clone, Debug)]
pub struct TransportConfig {
    pub(super) limits: Limits,
    pub(super) connect_timeout: Duration,
    pub(super) dial_timeout: Duration,
    pub(super) filter_timeout: Duration,
    pub(super) resolve_timeout: Duration,
    pub(super) network: Arc<dyn Network>,
    pub(super) filter: Arc<dyn Filter>,
    pub(super) resolver: Arc<dyn Resolver>,
    /// Whether a connection may take the place of another one with the same peer, whose owner then ends it.
    pub(super) breaks_ties: bool,
}

impl TransportConfig {
    /// Bounds one attempt to open a TCP connection. Default 3 s, as CometBFT's configuration says (there `dial_timeout`); its code
    /// uses 1 s, which far peers do not meet.
    #[must_use]
    pub const fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Bounds a whole dial: the lookup, and all attempts with all addresses of the name. Default 60 s.
    ///
    /// Each address has an equal share of what is left when its turn comes, so that a silent one leaves time for the next. The default
    /// leaves room for all that one address may take by the other defaults (38 s), and for the connect timeout of each of 16 addresses.
    #[must_use]
    pub const fn with_dial_timeout(mut self, timeout: Duration) -> Self {
        self.dial_timeout = timeout;
        self
    }

    /// Bounds the lookup of a name. Default 5 s.
    #[must_use]
    pub const fn with_resolve_timeout(mut self, timeout: Duration) -> Self {
        self.resolve_timeout = timeout;
        self
    }

    /// Bounds each answer of the filter. Default 5 s, as in CometBFT.
    #[must_use]
    pub const fn with_filter_timeout(mut self, timeout: Duration) -> Self {
        self.filter_timeout = timeout;
        self
    }

    /// Connects over this. Default [`Tcp`].
    #[must_use]
    pub fn with_network(mut self, network: impl Network + 'static) -> Self {
        self.network = Arc::new(network);
        self
    }

    /// Bounds the connections that others made, those in their handshake included. Default 48: CometBFT's 40, and room for
    /// handshakes. Where all are used by peers one more is closed at once; they keep their places, so who may hold one is a matter for a filter.
    #[must_use]
    pub const fn with_max_inbound(mut self, connections: usize) -> Self {
        self.limits.inbound = connections;
        self
    }

    /// Bounds the connections that we made, those that are being made included. Default 32: CometBFT's 10, and as many dials under way as a
    /// node has use for. Nothing that others do counts here.
    #[must_use]
    pub const fn with_max_outbound(mut self, connections: usize) -> Self {
        self.limits.outbound = connections;
        self
    }

    /// Bounds the inbound connections with one address, for IPv6 one /64 network. Default 4, so that nodes behind one router can come in. 1 is what
    /// CometBFT does unless `allow_duplicate_ip` is set.
    #[must_use]
    pub const fn with_max_connections_per_address(mut self, connections: usize) -> Self {
        self.limits.connections_per_address = connections;
        self
    }

    /// Bounds the inbound connections with one IPv6 /48 network, which anybody can have whole. Default 16, a third of all.
    #[must_use]
    pub const fn with_max_connections_per_network(mut self, connections: usize) -> Self {
        self.limits.connections_per_network = connections;
        self
    }

    /// Bounds the inbound handshakes under way, whose cryptography is the dearest thing that a stranger can ask for. Default 32.
    ///
    /// One more is begun all the same: of the address group (/16 for IPv4, /48 for IPv6) with most handshakes, the one that has come least far is
    /// dropped for it. So strangers who stay silent keep nobody out.
    #[must_use]
    pub const fn with_max_handshakes(mut self, handshakes: usize) -> Self {
        self.limits.handshakes = handshakes;
        self
    }

    /// Takes `burst` connections from one address at once, then one in each `interval`; what comes sooner is closed before any
    /// handshake. Default 8 and 1 s; a burst is 1 to 65536, an interval 1 ms to 1 h.
    #[must_use]
    pub const fn with_attempts_per_address(mut self, burst: u32, interval: Duration) -> Self {
        self.limits.attempts = Some(AttemptRate::new(burst, interval));
        self
    }

    /// Takes connections from one address however often it comes.
    #[must_use]
    pub const fn without_attempt_limit(mut self) -> Self {
        self.limits.attempts = None;
        self
    }

    /// Asks this filter about each address and each peer. Default [`Everybody`].
    #[must_use]
    pub fn with_filter(mut self, filter: impl Filter + 'static) -> Self {
        self.filter = Arc::new(filter);
        self
    }

    /// Looks names up with this. Default [`SystemResolver`].
    #[must_use]
    pub fn with_resolver(mut self, resolver: impl Resolver + 'static) -> Self {
        self.resolver = Arc::new(resolver);
        self
    }
}

impl TransportConfig {
    /// One connection may take the place of another one with the same peer; whoever has that one ends it.
    #[cfg(feature = "switch")]
    pub(crate) const fn breaking_ties(mut self) -> Self {
        self.breaks_ties = true;
        self
    }

    #[cfg(feature = "switch")]
    pub(crate) const fn filter(&self) -> &Arc<dyn Filter> {
        &self.filter
    }

    /// Whether each setting is within its bounds.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let Limits {
            inbound,
            outbound,
            connections_per_address,
            connections_per_network,
            handshakes,
            ref attempts,
        } = self.limits;
        size("max_inbound", inbound, 0..=CONNECTIONS_MAX)?;
        size("max_outbound", outbound, 0..=CONNECTIONS_MAX)?;
        let (per_address, per_network) = (connections_per_address, connections_per_network);
        size(
            "max_connections_per_address",
            per_address,
            1..=CONNECTIONS_MAX,
        )?;
        size(
            "max_connections_per_network",
            per_network,
            1..=CONNECTIONS_MAX,
        )?;
        size("max_handshakes", handshakes, 1..=CONNECTIONS_MAX)?;
        if let Some(rate) = attempts {
            let burst = usize::try_from(rate.burst()).unwrap_or(usize::MAX);
            size("attempts_per_address", burst, 1..=ATTEMPTS_MAX)?;
            time(
                "attempts_per_address",
                rate.interval(),
                INTERVAL_MIN..=INTERVAL_MAX,
            )?;
        }
        let times = [
            ("connect_timeout", self.connect_timeout),
            ("dial_timeout", self.dial_timeout),
            ("resolve_timeout", self.resolve_timeout),
            ("filter_timeout", self.filter_timeout),
        ];
        times
            .into_iter()
            .try_for_each(|(name, value)| time(name, value, TIME_MIN..=TIME_MAX))
    }
}

impl Default for TransportConfig {
    fn default() -> Self {
        Self {
            limits: Limits {
                inbound: MAX_INBOUND,
                outbound: MAX_OUTBOUND,
                connections_per_address: MAX_CONNECTIONS_PER_ADDRESS,
                connections_per_network: MAX_CONNECTIONS_PER_NETWORK,
                handshakes: MAX_HANDSHAKES,
                attempts: Some(ATTEMPTS),
            },
            connect_timeout: CONNECT_TIMEOUT,
            dial_timeout: DIAL_TIMEOUT,
            filter_timeout: FILTER_TIMEOUT,
            resolve_timeout: RESOLVE_TIMEOUT,
            network: Arc::new(Tcp::default()),
            filter: Arc::new(Everybody),
            resolver: Arc::new(SystemResolver),
            breaks_ties: false,
        }
    }
}

const MAX_INBOUND: usize = 48;
const MAX_OUTBOUND: usize = 32;
const MAX_CONNECTIONS_PER_ADDRESS: usize = 4;
const MAX_CONNECTIONS_PER_NETWORK: usize = 16;
/// Two milliseconds of one core.
const MAX_HANDSHAKES: usize = 32;
const ATTEMPTS: AttemptRate = AttemptRate::new(8, Duration::from_secs(1));
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const DIAL_TIMEOUT: Duration = Duration::from_secs(60);
const FILTER_TIMEOUT: Duration = Duration::from_secs(5);
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);
/// More than a machine has ports for one address, several times over.
const CONNECTIONS_MAX: usize = 1 << 20;
const ATTEMPTS_MAX: usize = 1 << 16;
const INTERVAL_MIN: Duration = Duration::from_millis(1);
/// Who has to wait for longer would better be refused by a filter.
const INTERVAL_MAX: Duration = Duration::from_secs(60 * 60);
