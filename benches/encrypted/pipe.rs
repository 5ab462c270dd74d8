//! The ceiling: frames of 1044 bytes through TCP, sealed and opened in place, many a system call, and nothing else. Keys are
//! fixed, a write has no messages in it, and a frame is shown where it was opened.

use std::io;

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use bytes::Bytes;
use mconn::tcp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use mconn_benches::stack::{Channel, Plan, Stack};

#[derive(Debug)]
pub(crate) struct Pipe;

impl Stack for Pipe {
    type Channel = PipeChannel;

    async fn dial(stream: TcpStream, _: Plan) -> io::Result<Vec<PipeChannel>> {
        Ok(vec![PipeChannel::new(stream)?])
    }

    async fn accept(stream: TcpStream, _: Plan) -> io::Result<Vec<PipeChannel>> {
        Ok(vec![PipeChannel::new(stream)?])
    }
}

#[derive(Debug)]
pub(crate) struct PipeChannel {
    stream: TcpStream,
    key: LessSafeKey,
    sealed: u64,
    opened: u64,
    outgoing: Vec<u8>,
    incoming: Vec<u8>,
    /// Bytes of the next frame, at the front of `incoming`.
    begun: usize,
}

impl PipeChannel {
    /// The socket is tuned as mconn's are, which costs the pipe less processor time per byte too.
    fn new(stream: TcpStream) -> io::Result<Self> {
        tcp::tune(&stream)?;
        let key = UnboundKey::new(&CHACHA20_POLY1305, &[0x5a; 32]).map_err(io::Error::other)?;
        Ok(Self {
            stream,
            key: LessSafeKey::new(key),
            sealed: 0,
            opened: 0,
            outgoing: vec![0; LARGEST_WRITE / DATA * FRAME],
            incoming: vec![0; READ],
            begun: 0,
        })
    }

    fn seal(&mut self, chunk: &[u8], at: usize) -> io::Result<()> {
        let (plain, tag) = self.outgoing[at..at + FRAME].split_at_mut(LENGTH + DATA);
        let length = u32::try_from(chunk.len()).map_err(io::Error::other)?;
        plain[..LENGTH].copy_from_slice(&length.to_le_bytes());
        plain[LENGTH..LENGTH + chunk.len()].copy_from_slice(chunk);
        let sealed = self
            .key
            .seal_in_place_separate_tag(nonce(&mut self.sealed), Aad::empty(), plain)
            .map_err(io::Error::other)?;
        tag.copy_from_slice(sealed.as_ref());
        Ok(())
    }
}

impl Channel for PipeChannel {
    /// At most [`LARGEST_WRITE`] bytes.
    async fn send(&mut self, message: &Bytes) -> io::Result<()> {
        let mut end = 0;
        for chunk in message.chunks(DATA) {
            self.seal(chunk, end)?;
            end += FRAME;
        }
        self.stream.write_all(&self.outgoing[..end]).await
    }

    async fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    async fn receive(&mut self, mut each: impl FnMut(&[u8]) + Send) -> io::Result<bool> {
        let read = self.stream.read(&mut self.incoming[self.begun..]).await?;
        let end = self.begun + read;
        let mut frames = self.incoming[..end].chunks_exact_mut(FRAME);
        for frame in &mut frames {
            let plain = self
                .key
                .open_in_place(nonce(&mut self.opened), Aad::empty(), frame)
                .map_err(io::Error::other)?;
            let (length, data) = plain
                .split_first_chunk()
                .ok_or(io::ErrorKind::InvalidData)?;
            let length = usize::try_from(u32::from_le_bytes(*length)).map_err(io::Error::other)?;
            each(data.get(..length).ok_or(io::ErrorKind::InvalidData)?);
        }
        self.begun = frames.into_remainder().len();
        self.incoming.copy_within(end - self.begun..end, 0);
        Ok(read > 0)
    }
}

/// Both directions count for themselves; only one of them is used.
fn nonce(counter: &mut u64) -> Nonce {
    let mut nonce = [0; NONCE_LEN];
    nonce[NONCE_LEN - size_of::<u64>()..].copy_from_slice(&counter.to_le_bytes());
    *counter += 1;
    Nonce::assume_unique_for_key(nonce)
}

/// What is best sealed and written at once: sixty frames fit one loopback segment.
pub(crate) const PIPE_WRITE: usize = 60 * DATA;
const LARGEST_WRITE: usize = 64 * DATA;
const READ: usize = 64 * FRAME;
const FRAME: usize = LENGTH + DATA + 16;
const LENGTH: usize = 4;
const DATA: usize = 1024;
