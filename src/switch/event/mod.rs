//! What happens to a switch, told in pairs.

mod hub;
mod notifee;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

pub use hub::EventStream;
pub(super) use hub::Hub;
pub(super) use notifee::tell;
pub use notifee::{Notifee, Registration};

use super::end::{PeerEnd, SessionEnd};
use super::peer::PeerHandle;
use crate::address::PeerAddr;
use crate::transport::{DialError, UpgradeError};

/// Something that happened to a switch.
///
/// Three kinds open something and three close it, each exactly once: `Listening` and `ListenClosed`, `Connected` and `Disconnected`, `SessionStarted` and
/// `SessionEnded`. All sessions of a connection start behind its `Connected` and end before its `Disconnected`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A peer is there.
    Connected {
        /// The peer.
        peer: PeerHandle,
    },
    /// A peer was dialed, and did not become one.
    DialFailed {
        /// Whom we dialed.
        address: PeerAddr,
        /// Why not.
        error: Arc<DialError>,
    },
    /// A peer is gone: its sessions have ended and it is no longer among the peers.
    Disconnected {
        /// The peer.
        peer: PeerHandle,
        /// How it ended.
        end: Arc<PeerEnd>,
    },
    /// The subscriber was too slow, and missed this many events.
    Lagged {
        /// How many.
        events: u64,
    },
    /// A listener ended.
    ListenClosed {
        /// The address that it listened on.
        address: SocketAddr,
    },
    /// A listener is there.
    Listening {
        /// The address that it listens on; a port 0 has become a real one.
        address: SocketAddr,
    },
    /// The system gives a listener no connections; it tries again.
    ListenPaused {
        /// The address that it listens on.
        address: SocketAddr,
        /// What the system said.
        error: Arc<io::Error>,
    },
    /// A notifee panicked, and is told nothing more.
    NotifeePanicked,
    /// A connection that somebody opened did not become a peer.
    Refused {
        /// Where it came from.
        address: SocketAddr,
        /// Why not.
        error: Arc<UpgradeError>,
    },
    /// A session ended.
    SessionEnded {
        /// The peer.
        peer: PeerHandle,
        /// The reactor.
        reactor: Arc<str>,
        /// How.
        end: SessionEnd,
    },
    /// A reactor took its session with a peer.
    SessionStarted {
        /// The peer.
        peer: PeerHandle,
        /// The reactor.
        reactor: Arc<str>,
    },
}
