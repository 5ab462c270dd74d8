//! One peer, from its handshake to its end.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::end::{Cause, PeerEnd, SessionEnd};
use super::event::Event;
use super::life::Life;
use super::peer::PeerHandle;
use super::reactor;
use super::reason::Reason;
use super::session::{Common, Ended, Guard, Session, Stage};
use super::shared::{Shared, clock};
use crate::driver::{Closed, Receiver, Sender};
use crate::transport::{Held, Peer};

/// Runs the peer until it has ended, its sessions too, and says which of them did not in time.
pub(super) async fn run(
    shared: Arc<Shared>,
    life: Arc<Life>,
    mut peer: Peer,
    number: u64,
    stop: CancellationToken,
) -> Option<Arc<PeerEnd>> {
    let displaced = peer.displaced().clone();
    let channels = open(&shared, &mut peer);
    let senders = channels.iter().flat_map(|(_, channels)| channels);
    let senders = senders.map(|(sender, _)| sender.clone()).collect();
    let handle = PeerHandle::new(&peer, number, senders);
    tokio::select! {
        biased;
        () = stop.cancelled() => return None,
        entered = enter(&shared, &handle, &displaced) => entered?,
    }
    let mut connection = Connection::begin(shared, life, handle, channels);
    let ending = connection.peer.ending_token().clone();
    let (closed, held) = {
        let mut running = std::pin::pin!(peer.run_held(ending.clone()));
        loop {
            tokio::select! {
                // Behind a connection that is flooded nothing would be left of the task's budget.
                biased;
                () = stop.cancelled(), if !ending.is_cancelled() => {
                    connection.peer.end(Cause::Stopped);
                }
                ended = connection.watch() => connection.on_session_ended(ended),
                ended = &mut running => break ended,
            }
        }
    };
    Some(connection.finish(closed, held).await)
}

/// Adds the peer to those that are there. One with the same peer whose place it has taken is ended, and waited for; `None` where another one takes this
/// one's place meanwhile.
async fn enter(shared: &Shared, peer: &PeerHandle, displaced: &CancellationToken) -> Option<()> {
    while let Err(older) = shared.peers.insert(peer) {
        // What is there may be the very connection that has taken this one's place.
        if displaced.is_cancelled() {
            return None;
        }
        older.end(Cause::Supplanted);
        tokio::select! {
            () = older.gone() => {}
            () = displaced.cancelled() => return None,
        }
    }
    Some(())
}

/// The channels of each reactor that the peer has something to say to.
fn open(shared: &Shared, peer: &mut Peer) -> Vec<(Arc<reactor::Shared>, Channels)> {
    let mut opened = Vec::new();
    for reactor in &shared.reactors {
        let theirs = peer.node_info();
        let in_common = reactor.channels.iter().any(|it| theirs.has_channel(*it));
        if in_common || reactor.channels.is_empty() {
            // Each is one of our node's and of this reactor alone, so that opening it cannot fail.
            let channels = reactor.channels.iter();
            let channels = channels.filter_map(|it| peer.open(*it).ok()).collect();
            opened.push((reactor.clone(), channels));
        }
    }
    opened
}

type Channels = Vec<(Sender, Receiver)>;

/// A peer that is there, and told to be. Dropping it, on whatever path, takes the peer out of the set and tells of it, behind the ends of its sessions.
struct Connection {
    shared: Arc<Shared>,
    _life: Arc<Life>,
    peer: PeerHandle,
    sessions: Vec<Offered>,
    common: Arc<Common>,
    ends: mpsc::Receiver<Ended>,
    /// Since when sessions wait to be taken.
    offered: Instant,
    /// No session has to be taken any more.
    taken: bool,
    closed: Option<Closed>,
    held: Option<Held>,
    end: Option<Arc<PeerEnd>>,
}

/// A session of the connection, as the connection sees it.
struct Offered {
    reactor: Arc<reactor::Shared>,
    stage: Arc<Stage>,
}

impl Connection {
    fn begin(
        shared: Arc<Shared>,
        life: Arc<Life>,
        peer: PeerHandle,
        channels: Vec<(Arc<reactor::Shared>, Channels)>,
    ) -> Self {
        let (told, ends) = mpsc::channel(channels.len().max(1));
        let common = Common {
            peer: peer.clone(),
            hub: shared.hub.clone(),
            ends: told,
            overdue: CancellationToken::new(),
        };
        let id = *peer.id();
        shared.change(|roster| roster.schedule.on_connected(clock(), id));
        let event = Event::Connected { peer: peer.clone() };
        shared.hub.tell(&event);
        let is_useless = channels.is_empty() && !shared.reactors.is_empty();
        let mut connection = Self {
            shared,
            _life: life,
            peer,
            sessions: Vec::new(),
            common: Arc::new(common),
            ends,
            offered: Instant::now(),
            taken: false,
            closed: None,
            held: None,
            end: None,
        };
        connection.judge_ban();
        if is_useless {
            connection.peer.end(Cause::Requested(Reason::UselessPeer));
        }
        for (index, (reactor, channels)) in channels.into_iter().enumerate() {
            connection.offer(index, reactor, channels);
        }
        connection
    }

    /// A ban that came between the filter's answer and now did not find this peer among those that are there.
    fn judge_ban(&self) {
        let (now, ip) = (clock(), self.peer.address().ip());
        let bans = &self.shared.roster.lock().bans;
        let banned = bans.forbids_id(now, self.peer.id());
        if let Some(whom) = banned.or_else(|| bans.forbids_address(now, ip)) {
            self.peer.end(Cause::Banned { whom });
        }
    }

    fn offer(&mut self, index: usize, reactor: Arc<reactor::Shared>, channels: Channels) {
        let stage = Stage::new(self.common.clone(), reactor.name.clone(), index);
        let stage = Arc::new(stage);
        self.sessions.push(Offered {
            reactor: reactor.clone(),
            stage: stage.clone(),
        });
        let guard = Arc::new(Guard::new(stage));
        reactor.offer(Session::new(channels, guard));
    }

    /// Waits for the next session to end; one that nobody takes in time ends the peer.
    async fn watch(&mut self) -> Ended {
        let after = self.shared.session_timeout;
        loop {
            let left = after.saturating_sub(self.offered.elapsed());
            tokio::select! {
                // The channel is open as long as the connection.
                Some(ended) = self.ends.recv() => return ended,
                () = sleep(left), if !self.taken => {
                    self.taken = true;
                    self.judge_untaken(after);
                }
            }
        }
    }

    fn judge_untaken(&self, after: Duration) {
        let mut sessions = self.sessions.iter();
        if let Some(session) = sessions.find(|it| it.stage.is_offered()) {
            let reactor = session.reactor.name.clone();
            self.peer.end(Cause::NotTaken { reactor, after });
        }
    }

    fn on_session_ended(&self, (index, end): Ended) {
        let (Some(session), Some(end)) = (self.sessions.get(index), end) else {
            return;
        };
        let reactor = &session.reactor;
        if !matches!(end, SessionEnd::Done) || reactor.is_required() {
            let reactor = reactor.name.clone();
            self.peer.end(Cause::Session { reactor, end });
        }
    }

    /// Waits for the sessions to end, within their bound, and takes the peer out of the set.
    async fn finish(mut self, closed: Closed, held: Held) -> Arc<PeerEnd> {
        self.peer.end(Cause::Connection(closed.reason.clone()));
        self.closed = Some(closed);
        self.held = Some(held);
        self.withdraw();
        let _ = timeout(self.shared.session_timeout, self.ended()).await;
        self.close()
    }

    async fn ended(&mut self) {
        while !self.sessions.iter().all(|it| it.stage.has_ended()) {
            self.ends.recv().await;
        }
    }

    /// Takes back what nobody took.
    fn withdraw(&self) {
        for session in &self.sessions {
            session.reactor.withdraw(self.peer.connection());
        }
    }

    /// Ends what has not ended, takes the peer out of the set, and tells of it.
    fn close(&mut self) -> Arc<PeerEnd> {
        if let Some(end) = &self.end {
            return end.clone();
        }
        self.peer.end(Cause::Dropped);
        self.withdraw();
        let sessions = self.sessions.iter();
        let overdue = sessions.filter(|it| it.stage.end(SessionEnd::Overdue));
        let overdue = overdue.map(|it| it.reactor.name.clone()).collect();
        self.common.overdue.cancel();
        let end = Arc::new(PeerEnd {
            cause: self.peer.cause().cloned().unwrap_or(Cause::Dropped),
            closed: self.closed.take(),
            overdue,
        });
        self.end = Some(end.clone());
        let Shared {
            peers, hub, dice, ..
        } = &*self.shared;
        let roll = dice.roll();
        let id = *self.peer.id();
        // Before anything that lets another connection with this peer begin, which would be taken for the one that has ended.
        self.shared
            .change(|roster| roster.schedule.on_disconnected(clock(), &id, roll));
        let event = Event::Disconnected {
            peer: self.peer.clone(),
            end: end.clone(),
        };
        hub.tell_if(&event, || {
            peers.remove(&self.peer);
            true
        });
        self.held = None;
        self.peer.mark_gone();
        end
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.close();
    }
}
