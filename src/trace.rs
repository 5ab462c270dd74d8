//! What is told to `tracing`, if that feature is on: a span per upgrade and per connection, TRACE per packet, DEBUG per decision.
//!
//! Without the feature every function here is empty, so that call sites carry no conditions.

#![cfg_attr(
    not(feature = "tracing"),
    allow(
        unused_variables,
        clippy::missing_const_for_fn,
        reason = "empty without the feature"
    )
)]

use crate::channel::ChannelId;

#[inline]
pub(crate) fn packet_sent(channel: ChannelId, framed_len: usize, eof: bool) {
    #[cfg(feature = "tracing")]
    tracing::trace!(%channel, framed_len, eof, "packet sent");
}

#[inline]
pub(crate) fn packet_received(channel: ChannelId, framed_len: usize, eof: bool) {
    #[cfg(feature = "tracing")]
    tracing::trace!(%channel, framed_len, eof, "packet received");
}

#[inline]
pub(crate) fn ping_sent() {
    #[cfg(feature = "tracing")]
    tracing::trace!("ping sent");
}

#[inline]
pub(crate) fn pong_sent() {
    #[cfg(feature = "tracing")]
    tracing::trace!("pong sent");
}

#[cfg(feature = "tokio")]
pub(crate) use driver::*;
#[cfg(feature = "peer")]
pub(crate) use peer::*;

#[cfg(feature = "tokio")]
mod driver {
    use std::fmt;
    use std::time::Duration;

    use crate::channel::ChannelId;

    pub(crate) fn reading_paused(channel: ChannelId) {
        #[cfg(feature = "tracing")]
        tracing::debug!(%channel, "reading paused, the inbox is full");
    }

    pub(crate) fn reading_resumed() {
        #[cfg(feature = "tracing")]
        tracing::debug!("reading resumed");
    }

    pub(crate) fn drain_begun() {
        #[cfg(feature = "tracing")]
        tracing::debug!("drain begun");
    }

    pub(crate) fn drained() {
        #[cfg(feature = "tracing")]
        tracing::debug!("drained, closing the write half");
    }

    pub(crate) fn stood_still(put_off: Duration) {
        #[cfg(feature = "tracing")]
        tracing::debug!(?put_off, "we stood still, the deadlines are put off");
    }

    pub(crate) fn option_unsupported(option: &str, error: &impl fmt::Display) {
        #[cfg(feature = "tracing")]
        tracing::debug!(option, %error, "socket option not supported, left as it is");
    }

    pub(crate) fn ended(reason: &impl fmt::Display) {
        #[cfg(feature = "tracing")]
        tracing::debug!(%reason, "connection ended");
    }

    /// The connection's span; nothing without the feature.
    #[derive(Debug)]
    pub(crate) struct Span(#[cfg(feature = "tracing")] tracing::Span);

    impl Span {
        /// A span below the one in which the connection is set up.
        pub(crate) fn connection() -> Self {
            Self(
                #[cfg(feature = "tracing")]
                tracing::debug_span!("mconn"),
            )
        }

        /// Calls `work` inside the span.
        pub(crate) fn within<T>(&self, work: impl FnOnce() -> T) -> T {
            #[cfg(feature = "tracing")]
            return self.0.in_scope(work);
            #[cfg(not(feature = "tracing"))]
            work()
        }
    }
}

#[cfg(feature = "peer")]
mod peer {
    use std::error::Error;
    use std::fmt;
    use std::future::Future;
    use std::net::SocketAddr;
    use std::time::Duration;

    #[cfg(feature = "tracing")]
    use crate::error::Whole;

    /// Runs `upgrade` in a span of its own, below the one of whoever dials or accepts.
    pub(crate) fn upgrading<Upgrade: Future>(
        address: SocketAddr,
        direction: impl fmt::Display,
        upgrade: Upgrade,
    ) -> impl Future<Output = Upgrade::Output> {
        #[cfg(feature = "tracing")]
        let upgrade = tracing::Instrument::instrument(
            upgrade,
            tracing::debug_span!("upgrade", %address, %direction),
        );
        upgrade
    }

    pub(crate) fn dialing(address: &impl fmt::Display) {
        #[cfg(feature = "tracing")]
        tracing::debug!(%address, "dialing");
    }

    pub(crate) fn shook_hands(peer: &impl fmt::Display) {
        #[cfg(feature = "tracing")]
        tracing::debug!(%peer, "handshake done");
    }

    pub(crate) fn handshake_failed(error: &dyn Error) {
        #[cfg(feature = "tracing")]
        tracing::debug!(error = %Whole(error), "handshake failed");
    }

    pub(crate) fn refused(address: &impl fmt::Display, reason: &dyn Error) {
        #[cfg(feature = "tracing")]
        tracing::debug!(%address, reason = %Whole(reason), "connection refused");
    }

    pub(crate) fn accepting_paused(error: &impl fmt::Display, pause: Duration) {
        #[cfg(feature = "tracing")]
        tracing::debug!(%error, ?pause, "accepting paused");
    }
}
