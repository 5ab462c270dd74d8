//! Our end of a connection: runs it, sends, and adds up what every channel receives.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mconn::transport::Peer;
use mconn::{ChannelDescriptor, ChannelId, Closed, Config, Connection, Handle, Receiver, Sender};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::go::{ByteStream, PATIENCE};
use crate::traffic::{Digest, Digests, Tally, message};

/// A running connection of ours.
#[derive(Debug)]
pub(crate) struct Ours {
    pub(crate) handle: Handle,
    senders: BTreeMap<u8, Sender>,
    inbox: Arc<Inbox>,
    receivers: JoinSet<()>,
    run: JoinSet<Closed>,
    stop: CancellationToken,
}

impl Ours {
    pub(crate) fn start(
        stream: impl ByteStream + 'static,
        config: Config,
        channels: Vec<(u8, ChannelDescriptor)>,
    ) -> Self {
        let mut connection = Connection::new(stream, config);
        let mut opened = Vec::new();
        for (id, channel) in channels {
            opened.push((id, connection.open(channel).unwrap()));
        }
        let (handle, stop) = (connection.handle(), CancellationToken::new());
        Self::running(handle, opened, connection.run(stop.clone()), stop)
    }

    /// Runs a peer that the transport connected.
    pub(crate) fn start_peer(mut peer: Peer, channels: &[u8]) -> Self {
        let open = |id: &u8| (*id, peer.open(ChannelId::new(*id)).unwrap());
        let opened = channels.iter().map(open).collect();
        let (handle, stop) = (peer.handle(), CancellationToken::new());
        Self::running(handle, opened, peer.run(stop.clone()), stop)
    }

    fn running(
        handle: Handle,
        opened: Vec<(u8, (Sender, Receiver))>,
        connection: impl Future<Output = Closed> + Send + 'static,
        stop: CancellationToken,
    ) -> Self {
        let (inbox, mut receivers) = (Arc::new(Inbox::default()), JoinSet::new());
        let mut senders = BTreeMap::new();
        for (id, (sender, receiver)) in opened {
            senders.insert(id, sender);
            receivers.spawn(collect(id, receiver, Arc::clone(&inbox)));
        }
        let mut run = JoinSet::new();
        run.spawn(connection);
        Self {
            handle,
            senders,
            inbox,
            receivers,
            run,
            stop,
        }
    }

    pub(crate) fn sender(&self, channel: u8) -> Sender {
        self.senders[&channel].clone()
    }

    /// Sends a number of messages on a channel, their sizes going round.
    pub(crate) async fn send(&self, channel: u8, sizes: &[usize], messages: usize) -> Digest {
        send(self.sender(channel), channel, sizes, |sent| {
            sent == messages
        })
        .await
    }

    /// Waits until as many messages have come as `sent` has, and returns what has come.
    pub(crate) async fn received(&self, sent: &Digests) -> Digests {
        timeout(PATIENCE, self.inbox.await_messages(sent))
            .await
            .unwrap_or_else(|_| {
                panic!(
                    "not all messages came within {PATIENCE:?}: {:?} of {sent:?}",
                    self.inbox.digests()
                )
            })
    }

    /// Asks for the graceful stop.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }

    /// Waits for the end and returns why it came, and everything received.
    pub(crate) async fn end(mut self) -> (Closed, Digests) {
        let closed = timeout(PATIENCE, self.run.join_next())
            .await
            .expect("the connection ends");
        while self.receivers.join_next().await.is_some() {}
        (closed.unwrap().unwrap(), self.inbox.digests())
    }
}

/// Sends messages until `done` says that so many are enough.
pub(crate) async fn send(
    sender: Sender,
    channel: u8,
    sizes: &[usize],
    done: impl Fn(usize) -> bool,
) -> Digest {
    let mut sent = Tally::default();
    for (seq, &size) in sizes.iter().cycle().enumerate() {
        if done(seq) {
            break;
        }
        let message = message(channel, seq as u64, size);
        sent.add(&message);
        sender
            .send(message)
            .await
            .expect("the connection takes every message");
    }
    sent.digest()
}

/// Tells when a time is over, for [`send`].
pub(crate) fn until(time: Duration) -> impl Fn(usize) -> bool {
    let end = Instant::now() + time;
    move |_| Instant::now() >= end
}

#[derive(Debug, Default)]
struct Inbox {
    tallies: Mutex<BTreeMap<u8, Tally>>,
    changed: Notify,
}

impl Inbox {
    fn add(&self, channel: u8, message: &[u8]) {
        self.tallies
            .lock()
            .unwrap()
            .entry(channel)
            .or_default()
            .add(message);
        self.changed.notify_waiters();
    }

    async fn await_messages(&self, sent: &Digests) -> Digests {
        loop {
            let changed = self.changed.notified();
            if self.has(sent) {
                return self.digests();
            }
            changed.await;
        }
    }

    fn has(&self, sent: &Digests) -> bool {
        let tallies = self.tallies.lock().unwrap();
        sent.iter().all(|(id, digest)| {
            tallies
                .get(id)
                .is_some_and(|tally| tally.messages() >= digest.messages)
        })
    }

    fn digests(&self) -> Digests {
        self.tallies
            .lock()
            .unwrap()
            .iter()
            .map(|(&id, tally)| (id, tally.digest()))
            .collect()
    }
}

async fn collect(channel: u8, mut receiver: Receiver, inbox: Arc<Inbox>) {
    while let Some(message) = receiver.recv().await {
        inbox.add(channel, &message);
    }
}
