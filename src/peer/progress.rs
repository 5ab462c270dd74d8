//! How far a handshake has come.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Written by the handshake, read by whoever has to choose among several. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress(Arc<AtomicU8>);

/// What a remote has done so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// It is connected, and has sent no whole message.
    Silent,
    /// It sent its ephemeral key.
    Agreed,
    /// It proved who it is.
    Authenticated,
}

impl Progress {
    pub(crate) fn reach(&self, stage: Stage) {
        self.0.store(stage as u8, Ordering::Relaxed);
    }

    pub(crate) fn stage(&self) -> Stage {
        match self.0.load(Ordering::Relaxed) {
            0 => Stage::Silent,
            1 => Stage::Agreed,
            _ => Stage::Authenticated,
        }
    }
}
