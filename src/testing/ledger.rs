//! What must hold after every step of a pair.

use super::{End, Pair, Pipe};
use crate::rate::LARGEST_BATCH;

impl Pair {
    /// `moved` says whether the step did anything.
    pub(super) fn check(&mut self, moved: bool) {
        conserve_bytes(&self.a, &self.a_to_b, &self.b);
        conserve_bytes(&self.b, &self.b_to_a, &self.a);
        keep_order(&mut self.a, &mut self.b);
        keep_order(&mut self.b, &mut self.a);
        for end in [&self.a, &self.b] {
            bound_memory(end);
            if !moved && end.ended.is_none() {
                let due = end.mux.poll_timeout();
                assert!(
                    due.is_none_or(|due| due > self.now),
                    "due in the past, so its driver would spin"
                );
            }
        }
        count_alike(&self.a, &self.b, self.now);
        count_alike(&self.b, &self.a, self.now);
    }
}

fn conserve_bytes(from: &End, pipe: &Pipe, to: &End) {
    assert_eq!(from.written, pipe.held() + to.read, "bytes are conserved");
}

fn keep_order(from: &mut End, to: &mut End) {
    for (channel, message) in to.inbox.fresh.drain(..) {
        from.outbox.delivered(channel, &message);
    }
}

fn bound_memory(end: &End) {
    let batch = LARGEST_BATCH.max(end.config.largest_sent()) + CONTROL;
    assert!(end.unwritten() <= batch, "one batch waits at most");
    let all_decoded = !end.inbox.is_paused() && end.ended.is_none();
    if all_decoded {
        assert!(
            end.undecoded() < end.config.largest_received(),
            "one unfinished packet at most"
        );
    }
}

fn count_alike(from: &End, to: &End, now: std::time::Instant) {
    let (sent, received) = (from.mux.stats(now), to.mux.stats(now));
    assert_eq!(sent.sent.bytes, (from.written + from.unwritten()) as u64);
    assert_eq!(received.received.bytes, to.read as u64);
    assert!(received.received.packets <= sent.sent.packets);
    assert!(received.pings_received <= sent.pings_sent);
    assert!(received.pongs_received <= sent.pongs_sent);
    let partial = received.reassembly_bytes;
    assert!(partial <= to.config.reassembly_bytes().unwrap_or(usize::MAX));
    for (sent, received) in sent.channels.iter().zip(&received.channels) {
        assert!(received.received.bytes <= sent.sent.bytes);
        assert!(received.messages_received <= sent.messages_sent);
    }
}

/// A ping and a pong.
const CONTROL: usize = 6;
