//! What the driver saw of the transport that takes what we write.

use std::time::Instant;

use super::Mux;

impl Mux {
    /// The transport took `bytes` of what `poll_transmit` wrote.
    pub fn on_written(&mut self, now: Instant, bytes: usize) {
        if self.write.on_written(now, bytes) {
            self.keepalive.on_sign_of_life(now);
        }
    }

    /// The transport takes nothing at present, and some of what `poll_transmit` wrote is left.
    pub fn on_write_blocked(&mut self, now: Instant) {
        self.write.on_blocked(now);
    }

    /// The transport took all that `poll_transmit` wrote, was asked to flush it, and cannot at present.
    ///
    /// Until [`on_flushed`](Self::on_flushed) nothing more is encoded: a busy link always has a part of a batch to write, and
    /// a flush that somebody waits for would never have its turn.
    pub fn on_flush_blocked(&mut self, now: Instant) {
        self.write.on_flush_blocked(now);
    }

    /// The transport has flushed all that it took.
    pub fn on_flushed(&mut self, now: Instant) {
        if self.write.on_flushed(now) {
            self.keepalive.on_sign_of_life(now);
        }
    }

    /// Whether a ping or a pong was encoded and not flushed: it is to be flushed once it is written, without a delay.
    pub const fn wants_flush(&self) -> bool {
        self.write.is_urgent()
    }
}
