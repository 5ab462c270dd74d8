//! CometBFT's rule, for comparison: the least of recently sent bytes divided by priority.

/// Channels with a counter of sent bytes each, which loses a fifth every two seconds.
#[derive(Clone, Debug)]
pub struct GoRule {
    channels: Vec<Channel>,
    picked: usize,
}

#[derive(Clone, Copy, Debug)]
struct Channel {
    priority: u16,
    recently_sent: u64,
    pending: bool,
}

impl GoRule {
    pub fn new(priorities: &[u16]) -> Self {
        let idle = |priority: &u16| Channel {
            priority: *priority,
            recently_sent: 0,
            pending: false,
        };
        Self {
            channels: priorities.iter().map(idle).collect(),
            picked: 0,
        }
    }

    pub fn on_pending(&mut self, channel: usize) {
        self.channels[channel].pending = true;
    }

    /// The pending channel with the least ratio; of equal ones the first, as in Go in single precision.
    pub fn pick(&mut self) -> Option<usize> {
        let mut best = None;
        let mut least = f32::MAX;
        for (index, channel) in self.channels.iter().enumerate() {
            let ratio = channel.recently_sent as f32 / f32::from(channel.priority);
            if channel.pending && ratio < least {
                best = Some(index);
                least = ratio;
            }
        }
        self.picked = best.unwrap_or(self.picked);
        best
    }

    pub fn on_sent(&mut self, framed: usize, pending: bool) {
        let channel = &mut self.channels[self.picked];
        channel.recently_sent += framed as u64;
        channel.pending = pending;
    }

    /// What its statistics ticker does every two seconds.
    pub fn decay(&mut self) {
        for channel in &mut self.channels {
            channel.recently_sent = channel.recently_sent * 4 / 5;
        }
    }
}
