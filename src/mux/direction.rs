//! One direction of the link: its limit and what passed.

use std::time::Instant;

use super::monitor::Monitor;
use super::throttle::Throttle;
use crate::rate::LinkRate;
use crate::stats::FlowStats;

#[derive(Debug)]
pub(crate) struct Direction {
    throttle: Option<Throttle>,
    /// When the limit opens again, once it was found closed.
    not_before: Option<Instant>,
    monitor: Monitor,
}

impl Direction {
    pub(crate) fn new(now: Instant, rate: Option<LinkRate>) -> Self {
        Self {
            throttle: rate.map(|rate| Throttle::new(now, rate)),
            not_before: None,
            monitor: Monitor::new(now),
        }
    }

    pub(crate) fn set_rate(&mut self, now: Instant, rate: Option<LinkRate>) {
        match (rate, &mut self.throttle) {
            (Some(rate), Some(throttle)) => throttle.set_rate(now, rate),
            (rate, throttle) => *throttle = rate.map(|rate| Throttle::new(now, rate)),
        }
        // Whether it still holds bytes back shows at the next try; without a limit nothing would end that time.
        self.not_before = None;
        self.monitor.on_released(now);
    }

    /// Bytes that may pass now; where it is not 0, one packet may exceed it.
    ///
    /// Under a limit at most one batch of the limit, otherwise without a bound.
    pub(crate) fn room(&mut self, now: Instant) -> usize {
        let Some(throttle) = &mut self.throttle else {
            return usize::MAX;
        };
        match throttle.ready(now) {
            Ok(spare) => {
                self.not_before = None;
                self.monitor.on_released(now);
                usize::try_from(spare)
                    .unwrap_or(usize::MAX)
                    .clamp(1, throttle.rate().batch())
            }
            Err(not_before) => {
                self.not_before = Some(not_before);
                self.monitor.on_throttled(now);
                0
            }
        }
    }

    pub(crate) const fn not_before(&self) -> Option<Instant> {
        self.not_before
    }

    pub(crate) fn on_bytes(&mut self, now: Instant, bytes: usize) {
        self.monitor.on_bytes(now, bytes);
        if let Some(throttle) = &mut self.throttle {
            throttle.charge(now, bytes);
        }
    }

    pub(crate) const fn on_packet(&mut self) {
        self.monitor.on_packet();
    }

    pub(crate) fn stats(&self, now: Instant) -> FlowStats {
        self.monitor.snapshot(now)
    }
}
