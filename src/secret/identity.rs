//! Long-term keys: what a node signs with, and what it is known by.

use std::fmt;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use zeroize::Zeroizing;

use crate::error::Fault;

/// A node's own ed25519 key pair. The seed is wiped from memory when it is dropped.
///
/// It is not `Clone`, so that the secret stays in one place; share it in an `Arc`.
pub struct Identity {
    /// In a box: what moves with the identity would leave copies on the stack.
    seed: Box<Zeroizing<[u8; SEED_LEN]>>,
    pair: Ed25519KeyPair,
    public: PublicKey,
}

impl Identity {
    /// A new identity from the system's random source.
    ///
    /// # Errors
    ///
    /// If the random source fails.
    pub fn generate() -> Result<Self, IdentityError> {
        let mut seed = empty_seed();
        SystemRandom::new()
            .fill(seed.as_mut_slice())
            .map_err(|_| IdentityError::NoRandomness)?;
        Self::from_boxed(seed)
    }

    /// The identity of an ed25519 seed (RFC 8032, section 5.1.5).
    ///
    /// # Errors
    ///
    /// If the cryptographic library refuses it, which it does for no seed.
    pub fn from_seed(seed: &[u8; SEED_LEN]) -> Result<Self, IdentityError> {
        let mut boxed = empty_seed();
        boxed.copy_from_slice(seed);
        Self::from_boxed(boxed)
    }

    fn from_boxed(seed: Box<Zeroizing<[u8; SEED_LEN]>>) -> Result<Self, IdentityError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.as_slice())
            .map_err(|_| IdentityError::Refused)?;
        let public = pair.public_key().as_ref().try_into();
        let public = PublicKey(public.map_err(|_| IdentityError::Refused)?);
        Ok(Self { seed, pair, public })
    }

    /// The public half.
    pub const fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// The seed, to be stored. Whoever copies it has to wipe the copy.
    pub fn seed(&self) -> &[u8; SEED_LEN] {
        &self.seed
    }

    pub(super) fn sign(&self, text: &[u8]) -> [u8; SIGNATURE_LEN] {
        let mut signature = [0; SIGNATURE_LEN];
        signature.copy_from_slice(self.pair.sign(text).as_ref());
        signature
    }
}

fn empty_seed() -> Box<Zeroizing<[u8; SEED_LEN]>> {
    Box::new(Zeroizing::new([0; SEED_LEN]))
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("public_key", &self.public)
            .finish_non_exhaustive()
    }
}

/// An ed25519 public key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; PUBLIC_KEY_LEN]);

impl PublicKey {
    /// The key with these bytes. Whether they are a point of the curve shows when a signature is checked.
    pub const fn new(bytes: [u8; PUBLIC_KEY_LEN]) -> Self {
        Self(bytes)
    }

    /// The bytes of the key.
    pub const fn as_bytes(&self) -> &[u8; PUBLIC_KEY_LEN] {
        &self.0
    }

    /// Whether this key signed the text: the cofactorless check of RFC 8032, as CometBFT v0.34 and v0.37 do it. Later lines
    /// also take signatures of deliberately malformed keys (ZIP-215), which nobody honest has.
    pub(super) fn has_signed(&self, text: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0)
            .verify(text, signature)
            .is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// An identity that could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// The system's random source failed.
    #[error("the system's random source failed")]
    NoRandomness,
    /// The cryptographic library refused the seed.
    #[error("the seed was refused")]
    Refused,
}

impl IdentityError {
    /// Who is at fault: this program or its machine.
    pub const fn fault(&self) -> Fault {
        Fault::Local
    }
}

pub(super) const PUBLIC_KEY_LEN: usize = 32;
pub(super) const SEED_LEN: usize = 32;
pub(super) const SIGNATURE_LEN: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_key_follows_from_the_seed() {
        // RFC 8032, section 7.1, test 1.
        let seed = [
            0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec,
            0x2c, 0xc4, 0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03,
            0x1c, 0xae, 0x7f, 0x60,
        ];
        let identity = Identity::from_seed(&seed).unwrap();
        assert_eq!(
            identity.public_key().to_string(),
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
        );
        assert_eq!(*identity.seed(), seed);
    }

    #[test]
    fn a_signature_holds_for_its_text_and_key_only() {
        let (one, other) = (Identity::generate().unwrap(), Identity::generate().unwrap());
        let signature = one.sign(b"text");
        assert!(one.public_key().has_signed(b"text", &signature));
        assert!(!one.public_key().has_signed(b"Text", &signature));
        assert!(!other.public_key().has_signed(b"text", &signature));
        assert!(!one.public_key().has_signed(b"text", &signature[..63]));
    }

    #[test]
    fn debug_does_not_show_the_secret() {
        let identity = Identity::from_seed(&[0xab; 32]).unwrap();
        assert!(!format!("{identity:?}").contains("abab"));
    }
}
