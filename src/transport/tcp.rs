//! TCP as the network of a transport.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};

use super::network::{Accept, Network, Opening, Stream};
use crate::config::{ConfigError, size};
use crate::tcp;

/// TCP, with the options of [`tcp::tune`] on each connection.
#[derive(Clone, Debug, Default)]
pub struct Tcp {
    receive_buffer: Option<usize>,
}

impl Tcp {
    /// Bounds the kernel's receive buffer of each connection, as [`tcp::bound_receive_buffer`] describes: 1500 bytes to 1 GiB. Default: the
    /// system's own judgement, which suits long links and lets urgent messages wait on short ones.
    ///
    /// # Errors
    ///
    /// A number outside of these bounds, which the error names.
    pub fn with_receive_buffer(mut self, bytes: usize) -> Result<Self, ConfigError> {
        size("receive_buffer", bytes, BUFFER_MIN..=BUFFER_MAX)?;
        self.receive_buffer = Some(bytes);
        Ok(self)
    }

    pub(super) async fn open(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let stream = to_another(|| TcpStream::connect(address)).await?;
        if let Some(bytes) = self.receive_buffer {
            tcp::bound_receive_buffer(&stream, bytes)?;
        }
        tcp::tune(&stream)?;
        Ok(stream)
    }

    pub(super) async fn listen(&self, address: SocketAddr) -> io::Result<TcpListener> {
        let listener = TcpListener::bind(address).await?;
        if let Some(bytes) = self.receive_buffer {
            tcp::bound_receive_buffer(&listener, bytes)?;
        }
        Ok(listener)
    }
}

impl Network for Tcp {
    fn connect(&self, address: SocketAddr) -> Opening<'_, Stream> {
        Box::pin(async move { Ok(Box::new(self.open(address).await?) as Stream) })
    }

    fn bind(&self, address: SocketAddr) -> Opening<'_, Box<dyn Accept>> {
        Box::pin(async move { Ok(Box::new(self.listen(address).await?) as Box<dyn Accept>) })
    }
}

impl Accept for TcpListener {
    /// Sets the options of [`tcp::tune`] on each stream; one on which they cannot be set is closed.
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Stream, SocketAddr)>> {
        let accepted = poll_tuned(self, cx);
        accepted.map_ok(|(stream, address)| (Box::new(stream) as Stream, address))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Self::local_addr(self)
    }
}

pub(super) fn poll_tuned(
    listener: &TcpListener,
    cx: &mut Context<'_>,
) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
    let Poll::Ready((stream, address)) = listener.poll_accept(cx)? else {
        return Poll::Pending;
    };
    // What fails here is this one connection, for example on systems that cannot tune a stream whose peer has gone already.
    let tuned =
        tcp::tune(&stream).map_err(|error| io::Error::new(io::ErrorKind::ConnectionAborted, error));
    Poll::Ready(tuned.map(|()| (stream, address)))
}

/// A stream whose ends are not one and the same socket, unless each of three tries gave such a one; the handshake finds that out.
///
/// A dial to a port of this machine at which nobody listens, and from which systems connect, may be given that very port to connect from. Then
/// the two packets that ask for a connection cross, and TCP takes the one for the answer to the other (RFC 9293, 3.5). Such a socket is
/// kept until the next one has its port, which then has to be another.
pub(super) async fn to_another<Connecting: Future<Output = io::Result<TcpStream>>>(
    connect: impl Fn() -> Connecting,
) -> io::Result<TcpStream> {
    let mut to_itself = Vec::new();
    loop {
        let stream = connect().await?;
        match (stream.local_addr(), stream.peer_addr()) {
            (Ok(local), Ok(remote)) if local == remote => {
                // Without it the port would be taken for a minute after the close, and whoever should listen there could not.
                let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
                if to_itself.len() >= SELF_CONNECTIONS_KEPT {
                    return Ok(stream);
                }
                to_itself.push(stream);
            }
            _ => return Ok(stream),
        }
    }
}

/// One packet of a local network.
const BUFFER_MIN: usize = 1500;
/// Above what any system grants.
const BUFFER_MAX: usize = 1 << 30;
/// The second try has another port already; one more, for systems that give ports out in their own way.
const SELF_CONNECTIONS_KEPT: usize = 2;
