//! Which channel sends the next packet.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

/// Least recently-sent/priority, kept as a virtual clock: weighted fair queueing that picks the least ratio *after* sending.
///
/// Every channel has a ratio of sent bytes to priority that never decays. A channel that becomes pending starts near the
/// ratio of the channel whose turn it is, with a credit of half a packet: so it waits for its fair period at most, and cannot
/// claim the link for the time in which it was silent, which is what the Go rule grants it. Channels are named by their index,
/// in the order of registration, which also decides ties.
///
/// The cost of a pick grows with the logarithm of the *pending* channels; idle ones cost nothing.
///
/// ```
/// use mconn::mux::scheduler::Scheduler;
///
/// let mut scheduler = Scheduler::new([10, 5], 1036);
/// scheduler.on_pending(0, 1036);
/// scheduler.on_pending(1, 1036);
/// assert_eq!(scheduler.pick(), Some(0));
/// scheduler.on_sent(1036, Some(1036));
/// ```
#[derive(Debug)]
pub struct Scheduler {
    channels: Vec<Share>,
    /// Least first: the ratio that the channel would have after its next packet, then its index.
    pending: BinaryHeap<Reverse<(u128, usize)>>,
    /// The largest ratio from which a packet has started or is about to, or that was reached when the link fell idle.
    clock: u128,
    largest_packet: u64,
}

impl Scheduler {
    /// Channels with these priorities, in the order of registration; none is pending. `largest_packet` is in framed bytes.
    ///
    /// A priority of 0 counts as 1.
    pub fn new(priorities: impl IntoIterator<Item = u16>, largest_packet: usize) -> Self {
        let share = |priority: u16| Share {
            stride: ONE / u64::from(priority.max(1)),
            ratio: 0,
        };
        Self {
            channels: priorities.into_iter().map(share).collect(),
            pending: BinaryHeap::new(),
            clock: 0,
            largest_packet: largest_packet as u64,
        }
    }

    /// A channel that was idle has a packet of `framed_len` bytes to send.
    ///
    /// Must not be called for one that is pending already. An unknown index is ignored.
    pub fn on_pending(&mut self, channel: usize, framed_len: usize) {
        let Some(share) = self.channels.get_mut(channel) else {
            return;
        };
        let credit = share.cost(self.largest_packet) / 2;
        share.ratio = share.ratio.max(self.clock.saturating_sub(credit));
        let after = share.ratio + share.cost(framed_len as u64);
        self.pending.push(Reverse((after, channel)));
    }

    /// The channel that sends next, `None` if none is pending.
    pub fn pick(&self) -> Option<usize> {
        self.pending.peek().map(|Reverse((_, channel))| *channel)
    }

    /// The picked channel sent `framed_len` bytes; its next packet has `next` framed bytes, or it is idle.
    pub fn on_sent(&mut self, framed_len: usize, next: Option<usize>) {
        let Some(mut top) = self.pending.peek_mut() else {
            return;
        };
        let Some(share) = self.channels.get_mut(top.0.1) else {
            return;
        };
        self.clock = self.clock.max(share.ratio);
        share.ratio += share.cost(framed_len as u64);
        let reached = share.ratio;
        match next {
            Some(next) => {
                top.0.0 = reached + share.cost(next as u64);
                drop(top);
            }
            None => {
                PeekMut::pop(top);
            }
        }
        // What was just sent is over. Counted from its start, a newcomer would take the time of that packet a second time.
        let in_line = self.pick().and_then(|channel| self.channels.get(channel));
        let starts = in_line.map_or(reached, |share| share.ratio);
        self.clock = self.clock.max(starts);
    }

    /// How many channels are pending.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }
}

#[derive(Clone, Copy, Debug)]
struct Share {
    /// One byte divided by the priority, with 48 bits of fraction.
    stride: u64,
    /// Bytes sent divided by the priority, likewise.
    ratio: u128,
}

impl Share {
    fn cost(&self, bytes: u64) -> u128 {
        u128::from(self.stride) * u128::from(bytes)
    }
}

/// 48 bits of fraction keep the shares exact for all priorities; 80 bits of whole bytes cannot overflow.
const ONE: u64 = 1 << 48;
