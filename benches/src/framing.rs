//! Messages on a byte stream, as a careful user of a stream multiplexer cuts them: a length of four bytes before
//! each, small ones gathered into one write, large ones passed on where they lie.

use std::mem;

use bytes::{Buf, Bytes, BytesMut};

/// Gathers messages into pieces of [`PIECE`] bytes for a stream to take.
#[derive(Debug, Default)]
pub struct Gather {
    held: BytesMut,
}

impl Gather {
    /// Holds a whole message back; false if it does not fit and has to be cut.
    pub fn hold(&mut self, message: &[u8]) -> bool {
        if self.held.len() + HEADER + message.len() >= PIECE {
            return false;
        }
        self.put_length(message);
        self.held.extend_from_slice(message);
        true
    }

    /// Starts a message: what is returned goes to [`Gather::next_piece`] until nothing comes back.
    pub fn begin(&mut self, message: &Bytes) -> Bytes {
        self.put_length(message);
        message.clone()
    }

    /// A piece that can leave now; none once the rest of the message is held back.
    pub fn next_piece(&mut self, rest: &mut Bytes) -> Option<Bytes> {
        if self.held.is_empty() && rest.len() >= PIECE {
            return Some(rest.split_to(rest.len() - rest.len() % PIECE));
        }
        let moved = PIECE.saturating_sub(self.held.len()).min(rest.len());
        self.held.extend_from_slice(&rest[..moved]);
        rest.advance(moved);
        (self.held.len() >= PIECE).then(|| self.held.split().freeze())
    }

    /// Everything held back; the memory goes with it, so that an idle channel keeps none.
    pub fn take(&mut self) -> Bytes {
        mem::take(&mut self.held).freeze()
    }

    fn put_length(&mut self, message: &[u8]) {
        if self.held.capacity() == 0 {
            self.held.reserve(PIECE.min(HEADER + message.len()));
        }
        let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
        self.held.extend_from_slice(&length.to_be_bytes());
    }
}

/// Cuts chunks of a stream into messages; those that lie whole in one chunk are shown in place.
#[derive(Debug, Default)]
pub struct Cutter {
    partial: Vec<u8>,
}

impl Cutter {
    /// Shows each message that `chunk` completes.
    pub fn feed(&mut self, mut chunk: &[u8], each: &mut impl FnMut(&[u8])) {
        while !self.partial.is_empty() && !chunk.is_empty() {
            chunk = self.complete(chunk, each);
        }
        while let Some(length) = length_of(chunk).filter(|length| chunk.len() - HEADER >= *length) {
            each(&chunk[HEADER..HEADER + length]);
            chunk = &chunk[HEADER + length..];
        }
        if !chunk.is_empty() {
            let whole = length_of(chunk).map_or(HEADER, |length| HEADER + length);
            self.partial.reserve(whole);
            self.partial.extend_from_slice(chunk);
        }
    }

    /// Adds to the message in progress what `chunk` has of its length or body; returns what is left of the chunk.
    fn complete<'a>(&mut self, chunk: &'a [u8], each: &mut impl FnMut(&[u8])) -> &'a [u8] {
        let (taken, left) = chunk.split_at(self.missing().min(chunk.len()));
        self.partial.extend_from_slice(taken);
        match self.missing() {
            0 => {
                each(&self.partial[HEADER..]);
                self.release();
            }
            missing => self.partial.reserve(missing),
        }
        left
    }

    /// What the message in progress still needs, of its length first and then of its body.
    fn missing(&self) -> usize {
        length_of(&self.partial).map_or(HEADER, |length| HEADER + length) - self.partial.len()
    }

    fn release(&mut self) {
        if self.partial.capacity() > KEPT {
            self.partial = Vec::new();
        } else {
            self.partial.clear();
        }
    }
}

fn length_of(framed: &[u8]) -> Option<usize> {
    let header = framed.first_chunk::<HEADER>()?;
    usize::try_from(u32::from_be_bytes(*header)).ok()
}

/// The frame size of h2 and of yamux as they come, and the size below which gathering pays for both.
pub const PIECE: usize = 16 * 1024;
/// A longer message would be handed to its owner, and its memory with it.
const KEPT: usize = 4 * 1024;
const HEADER: usize = 4;
