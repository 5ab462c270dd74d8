//! Our own program's say about whom to connect with.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;

use super::Direction;
use crate::address::PeerId;
use crate::peer::Rejection;

/// Decides about addresses and peers: allow lists, deny lists, a question to the application.
///
/// Both questions are asked for connections in either direction, outside of the accept loop, and each answer is waited for no
/// longer than [`with_filter_timeout`](super::TransportConfig::with_filter_timeout) says. Both answer yes by default.
pub trait Filter: fmt::Debug + Send + Sync {
    /// Whether to connect with this address; asked before any handshake.
    fn admit_address(&self, _address: SocketAddr, _direction: Direction) -> Verdict<'_> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Whether to connect with this peer, whose id is proven. One that connects to us does not know ours yet. It is never our own:
    /// a connection with ourselves fails anyway.
    fn admit_id(&self, _id: PeerId, _direction: Direction) -> Verdict<'_> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// A filter's answer: the error says why not.
pub type Verdict<'a> = Pin<Box<dyn Future<Output = Result<(), Rejection>> + Send + 'a>>;

/// The filter that admits everybody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Everybody;

impl Filter for Everybody {}
