//! Peers kept: who is connected, whom to dial, and what protocols have with each.

mod broadcast;
mod builder;
mod config;
mod connection;
mod end;
mod event;
mod filter;
mod handle;
mod life;
mod listening;
mod peer;
mod peers;
mod reactor;
mod reason;
mod report;
mod roster;
mod session;
mod shared;
mod task;
mod typed;

#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub use broadcast::Broadcast;
pub use builder::{SwitchBuilder, SwitchError};
pub use config::SwitchConfig;
pub use end::{Breach, Cause, Initiator, PeerEnd, SessionEnd, SessionError};
pub use event::{Event, EventStream, Notifee, Registration};
pub use filter::BanError;
pub use handle::SwitchHandle;
pub use peer::PeerHandle;
pub use reactor::Reactor;
pub use reason::Reason;
pub use report::ShutdownReport;
pub use roster::{Banned, NotATarget, PrefixError, TooManyBans};
pub use session::{NoChannel, Session};
pub use typed::{TypedReceiver, TypedSender};

use crate::node::LocalNodeBuilder;
use crate::transport::Listener;
use life::Life;
use shared::Shared;
use task::Task;

/// Finds no peers by itself, but dials, keeps and lets go of those that it is given, and runs the protocols of a node with each.
///
/// # Two connections with one peer
///
/// Where two nodes dial each other at once, the connection that the one with the greater id dialed stays, and both know which. One more connection of a
/// peer that we have is refused if the one that is there answers a ping within 3 s, else it takes its place: so a peer whose machine lost its power is back as soon as it
/// is up. With CometBFT, which has no such rule, both connections may be lost; both then dial again after times of their own.
///
/// # Example
///
/// Two nodes, one protocol, one message:
///
/// ```
/// # use std::sync::Arc;
/// use mconn::address::PeerAddr;
/// use mconn::node::LocalNode;
/// use mconn::secret::Identity;
/// use mconn::switch::{Event, Switch, SwitchConfig};
/// use mconn::{ChannelDescriptor, ChannelId};
/// use tokio_util::sync::CancellationToken;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// const NOTES: ChannelId = ChannelId::new(0x70);
/// let node = |moniker: &str| -> Result<_, Box<dyn std::error::Error>> {
///     let node = LocalNode::builder(Arc::new(Identity::generate()?), "test-chain", moniker);
///     let mut switch = Switch::builder(node, SwitchConfig::default());
///     let notes = switch.reactor("notes", [ChannelDescriptor::new(NOTES, 5)])?;
///     Ok((switch, notes))
/// };
/// let stop = CancellationToken::new();
///
/// // Alice listens, and says hello to each peer.
/// let (alice, greeter) = node("alice")?;
/// let alice = alice.build()?;
/// let handle = alice.handle();
/// tokio::spawn(alice.run(stop.clone()));
/// tokio::spawn(greeter.serve(8, |mut session| async move {
///     let (to_peer, mut from_peer) = session.channel(NOTES)?;
///     to_peer.send("hello").await?;
///     while from_peer.recv().await.is_some() {}
///     Ok(())
/// }));
/// let address = handle.listen("127.0.0.1:0".parse()?).await?;
///
/// // Bob is connected with her, whatever happens.
/// let (bob, mut notes) = node("bob")?;
/// let bob = bob.persistent(PeerAddr::new(*handle.id(), address)).build()?;
/// let running = tokio::spawn(bob.run(stop.clone()));
/// let mut session = notes.next().await.ok_or("the switch has ended")?;
/// let (_to_peer, mut from_peer) = session.channel(NOTES)?;
/// assert_eq!(from_peer.recv().await.as_deref(), Some(&b"hello"[..]));
///
/// drop(session);
/// stop.cancel();
/// assert!(running.await??.overdue.is_empty());
/// # Ok(())
/// # }
/// ```
#[must_use = "a switch does nothing until it runs"]
pub struct Switch {
    shared: Arc<Shared>,
    life: Arc<Life>,
    to_run: mpsc::Receiver<Listener>,
    listen: Vec<SocketAddr>,
}

impl Switch {
    /// A switch for this node, whose channels are those of the reactors.
    pub fn builder(node: LocalNodeBuilder, config: SwitchConfig) -> SwitchBuilder {
        SwitchBuilder::new(node, config)
    }

    const fn new(
        shared: Arc<Shared>,
        life: Arc<Life>,
        to_run: mpsc::Receiver<Listener>,
        listen: Vec<SocketAddr>,
    ) -> Self {
        Self {
            shared,
            life,
            to_run,
            listen,
        }
    }

    /// A handle to steer it.
    pub fn handle(&self) -> SwitchHandle {
        SwitchHandle::new(self.shared.clone())
    }

    /// Runs the switch until `stop` is cancelled, and says what was left. It then lets nobody in and dials nobody any more, lets go of all peers, and waits for
    /// their sessions within [`session_timeout`](SwitchConfig::with_session_timeout). When it has returned, nothing of it runs any more.
    ///
    /// # Errors
    ///
    /// What the system says where it cannot listen.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends all connections at once; each event that opened something is followed by its closing one all the same.
    pub async fn run(self, stop: CancellationToken) -> io::Result<ShutdownReport> {
        let task = Task::new(self.shared, self.life, self.to_run);
        task.run(self.listen, stop).await
    }
}

impl fmt::Debug for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Switch")
            .field("shared", &self.shared)
            .finish_non_exhaustive()
    }
}
