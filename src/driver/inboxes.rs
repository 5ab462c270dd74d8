//! The inboxes as the machine sees them.

use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;

use super::inbox::{Inbox, Tally, charge};
use super::staging::Staging;
use crate::channel::{ChannelDescriptor, ChannelId, ChannelSet, Overflow};
use crate::mux::MessageSink;
use crate::stats::ChannelStats;

/// Sorts the machine's messages into the inboxes: those of one step are handed over under one lock a channel.
#[derive(Debug)]
pub(super) struct Inboxes {
    set: Arc<ChannelSet>,
    inlets: Vec<Inlet>,
    /// What waiting messages may be charged in all.
    bound: u64,
    /// What waits, staged or handed over, is charged at most; exact when the inlets were last looked at.
    waiting_charge: u64,
    /// Inlets with messages that are not handed over.
    touched: Vec<usize>,
    /// The message that found its inbox full; reading waits for it.
    held: Option<(usize, Bytes)>,
    mode: Mode,
    /// The channel that was to end the connection rather than to pause or to shed, and did not have room.
    overflowed: Option<ChannelId>,
}

/// Why reading is paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Obstacle {
    /// The channel whose receiver is to take something.
    pub(super) channel: ChannelId,
    /// Grows with each message that is taken and may help.
    pub(super) progress: u64,
}

/// What happens to messages that nobody takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Reading pauses, except for channels that shed.
    Pause,
    /// They are discarded.
    Discard,
}

/// What becomes of a message.
enum Admission {
    Staged,
    Dropped,
    Held,
    /// It ends the connection.
    Overflow,
}

/// The task's end of one inbox.
#[derive(Debug)]
struct Inlet {
    inbox: Arc<Inbox>,
    staged: Staging,
    /// Messages that wait at most, staged or handed over; exact when last looked at.
    waiting: u64,
    /// Handed over since the beginning.
    handed_over: Tally,
    /// Of these no longer in the inbox, when last looked at.
    gone: Tally,
    capacity: u64,
    overflow: Overflow,
    shed: u64,
    discarded: u64,
    /// A message was discarded in the drain, so that all behind it are too: what arrives has no holes.
    broken_off: bool,
}

impl Inboxes {
    pub(super) fn new(bound: usize) -> Self {
        Self {
            set: Arc::default(),
            inlets: Vec::new(),
            bound: bound as u64,
            waiting_charge: 0,
            touched: Vec::new(),
            held: None,
            mode: Mode::Pause,
            overflowed: None,
        }
    }

    /// Adds the inbox of the last channel of `set`.
    pub(super) fn add(
        &mut self,
        set: Arc<ChannelSet>,
        channel: &ChannelDescriptor,
        inbox: Arc<Inbox>,
    ) {
        self.set = set;
        self.inlets.push(Inlet::new(channel, inbox));
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

    /// Whose receiver holds up reading: that of the held message's channel where its messages are too many, else that which leaves
    /// most bytes lying.
    pub(super) fn obstacle(&self) -> Option<Obstacle> {
        let (index, _) = self.held.as_ref()?;
        let full = self.inlets.get(*index)?;
        if full.waiting >= full.capacity {
            return Some(Obstacle {
                channel: full.inbox.channel,
                progress: full.gone.messages,
            });
        }
        let largest = self
            .inlets
            .iter()
            .max_by_key(|inlet| inlet.handed_over.since(inlet.gone).charge)?;
        let progress = self.inlets.iter().map(|inlet| inlet.gone.messages);
        Some(Obstacle {
            channel: largest.inbox.channel,
            progress: progress.fold(0, u64::saturating_add),
        })
    }

    /// The channel whose full inbox ends the connection, if one is.
    pub(super) const fn overflowed(&self) -> Option<ChannelId> {
        self.overflowed
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
        for inlet in &self.inlets {
            inlet.inbox.close();
        }
    }

    /// Frees the memory of past steps.
    pub(super) fn shrink(&mut self) {
        for inlet in &mut self.inlets {
            inlet.staged.shrink();
            inlet.inbox.shrink();
        }
    }

    /// What the messages that wait to be taken are charged.
    pub(super) fn waiting_bytes(&self) -> usize {
        let waiting = self
            .inlets
            .iter()
            .map(|inlet| inlet.handed_over.since(inlet.inbox.gone()).charge);
        usize::try_from(waiting.fold(0, u64::saturating_add)).unwrap_or(usize::MAX)
    }

    pub(super) fn describe(&self, stats: &mut [ChannelStats]) {
        for (inlet, stats) in self.inlets.iter().zip(stats) {
            let waiting = inlet.handed_over.since(inlet.inbox.gone()).messages;
            stats.inbox_messages = usize::try_from(waiting).unwrap_or(usize::MAX);
            stats.shed = inlet.shed;
            stats.discarded = inlet.discarded.saturating_add(inlet.inbox.discarded());
        }
    }

    fn admit(&mut self, index: usize, message: Bytes) -> ControlFlow<()> {
        match self.admission(index, message.len()) {
            Admission::Staged => self.stage(index, message.len(), |staged| staged.push(message)),
            Admission::Dropped => {}
            Admission::Held => return self.hold(index, message),
            Admission::Overflow => return ControlFlow::Break(()),
        }
        ControlFlow::Continue(())
    }

    fn hold(&mut self, index: usize, message: Bytes) -> ControlFlow<()> {
        self.held = Some((index, message));
        ControlFlow::Break(())
    }

    /// What is to be done with the next message of this channel; one that is dropped is counted.
    #[inline]
    fn admission(&mut self, index: usize, len: usize) -> Admission {
        if self.has_room(index, len) {
            return Admission::Staged;
        }
        self.look_at_inlets();
        let has_room = self.has_room(index, len);
        let mode = self.mode;
        match self.inlets.get_mut(index) {
            Some(inlet) if inlet.broken_off => inlet.discarded += 1,
            Some(_) if has_room => return Admission::Staged,
            Some(inlet) if inlet.overflow == Overflow::Shed => inlet.shed += 1,
            Some(inlet) if mode == Mode::Discard => {
                inlet.broken_off = true;
                inlet.discarded += 1;
            }
            Some(inlet) if inlet.overflow == Overflow::End => {
                self.overflowed = Some(inlet.inbox.channel);
                return Admission::Overflow;
            }
            Some(_) => return Admission::Held,
            None => {}
        }
        Admission::Dropped
    }

    #[inline]
    fn has_room(&self, index: usize, len: usize) -> bool {
        let fits = self.waiting_charge.saturating_add(charge(len)) <= self.bound;
        self.inlets
            .get(index)
            .is_some_and(|inlet| inlet.admits(fits))
    }

    /// Takes note of what the receivers have taken.
    #[cold]
    fn look_at_inlets(&mut self) {
        for inlet in &mut self.inlets {
            let gone = inlet.inbox.gone();
            let more = gone.since(inlet.gone);
            inlet.gone = gone;
            inlet.waiting = inlet.waiting.saturating_sub(more.messages);
            self.waiting_charge = self.waiting_charge.saturating_sub(more.charge);
        }
    }

    #[inline]
    fn stage(&mut self, index: usize, len: usize, put: impl FnOnce(&mut Staging)) {
        let Some(inlet) = self.inlets.get_mut(index) else {
            return;
        };
        if inlet.staged.len() == 0 {
            self.touched.push(index);
        }
        inlet.waiting += 1;
        self.waiting_charge = self.waiting_charge.saturating_add(charge(len));
        put(&mut inlet.staged);
    }

    fn hand_over(&mut self) {
        for index in self.touched.drain(..) {
            if let Some(inlet) = self.inlets.get_mut(index) {
                let refused = inlet.hand_over();
                self.waiting_charge = self.waiting_charge.saturating_sub(refused.charge);
            }
        }
    }
}

impl MessageSink for Inboxes {
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
        match self.admission(index, message.len()) {
            Admission::Staged => {
                self.stage(index, message.len(), |staged| staged.push_copy(message));
            }
            Admission::Dropped => {}
            Admission::Held => return self.hold(index, Bytes::copy_from_slice(message)),
            Admission::Overflow => return ControlFlow::Break(()),
        }
        ControlFlow::Continue(())
    }
}

impl Inlet {
    fn new(channel: &ChannelDescriptor, inbox: Arc<Inbox>) -> Self {
        Self {
            inbox,
            staged: Staging::default(),
            waiting: 0,
            handed_over: Tally::default(),
            gone: Tally::default(),
            capacity: channel.recv_capacity() as u64,
            overflow: channel.overflow(),
            shed: 0,
            discarded: 0,
            broken_off: false,
        }
    }

    #[inline]
    const fn admits(&self, fits: bool) -> bool {
        if self.waiting == 0 {
            !self.broken_off
        } else {
            fits && self.waiting < self.capacity && !self.broken_off
        }
    }

    /// Gives the staged messages to the receiver, or discards them if that is gone. Says what was discarded.
    fn hand_over(&mut self) -> Tally {
        let (run, tally) = self.staged.run();
        if self.inbox.push_run(run) {
            self.handed_over.messages += tally.messages;
            self.handed_over.charge += tally.charge;
            return Tally::default();
        }
        run.clear();
        self.waiting = self.waiting.saturating_sub(tally.messages);
        self.discarded += tally.messages;
        tally
    }
}
