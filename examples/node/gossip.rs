//! The protocol: whoever hears a note for the first time tells it to all its peers.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use mconn::ChannelId;
use mconn::switch::{Breach, Session, SessionError, SwitchHandle};
use prost::Message;

use crate::ledger::Ledger;

pub(crate) const NOTES: ChannelId = ChannelId::new(0x70);

/// What goes over the wire.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Note {
    /// The node that wrote it.
    #[prost(uint32, tag = "1")]
    pub(crate) writer: u32,
    /// The writer's number of it.
    #[prost(uint64, tag = "2")]
    pub(crate) number: u64,
    /// What it says.
    #[prost(string, tag = "3")]
    pub(crate) text: String,
}

impl Note {
    pub(crate) const fn key(&self) -> (u32, u64) {
        (self.writer, self.number)
    }
}

/// What one node knows of notes.
#[derive(Clone, Debug)]
pub(crate) struct Gossip {
    us: usize,
    switch: SwitchHandle,
    heard: Arc<Mutex<Heard>>,
    ledger: Arc<Ledger>,
}

impl Gossip {
    pub(crate) fn new(us: usize, switch: SwitchHandle, ledger: Arc<Ledger>) -> Self {
        let heard = Arc::default();
        Self {
            us,
            switch,
            heard,
            ledger,
        }
    }

    /// Writes a note.
    pub(crate) fn write(&self, note: &Note) {
        self.hear(note);
    }

    /// Takes what one peer tells, until it goes.
    pub(crate) async fn talk(self, mut session: Session) -> Result<(), SessionError> {
        let (_to_peer, notes) = session.typed::<Note>(NOTES)?;
        // It is asked before the note is decoded.
        let mut notes = notes.with_filter(|bytes| match bytes.len() {
            0..=NOTE_MAX => Ok(()),
            long => Err(Breach::new(format!(
                "a note of {long} bytes, the limit is {NOTE_MAX}"
            ))),
        });
        while let Some(note) = notes.recv().await? {
            self.hear(&note);
        }
        Ok(())
    }

    fn hear(&self, note: &Note) {
        let is_new = {
            let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
            heard.insert(note.key())
        };
        if is_new {
            self.ledger.heard(self.us, note.key());
            let told = self.switch.try_broadcast(NOTES, note.encode_to_vec());
            self.ledger.crowded(told.without_room.len());
        }
    }
}

/// The latest notes that were heard: what is told twice is told on once, for as long as it is remembered.
#[derive(Debug, Default)]
struct Heard {
    keys: HashSet<(u32, u64)>,
    order: VecDeque<(u32, u64)>,
}

impl Heard {
    /// Whether it is new.
    fn insert(&mut self, key: (u32, u64)) -> bool {
        if !self.keys.insert(key) {
            return false;
        }
        self.order.push_back(key);
        if self.order.len() > HEARD_MAX {
            let oldest = self.order.pop_front();
            oldest.map(|oldest| self.keys.remove(&oldest));
        }
        true
    }
}

/// A line of text, and some.
const NOTE_MAX: usize = 1024;
/// Minutes of notes, in less than a megabyte.
const HEARD_MAX: usize = 16 * 1024;
