//! mconn over its own encrypted stream, otherwise as over a socket.

use std::io;

use mconn::secret::{Identity, SecretConnection};
use mconn::tcp;
use tokio::net::TcpStream;

use super::mconn::{self as plain, MconnChannel};
use super::stack::{Plan, Stack};

#[derive(Debug)]
pub struct MconnEncrypted;

impl Stack for MconnEncrypted {
    type Channel = MconnChannel;

    async fn dial(stream: TcpStream, plan: Plan) -> io::Result<Vec<MconnChannel>> {
        plain::open(encrypt(stream).await?, &plan)
    }

    async fn accept(stream: TcpStream, plan: Plan) -> io::Result<Vec<MconnChannel>> {
        plain::open(encrypt(stream).await?, &plan)
    }
}

/// Shakes hands as somebody nobody knows.
pub async fn encrypt(stream: TcpStream) -> io::Result<SecretConnection<TcpStream>> {
    tcp::tune(&stream)?;
    let identity = Identity::generate().map_err(io::Error::other)?;
    SecretConnection::handshake(stream, &identity)
        .await
        .map_err(io::Error::other)
}
