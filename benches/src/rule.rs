//! What picks the channel of the next packet: mconn's scheduler, or CometBFT's rule.

use mconn::mux::scheduler::Scheduler;

use super::go_rule::GoRule;

/// A scheduling rule as a link drives it.
pub trait Rule {
    /// Channels with these priorities, all idle.
    fn new(priorities: &[u16]) -> Self;

    /// An idle channel has a packet of so many framed bytes.
    fn on_pending(&mut self, channel: usize, framed: usize);

    fn pick(&mut self) -> Option<usize>;

    /// The picked channel sent its packet; its next one has `next` framed bytes, or it is idle.
    fn on_sent(&mut self, framed: usize, next: Option<usize>);

    /// Two seconds have passed.
    fn on_two_seconds(&mut self);
}

impl Rule for Scheduler {
    fn new(priorities: &[u16]) -> Self {
        Self::new(priorities.iter().copied(), LARGEST)
    }

    fn on_pending(&mut self, channel: usize, framed: usize) {
        self.on_pending(channel, framed);
    }

    fn pick(&mut self) -> Option<usize> {
        Self::pick(self)
    }

    fn on_sent(&mut self, framed: usize, next: Option<usize>) {
        self.on_sent(framed, next);
    }

    fn on_two_seconds(&mut self) {}
}

impl Rule for GoRule {
    fn new(priorities: &[u16]) -> Self {
        Self::new(priorities)
    }

    fn on_pending(&mut self, channel: usize, _: usize) {
        self.on_pending(channel);
    }

    fn pick(&mut self) -> Option<usize> {
        Self::pick(self)
    }

    fn on_sent(&mut self, framed: usize, next: Option<usize>) {
        self.on_sent(framed, next.is_some());
    }

    fn on_two_seconds(&mut self) {
        self.decay();
    }
}

/// A full packet that ends its message, on a channel id below 0x80, with its length prefix.
pub const LARGEST: usize = 1038;
