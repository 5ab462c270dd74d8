//! One message to all peers.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::sleep;

use super::peer::PeerHandle;
use crate::channel::ChannelId;
use crate::driver::TrySendError;

/// What became of a broadcast.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Broadcast {
    /// The peers that accepted it: it is in the queue to each of them.
    pub accepted: usize,
    /// The peers without room for it, all of which have the channel.
    pub without_room: Vec<PeerHandle>,
}

/// Offers it to each peer that has the channel.
pub(super) fn offer(peers: &[PeerHandle], channel: ChannelId, message: &Bytes) -> Broadcast {
    let mut broadcast = Broadcast::default();
    for peer in peers {
        let Some(sender) = peer.sender(channel) else {
            continue;
        };
        match sender.try_send(message.clone()) {
            Ok(()) => broadcast.accepted += 1,
            Err(TrySendError::Full(_)) => broadcast.without_room.push(peer.clone()),
            // It is ending, or does not have the channel.
            Err(_) => {}
        }
    }
    broadcast
}

/// Waits for those without room. All that waits is in this future.
pub(super) async fn wait(
    mut offered: Broadcast,
    channel: ChannelId,
    message: &Bytes,
    wait: Duration,
) -> Broadcast {
    let mut waiting: Vec<_> = offered.without_room.drain(..).map(Some).collect();
    let send = async |(index, peer): (usize, PeerHandle)| match peer.sender(channel) {
        Some(sender) => (index, sender.send(message.clone()).await.is_ok()),
        None => (index, false),
    };
    let peers = waiting.iter().flatten().cloned().enumerate();
    let mut sends: FuturesUnordered<_> = peers.map(send).collect();
    let mut over = pin!(sleep(wait));
    loop {
        tokio::select! {
            biased;
            next = sends.next() => {
                let Some((index, sent)) = next else { break };
                offered.accepted += usize::from(sent);
                waiting.get_mut(index).and_then(Option::take);
            }
            () = &mut over => break,
        }
    }
    offered.without_room.extend(waiting.into_iter().flatten());
    offered
}
