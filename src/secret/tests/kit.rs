//! What the tests share: parties with known secrets, streams between them, and an executor that notices lost wake-ups.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

use super::line::{End, ends};
use crate::secret::internals::*;
use crate::secret::{FrameError, Identity, SecretConnection, SecretHandshakeError};
pub(super) use crate::testing::paced::run_until_idle;
use crate::testing::remote::{Frames, Remote};

/// Runs a future for as long as somebody wakes it.
pub(super) fn run<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let output = run_until_idle(future.as_mut());
    output.expect("it waits for what will never happen")
}

/// Polls a new future so many times, or until it is ready, and drops it.
pub(super) fn cancelled<T>(polls: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..polls {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return Some(output);
        }
    }
    None
}

/// Which call makes the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Symmetric,
    Admitting,
}

/// The handshake of the party `n`, whose secrets are known.
pub(super) async fn handshake<Io: AsyncRead + AsyncWrite + Unpin>(
    mode: Mode,
    io: Io,
    n: u8,
) -> Result<SecretConnection<Io>, SecretHandshakeError> {
    let (identity, ephemeral) = (identity(n), ephemeral(&scalar(n)));
    handshake_as(mode, io, &identity, ephemeral).await
}

pub(super) async fn handshake_as<Io: AsyncRead + AsyncWrite + Unpin>(
    mode: Mode,
    io: Io,
    identity: &Identity,
    ephemeral: Ephemeral,
) -> Result<SecretConnection<Io>, SecretHandshakeError> {
    let agreed = agree(io, ephemeral).await?;
    match mode {
        Mode::Symmetric => agreed.symmetric(identity).await,
        Mode::Admitting => agreed.learn().await?.answer(identity).await,
    }
}

pub(super) fn identity(n: u8) -> Identity {
    Identity::from_seed(&[n; 32]).unwrap()
}

pub(super) const fn scalar(n: u8) -> EphemeralKey {
    [n; 32]
}

pub(super) fn ephemeral(scalar: &EphemeralKey) -> Ephemeral {
    Ephemeral::new(scalar).unwrap()
}

/// A remote of the party [`US`] that knows everything.
pub(super) fn remote() -> Remote {
    let ours = ephemeral(&scalar(US));
    Remote::new(ours.public(), &scalar(THEM), &[THEM; 32])
}

/// Two ends that are through with their handshake.
pub(super) fn connected(capacity: usize) -> (SecretConnection<End>, SecretConnection<End>) {
    let (near, far) = ends(capacity);
    connected_over(near, far)
}

pub(super) fn connected_over<A, B>(near: A, far: B) -> (SecretConnection<A>, SecretConnection<B>)
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let near = handshake(Mode::Symmetric, near, US);
    let far = handshake(Mode::Symmetric, far, THEM);
    let (near, far) = run(async { tokio::join!(near, far) });
    (near.unwrap(), far.unwrap())
}

/// A stream that opens what [`frames`] seals, without a handshake before.
pub(super) fn sealed(io: End) -> Sealed<End> {
    Sealed {
        io,
        reader: FrameReader::new(Opener::new(frame_key(&KEY).unwrap())),
        writer: FrameWriter::new(Sealer::new(frame_key(&KEY).unwrap())),
    }
}

/// The other side of [`sealed`], in both directions.
pub(super) fn frames() -> Frames {
    Frames::new(&KEY)
}

/// What successive reads into a buffer of this size give, up to the first that gives nothing or fails.
pub(super) async fn read_all(
    stream: &mut (impl AsyncRead + Unpin),
    size: usize,
) -> (Vec<u8>, io::Result<()>) {
    let (mut all, mut buffer) = (Vec::new(), vec![0; size]);
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) => return (all, Ok(())),
            Ok(len) => all.extend_from_slice(&buffer[..len]),
            Err(error) => return (all, Err(error)),
        }
    }
}

/// The frame error of an operation that must have one.
pub(super) fn frame_error<T: std::fmt::Debug>(result: io::Result<T>) -> FrameError {
    let error = result.expect_err("it fails");
    FrameError::of(&error).expect("it is an error of the encryption")
}

/// Bytes on the wire of a write.
pub(super) const fn wire_size(len: usize) -> usize {
    len.div_ceil(MAX_DATA) * SEALED_FRAME
}

pub(super) fn sha256(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).to_vec()
}

/// The stream of pseudo-random bytes of the recordings.
pub(super) fn noise(state: u64, len: usize) -> Vec<u8> {
    let mut random = crate::testing::Random::new(state);
    let words = std::iter::repeat_with(|| random.next().to_le_bytes());
    words.flatten().take(len).collect()
}

/// Our side in tests with two.
pub(super) const US: u8 = 0xa1;
pub(super) const THEM: u8 = 0xb2;
/// Both messages of a handshake.
pub(super) const GREETING: usize = 35 + SEALED_FRAME;
const KEY: [u8; 32] = [7; 32];
