//! What every compared multiplexer offers to the rows: channels that carry messages.

use std::io;
use std::num::NonZeroU64;

use bytes::Bytes;
use tokio::net::TcpStream;

/// A multiplexer over one TCP connection.
///
/// The tasks that drive the connection live as long as the runtime that opened it.
pub trait Stack: 'static {
    type Channel: Channel;

    /// Opens the plan's channels from the side that connected.
    fn dial(
        stream: TcpStream,
        plan: Plan,
    ) -> impl Future<Output = io::Result<Vec<Self::Channel>>> + Send;

    /// Takes the same channels, in the same order, on the side that was connected to.
    fn accept(
        stream: TcpStream,
        plan: Plan,
    ) -> impl Future<Output = io::Result<Vec<Self::Channel>>> + Send;
}

/// One channel, both ways.
pub trait Channel: Send + 'static {
    /// Hands a message over; it may be held back so as to travel with the next ones.
    fn send(&mut self, message: &Bytes) -> impl Future<Output = io::Result<()>> + Send;

    /// Lets go of everything that `send` held back.
    fn flush(&mut self) -> impl Future<Output = io::Result<()>> + Send;

    /// Waits until messages are there and shows each of them; false at the end of the channel.
    fn receive(
        &mut self,
        each: impl FnMut(&[u8]) + Send,
    ) -> impl Future<Output = io::Result<bool>> + Send;
}

/// What a connection is opened for.
#[derive(Clone, Debug)]
pub struct Plan {
    /// One channel each.
    pub priorities: Vec<u16>,
    /// A limit on each direction at both ends, for the stacks that have one.
    pub rate: Option<NonZeroU64>,
}
