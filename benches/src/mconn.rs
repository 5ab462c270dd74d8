//! mconn as a careful user drives it: a tuned socket, one task that runs the connection, no other setting but longer send queues.

use std::io;

use bytes::Bytes;
use mconn::{ChannelDescriptor, ChannelId, Config, Connection, Receiver, Sender, tcp};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::stack::{Channel, Plan, Stack};

#[derive(Debug)]
pub struct Mconn;

impl Stack for Mconn {
    type Channel = MconnChannel;

    async fn dial(stream: TcpStream, plan: Plan) -> io::Result<Vec<MconnChannel>> {
        tcp::tune(&stream)?;
        open(stream, &plan)
    }

    async fn accept(stream: TcpStream, plan: Plan) -> io::Result<Vec<MconnChannel>> {
        tcp::tune(&stream)?;
        open(stream, &plan)
    }
}

/// The two ends of one channel.
#[derive(Debug)]
pub struct MconnChannel {
    sender: Sender,
    receiver: Receiver,
}

impl Channel for MconnChannel {
    async fn send(&mut self, message: &Bytes) -> io::Result<()> {
        self.sender
            .send(message.clone())
            .await
            .map_err(io::Error::other)
    }

    async fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    async fn receive(&mut self, mut each: impl FnMut(&[u8]) + Send) -> io::Result<bool> {
        let Some(first) = self.receiver.recv().await else {
            return Ok(false);
        };
        each(&first);
        while let Ok(message) = self.receiver.try_recv() {
            each(&message);
        }
        Ok(true)
    }
}

/// Both sides register the same channels; nothing is negotiated.
pub fn open<Io>(stream: Io, plan: &Plan) -> io::Result<Vec<MconnChannel>>
where
    Io: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let config = Config::builder().send_rate(plan.rate).recv_rate(plan.rate);
    let mut connection = Connection::new(stream, config.build().map_err(io::Error::other)?);
    let mut channels = Vec::new();
    for (index, priority) in plan.priorities.iter().enumerate() {
        let id = ChannelId::new(u8::try_from(index).map_err(io::Error::other)?);
        let descriptor = ChannelDescriptor::new(id, *priority).with_send_capacity(QUEUED);
        let (sender, receiver) = connection.open(descriptor).map_err(io::Error::other)?;
        channels.push(MconnChannel { sender, receiver });
    }
    tokio::spawn(connection.run(CancellationToken::new()));
    Ok(channels)
}

/// Messages in a send queue: of 64 B about as many bytes as the others gather in theirs. Inboxes keep their default length, as
/// messages that wait in longer ones pin more read buffers than the allocator keeps, which costs page faults.
const QUEUED: usize = 1024;
