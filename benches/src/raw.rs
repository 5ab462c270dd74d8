//! The base line: plain TCP, no messages, one task an end.

use std::io;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::stack::{Channel, Plan, Stack};

#[derive(Debug)]
pub struct Raw;

impl Stack for Raw {
    type Channel = RawChannel;

    async fn dial(stream: TcpStream, _: Plan) -> io::Result<Vec<RawChannel>> {
        Ok(vec![RawChannel::new(stream)])
    }

    async fn accept(stream: TcpStream, _: Plan) -> io::Result<Vec<RawChannel>> {
        Ok(vec![RawChannel::new(stream)])
    }
}

/// The byte stream itself: what arrives is shown as it was read, whatever was written.
#[derive(Debug)]
pub struct RawChannel {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl RawChannel {
    fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            buffer: Vec::new(),
        }
    }
}

impl Channel for RawChannel {
    async fn send(&mut self, message: &Bytes) -> io::Result<()> {
        self.stream.write_all(message).await
    }

    async fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    async fn receive(&mut self, mut each: impl FnMut(&[u8]) + Send) -> io::Result<bool> {
        self.buffer.resize(READ, 0);
        let read = self.stream.read(&mut self.buffer).await?;
        each(&self.buffer[..read]);
        Ok(read > 0)
    }
}

const READ: usize = 64 * 1024;
