//! Opening connections.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::error::DialError;
use super::peer::{Direction, Peer};
use super::registry::Slot;
use super::upgrade::Shared;
use crate::peer::address::HostPort;
use crate::peer::cancel::unless_cancelled;
use crate::peer::id::PeerId;
use crate::peer::resolve::resolve;
use crate::tcp;
use crate::trace;

impl Shared {
    pub(super) async fn dial(
        &self,
        host_port: &HostPort,
        expected: Option<PeerId>,
        cancel: &CancellationToken,
    ) -> Result<Peer<TcpStream>, DialError> {
        let dial = async {
            let (stream, slot) = self.connect_any(host_port).await?;
            Ok(self.upgrade_outbound(stream, expected, slot).await?)
        };
        unless_cancelled(cancel, dial)
            .await
            .unwrap_or(Err(DialError::Cancelled))
    }

    /// Tries the addresses one after the other.
    async fn connect_any(&self, host_port: &HostPort) -> Result<(TcpStream, Slot), DialError> {
        let resolver = &*self.config.resolver;
        let addresses = resolve(resolver, host_port, self.config.resolve_timeout).await?;
        let mut last = None;
        for address in addresses {
            match self.connect(address).await {
                Ok(connected) => return Ok(connected),
                Err(error) => last = Some(error),
            }
        }
        // `resolve` gives at least one address.
        Err(last.unwrap_or(DialError::Cancelled))
    }

    pub(super) async fn connect(
        &self,
        address: SocketAddr,
    ) -> Result<(TcpStream, Slot), DialError> {
        trace::dialing(&address);
        let slot = self.registry.admit_outbound(address)?;
        self.admit_address(&slot, Direction::Outbound).await?;
        let after = self.config.dial_timeout;
        let opened = timeout(after, TcpStream::connect(address))
            .await
            .map_err(|_| DialError::ConnectTimeout { address, after })?;
        let stream = opened
            .and_then(|stream| self.tune(&stream).map(|()| stream))
            .map_err(|error| DialError::Connect { address, error })?;
        Ok((stream, slot))
    }

    fn tune(&self, stream: &TcpStream) -> io::Result<()> {
        if let Some(bytes) = self.config.receive_buffer {
            tcp::bound_receive_buffer(stream, bytes)?;
        }
        tcp::tune(stream)
    }
}
