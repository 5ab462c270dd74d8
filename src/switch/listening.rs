//! One listener, from its begin to its end.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::event::Event;
use super::life::Life;
use crate::transport::{Incoming, Listener, Peer};

/// Hands peers over until the switch closes.
pub(super) async fn run(
    life: Arc<Life>,
    mut listener: Listener,
    arriving: mpsc::Sender<Peer>,
    closing: CancellationToken,
) {
    let Ok(address) = listener.local_addr() else {
        return;
    };
    let told = Told::new(life, address);
    tokio::select! {
        biased;
        () = closing.cancelled() => {}
        () = take(&told, &mut listener, &arriving) => {}
    }
    listener.close().await;
}

async fn take(told: &Told, listener: &mut Listener, arriving: &mpsc::Sender<Peer>) {
    loop {
        match listener.next().await {
            Incoming::Peer(peer) => {
                if arriving.send(peer).await.is_err() {
                    return;
                }
            }
            Incoming::Refused { address, error } => {
                let error = Arc::new(error);
                told.life.hub.tell(&Event::Refused { address, error });
            }
            Incoming::Paused { error, .. } => {
                let (address, error) = (told.address, Arc::new(error));
                told.life.hub.tell(&Event::ListenPaused { address, error });
            }
        }
    }
}

/// A listener that was told of; dropping it tells of its end.
struct Told {
    life: Arc<Life>,
    address: SocketAddr,
}

impl Told {
    fn new(life: Arc<Life>, address: SocketAddr) -> Self {
        life.hub.tell(&Event::Listening { address });
        Self { life, address }
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        let address = self.address;
        self.life.hub.tell(&Event::ListenClosed { address });
    }
}
