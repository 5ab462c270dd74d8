//! Putting a switch together.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use aws_lc_rs::rand;
use tokio::sync::{Notify, mpsc};

use super::Switch;
use super::config::SwitchConfig;
use super::event::EventStream;
use super::filter::BanFilter;
use super::life::Life;
use super::peers::Peers;
use super::reactor::Reactor;
use super::roster::{NotATarget, Pace, Roster, Wanted};
use super::shared::{Dice, Shared, SharedRoster, clock};
use crate::address::{PeerAddr, PeerId};
use crate::channel::{ChannelDescriptor, ChannelId};
use crate::config::ConfigError;
use crate::error::Fault;
use crate::node::{LocalNodeBuilder, LocalNodeError};
use crate::transport::Transport;

/// Makes a [`Switch`].
#[derive(Debug)]
#[must_use = "it has to be built"]
pub struct SwitchBuilder {
    node: LocalNodeBuilder,
    config: SwitchConfig,
    channels: Vec<ChannelDescriptor>,
    life: Life,
    listen: Vec<SocketAddr>,
    persistent: Vec<PeerAddr>,
    unconditional: Vec<PeerId>,
}

impl SwitchBuilder {
    pub(super) fn new(node: LocalNodeBuilder, config: SwitchConfig) -> Self {
        Self {
            node,
            config,
            channels: Vec::new(),
            life: Life::default(),
            listen: Vec::new(),
            persistent: Vec::new(),
            unconditional: Vec::new(),
        }
    }

    /// A protocol more. Its channels become channels of the node.
    ///
    /// # Errors
    ///
    /// The name, or one of the channels, belongs to another reactor.
    pub fn reactor(
        &mut self,
        name: &str,
        channels: impl IntoIterator<Item = ChannelDescriptor>,
    ) -> Result<Reactor, SwitchError> {
        let channels: Vec<ChannelDescriptor> = channels.into_iter().collect();
        let ids: Vec<ChannelId> = channels.iter().map(ChannelDescriptor::id).collect();
        for other in &self.life.reactors {
            if &*other.name == name {
                let name = name.to_owned();
                return Err(SwitchError::DuplicateReactor { name });
            }
            if let Some(channel) = ids.iter().find(|it| other.channels.contains(it)) {
                return Err(SwitchError::SharedChannel {
                    channel: *channel,
                    reactor: name.to_owned(),
                    other: other.name.to_string(),
                });
            }
        }
        self.channels.extend(channels);
        let reactor = Reactor::new(name.into(), ids);
        self.life.reactors.push(reactor.shared().clone());
        Ok(reactor)
    }

    /// Listens there from the start. Where it cannot, [`Switch::run`] says so and does not run.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen.push(address);
        self
    }

    /// Is connected with this peer always: see [`add_persistent`](super::SwitchHandle::add_persistent).
    pub fn persistent(mut self, peer: PeerAddr) -> Self {
        self.persistent.push(peer);
        self
    }

    /// Has a place for this peer always: see [`set_unconditional`](super::SwitchHandle::set_unconditional).
    pub fn unconditional(mut self, peer: PeerId) -> Self {
        self.unconditional.push(peer);
        self
    }

    /// The events from the very first.
    pub fn events(&self) -> EventStream {
        self.life.hub.subscribe()
    }

    /// Checks all of it.
    ///
    /// # Errors
    ///
    /// A setting outside of its bounds, a node that cannot be, or a persistent peer that is this node.
    pub fn build(self) -> Result<Switch, SwitchError> {
        self.config.check()?;
        let channels = self.channels.into_iter();
        let node = channels
            .fold(self.node, LocalNodeBuilder::channel)
            .build()?;
        let (us, config) = (*node.id(), self.config);
        let pace = Pace {
            first: config.first_redial,
            longest: config.longest_redial.max(config.first_redial),
            settled_after: config.settled_after,
            max_dials: config.max_dials,
        };
        let mut roster = Roster::new(us, pace);
        for peer in self.persistent {
            roster.schedule.add(clock(), peer, Wanted::Persistent)?;
        }
        roster.unconditional.extend(self.unconditional);
        let exempt: Vec<PeerId> = roster.exempt().copied().collect();
        let roster = Arc::new(SharedRoster::new(roster));
        let filter = BanFilter::new(roster.clone(), config.transport.filter().clone());
        let transport = config.transport.with_filter(filter).breaking_ties();
        let transport = Transport::new(node, transport)?;
        for id in exempt {
            transport.set_exempt(id, true);
        }
        let (listeners, to_run) = mpsc::channel(LISTENERS_WAITING);
        let dice = Dice::new(config.seed.map_or_else(seed, Ok)?);
        let shared = Shared {
            transport,
            session_timeout: config.session_timeout,
            reactors: self.life.reactors.clone(),
            hub: self.life.hub.clone(),
            peers: Peers::default(),
            roster,
            news: Notify::new(),
            listeners,
            notifees: Mutex::default(),
            dice,
        };
        let (shared, life) = (Arc::new(shared), Arc::new(self.life));
        Ok(Switch::new(shared, life, to_run, self.listen))
    }
}

fn seed() -> Result<u64, SwitchError> {
    let mut seed = [0; 8];
    rand::fill(&mut seed).map_err(|_| SwitchError::NoRandomness)?;
    Ok(u64::from_le_bytes(seed))
}

/// A switch that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SwitchError {
    /// A setting outside of its bounds.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Two reactors with one name.
    #[error("there is a reactor {name} already")]
    DuplicateReactor {
        /// The name.
        name: String,
    },
    /// A node that cannot be.
    #[error(transparent)]
    Node(#[from] LocalNodeError),
    /// The system has no random numbers.
    #[error("the system gives no random numbers")]
    NoRandomness,
    /// Two reactors with one channel.
    #[error("channel {channel} of reactor {reactor} belongs to reactor {other}")]
    SharedChannel {
        /// The channel.
        channel: ChannelId,
        /// The reactor that asked for it.
        reactor: String,
        /// The reactor that has it.
        other: String,
    },
    /// A persistent peer that cannot be dialed.
    #[error("persistent peer: {0}")]
    Persistent(#[from] NotATarget),
}

impl SwitchError {
    /// Who is at fault: always we.
    pub const fn fault(&self) -> Fault {
        Fault::Local
    }
}

/// They are taken as soon as the switch runs.
const LISTENERS_WAITING: usize = 16;
