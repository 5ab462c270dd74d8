//! Frames: 1024 bytes at most behind their length, padded and sealed (CometBFT p2p specification, "Secret connection").

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use super::error::FrameError;

/// Seals the frames of one direction.
#[derive(Debug)]
pub(crate) struct Sealer {
    key: LessSafeKey,
    counter: Counter,
}

impl Sealer {
    pub(crate) const fn new(key: LessSafeKey) -> Self {
        Self {
            key,
            counter: Counter(0),
        }
    }

    /// Appends frames that carry `data`, one for each 1024 bytes begun. Padding is zero: it is nobody's plaintext.
    pub(crate) fn seal(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        data.chunks(MAX_DATA)
            .try_for_each(|chunk| self.seal_one(chunk, out))
    }

    fn seal_one(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        let nonce = self.counter.peek()?;
        let start = out.len();
        let len = u32::try_from(chunk.len()).unwrap_or(u32::MAX);
        out.extend_from_slice(&len.to_le_bytes());
        out.extend_from_slice(chunk);
        out.resize(start.saturating_add(PLAIN_FRAME), 0);
        let frame = out.get_mut(start..).unwrap_or_default();
        let tag = self
            .key
            .seal_in_place_separate_tag(nonce, Aad::empty(), frame)
            .map_err(|_| FrameError::NonceExhausted)?;
        out.extend_from_slice(tag.as_ref());
        self.counter.advance();
        Ok(())
    }

    #[cfg(test)]
    pub(crate) fn skip_to(&mut self, counter: u64) {
        self.counter = Counter(counter);
    }
}

/// Opens the frames of one direction.
#[derive(Debug)]
pub(crate) struct Opener {
    key: LessSafeKey,
    counter: Counter,
}

impl Opener {
    pub(crate) const fn new(key: LessSafeKey) -> Self {
        Self {
            key,
            counter: Counter(0),
        }
    }

    /// Opens a sealed frame in place and says how many bytes it carries; they begin at [`LEN_PREFIX`].
    pub(crate) fn open(&mut self, frame: &mut [u8]) -> Result<usize, FrameError> {
        let nonce = self.counter.peek()?;
        let plain = self
            .key
            .open_in_place(nonce, Aad::empty(), frame)
            .map_err(|_| FrameError::NotAuthentic)?;
        self.counter.advance();
        let len = plain.first_chunk().copied().map(u32::from_le_bytes);
        let len = len.ok_or(FrameError::NotAuthentic)?;
        match usize::try_from(len) {
            Ok(carried) if carried <= MAX_DATA => Ok(carried),
            _ => Err(FrameError::TooLong { len }),
        }
    }

    #[cfg(test)]
    pub(crate) fn skip_to(&mut self, counter: u64) {
        self.counter = Counter(counter);
    }
}

/// The key of one direction.
pub(crate) fn frame_key(key: &[u8]) -> Option<LessSafeKey> {
    let key = UnboundKey::new(&CHACHA20_POLY1305, key).ok()?;
    Some(LessSafeKey::new(key))
}

/// The nonce of the next frame. The last value is never used, as in CometBFT, where advancing to it panics.
#[derive(Debug)]
struct Counter(u64);

impl Counter {
    fn peek(&self) -> Result<Nonce, FrameError> {
        if self.0 == u64::MAX {
            return Err(FrameError::NonceExhausted);
        }
        let mut nonce = [0; NONCE_LEN];
        let (_, counter) = nonce.split_at_mut(NONCE_LEN - size_of::<u64>());
        counter.copy_from_slice(&self.0.to_le_bytes());
        Ok(Nonce::assume_unique_for_key(nonce))
    }

    const fn advance(&mut self) {
        self.0 = self.0.saturating_add(1);
    }
}

/// The most that a frame carries.
pub(crate) const MAX_DATA: usize = 1024;
/// The length that each frame begins with, little endian.
pub(crate) const LEN_PREFIX: usize = 4;
const PLAIN_FRAME: usize = LEN_PREFIX + MAX_DATA;
/// A frame on the wire, behind the tag of ChaCha20-Poly1305.
pub(crate) const SEALED_FRAME: usize = PLAIN_FRAME + 16;
