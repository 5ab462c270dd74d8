//! The encryption once more, written from its description: a remote that sends whatever it likes under the right keys.

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{PrivateKey, UnparsedPublicKey, X25519, agree};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use bytes::Bytes;
use merlin::Transcript;
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use crate::proto::crypto::v1::{PublicKey, public_key::Sum};
use crate::proto::p2p::v1::AuthSigMessage;

/// A session whose next message should be the proof of identity.
pub(super) struct Session {
    io: DuplexStream,
    key: LessSafeKey,
    frames: u64,
    challenge: [u8; 32],
}

impl Session {
    /// Agrees on keys, with a scalar that is no secret.
    pub(super) async fn agree(mut io: DuplexStream) -> Self {
        let scalar = PrivateKey::from_private_key(&X25519, &[0x47; 32]).unwrap();
        let public = scalar.compute_public_key().unwrap();
        let ours: [u8; 32] = public.as_ref().try_into().unwrap();
        io.write_all(&ephemeral(&ours)).await.unwrap();
        let mut message = [0; 35];
        io.read_exact(&mut message).await.unwrap();
        assert_eq!(message[..3], [34, 0x0a, 32]);
        let theirs = <[u8; 32]>::try_from(&message[3..]).unwrap();
        let peer = UnparsedPublicKey::new(&X25519, theirs);
        let (key, challenge) = agree(&scalar, peer, (), |secret| {
            Ok(derive(&ours, &theirs, secret))
        })
        .unwrap();
        Self {
            io,
            key,
            frames: 0,
            challenge,
        }
    }

    /// Seals a frame that says that it carries so many bytes, these among them.
    pub(super) async fn send_frame(&mut self, len: u32, data: &[u8]) {
        let mut frame = len.to_le_bytes().to_vec();
        frame.extend_from_slice(data);
        frame.resize(1028, 0);
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(&self.frames.to_le_bytes());
        self.frames += 1;
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.key
            .seal_in_place_append_tag(nonce, Aad::empty(), &mut frame)
            .unwrap();
        self.io.write_all(&frame).await.unwrap();
    }

    /// Sends bytes that fit into one frame.
    pub(super) async fn send(&mut self, data: &[u8]) {
        self.send_frame(u32::try_from(data.len()).unwrap(), data)
            .await;
    }

    /// Sends what nobody sealed.
    pub(super) async fn send_unsealed(&mut self, data: &[u8]) {
        self.io.write_all(data).await.unwrap();
    }

    /// Sends a proof of identity.
    pub(super) async fn authenticate(&mut self, sum: Option<Sum>, signature: &[u8]) {
        let message = AuthSigMessage {
            pub_key: Some(PublicKey { sum }),
            sig: Bytes::copy_from_slice(signature),
        };
        self.send(&message.encode_length_delimited_to_vec()).await;
    }

    /// All that still comes, up to the end.
    pub(super) async fn rest(mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.io.read_to_end(&mut rest).await.unwrap();
        rest
    }

    /// A key, and its signature over the challenge with these changes.
    pub(super) fn proof(&self, change: impl FnOnce(&mut [u8; 32])) -> (Bytes, Vec<u8>) {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[0x11; 32]).unwrap();
        let mut challenge = self.challenge;
        change(&mut challenge);
        let key = Bytes::copy_from_slice(pair.public_key().as_ref());
        (key, pair.sign(&challenge).as_ref().to_vec())
    }
}

/// The message that a session begins with.
pub(super) fn ephemeral(key: &[u8]) -> Vec<u8> {
    Bytes::copy_from_slice(key).encode_length_delimited_to_vec()
}

fn derive(ours: &[u8; 32], theirs: &[u8; 32], secret: &[u8]) -> (LessSafeKey, [u8; 32]) {
    struct Len;
    impl KeyType for Len {
        fn len(&self) -> usize {
            96
        }
    }
    let mut keys = [0; 96];
    let extracted = Salt::new(HKDF_SHA256, &[]).extract(secret);
    let info = [&b"TENDERMINT_SECRET_CONNECTION_KEY_AND_CHALLENGE_GEN"[..]];
    extracted
        .expand(&info, Len)
        .unwrap()
        .fill(&mut keys)
        .unwrap();
    let send = if ours < theirs {
        &keys[32..64]
    } else {
        &keys[..32]
    };
    let mut transcript = Transcript::new(b"TENDERMINT_SECRET_CONNECTION_TRANSCRIPT_HASH");
    transcript.append_message(b"EPHEMERAL_LOWER_PUBLIC_KEY", ours.min(theirs));
    transcript.append_message(b"EPHEMERAL_UPPER_PUBLIC_KEY", ours.max(theirs));
    transcript.append_message(b"DH_SECRET", secret);
    let mut challenge = [0; 32];
    transcript.challenge_bytes(b"SECRET_CONNECTION_MAC", &mut challenge);
    let key = UnboundKey::new(&CHACHA20_POLY1305, send).unwrap();
    (LessSafeKey::new(key), challenge)
}
