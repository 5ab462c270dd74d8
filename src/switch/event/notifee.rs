//! Events as calls.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio_util::sync::{CancellationToken, DropGuard};

use super::hub::EventStream;
use super::{Event, PeerEnd, PeerHandle, SessionEnd};

/// Is told what happens to a switch, one call after the other, by a task of its own: however long a call takes, it disturbs nobody else. A call may
/// do with the switch whatever it likes.
///
/// Every method does nothing by default. What has no method here is for an [`EventStream`].
pub trait Notifee: Send + 'static {
    /// A listener is there.
    fn listening(&mut self, _address: SocketAddr) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// A listener ended.
    fn listen_closed(&mut self, _address: SocketAddr) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// A peer is there.
    fn connected(&mut self, _peer: PeerHandle) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// A peer is gone.
    fn disconnected(
        &mut self,
        _peer: PeerHandle,
        _end: Arc<PeerEnd>,
    ) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// A reactor took its session with a peer.
    fn session_started(
        &mut self,
        _peer: PeerHandle,
        _reactor: Arc<str>,
    ) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// A session ended.
    fn session_ended(
        &mut self,
        _peer: PeerHandle,
        _reactor: Arc<str>,
        _end: SessionEnd,
    ) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// It was too slow, and so many events were not told; [`peers`](crate::switch::SwitchHandle::peers) says how things are.
    fn lagged(&mut self, _events: u64) -> impl Future<Output = ()> + Send {
        async {}
    }
}

/// A notifee that is told of events. Once it is dropped, no call begins any more; one that is under way is dropped where it waits.
#[derive(Debug)]
#[must_use = "nothing is told once it is dropped"]
pub struct Registration {
    end: DropGuard,
}

impl Registration {
    pub(in crate::switch) fn new(end: CancellationToken) -> Self {
        Self {
            end: end.drop_guard(),
        }
    }

    /// Has the notifee be told until the switch ends.
    pub fn keep(self) {
        self.end.disarm();
    }
}

/// Tells a notifee of all events, until its registration or the switch has ended.
pub(in crate::switch) async fn tell(
    mut notifee: impl Notifee,
    mut events: EventStream,
    end: CancellationToken,
) {
    let telling = async {
        while let Some(event) = events.next().await {
            tell_one(&mut notifee, event).await;
        }
    };
    tokio::select! {
        biased;
        () = end.cancelled() => {}
        () = telling => {}
    }
}

async fn tell_one(notifee: &mut impl Notifee, event: Event) {
    match event {
        Event::Connected { peer } => notifee.connected(peer).await,
        Event::Disconnected { peer, end } => notifee.disconnected(peer, end).await,
        Event::Lagged { events } => notifee.lagged(events).await,
        Event::ListenClosed { address } => notifee.listen_closed(address).await,
        Event::Listening { address } => notifee.listening(address).await,
        Event::SessionEnded { peer, reactor, end } => {
            notifee.session_ended(peer, reactor, end).await;
        }
        Event::SessionStarted { peer, reactor } => notifee.session_started(peer, reactor).await,
        _ => {}
    }
}
