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
    let waiting = std::mem::take(&mut offered.without_room);
    let send = async |peer: PeerHandle| {
        let sent = match peer.sender(channel) {
            Some(sender) => sender.send(message.clone()).await.is_ok(),
            None => false,
        };
        (peer, sent)
    };
    let mut sends: FuturesUnordered<_> = waiting.iter().cloned().map(send).collect();
    let mut answered = Vec::new();
    let mut over = pin!(sleep(wait));
    loop {
        tokio::select! {
            biased;
            next = sends.next() => match next {
                Some((peer, sent)) => {
                    offered.accepted += usize::from(sent);
                    answered.push(peer.connection());
                }
                None => break,
            },
            () = &mut over => break,
        }
    }
    let unanswered = waiting
        .iter()
        .filter(|it| !answered.contains(&it.connection()));
    offered.without_room = unanswered.cloned().collect();
    offered
}
