//! What drives a machine by hand.

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::channel::{ChannelDescriptor, ChannelId};
use crate::config::Config;
use crate::error::Error;
use crate::mux::MessageSource;
use crate::packet::{Packet, decode};

/// Where virtual time starts. Only differences to it ever matter.
#[expect(
    clippy::disallowed_methods,
    reason = "an `Instant` cannot be made without the clock; virtual time starts here and is never read again"
)]
pub(crate) fn epoch() -> Instant {
    Instant::now()
}

/// Has nothing to send.
#[derive(Debug)]
pub(crate) struct NoMessages;

impl MessageSource for NoMessages {
    fn pop(&mut self, _: ChannelId) -> Option<Bytes> {
        None
    }
}

/// What a transport does next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    /// How much it carries at most.
    pub(crate) size: usize,
    /// How long it does nothing before.
    pub(crate) pause: Duration,
    /// Whether it takes what is to be written.
    pub(crate) takes: bool,
}

impl Step {
    pub(crate) fn new(code: u8) -> Self {
        let sizes = [0, 1, 2, 3, 7, 100, 1000, 70_000];
        let pauses = [0, 1, 100, 1_000, 7_000, 20_000, 46_000, 61_000];
        Self {
            size: sizes[usize::from(code & 7)],
            pause: Duration::from_millis(pauses[usize::from(code >> 3 & 7)]),
            takes: code & 0x80 != 0,
        }
    }
}

/// Those of the recordings, so that recorded bytes are seeds; among them a small one, and one that only sends.
pub(crate) fn channels() -> [ChannelDescriptor; 13] {
    let [a, b, c, d, e, f, g, h, i, j] = ChannelDescriptor::cometbft();
    let low = ChannelDescriptor::new(ChannelId::new(1), 1);
    let small = ChannelDescriptor::new(ChannelId::new(10), 1).with_max_message(10);
    let high = ChannelDescriptor::new(ChannelId::new(0x80), 1);
    [a, b, c, d, e.send_only(), f, g, h, i, j, low, small, high]
}

/// The settings, the script of steps and the bytes from the peer that an input consists of.
///
/// The first byte is the settings, the second says how long the script is.
pub(crate) fn split_script(data: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let [settings, len, rest @ ..] = data else {
        return None;
    };
    let (script, stream) = rest.split_at(usize::from(*len).min(rest.len()));
    let script = if script.is_empty() { &[0xff] } else { script };
    Some((*settings, script, stream))
}

/// What may end a connection by the passing of time, kept beside the machine in the plainest way.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    /// The first ping since the peer's last packet.
    asked: Option<Instant>,
    /// For how long we did not read since then, which is no silence of the peer's.
    excused: Duration,
    /// Since when we do not read.
    paused: Option<Instant>,
    /// Since when the transport has taken nothing.
    blocked: Option<Instant>,
    packets: u64,
}

impl Patience {
    /// A batch was encoded.
    pub(crate) fn on_transmit(&mut self, now: Instant, batch: &[u8]) {
        if batch.is_empty() {
            return;
        }
        let mut rest = batch;
        while let Some(framed) = decode(rest, usize::MAX).expect("we wrote it") {
            if framed.packet == Packet::Ping && self.asked.is_none() {
                self.asked = Some(now);
                self.excused = Duration::ZERO;
            }
            rest = &rest[framed.framed_len..];
        }
        assert!(rest.is_empty(), "only whole packets are encoded");
    }

    pub(crate) fn on_written(&mut self, now: Instant, taken: usize, left: usize) {
        if taken > 0 {
            if self.blocked.is_some() && self.asked.is_some() {
                self.asked = Some(now);
                self.excused = Duration::ZERO;
            }
            self.blocked = self.blocked.filter(|_| left > 0).and(Some(now));
        }
    }

    pub(crate) fn on_blocked(&mut self, now: Instant) {
        self.blocked.get_or_insert(now);
    }

    /// Whether we read at present.
    pub(crate) fn set_paused(&mut self, now: Instant, paused: bool) {
        if paused {
            self.paused.get_or_insert(now);
        } else if let Some(since) = self.paused.take() {
            let counted = self.asked.map_or(now, |asked| asked.max(since));
            self.excused += now.duration_since(counted);
        }
    }

    /// The machine has now received `packets` in all.
    pub(crate) fn on_packets(&mut self, packets: u64) {
        if packets > self.packets {
            self.asked = None;
        }
        self.packets = packets;
    }

    /// Whether the machine may say this of its peer at `now`; gives whether the connection goes on.
    pub(crate) fn check(&self, now: Instant, config: &Config, verdict: Result<(), Error>) -> bool {
        let silence = self.asked.filter(|_| self.paused.is_none());
        let silence = silence.map(|asked| now.duration_since(asked).saturating_sub(self.excused));
        let silent = silence.is_some_and(|silence| silence >= config.pong_timeout());
        let blocked = self.blocked.map(|since| now.duration_since(since));
        let blocked = blocked.is_some_and(|blocked| blocked >= config.write_timeout());
        match verdict {
            Ok(()) => {
                assert!(!blocked, "the peer took nothing for too long");
                assert!(!silent, "the peer was silent for too long");
                true
            }
            Err(Error::PongTimeout { .. }) => {
                assert!(silent, "the peer was not silent");
                false
            }
            Err(Error::WriteTimeout {
                taken,
                blocked: time,
                min_rate,
                ..
            }) => {
                assert!(self.blocked.is_some(), "nothing is blocked");
                let asked = u128::from(min_rate) * time.as_millis() / 1000;
                assert!(blocked || u128::from(taken) < asked, "it took enough");
                false
            }
            Err(Error::MessageStalled { .. } | Error::MessageTimeout { .. }) => false,
            Err(error) => panic!("time alone does not cause this: {error}"),
        }
    }
}
