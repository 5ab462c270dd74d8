//! What has to come of a handshake, by a plain look at all that the remote says.

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use bytes::Bytes;
use prost::Message;

use super::{EPHEMERAL_MESSAGE, MAX_MESSAGE, SCALAR, Settings, our_ephemeral, us};
use crate::fuzzing::secret_frame::{End, open_all};
use crate::proto::crypto::v1::public_key::Sum;
use crate::proto::p2p::v1::AuthSigMessage;
use crate::secret::internals::{EphemeralKey, encode_authentication};
use crate::secret::{
    FirstBytes, FrameError, HandshakeMessage, KeyType, PublicKey, SecretHandshakeError,
};
use crate::testing::paced::Ending;
use crate::testing::remote::{Keys, ephemeral_message, shared_secret};

/// What has to come of it.
pub(super) struct Wanted {
    pub(super) outcome: Outcome,
    /// All that we may write.
    pub(super) ours: Vec<u8>,
}

pub(super) enum Outcome {
    Accepted {
        keys: Keys,
        key: PublicKey,
        rest: Vec<u8>,
        end: End,
    },
    Refused(SecretHandshakeError),
    Waits,
}

/// The outcome by a plain look at all that the remote says.
pub(super) fn judge(stream: &[u8], settings: &Settings) -> Wanted {
    let mut ours = ephemeral_message(our_ephemeral());
    let outcome = judge_ephemeral(stream, settings, &mut ours);
    Wanted {
        outcome: outcome.unwrap_or_else(Outcome::Refused),
        ours,
    }
}

fn judge_ephemeral(
    stream: &[u8],
    settings: &Settings,
    ours: &mut Vec<u8>,
) -> Result<Outcome, SecretHandshakeError> {
    let kind = HandshakeMessage::Ephemeral;
    let Some((message, rest)) = take_delimited(stream, kind)? else {
        return match settings.ending {
            Ending::Closed => Err(SecretHandshakeError::Closed),
            Ending::Failed(error) => Err(SecretHandshakeError::Io(error.into())),
            Ending::Silent => Ok(Outcome::Waits),
        };
    };
    let malformed = SecretHandshakeError::Malformed { message: kind };
    let key = Bytes::decode(message).map_err(|_| malformed)?;
    let len = key.len();
    let key = EphemeralKey::try_from(&key[..])
        .map_err(|_| SecretHandshakeError::EphemeralLength { len })?;
    if key == *our_ephemeral() {
        return Err(SecretHandshakeError::Reflected);
    }
    let secret = shared_secret(&SCALAR, &key).ok_or(SecretHandshakeError::LowOrderPoint)?;
    let mut keys = Keys::new(our_ephemeral(), &key, &secret);
    ours.extend(
        keys.ours
            .seal(&encode_authentication(us(), &keys.challenge)),
    );
    let (data, end) = open_all(&mut keys.theirs, rest, settings.ending);
    judge_authentication(&data, end, keys)
}

fn judge_authentication(
    data: &[u8],
    end: End,
    keys: Keys,
) -> Result<Outcome, SecretHandshakeError> {
    let kind = HandshakeMessage::Authentication;
    let Some((message, rest)) = take_delimited(data, kind)? else {
        return match end {
            End::Clean | End::Frame(FrameError::Truncated { .. }) => {
                Err(SecretHandshakeError::Closed)
            }
            End::Frame(error) => Err(SecretHandshakeError::Frame(error)),
            End::Failed(error) => Err(SecretHandshakeError::Io(error.into())),
            End::Waits => Ok(Outcome::Waits),
        };
    };
    let malformed = SecretHandshakeError::Malformed { message: kind };
    let message = AuthSigMessage::decode(message).map_err(|_| malformed)?;
    let found = match message.pub_key.and_then(|key| key.sum) {
        Some(Sum::Ed25519(key)) => Ok(key),
        Some(Sum::Secp256k1(_)) => Err(KeyType::Secp256k1),
        None => Err(KeyType::Absent),
    };
    let key = found.map_err(|found| SecretHandshakeError::KeyType { found })?;
    let bytes = <[u8; 32]>::try_from(&key[..])
        .map_err(|_| SecretHandshakeError::KeyLength { len: key.len() })?;
    let key = PublicKey::new(bytes);
    if key.is_small_order() {
        return Err(SecretHandshakeError::SmallOrderKey { key });
    }
    let signed = UnparsedPublicKey::new(&ED25519, bytes).verify(&keys.challenge, &message.sig);
    signed.map_err(|_| SecretHandshakeError::BadSignature { key })?;
    Ok(Outcome::Accepted {
        keys,
        key,
        rest: rest.to_vec(),
        end,
    })
}

/// A message and what follows it.
type Split<'a> = (&'a [u8], &'a [u8]);

/// The first message, once it is there.
fn take_delimited(
    bytes: &[u8],
    message: HandshakeMessage,
) -> Result<Option<Split<'_>>, SecretHandshakeError> {
    let mut len = 0u64;
    for (at, byte) in bytes.iter().enumerate() {
        if at == 9 && *byte > 1 {
            return Err(SecretHandshakeError::Malformed { message });
        }
        len |= u64::from(byte & 0x7f) << (7 * at);
        if *byte < 0x80 {
            if len > MAX_MESSAGE as u64 {
                let max = MAX_MESSAGE;
                return Err(SecretHandshakeError::TooLong { message, len, max });
            }
            let len = usize::try_from(len).expect("it is below the limit");
            let body = &bytes[at + 1..];
            if message == HandshakeMessage::Ephemeral && begins_otherwise(len, body) {
                let start = FirstBytes::of(bytes);
                return Err(SecretHandshakeError::NotAHandshake { start });
            }
            return Ok(body.split_at_checked(len));
        }
    }
    Ok(None)
}

/// Whether it cannot be a first message with a key in it.
fn begins_otherwise(len: usize, body: &[u8]) -> bool {
    len < EPHEMERAL_MESSAGE - 1
        || body
            .iter()
            .zip([0x0a, 0x20])
            .any(|(byte, tag)| *byte != tag)
}
