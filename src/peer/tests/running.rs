//! The end of a peer that ran: a cause for each way to end, and no task left (D11).

use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
use tokio_util::sync::CancellationToken;

use super::kit::*;
use crate::config::Config;
use crate::driver::{CloseReason, Closed};
use crate::error::{Error, Fault};
use crate::packet::ProtocolError;
use crate::peer::{Established, Handshaking};
use crate::secret::{FrameError, SecretConnection};

#[tokio::test(start_paused = true)]
async fn a_token_stops_it() {
    let stop = CancellationToken::new();
    let token = stop.clone();
    let closed = end(stop, async |remote| {
        idle().await;
        token.cancel();
        drop(remote);
    })
    .await;
    assert!(matches!(closed.reason, CloseReason::Stopped), "{closed}");
    assert!(closed.is_clean());
}

#[tokio::test(start_paused = true)]
async fn a_remote_that_closes_is_told_from_us() {
    let closed = end_by(async |remote| drop(remote)).await;
    assert!(matches!(closed.reason, CloseReason::PeerClosed), "{closed}");
}

#[tokio::test(start_paused = true)]
async fn a_violation_is_named() {
    let closed = end_by(async |mut remote| {
        remote
            .stream
            .write_all(&packet(VOTES, b"what"))
            .await
            .unwrap();
        remote.stream.flush().await.unwrap();
        remote
    })
    .await;
    let violation = ProtocolError::UnknownChannel { id: 0x22 };
    let error = closed.reason.error().unwrap();
    assert!(
        matches!(error, Error::Protocol(found) if *found == violation),
        "{closed}"
    );
    assert!(error.is_peer_fault());
}

#[tokio::test(start_paused = true)]
async fn silence_ends_it() {
    let closed = end_by(async |remote| remote).await;
    let error = closed.reason.error().unwrap();
    assert!(matches!(error, Error::PongTimeout { .. }), "{closed}");
    assert_eq!(error.fault(), Fault::Silence);
}

#[tokio::test(start_paused = true)]
async fn a_transport_that_fails_is_blamed() {
    let closed = end_by(async |remote| {
        remote.ours.pull(Sabotage::Fail);
        remote
    })
    .await;
    let error = closed.reason.error().unwrap();
    let kind = std::io::ErrorKind::HostUnreachable;
    assert!(
        matches!(error, Error::Transport(error) if error.kind() == kind),
        "{closed}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_damaged_frame_is_a_corrupt_stream_and_the_peer_s_fault() {
    let closed = end_by(async |mut remote| {
        remote.theirs.pull(Sabotage::Damage);
        remote
            .stream
            .write_all(&packet(BLOCKS, b"block"))
            .await
            .unwrap();
        remote.stream.flush().await.unwrap();
        remote
    })
    .await;
    let error = closed.reason.error().unwrap();
    let Error::Corrupt(cause) = error else {
        panic!("{closed}");
    };
    assert_eq!(FrameError::of(cause), Some(FrameError::NotAuthentic));
    assert!(error.is_peer_fault());
}

#[tokio::test(start_paused = true)]
async fn an_end_inside_a_frame_is_blamed_on_the_transport() {
    let closed = end_by(async |mut remote| {
        remote.theirs.pull(Sabotage::Cut);
        let cut = remote.stream.write_all(&packet(BLOCKS, b"block")).await;
        assert!(cut.is_err());
    })
    .await;
    let error = closed.reason.error().unwrap();
    let kind = std::io::ErrorKind::UnexpectedEof;
    assert!(
        matches!(error, Error::Transport(error) if error.kind() == kind),
        "{closed}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_dropped_run_closes_the_stream_and_says_so_to_its_handles() {
    let (here, mut remote) = peer_and_remote().await;
    let handle = here.handle();
    drop(here.run(CancellationToken::new()));
    assert!(is_closed(&mut remote.stream).await);
    assert!(matches!(
        soon(handle.closed()).await.reason,
        CloseReason::Dropped
    ));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_runs_closes_the_stream_when_it_is_dropped() {
    let (here, mut remote) = peer_and_remote().await;
    drop(here);
    assert!(is_closed(&mut remote.stream).await);
}

/// A remote under full control, and what can be done to the streams of both ends.
struct Remote {
    stream: SecretConnection<Sabotaged<DuplexStream>>,
    ours: Lever,
    theirs: Lever,
}

async fn peer_and_remote() -> (Established<Sabotaged<DuplexStream>>, Remote) {
    let (io, far) = duplex(1 << 16);
    let (ours, theirs) = (Lever::default(), Lever::default());
    let (cancel, them) = (CancellationToken::new(), node("them"));
    let config = config(NETWORK, "us", |node| node.connection(Config::cometbft()));
    let here = Handshaking::inbound(ours.wrap(io), config.into()).handshake(&cancel, anybody);
    let there = introduced(theirs.wrap(far), &them);
    let (here, stream) = soon(async { tokio::join!(here, there) }).await;
    let remote = Remote {
        stream,
        ours,
        theirs,
    };
    (here.unwrap(), remote)
}

/// How `run` ends with a remote that does this. What the script leaves is kept.
async fn end_by<T>(script: impl AsyncFnOnce(Remote) -> T) -> Closed {
    end(CancellationToken::new(), script).await
}

async fn end<T>(stop: CancellationToken, script: impl AsyncFnOnce(Remote) -> T) -> Closed {
    let (mut here, remote) = peer_and_remote().await;
    let (_sender, _receiver) = here.open(BLOCKS).unwrap();
    let handle = here.handle();
    let (closed, _left) = tokio::join!(here.run(stop), script(remote));
    assert_eq!(tasks(), 0);
    let told = soon(handle.closed()).await;
    assert_eq!(told.to_string(), closed.to_string());
    closed
}
