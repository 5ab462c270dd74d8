//! One direction of the link: its limit and what passed.

use std::time::{Duration, Instant};

use super::monitor::Monitor;
use super::throttle::Throttle;
use crate::rate::LinkRate;
use crate::stats::FlowStats;

#[derive(Debug)]
pub(crate) struct LinkFlow {
    /// Apart, so that an unlimited direction is small.
    throttle: Option<Box<Throttle>>,
    /// When the limit opens again, once it was found closed.
    not_before: Option<Instant>,
    monitor: Monitor,
    /// Time during which the limit held bytes back, up to when it last did.
    throttled: Duration,
    throttled_since: Option<Instant>,
}

impl LinkFlow {
    pub(crate) fn new(now: Instant, rate: Option<LinkRate>) -> Self {
        Self {
            throttle: rate.map(|rate| Box::new(Throttle::new(now, rate))),
            not_before: None,
            monitor: Monitor::new(now),
            throttled: Duration::ZERO,
            throttled_since: None,
        }
    }

    pub(crate) fn set_rate(&mut self, now: Instant, rate: Option<LinkRate>) {
        match (rate, &mut self.throttle) {
            (Some(rate), Some(throttle)) => throttle.set_rate(now, rate),
            (rate, throttle) => *throttle = rate.map(|rate| Box::new(Throttle::new(now, rate))),
        }
        // Whether it still holds bytes back shows at the next try; without a limit nothing would end that time.
        self.on_open(now);
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
                let batch = throttle.rate().batch();
                self.on_open(now);
                usize::try_from(spare).unwrap_or(usize::MAX).clamp(1, batch)
            }
            Err(not_before) => {
                self.not_before = Some(not_before);
                self.throttled_since.get_or_insert(now);
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

    pub(crate) const fn packets(&self) -> u64 {
        self.monitor.packets()
    }

    pub(crate) const fn on_packet(&mut self) {
        self.monitor.on_packet();
    }

    pub(crate) fn stats(&self, now: Instant) -> FlowStats {
        FlowStats {
            throttled: self.throttled(now),
            ..self.monitor.snapshot(now)
        }
    }

    fn on_open(&mut self, now: Instant) {
        self.not_before = None;
        self.throttled = self.throttled(now);
        self.throttled_since = None;
    }

    fn throttled(&self, now: Instant) -> Duration {
        let running = self
            .throttled_since
            .map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        self.throttled + running
    }
}
