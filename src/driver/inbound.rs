//! The inboxes as the machine sees them.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use super::receiver::Inbox;
use super::shared::Shared;
use super::staging::Staging;
use crate::channel::{ChannelDescriptor, ChannelId, ChannelSet};
use crate::mux::MessageSink;
use crate::stats::ChannelStats;

/// Sorts the machine's messages into the inboxes: those of one step are handed over under one lock a channel.
#[derive(Debug)]
pub(super) struct Inbound {
    set: Arc<ChannelSet>,
    lanes: Vec<Lane>,
    shared: Arc<Shared>,
    /// Lanes with messages that are not handed over.
    touched: Vec<usize>,
    staged_bytes: usize,
    /// The message that found its inbox full; reading waits for it.
    held: Option<(usize, Bytes)>,
    mode: Mode,
}

/// What happens to messages that nobody takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Reading pauses, except for channels that shed.
    Pause,
    /// They are discarded.
    Discard,
}

enum Verdict {
    Stage,
    Drop,
    Hold,
}

#[derive(Debug)]
struct Lane {
    inbox: Arc<Inbox>,
    staged: Staging,
    /// At least the messages in the inbox, as it was when last looked at.
    waiting: usize,
    capacity: usize,
    sheds: bool,
    shed: u64,
    discarded: u64,
}

impl Inbound {
    pub(super) fn new(set: Arc<ChannelSet>, inboxes: Vec<Arc<Inbox>>, shared: Arc<Shared>) -> Self {
        let lanes = set
            .as_slice()
            .iter()
            .zip(inboxes)
            .map(|(channel, inbox)| Lane::new(channel, inbox))
            .collect();
        Self {
            set,
            lanes,
            shared,
            touched: Vec::new(),
            staged_bytes: 0,
            held: None,
            mode: Mode::Pause,
        }
    }

    /// Hands over what the last step staged, and tries the held message again. `true` if nothing is held.
    pub(super) fn deliver(&mut self) -> bool {
        self.hand_over();
        let Some((index, message)) = self.held.take() else {
            return true;
        };
        if self.admit(index, message).is_break() {
            return false;
        }
        self.hand_over();
        true
    }

    /// The channel whose full inbox holds up reading, and how many messages its receiver has taken.
    pub(super) fn obstacle(&self) -> Option<(ChannelId, u64)> {
        let (index, _) = self.held.as_ref()?;
        let inbox = &self.lanes.get(*index)?.inbox;
        Some((inbox.channel, inbox.taken.load(Ordering::Relaxed)))
    }

    /// From here a full inbox discards, so that a drain cannot be held up.
    pub(super) fn begin_drain(&mut self) {
        self.mode = Mode::Discard;
    }

    /// Nothing more comes; what was handed over can still be taken. A held message was received, so it is handed over too.
    pub(super) fn close(&mut self) {
        if let Some((index, message)) = self.held.take() {
            self.stage(index, message.len(), |staged| staged.push(message));
        }
        self.hand_over();
        for lane in &self.lanes {
            lane.inbox.queue.close();
        }
    }

    /// Frees the memory of past steps.
    pub(super) fn shrink(&mut self) {
        for lane in &mut self.lanes {
            lane.staged.shrink();
            lane.inbox.queue.shrink();
        }
    }

    pub(super) fn describe(&self, stats: &mut [ChannelStats]) {
        for (lane, stats) in self.lanes.iter().zip(stats) {
            let left_behind = lane.inbox.discarded.load(Ordering::Relaxed);
            let gone = lane.inbox.taken.load(Ordering::Relaxed) + left_behind;
            let waiting = lane.inbox.queue.accepted().saturating_sub(gone);
            stats.inbox_messages = usize::try_from(waiting).unwrap_or(usize::MAX);
            stats.shed = lane.shed;
            stats.discarded = lane.discarded + left_behind;
        }
    }

    fn admit(&mut self, index: usize, message: Bytes) -> ControlFlow<()> {
        match self.verdict(index, message.len()) {
            Verdict::Stage => self.stage(index, message.len(), |staged| staged.push(message)),
            Verdict::Drop => {}
            Verdict::Hold => return self.hold(index, message),
        }
        ControlFlow::Continue(())
    }

    fn hold(&mut self, index: usize, message: Bytes) -> ControlFlow<()> {
        self.held = Some((index, message));
        ControlFlow::Break(())
    }

    /// What is to be done with the next message of this channel; one that is dropped is counted.
    fn verdict(&mut self, index: usize, len: usize) -> Verdict {
        if self.has_room(index, len) {
            return Verdict::Stage;
        }
        let mode = self.mode;
        match self.lanes.get_mut(index) {
            Some(lane) if lane.sheds => lane.shed += 1,
            Some(lane) if mode == Mode::Discard => lane.discarded += 1,
            _ => return Verdict::Hold,
        }
        Verdict::Drop
    }

    fn has_room(&mut self, index: usize, len: usize) -> bool {
        let bytes = self.shared.inbox_bytes.load(Ordering::SeqCst) + self.staged_bytes;
        let fits = bytes.saturating_add(len) <= self.shared.config.inbox_bytes();
        let Some(lane) = self.lanes.get_mut(index) else {
            return true;
        };
        if lane.admits(fits) {
            return true;
        }
        lane.waiting = lane.inbox.queue.occupancy().messages;
        lane.admits(fits)
    }

    #[inline]
    fn stage(&mut self, index: usize, len: usize, put: impl FnOnce(&mut Staging)) {
        let Some(lane) = self.lanes.get_mut(index) else {
            return;
        };
        if lane.staged.len() == 0 {
            self.touched.push(index);
        }
        self.staged_bytes += len;
        put(&mut lane.staged);
    }

    fn hand_over(&mut self) {
        for index in self.touched.drain(..) {
            let Some(lane) = self.lanes.get_mut(index) else {
                continue;
            };
            let bytes = lane.staged.bytes();
            // Before the receiver can give it back.
            self.shared.inbox_bytes.fetch_add(bytes, Ordering::SeqCst);
            if !lane.hand_over() {
                self.shared.inbox_bytes.fetch_sub(bytes, Ordering::SeqCst);
            }
        }
        self.staged_bytes = 0;
    }
}

impl MessageSink for Inbound {
    fn push(&mut self, channel: ChannelId, message: Bytes) -> ControlFlow<()> {
        match self.set.index_of(channel) {
            Some(index) => self.admit(index, message),
            None => ControlFlow::Continue(()),
        }
    }

    fn push_copy(&mut self, channel: ChannelId, message: &[u8]) -> ControlFlow<()> {
        let Some(index) = self.set.index_of(channel) else {
            return ControlFlow::Continue(());
        };
        match self.verdict(index, message.len()) {
            Verdict::Stage => self.stage(index, message.len(), |staged| staged.push_copy(message)),
            Verdict::Drop => {}
            Verdict::Hold => return self.hold(index, Bytes::copy_from_slice(message)),
        }
        ControlFlow::Continue(())
    }
}

impl Lane {
    fn new(channel: &ChannelDescriptor, inbox: Arc<Inbox>) -> Self {
        Self {
            inbox,
            staged: Staging::default(),
            waiting: 0,
            capacity: channel.recv_capacity(),
            sheds: channel.sheds(),
            shed: 0,
            discarded: 0,
        }
    }

    fn admits(&self, fits: bool) -> bool {
        let waiting = self.waiting + self.staged.len();
        waiting == 0 || (fits && waiting < self.capacity)
    }

    /// `false` if the receiver is gone, so that the messages are discarded.
    fn hand_over(&mut self) -> bool {
        let messages = self.staged.len();
        let bytes = self.staged.bytes();
        let run = self.staged.run();
        match self.inbox.queue.push_run(run, bytes) {
            Ok(()) => {
                self.waiting += messages;
                true
            }
            Err(_) => {
                run.clear();
                self.discarded += messages as u64;
                false
            }
        }
    }
}
