//! Steering a switch that runs.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use super::broadcast::{self, Broadcast};
use super::end::Cause;
use super::event::{self, EventStream, Notifee, Registration};
use super::peer::PeerHandle;
use super::reason::Reason;
use super::roster::{Banned, NotATarget, Roster, TooManyBans, Wanted};
use super::shared::{Shared, clock};
use crate::address::{PeerAddr, PeerId};
use crate::channel::ChannelId;
use crate::transport::ConnectionCounts;

/// Steers a [`Switch`](super::Switch); clone it freely. Nothing here waits but where it says `async`, and all of it may be called from anywhere, a session
/// included. It does not keep the switch alive: once that has ended, there are no peers and nothing happens.
#[derive(Clone, Debug)]
pub struct SwitchHandle {
    shared: Arc<Shared>,
}

impl SwitchHandle {
    pub(super) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Who this node is.
    pub fn id(&self) -> &PeerId {
        self.shared.transport.id()
    }

    /// The peers, in the order in which they came. A peer is among them until its sessions have ended.
    pub fn peers(&self) -> Arc<[PeerHandle]> {
        self.shared.peers.list()
    }

    /// The peer with this id, if it is there.
    pub fn peer(&self, id: &PeerId) -> Option<PeerHandle> {
        self.shared.peers.get(id)
    }

    /// The connections, by direction and class, those in their handshake included.
    pub fn connections(&self) -> ConnectionCounts {
        self.shared.transport.connections()
    }

    /// The peers to which a dial is under way.
    pub fn dialing(&self) -> Vec<PeerId> {
        let roster = self.shared.roster.lock();
        roster.schedule.dialing().copied().collect()
    }

    /// Dials this peer as soon as a dial is free, each of its addresses once. What comes of it is told by an event; one that is there is not dialed.
    ///
    /// # Errors
    ///
    /// It is this node, or there is no room.
    pub fn dial(&self, peer: PeerAddr) -> Result<(), NotATarget> {
        self.shared
            .change(|roster| roster.schedule.add(clock(), peer, Wanted::Once))
    }

    /// Is connected with this peer always: it is dialed at once, and again whenever it is not there, for ever. It is known by its id, so that it may come to us just as
    /// well, and no limit keeps it out. A further address of the same peer is tried in turn with the others.
    ///
    /// # Errors
    ///
    /// It is this node, or has too many addresses.
    pub fn add_persistent(&self, peer: PeerAddr) -> Result<(), NotATarget> {
        let id = *peer.id();
        self.change_class(id, |roster| {
            roster.schedule.add(clock(), peer, Wanted::Persistent)
        })
    }

    /// Dials this peer no more, and says whether it was persistent. It stays if it is there.
    pub fn remove_persistent(&self, id: &PeerId) -> bool {
        self.change_class(*id, |roster| {
            roster.schedule.is_persistent(id) && roster.schedule.forget(id)
        })
    }

    /// Has this peer count toward no limit, or count again: CometBFT's unconditional peers.
    pub fn set_unconditional(&self, id: PeerId, is_unconditional: bool) {
        self.change_class(id, |roster| {
            if is_unconditional {
                roster.unconditional.insert(id);
            } else {
                roster.unconditional.remove(&id);
            }
        });
    }

    /// Lets nobody of these in, dials none of them, and lets go of those that are there; for a time, or for ever.
    ///
    /// # Errors
    ///
    /// There are as many bans as are kept.
    pub fn ban(&self, whom: Banned, time: Option<Duration>) -> Result<(), TooManyBans> {
        let now = clock();
        // An end beyond what the clock can say is none.
        let until = time.and_then(|time| now.checked_add(time));
        self.shared
            .change(|roster| roster.bans.ban(now, whom, until))?;
        for peer in self.peers().iter() {
            if whom.meets(peer.id(), peer.address().ip()) {
                peer.end(Cause::Banned { whom });
            }
        }
        Ok(())
    }

    /// Lifts a ban, and says whether there was one.
    pub fn unban(&self, whom: &Banned) -> bool {
        self.shared.change(|roster| roster.bans.unban(whom))
    }

    /// The bans in force, each with what is left of its time.
    pub fn bans(&self) -> Vec<(Banned, Option<Duration>)> {
        let now = clock();
        let roster = self.shared.roster.lock();
        let bans = roster.bans.iter(now);
        let left = |until: std::time::Instant| until.saturating_duration_since(now);
        bans.map(|(whom, until)| (whom, until.map(left))).collect()
    }

    /// Lets go of a peer, and says whether it was there: see [`PeerHandle::disconnect`]. A persistent one is dialed again.
    pub fn disconnect(&self, id: &PeerId, reason: Reason) -> bool {
        let peer = self.peer(id);
        peer.inspect(|peer| peer.disconnect(reason)).is_some()
    }

    /// Listens on an address of the network, and gives the one that came of it; for TCP, port 0 is a free one. Peers are taken once the switch runs.
    ///
    /// # Errors
    ///
    /// What the system says; [`io::ErrorKind::BrokenPipe`] once the switch has ended.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before it is ready means that nobody listens there.
    pub async fn listen(&self, address: SocketAddr) -> io::Result<SocketAddr> {
        let listener = self.shared.transport.listen(address).await?;
        let address = listener.local_addr()?;
        let sent = self.shared.listeners.send(listener).await;
        sent.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(address)
    }

    /// Offers a message to each peer that has the channel, without waiting, and says who had no room. It is not copied. To each peer, messages go in the order of the
    /// calls.
    pub fn try_broadcast(&self, channel: ChannelId, message: impl Into<Bytes>) -> Broadcast {
        broadcast::offer(&self.peers(), channel, &message.into())
    }

    /// As [`try_broadcast`](Self::try_broadcast), but waits for those without room until they have it, are gone, or the time is up.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the message with those that have accepted it, and nowhere else.
    pub async fn broadcast(
        &self,
        channel: ChannelId,
        message: impl Into<Bytes>,
        wait: Duration,
    ) -> Broadcast {
        let message = message.into();
        let offered = self.try_broadcast(channel, message.clone());
        broadcast::wait(offered, channel, &message, wait).await
    }

    /// Has a notifee be told the events from now on, by a task of the switch, until the registration is dropped. Nothing is told before the switch runs, and then all that
    /// happened since.
    ///
    /// When the switch ends, it waits up to 5 s for its notifees to be told everything.
    pub fn register(&self, notifee: impl Notifee) -> Registration {
        let end = CancellationToken::new();
        let telling = event::tell(notifee, self.events(), end.clone());
        self.shared.run_notifee(Box::pin(telling));
        Registration::new(end)
    }

    /// The events from now on.
    pub fn events(&self) -> EventStream {
        self.shared.hub.subscribe()
    }

    /// Changes what a peer is to us, and with it whether the limits hold for it.
    fn change_class<T>(&self, id: PeerId, change: impl FnOnce(&mut Roster) -> T) -> T {
        self.shared.change(|roster| {
            let changed = change(roster);
            let is_exempt = roster.is_exempt(&id);
            self.shared.transport.set_exempt(id, is_exempt);
            changed
        })
    }
}
