//! The settings of a switch.

use std::time::Duration;

use crate::config::{ConfigError, size, time};
use crate::transport::TransportConfig;

/// The settings of a [`Switch`](super::Switch), which checks them. Each has a default that suits one node of a public network.
///
/// A time is 10 ms to a day.
#[derive(Clone, Debug)]
pub struct SwitchConfig {
    pub(super) transport: TransportConfig,
    pub(super) session_timeout: Duration,
    pub(super) first_redial: Duration,
    pub(super) longest_redial: Duration,
    pub(super) settled_after: Duration,
    pub(super) max_dials: usize,
    pub(super) seed: Option<u64>,
}

impl SwitchConfig {
    /// How connections are made, and how many there may be.
    #[must_use]
    pub fn with_transport(mut self, transport: TransportConfig) -> Self {
        self.transport = transport;
        self
    }

    /// Bounds how long an offered session waits to be taken, and how long sessions may take to end once their peer does. Default 10 s.
    ///
    /// Until then a peer that is gone keeps its place, and cannot come again.
    #[must_use]
    pub const fn with_session_timeout(mut self, timeout: Duration) -> Self {
        self.session_timeout = timeout;
        self
    }

    /// Waits up to `first` before a persistent peer is dialed again, then up to twice as long each time, at most up to `longest`. Each wait is drawn evenly between nothing and
    /// that, so that nodes which lost each other do not meet again and again. Default 1 s and 5 min.
    #[must_use]
    pub const fn with_redial(mut self, first: Duration, longest: Duration) -> Self {
        self.first_redial = first;
        self.longest_redial = longest;
        self
    }

    /// The waits begin anew once a peer has been connected for so long. Default 60 s: one that takes us and lets go at once is not dialed every
    /// second.
    #[must_use]
    pub const fn with_settled_after(mut self, time: Duration) -> Self {
        self.settled_after = time;
        self
    }

    /// Bounds the dials under way. Default 8, 1 to 1024.
    #[must_use]
    pub const fn with_max_dials(mut self, dials: usize) -> Self {
        self.max_dials = dials;
        self
    }

    /// Draws all random numbers from this seed, so that a simulation can be run again. Default: the system's randomness.
    #[must_use]
    pub const fn with_seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Whether each setting is within its bounds; those of the transport are checked by it.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        use crate::node::{TIME_MAX, TIME_MIN};
        let times = [
            ("session_timeout", self.session_timeout),
            ("first_redial", self.first_redial),
            ("longest_redial", self.longest_redial),
            ("settled_after", self.settled_after),
        ];
        for (name, value) in times {
            time(name, value, TIME_MIN..=TIME_MAX)?;
        }
        size("max_dials", self.max_dials, 1..=DIALS_MAX)
    }
}

impl Default for SwitchConfig {
    fn default() -> Self {
        Self {
            transport: TransportConfig::default(),
            session_timeout: SESSION_TIMEOUT,
            first_redial: FIRST_REDIAL,
            longest_redial: LONGEST_REDIAL,
            settled_after: SETTLED_AFTER,
            max_dials: MAX_DIALS,
            seed: None,
        }
    }
}

const SESSION_TIMEOUT: Duration = Duration::from_secs(10);
const FIRST_REDIAL: Duration = Duration::from_secs(1);
const LONGEST_REDIAL: Duration = Duration::from_secs(5 * 60);
const SETTLED_AFTER: Duration = Duration::from_secs(60);
/// Several silent addresses, and still some that answer.
const MAX_DIALS: usize = 8;
const DIALS_MAX: usize = 1024;
