//! The encrypted byte stream of mconn by itself.

use std::io;

use bytes::Bytes;
use mconn::secret::SecretConnection;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::secret::encrypt;
use super::stack::{Channel, Plan, Stack};

#[derive(Debug)]
pub struct SecretStream;

impl Stack for SecretStream {
    type Channel = SecretStreamChannel;

    async fn dial(stream: TcpStream, _: Plan) -> io::Result<Vec<SecretStreamChannel>> {
        open(stream).await
    }

    async fn accept(stream: TcpStream, _: Plan) -> io::Result<Vec<SecretStreamChannel>> {
        open(stream).await
    }
}

/// What arrives is shown as it was read, whatever was written.
#[derive(Debug)]
pub struct SecretStreamChannel {
    stream: SecretConnection<TcpStream>,
    buffer: Vec<u8>,
}

impl Channel for SecretStreamChannel {
    async fn send(&mut self, message: &Bytes) -> io::Result<()> {
        self.stream.write_all(message).await
    }

    async fn flush(&mut self) -> io::Result<()> {
        self.stream.flush().await
    }

    async fn receive(&mut self, mut each: impl FnMut(&[u8]) + Send) -> io::Result<bool> {
        let read = self.stream.read(&mut self.buffer).await?;
        each(&self.buffer[..read]);
        Ok(read > 0)
    }
}

async fn open(stream: TcpStream) -> io::Result<Vec<SecretStreamChannel>> {
    Ok(vec![SecretStreamChannel {
        stream: encrypt(stream).await?,
        buffer: vec![0; READ],
    }])
}

const READ: usize = 64 * 1024;
