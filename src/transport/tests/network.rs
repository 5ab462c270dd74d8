//! A transport over a network of pipes: nothing above it knows of sockets.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::duplex;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::kit::*;
use crate::address::PeerAddr;
use crate::peer::tests::kit::*;
use crate::transport::{
    Accept, AttemptError, DialError, Network, Opening, Stream, Transport, TransportConfig,
};

#[tokio::test(start_paused = true)]
async fn a_transport_dials_and_accepts_over_any_network() {
    let pipes = Pipes::default();
    let (one, other) = (pipes.node("one"), pipes.node("other"));
    let mut listener = one.listen(PLACE.parse().unwrap()).await.unwrap();
    let address = PeerAddr::new(*one.id(), listener.local_addr().unwrap());
    let cancel = CancellationToken::new();
    let met = async { tokio::join!(other.dial(&address, &cancel), listener.accept()) };
    let (dialed, accepted) = soon(met).await;
    let (dialed, accepted) = (dialed.unwrap(), accepted.unwrap());
    assert_eq!((dialed.id(), accepted.id()), (one.id(), other.id()));
    assert_eq!(dialed.address(), PLACE.parse().unwrap());
    assert_eq!((one.connections().all(), other.connections().all()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn what_a_network_says_and_how_long_it_takes_is_told_of_the_address() {
    let pipes = Pipes::default();
    let (one, other) = (pipes.node("one"), pipes.node("other"));
    let cancel = CancellationToken::new();
    let nowhere = PeerAddr::new(*one.id(), PLACE.parse::<SocketAddr>().unwrap());
    let error = first_attempt(other.dial(&nowhere, &cancel).await.unwrap_err());
    assert!(
        matches!(&error, AttemptError::Connect(error) if error.kind() == io::ErrorKind::ConnectionRefused)
    );
    let dead = PeerAddr::new(*one.id(), DEAD_END.parse::<SocketAddr>().unwrap());
    let (dialed, time) = timed(other.dial(&dead, &cancel)).await;
    let error = first_attempt(dialed.unwrap_err());
    assert!(
        matches!(error, AttemptError::ConnectTimeout { .. }),
        "{error:?}"
    );
    assert_eq!(time, Duration::from_secs(3));
}

fn first_attempt(error: DialError) -> AttemptError {
    match error {
        DialError::Failed { mut attempts } => attempts.remove(0).error,
        other => panic!("{other:?}"),
    }
}

/// Who listens where.
#[derive(Clone, Default)]
struct Pipes(Arc<Mutex<HashMap<SocketAddr, Door>>>);

impl Pipes {
    fn node(&self, moniker: &str) -> Transport {
        let config = TransportConfig::default().with_network(self.clone());
        Transport::new(node_config(moniker), config).unwrap()
    }
}

impl Network for Pipes {
    fn connect(&self, address: SocketAddr) -> Opening<'_, Stream> {
        let door = self.0.lock().unwrap().get(&address).cloned();
        Box::pin(async move {
            if address == DEAD_END.parse().unwrap() {
                std::future::pending::<()>().await;
            }
            let door = door.ok_or(io::ErrorKind::ConnectionRefused)?;
            let (io, far) = duplex(1 << 16);
            door.open(far, "192.0.2.9:1").await;
            Ok(Box::new(io) as Stream)
        })
    }

    fn bind(&self, address: SocketAddr) -> Opening<'_, Box<dyn Accept>> {
        let (door, doorway) = mpsc::channel(10);
        self.0.lock().unwrap().insert(address, Door(door));
        Box::pin(async { Ok(Box::new(Doorway(doorway)) as Box<dyn Accept>) })
    }
}

impl fmt::Debug for Pipes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pipes")
    }
}

/// Where a [`Doorway`] says it is.
const PLACE: &str = "192.0.2.1:26656";
const DEAD_END: &str = "192.0.2.2:26656";
