//! The one future that owns all that a switch does.

use std::io;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::connection;
use super::end::PeerEnd;
use super::event::Event;
use super::filter::BanError;
use super::life::Life;
use super::listening;
use super::report::ShutdownReport;
use super::roster::Healing;
use super::shared::{Shared, clock};
use crate::address::{PeerAddr, PeerId};
use crate::error::Fault;
use crate::transport::{AttemptError, DialError, Listener, Peer, UpgradeError};

/// A switch at work. Dropping it ends all tasks.
pub(super) struct Task {
    shared: Arc<Shared>,
    life: Arc<Life>,
    listeners: JoinSet<()>,
    /// Listeners to run, from handles.
    to_run: mpsc::Receiver<Listener>,
    arrivals: mpsc::Receiver<Peer>,
    arriving: mpsc::Sender<Peer>,
    dials: JoinSet<(PeerAddr, Result<Peer, DialError>)>,
    peers: JoinSet<(PeerId, Option<Arc<PeerEnd>>)>,
    notifees: JoinSet<()>,
    next_connection: u64,
    /// Cancelled to end listeners and dials.
    closing: CancellationToken,
    /// Cancelled to end the peers, those that are about to begin included.
    parting: CancellationToken,
    report: ShutdownReport,
}

impl Task {
    pub(super) fn new(
        shared: Arc<Shared>,
        life: Arc<Life>,
        to_run: mpsc::Receiver<Listener>,
    ) -> Self {
        let (arriving, arrivals) = mpsc::channel(ARRIVALS_WAITING);
        Self {
            shared,
            life,
            listeners: JoinSet::new(),
            to_run,
            arrivals,
            arriving,
            dials: JoinSet::new(),
            peers: JoinSet::new(),
            notifees: JoinSet::new(),
            next_connection: 0,
            closing: CancellationToken::new(),
            parting: CancellationToken::new(),
            report: ShutdownReport::default(),
        }
    }

    pub(super) async fn run(
        mut self,
        listen: Vec<SocketAddr>,
        stop: CancellationToken,
    ) -> io::Result<ShutdownReport> {
        let mut listeners = Vec::with_capacity(listen.len());
        for address in listen {
            listeners.push(self.shared.transport.listen(address).await?);
        }
        // None runs where one cannot.
        for listener in listeners {
            self.begin_listening(listener);
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = self.work() => {}
        }
        Ok(self.shut_down().await)
    }

    async fn work(&mut self) {
        loop {
            self.begin_dials();
            self.begin_notifees();
            let due = self.shared.roster.lock().schedule.poll_timeout();
            let due = due.map(|due| sleep_until(Instant::from_std(due)));
            let at_due = async {
                match due {
                    Some(due) => due.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                Some(listener) = self.to_run.recv() => self.begin_listening(listener),
                Some(peer) = self.arrivals.recv() => self.begin_peer(peer),
                Some(dialed) = self.dials.join_next() => self.on_dialed(dialed),
                Some(ended) = self.peers.join_next() => self.on_peer_ended(ended),
                Some(_) = self.listeners.join_next() => {}
                Some(ended) = self.notifees.join_next() => self.on_notifee_ended(&ended),
                () = self.shared.news.notified() => {}
                () = at_due => {}
            }
        }
    }

    fn begin_listening(&mut self, listener: Listener) {
        let (life, arriving) = (self.life.clone(), self.arriving.clone());
        let running = listening::run(life, listener, arriving, self.closing.clone());
        self.listeners.spawn(running);
    }

    fn begin_dials(&mut self) {
        let now = clock();
        loop {
            let next = self.shared.roster.lock().schedule.pop(now);
            let Some(address) = next else { return };
            let banned = self.shared.roster.lock().bans.forbids_id(now, address.id());
            let (transport, closing) = (self.shared.transport.clone(), self.closing.clone());
            self.dials.spawn(async move {
                if let Some(whom) = banned {
                    return (address, Err(DialError::Rejected(BanError { whom }.into())));
                }
                let dialed = AssertUnwindSafe(transport.dial(&address, &closing)).catch_unwind();
                let dialed = dialed.await.unwrap_or(Err(DialError::Panicked));
                (address, dialed)
            });
        }
    }

    fn begin_notifees(&mut self) {
        for notifee in self.shared.take_notifees() {
            self.notifees.spawn(notifee);
        }
    }

    fn on_notifee_ended(&self, ended: &Result<(), JoinError>) {
        if ended.as_ref().is_err_and(JoinError::is_panic) {
            self.shared.hub.tell(&Event::NotifeePanicked);
        }
    }

    fn begin_peer(&mut self, peer: Peer) {
        let number = self.next_connection;
        self.next_connection = number.wrapping_add(1);
        let id = *peer.id();
        let (shared, life) = (self.shared.clone(), self.life.clone());
        let running = connection::run(shared, life, peer, number, self.parting.clone());
        self.peers.spawn(async move { (id, running.await) });
    }

    fn on_dialed(&mut self, dialed: Result<(PeerAddr, Result<Peer, DialError>), JoinError>) {
        // Tasks are cancelled only with the switch, and a panic is a dial that failed.
        let Ok((address, dialed)) = dialed else {
            return;
        };
        match dialed {
            Ok(peer) => {
                self.shared
                    .change(|roster| roster.schedule.on_dialed(address.id()));
                self.begin_peer(peer);
            }
            Err(error) => {
                let (now, roll) = (clock(), self.shared.dice.roll());
                let healing = healing(&error);
                self.shared.change(|roster| {
                    roster.schedule.on_failed(now, address.id(), healing, roll);
                });
                let error = Arc::new(error);
                self.shared.hub.tell(&Event::DialFailed { address, error });
            }
        }
    }

    fn on_peer_ended(&mut self, ended: Result<(PeerId, Option<Arc<PeerEnd>>), JoinError>) {
        if let Ok((id, Some(end))) = ended {
            self.report.on_peer_ended(id, &end);
        }
    }

    /// Ends listeners and dials first, so that nobody comes while the peers go.
    async fn shut_down(mut self) -> ShutdownReport {
        self.closing.cancel();
        self.to_run.close();
        while self.listeners.join_next().await.is_some() {}
        self.dials.shutdown().await;
        self.arrivals.close();
        while self.arrivals.recv().await.is_some() {}
        self.parting.cancel();
        while let Some(ended) = self.peers.join_next().await {
            self.on_peer_ended(ended);
        }
        self.end_notifees().await;
        std::mem::take(&mut self.report)
    }

    /// All has happened: those who are told of it are told the rest, within a bound.
    async fn end_notifees(&mut self) {
        self.begin_notifees();
        self.shared.hub.close();
        let told = async { while self.notifees.join_next().await.is_some() {} };
        if timeout(TELLING_MAX, told).await.is_err() {
            self.report.notifees_cut_short = self.notifees.len();
            self.notifees.shutdown().await;
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.shared.roster.lock().schedule.end_dials();
    }
}

/// Whether dialing again in a moment may do better.
fn healing(error: &DialError) -> Healing {
    let DialError::Failed { attempts } = error else {
        return Healing::Possible;
    };
    let is_lasting = |error: &AttemptError| match error {
        AttemptError::Upgrade(UpgradeError::Handshake(error)) => {
            matches!(error.fault(), Fault::Nobody | Fault::Peer)
        }
        _ => false,
    };
    let mut errors = attempts.iter().map(|attempt| &attempt.error);
    if errors.all(is_lasting) {
        Healing::Unlikely
    } else {
        Healing::Possible
    }
}

/// Peers whose handshake is done and that wait for the switch to look; more wait in their listeners.
const ARRIVALS_WAITING: usize = 64;
/// Longer than any call that is not stuck takes.
const TELLING_MAX: Duration = Duration::from_secs(5);
