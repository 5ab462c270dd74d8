//! The handshake: ephemeral keys in the clear, then both identities under the new encryption.

use std::fmt;
use std::io;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use bytes::Bytes;
use prost::Message;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use zeroize::Zeroizing;

use super::error::{HandshakeMessage, KeyType, SecretHandshakeError};
use super::exchange::{ExchangeError, Expected, exchange, exchange_expecting};
use super::identity::{Identity, PUBLIC_KEY_LEN, PublicKey};
use super::key_schedule::{Ephemeral, EphemeralKey};
use super::reader::FrameReader;
use super::stream::{Sealed, SecretConnection};
use super::writer::FrameWriter;
use crate::proto::crypto::v1::{PublicKey as WireKey, public_key::Sum};
use crate::proto::p2p::v1::AuthSigMessage;

impl<Io: AsyncRead + AsyncWrite + Unpin> SecretConnection<Io> {
    /// Agrees on keys with the other side and proves both identities. It is the same on the dialing and on the accepting
    /// side, and neither waits for the other before it sends.
    ///
    /// It sets no time limit of its own.
    ///
    /// # Errors
    ///
    /// Each way in which the remote can fail is a [`SecretHandshakeError`] of its own. The stream is closed with any.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the stream.
    pub async fn handshake(io: Io, identity: &Identity) -> Result<Self, SecretHandshakeError> {
        begin(io).await?.symmetric(identity).await
    }

    /// Begins the handshake of the accepting side: agrees on keys and learns who the remote is, before it shows ours.
    ///
    /// Only one of two ends may do this, or both would wait for the other's key. As for `handshake`, it sets no time limit.
    ///
    /// # Errors
    ///
    /// As for [`handshake`](Self::handshake).
    ///
    /// # Cancel safety
    ///
    /// As for `handshake`.
    pub async fn accept(io: Io) -> Result<Unanswered<Io>, SecretHandshakeError> {
        begin(io).await?.learn().await
    }
}

/// An encrypted stream whose remote has proven its key, and does not know ours yet. Dropping it closes the stream.
///
/// ```
/// use mconn::secret::{Identity, SecretConnection};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (ours, theirs) = tokio::io::duplex(4096);
/// # let (alice, bob) = (Identity::generate()?, Identity::generate()?);
/// # let friend = *bob.public_key();
/// # let far = async { SecretConnection::handshake(theirs, &bob).await.map(drop) };
/// # let near = async {
/// let unanswered = SecretConnection::accept(ours).await?;
/// if *unanswered.remote_key() == friend {
///     let stream = unanswered.answer(&alice).await?;
///     assert_eq!(*stream.remote_key(), friend);
/// }
/// # Ok(())
/// # };
/// # tokio::try_join!(near, far)?;
/// # Ok(())
/// # }
/// ```
#[must_use = "the remote waits for an answer"]
pub struct Unanswered<Io> {
    stream: Sealed<Io>,
    challenge: [u8; 32],
    remote_key: PublicKey,
}

impl<Io: AsyncRead + AsyncWrite + Unpin> Unanswered<Io> {
    /// The long-term key whose secret the remote holds.
    pub const fn remote_key(&self) -> &PublicKey {
        &self.remote_key
    }

    /// Shows our identity.
    ///
    /// # Errors
    ///
    /// [`SecretHandshakeError::Closed`] or [`SecretHandshakeError::Io`] where the remote is gone.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the stream.
    pub async fn answer(
        self,
        identity: &Identity,
    ) -> Result<SecretConnection<Io>, SecretHandshakeError> {
        let Self {
            mut stream,
            challenge,
            remote_key,
        } = self;
        let ours = encode_authentication(identity, &challenge);
        write(&mut stream, &ours).await.map_err(|error| {
            SecretHandshakeError::of(error.into(), HandshakeMessage::Authentication)
        })?;
        Ok(SecretConnection::new(stream, remote_key))
    }
}

impl<Io> fmt::Debug for Unanswered<Io> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unanswered")
            .field("remote_key", &self.remote_key)
            .finish_non_exhaustive()
    }
}

/// Exchanges ephemeral keys with a pair of its own.
pub(crate) async fn begin<Io: AsyncRead + AsyncWrite + Unpin>(
    io: Io,
) -> Result<Agreed<Io>, SecretHandshakeError> {
    agree(io, fresh_ephemeral()?).await
}

/// A stream under keys that both ends know, and neither knows yet with whom.
pub(crate) struct Agreed<Io> {
    stream: Sealed<Io>,
    /// What both sides have to sign.
    challenge: [u8; 32],
}

impl<Io: AsyncRead + AsyncWrite + Unpin> Agreed<Io> {
    /// Shows our identity while it reads the other one.
    pub(crate) async fn symmetric(
        self,
        identity: &Identity,
    ) -> Result<SecretConnection<Io>, SecretHandshakeError> {
        let Self {
            mut stream,
            challenge,
        } = self;
        let ours = encode_authentication(identity, &challenge);
        let remote_key = learn_key(&mut stream, &ours, &challenge).await?;
        Ok(SecretConnection::new(stream, remote_key))
    }

    /// Reads the other identity, and shows nothing.
    pub(crate) async fn learn(self) -> Result<Unanswered<Io>, SecretHandshakeError> {
        let Self {
            mut stream,
            challenge,
        } = self;
        let remote_key = learn_key(&mut stream, &[], &challenge).await?;
        Ok(Unanswered {
            stream,
            challenge,
            remote_key,
        })
    }
}

/// A pair to be used for one handshake.
pub(super) fn fresh_ephemeral() -> Result<Ephemeral, SecretHandshakeError> {
    let mut scalar = Box::new(Zeroizing::new(EphemeralKey::default()));
    let filled = SystemRandom::new().fill(scalar.as_mut_slice()).ok();
    filled
        .and_then(|()| Ephemeral::new(&scalar))
        .ok_or(SecretHandshakeError::Cryptography)
}

/// Exchanges ephemeral keys, ours of this pair.
pub(crate) async fn agree<Io: AsyncRead + AsyncWrite + Unpin>(
    mut io: Io,
    ephemeral: Ephemeral,
) -> Result<Agreed<Io>, SecretHandshakeError> {
    let ours = Bytes::copy_from_slice(ephemeral.public()).encode_length_delimited_to_vec();
    let theirs = exchange_expecting(&mut io, &ours, &EPHEMERAL)
        .await
        .map_err(|error| SecretHandshakeError::of(error, HandshakeMessage::Ephemeral))?;
    let session = ephemeral.agree(&decode_ephemeral(&theirs)?)?;
    let stream = Sealed {
        io,
        reader: FrameReader::new(session.opener),
        writer: FrameWriter::new(session.sealer),
    };
    let challenge = session.challenge;
    Ok(Agreed { stream, challenge })
}

/// Reads whose stream it is, while it writes what of ours may be said by now.
async fn learn_key<Io: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut Sealed<Io>,
    ours: &[u8],
    challenge: &[u8],
) -> Result<PublicKey, SecretHandshakeError> {
    let theirs = exchange(stream, ours, MAX_MESSAGE)
        .await
        .map_err(|error| SecretHandshakeError::of(error, HandshakeMessage::Authentication))?;
    authenticate(&theirs, challenge)
}

async fn write<Io: AsyncWrite + Unpin>(stream: &mut Sealed<Io>, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}

fn decode_ephemeral(message: &[u8]) -> Result<EphemeralKey, SecretHandshakeError> {
    let malformed = SecretHandshakeError::Malformed {
        message: HandshakeMessage::Ephemeral,
    };
    // On the wire it is a `google.protobuf.BytesValue`, which prost has as `Bytes`.
    let key = Bytes::decode(message).map_err(|_| malformed)?;
    let len = key.len();
    EphemeralKey::try_from(key.as_ref()).map_err(|_| SecretHandshakeError::EphemeralLength { len })
}

pub(crate) fn encode_authentication(identity: &Identity, challenge: &[u8]) -> Vec<u8> {
    let key = Bytes::copy_from_slice(identity.public_key().as_bytes());
    let message = AuthSigMessage {
        pub_key: Some(WireKey {
            sum: Some(Sum::Ed25519(key)),
        }),
        sig: Bytes::copy_from_slice(&identity.sign(challenge)),
    };
    message.encode_length_delimited_to_vec()
}

/// Says whose key signed the challenge.
fn authenticate(message: &[u8], challenge: &[u8]) -> Result<PublicKey, SecretHandshakeError> {
    let malformed = SecretHandshakeError::Malformed {
        message: HandshakeMessage::Authentication,
    };
    let message = AuthSigMessage::decode(message).map_err(|_| malformed)?;
    let found = match message.pub_key.and_then(|key| key.sum) {
        Some(Sum::Ed25519(key)) => Ok(key),
        Some(Sum::Secp256k1(_)) => Err(KeyType::Secp256k1),
        None => Err(KeyType::Absent),
    };
    let key = found.map_err(|found| SecretHandshakeError::KeyType { found })?;
    let len = key.len();
    let key = <[u8; PUBLIC_KEY_LEN]>::try_from(key.as_ref())
        .map_err(|_| SecretHandshakeError::KeyLength { len })?;
    let key = PublicKey::new(key);
    if key.is_small_order() {
        return Err(SecretHandshakeError::SmallOrderKey { key });
    }
    if key.has_signed(challenge, &message.sig) {
        Ok(key)
    } else {
        Err(SecretHandshakeError::BadSignature { key })
    }
}

impl SecretHandshakeError {
    fn of(error: ExchangeError, message: HandshakeMessage) -> Self {
        match error {
            ExchangeError::Closed => Self::Closed,
            ExchangeError::Frame(error) => Self::Frame(error),
            ExchangeError::Io(error) => Self::Io(error),
            ExchangeError::PrefixOverflow => Self::Malformed { message },
            ExchangeError::TooLong { len, max } => Self::TooLong { message, len, max },
            ExchangeError::Unexpected(start) => Self::NotAHandshake { start },
        }
    }
}

/// CometBFT's limit is 1 MiB, but its longest message is 103 bytes. This leaves room for the post-quantum keys of later
/// lines, so that those are refused for what they are.
const MAX_MESSAGE: usize = 16 * 1024;
/// Every node begins with these 35 bytes but the key. Fields may follow it that a later line adds.
const EPHEMERAL: Expected = Expected {
    min: 2 + EPHEMERAL_LEN,
    max: MAX_MESSAGE,
    start: &[0x0a, 0x20],
};
const EPHEMERAL_LEN: usize = size_of::<EphemeralKey>();
