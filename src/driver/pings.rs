//! Those who asked for a ping.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::mux::{Mux, PingRequest};

/// The calls that wait for the pong of a ping, in the order in which they asked.
#[derive(Debug, Default)]
pub(super) struct Pings {
    waiting: VecDeque<(PingRequest, oneshot::Sender<Duration>)>,
}

impl Pings {
    /// Asks for a ping on behalf of these.
    pub(super) fn add(&mut self, mux: &mut Mux, asking: Vec<oneshot::Sender<Duration>>) {
        // Calls that were given up leave nothing behind.
        self.waiting.retain(|(_, answer)| !answer.is_closed());
        let request = mux.request_ping();
        self.waiting
            .extend(asking.into_iter().map(|answer| (request, answer)));
    }

    /// Packets were decoded: tells those whose pong was among them.
    pub(super) fn answer(&mut self, mux: &Mux) {
        // What does not answer the first one answers none of those that asked later.
        while let Some((request, _)) = self.waiting.front() {
            let Some(round_trip) = mux.ping_answer(*request) else {
                return;
            };
            if let Some((_, answer)) = self.waiting.pop_front() {
                // Nobody may be waiting any more.
                let _ = answer.send(round_trip);
            }
        }
        if self.waiting.capacity() > 0 {
            self.waiting = VecDeque::new();
        }
    }

    /// The connection has ended, which is the answer.
    pub(super) fn abandon(&mut self) {
        self.waiting.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::testing::epoch;

    #[test]
    fn calls_that_were_given_up_leave_nothing_behind() {
        let mut mux = Mux::new(epoch(), Config::default(), &[]).unwrap();
        let mut pings = Pings::default();
        let (kept, mut waits) = oneshot::channel();
        pings.add(&mut mux, vec![kept]);
        for _ in 0..1000 {
            let (given_up, _) = oneshot::channel();
            pings.add(&mut mux, vec![given_up]);
            assert!(pings.waiting.len() <= 2);
        }
        assert!(waits.try_recv().is_err());
        pings.abandon();
        assert_eq!(waits.try_recv(), Err(oneshot::error::TryRecvError::Closed));
    }
}
