//! How many connections there are.

/// The connections of a [`Transport`](crate::transport::Transport), by direction and class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ConnectionCounts {
    /// Those that others made and that count toward the limit, handshakes under way included.
    pub inbound: usize,
    /// Those that we made and that count toward the limit, those that are being made included.
    pub outbound: usize,
    /// Those in either direction with peers that are [exempt](crate::transport::Transport::set_exempt) from the limits.
    pub exempt: usize,
    /// Of the inbound ones, those that are in their handshake.
    pub handshakes: usize,
}

impl ConnectionCounts {
    /// All of them.
    pub const fn all(&self) -> usize {
        self.inbound
            .saturating_add(self.outbound)
            .saturating_add(self.exempt)
    }
}
