//! The other end of an encrypted stream, taken apart so that it can be wrong in any part.

use aws_lc_rs::aead::{Aad, LessSafeKey, NONCE_LEN, Nonce};
use aws_lc_rs::agreement::{PrivateKey, UnparsedPublicKey, X25519, agree};

use crate::secret::Identity;
use crate::secret::internals::{
    Ephemeral, EphemeralKey, MAX_DATA, challenge, encode_authentication, expand, frame_key,
};

/// A remote that knows our ephemeral key before we send it, so that all it says can be written down beforehand.
#[derive(Debug)]
pub(crate) struct Remote {
    pub(crate) ephemeral: EphemeralKey,
    /// What both sides sign.
    pub(crate) challenge: [u8; 32],
    /// What it seals its frames with.
    pub(crate) frames: Frames,
    /// What we seal ours with.
    pub(crate) our_frames: Frames,
    identity: Identity,
}

impl Remote {
    pub(crate) fn new(ours: &EphemeralKey, scalar: &EphemeralKey, seed: &[u8; 32]) -> Self {
        let ephemeral = *Ephemeral::new(scalar).expect("any scalar will do").public();
        let secret = shared_secret(scalar, ours).expect("both keys are honest");
        let keys = Keys::new(ours, &ephemeral, &secret);
        Self {
            ephemeral,
            challenge: keys.challenge,
            frames: keys.theirs,
            our_frames: keys.ours,
            identity: Identity::from_seed(seed).expect("any seed will do"),
        }
    }

    /// The 35 bytes that it begins with.
    pub(crate) fn ephemeral_message(&self) -> Vec<u8> {
        ephemeral_message(&self.ephemeral)
    }

    /// Its 103 bytes of authentication, not sealed.
    pub(crate) fn authentication(&self) -> Vec<u8> {
        encode_authentication(&self.identity, &self.challenge)
    }

    /// All that an honest one says until it is known who it is.
    #[cfg(test)]
    pub(crate) fn greeting(&mut self) -> Vec<u8> {
        let frame = self.frames.seal(&self.authentication());
        [self.ephemeral_message(), frame].concat()
    }
}

/// What follows from both ephemeral keys.
#[derive(Debug)]
pub(crate) struct Keys {
    pub(crate) challenge: [u8; 32],
    pub(crate) theirs: Frames,
    pub(crate) ours: Frames,
}

impl Keys {
    pub(crate) fn new(ours: &EphemeralKey, theirs: &EphemeralKey, secret: &[u8]) -> Self {
        let (lower, upper) = (ours.min(theirs), ours.max(theirs));
        let keys = expand(secret).expect("a secret");
        let (first, second) = (Frames::new(&keys[..32]), Frames::new(&keys[32..64]));
        let (their_frames, our_frames) = if ours <= theirs {
            (first, second)
        } else {
            (second, first)
        };
        Self {
            challenge: challenge(lower, upper, secret),
            theirs: their_frames,
            ours: our_frames,
        }
    }
}

pub(crate) fn ephemeral_message(key: &EphemeralKey) -> Vec<u8> {
    [&[0x22, 0x0a, 0x20], &key[..]].concat()
}

/// The result of X25519, unless it is zero.
pub(crate) fn shared_secret(scalar: &EphemeralKey, point: &EphemeralKey) -> Option<Vec<u8>> {
    let scalar = PrivateKey::from_private_key(&X25519, scalar).ok()?;
    let point = UnparsedPublicKey::new(&X25519, point);
    agree(&scalar, point, (), |secret| Ok(secret.to_vec())).ok()
}

/// Seals frames of one direction one by one, whatever they hold.
#[derive(Debug)]
pub(crate) struct Frames {
    key: LessSafeKey,
    pub(crate) counter: u64,
}

impl Frames {
    pub(crate) fn new(key: &[u8]) -> Self {
        let key = frame_key(key).expect("32 bytes");
        Self { key, counter: 0 }
    }

    /// The next frame, which carries `data`.
    pub(crate) fn seal(&mut self, data: &[u8]) -> Vec<u8> {
        let len = u32::try_from(data.len()).expect("a frame's worth");
        self.seal_as(len, data, 0)
    }

    /// The next frame, which says that it carries `len` bytes, with `padding` behind `data`.
    pub(crate) fn seal_as(&mut self, len: u32, data: &[u8], padding: u8) -> Vec<u8> {
        let mut frame = [&len.to_le_bytes(), data].concat();
        frame.resize(4 + MAX_DATA, padding);
        self.key
            .seal_in_place_append_tag(self.nonce(), Aad::empty(), &mut frame)
            .expect("a small frame");
        self.counter = self.counter.wrapping_add(1);
        frame
    }

    /// What the frame holds, its length and its padding included, unless it is not the next one.
    pub(crate) fn open(&mut self, frame: &[u8]) -> Option<Vec<u8>> {
        let mut frame = frame.to_vec();
        let plain = self
            .key
            .open_in_place(self.nonce(), Aad::empty(), &mut frame);
        let plain = plain.ok()?.to_vec();
        self.counter = self.counter.wrapping_add(1);
        Some(plain)
    }

    fn nonce(&self) -> Nonce {
        let mut nonce = [0; NONCE_LEN];
        nonce[4..].copy_from_slice(&self.counter.to_le_bytes());
        Nonce::assume_unique_for_key(nonce)
    }
}
