//! From the ephemeral keys to the session: shared secret, keys of both directions, challenge.

use aws_lc_rs::agreement::{PrivateKey, UnparsedPublicKey, X25519, agree};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use merlin::Transcript;
use zeroize::Zeroizing;

use super::error::SecretHandshakeError;
use super::frame::{Opener, Sealer, frame_key};

/// Our ephemeral X25519 key pair.
#[derive(Debug)]
pub(crate) struct Ephemeral {
    scalar: PrivateKey,
    public: EphemeralKey,
}

impl Ephemeral {
    /// The pair of this scalar, which must be random and used once.
    pub(crate) fn new(scalar: &EphemeralKey) -> Option<Self> {
        let scalar = PrivateKey::from_private_key(&X25519, scalar).ok()?;
        let public = scalar.compute_public_key().ok()?;
        let public = public.as_ref().try_into().ok()?;
        Some(Self { scalar, public })
    }

    pub(crate) const fn public(&self) -> &EphemeralKey {
        &self.public
    }

    /// Derives the session with the owner of this ephemeral key.
    ///
    /// # Errors
    ///
    /// If the key is our own, or a low-order point, with which the shared secret is zero for every scalar.
    pub(crate) fn agree(self, theirs: &EphemeralKey) -> Result<Session, SecretHandshakeError> {
        if *theirs == self.public {
            return Err(SecretHandshakeError::Reflected);
        }
        let theirs_checked = UnparsedPublicKey::new(&X25519, theirs);
        agree(
            &self.scalar,
            theirs_checked,
            SecretHandshakeError::LowOrderPoint,
            |secret| Session::derive(&self.public, theirs, secret),
        )
    }
}

/// What both sides derive from the handshake's first half.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) sealer: Sealer,
    pub(crate) opener: Opener,
    /// What both sides sign to show that they hold their long-term key and saw this very handshake.
    pub(crate) challenge: [u8; 32],
}

impl Session {
    fn derive(
        ours: &EphemeralKey,
        theirs: &EphemeralKey,
        secret: &[u8],
    ) -> Result<Self, SecretHandshakeError> {
        // Which end has the lower key decides which of the two keys it receives with.
        let we_are_lower = ours < theirs;
        let (lower, upper) = if we_are_lower {
            (ours, theirs)
        } else {
            (theirs, ours)
        };
        let material = expand(secret)?;
        let (first, rest) = material.split_at(KEY_LEN);
        let (second, _) = rest.split_at(KEY_LEN);
        let (receive, send) = if we_are_lower {
            (first, second)
        } else {
            (second, first)
        };
        let key = |bytes| frame_key(bytes).ok_or(SecretHandshakeError::Cryptography);
        Ok(Self {
            sealer: Sealer::new(key(send)?),
            opener: Opener::new(key(receive)?),
            challenge: challenge(lower, upper, secret),
        })
    }
}

/// An X25519 public key or scalar.
pub(crate) type EphemeralKey = [u8; 32];

pub(crate) fn challenge(lower: &EphemeralKey, upper: &EphemeralKey, secret: &[u8]) -> [u8; 32] {
    let mut transcript = Transcript::new(TRANSCRIPT);
    transcript.append_message(b"EPHEMERAL_LOWER_PUBLIC_KEY", lower);
    transcript.append_message(b"EPHEMERAL_UPPER_PUBLIC_KEY", upper);
    transcript.append_message(b"DH_SECRET", secret);
    let mut challenge = [0; 32];
    transcript.challenge_bytes(b"SECRET_CONNECTION_MAC", &mut challenge);
    challenge
}

pub(crate) fn expand(secret: &[u8]) -> Result<Box<Material>, SecretHandshakeError> {
    // In a box, since what is returned by value may leave copies on the stack.
    let mut material = Box::new(Material::new([0; MATERIAL_LEN]));
    Salt::new(HKDF_SHA256, &[])
        .extract(secret)
        .expand(&[INFO], MaterialLen)
        .and_then(|expanded| expanded.fill(material.as_mut_slice()))
        .map_err(|_| SecretHandshakeError::Cryptography)?;
    Ok(material)
}

/// The keys of both directions, and some more bytes.
pub(crate) type Material = Zeroizing<[u8; MATERIAL_LEN]>;

struct MaterialLen;

impl KeyType for MaterialLen {
    fn len(&self) -> usize {
        MATERIAL_LEN
    }
}

const KEY_LEN: usize = 32;
/// Two keys, and a block that was the challenge before Tendermint v0.33.
const MATERIAL_LEN: usize = 96;
const INFO: &[u8] = b"TENDERMINT_SECRET_CONNECTION_KEY_AND_CHALLENGE_GEN";
const TRANSCRIPT: &[u8] = b"TENDERMINT_SECRET_CONNECTION_TRANSCRIPT_HASH";
