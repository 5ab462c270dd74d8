//! The time limit covers the whole exchange (D6), and cancelling is heard at once and is no timeout (D7).

use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, copy, duplex, split};
use tokio_util::sync::CancellationToken;

use super::kit::*;
use crate::node::{LocalNode, NodeInfo};
use crate::peer::{HandshakeError, Handshaking};
use crate::secret::SecretConnection;

#[tokio::test(start_paused = true)]
async fn one_byte_a_second_is_cut_at_the_limit_wherever_it_begins() {
    for fast in [
        0,
        34,
        EPHEMERAL,
        EPHEMERAL + 1000,
        EPHEMERAL + FRAME,
        WHOLE - 30,
    ] {
        let pace = |byte| if byte < fast { Duration::ZERO } else { SECOND };
        let (error, time) = timed(paced(patient(), pace)).await;
        assert!(is_timeout(&error, 20 * SECOND), "{fast}: {error:?}");
        assert_eq!(time, 20 * SECOND, "{fast}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_limit_is_one_for_all_stages_together() {
    let stages = [0, EPHEMERAL, EPHEMERAL + FRAME];
    let pace = |byte| {
        if stages.contains(&byte) {
            7 * SECOND
        } else {
            Duration::ZERO
        }
    };
    let (error, time) = timed(paced(patient(), pace)).await;
    assert!(is_timeout(&error, 20 * SECOND), "{error:?}");
    assert_eq!(time, 20 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_slow_remote_that_is_done_in_time_is_taken() {
    let stages = [0, EPHEMERAL, EPHEMERAL + FRAME];
    let pace = |byte| {
        if stages.contains(&byte) {
            6 * SECOND
        } else {
            Duration::ZERO
        }
    };
    let (io, far) = duplex(1 << 16);
    let cancel = CancellationToken::new();
    let here = Handshaking::inbound(io, patient()).handshake(&cancel, anybody);
    let them = node("them");
    let (peer, time) = timed(first(here, dribble(far, &them, pace))).await;
    assert_eq!(peer.unwrap().id(), them.id());
    assert!(time >= 18 * SECOND && time < 19 * SECOND, "{time:?}");
}

#[tokio::test(start_paused = true)]
async fn the_limit_can_be_set() {
    let us = config(NETWORK, "us", |node| {
        node.handshake_timeout(3 * SECOND)
            .first_message_timeout(4 * SECOND)
    });
    let (error, time) = timed(paced(Arc::new(us), |_| SECOND)).await;
    assert!(is_timeout(&error, 3 * SECOND), "{error:?}");
    assert_eq!(time, 3 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn the_first_message_has_a_limit_of_its_own_whoever_dialed() {
    for fast in [0, 34] {
        let pace = |byte| {
            if byte < fast {
                Duration::ZERO
            } else {
                SECOND * 4
            }
        };
        let (error, time) = timed(paced(node("us"), pace)).await;
        let limit = 3 * SECOND;
        assert!(
            matches!(error, HandshakeError::FirstMessageTimeout { after } if after == limit),
            "{fast}: {error:?}"
        );
        assert_eq!(time, limit);
    }
    let (io, _silent) = duplex(1 << 16);
    let cancel = CancellationToken::new();
    let here = Handshaking::outbound(io, node("us"), None).handshake(&cancel, nobody);
    let (result, time) = timed(here).await;
    assert!(matches!(
        result,
        Err(HandshakeError::FirstMessageTimeout { .. })
    ));
    assert_eq!(time, 3 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn the_limit_goes_on_while_our_program_decides_on_the_id() {
    for (decides_for, in_time) in [(19 * SECOND, true), (20 * SECOND, false)] {
        let (io, far) = duplex(1 << 16);
        let them = node("them");
        let here = async {
            let peer = Handshaking::inbound(io, node("us")).authenticate().await?;
            pass(decides_for).await;
            peer.introduce().await
        };
        let there = async {
            let stream = introduced_late(far, &them).await;
            pending::<()>().await;
            drop(stream);
        };
        let (result, time) = timed(first(here, there)).await;
        assert_eq!(time, decides_for);
        match result {
            Ok(peer) => assert!(in_time, "{:?}", peer.id()),
            Err(error) => assert!(!in_time && is_timeout(&error, 20 * SECOND), "{error:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn cancelling_is_heard_at_each_stage_and_is_no_timeout() {
    for stall in [
        0,
        10,
        EPHEMERAL,
        EPHEMERAL + 500,
        EPHEMERAL + FRAME,
        WHOLE - 1,
    ] {
        let (io, far) = duplex(1 << 16);
        let (cancel, them) = (CancellationToken::new(), node("them"));
        let pace = |byte| {
            if byte < stall {
                Duration::ZERO
            } else {
                Duration::MAX
            }
        };
        let handshake = Handshaking::inbound(io, patient()).handshake(&cancel, nobody);
        let cancelled = async {
            pass(5 * SECOND).await;
            cancel.cancel();
        };
        let here = async { tokio::join!(timed(handshake), cancelled).0 };
        let ((result, time), there) = tokio::join!(here, dribble(far, &them, pace));
        assert!(
            matches!(result, Err(HandshakeError::Cancelled)),
            "{stall}: {result:?}"
        );
        assert!(
            time < 5 * SECOND + Duration::from_millis(100),
            "{stall}: {time:?}"
        );
        // The remote has seen the end of the stream, or this would not have returned.
        there.unwrap();
        assert_eq!(tasks(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_is_cancelled_before_it_begins_says_nothing() {
    let (io, mut far) = duplex(1 << 16);
    let cancel = CancellationToken::new();
    cancel.cancel();
    let result = Handshaking::inbound(io, node("us"))
        .handshake(&cancel, nobody)
        .await;
    assert!(matches!(result, Err(HandshakeError::Cancelled)));
    let mut heard = Vec::new();
    far.read_to_end(&mut heard).await.unwrap();
    assert!(heard.is_empty());
}

#[tokio::test(start_paused = true)]
async fn nobody_is_asked_after_the_cancelling_even_if_all_bytes_are_there() {
    let (io, far) = duplex(1 << 16);
    let (cancel, them) = (CancellationToken::new(), node("them"));
    let mut here = pin!(Handshaking::inbound(io, node("us")).handshake(&cancel, nobody));
    let mut stream = {
        let there = SecretConnection::handshake(far, them.identity());
        let mut there = pin!(there);
        // Drives both until ours waits for NodeInfo only.
        let stream = poll_fn(|cx| {
            assert!(here.as_mut().poll(cx).is_pending());
            there.as_mut().poll(cx)
        });
        soon(stream).await.unwrap()
    };
    stream.write_all(them.announcement()).await.unwrap();
    cancel.cancel();
    let result = here.await;
    assert!(
        matches!(result, Err(HandshakeError::Cancelled)),
        "{result:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_handshake_dropped_at_any_poll_closes_the_stream_and_asks_nobody_later() {
    let (us, them) = (node("us"), node("them"));
    for polls in 1.. {
        let (io, far) = duplex(64);
        let (cancel, mut asked) = (CancellationToken::new(), false);
        let admit = |_: &NodeInfo| {
            asked = true;
            Ok(())
        };
        let there = async {
            let Ok(mut stream) = SecretConnection::handshake(far, them.identity()).await else {
                return;
            };
            let _ = stream.write_all(them.announcement()).await;
            let _ = stream.flush().await;
            let _ = stream.read_to_end(&mut Vec::new()).await;
        };
        let here = polled(
            polls,
            Handshaking::inbound(io, us.clone()).handshake(&cancel, admit),
        );
        let (here, ()) = soon(async { tokio::join!(here, there) }).await;
        assert_eq!(tasks(), 0);
        assert_eq!(asked, here, "at poll {polls}");
        if here {
            assert!(polls > 20, "it was done after {polls} polls");
            break;
        }
    }
}

/// The stream of a remote that shakes hands whenever it may.
async fn introduced_late(
    far: DuplexStream,
    them: &LocalNode,
) -> Option<SecretConnection<DuplexStream>> {
    let mut stream = SecretConnection::handshake(far, them.identity())
        .await
        .ok()?;
    stream.write_all(them.announcement()).await.ok()?;
    stream.flush().await.ok()?;
    Some(stream)
}

/// How the handshake of this node fails with an honest remote that waits so long before each byte.
async fn paced(us: Arc<LocalNode>, pace: impl Fn(usize) -> Duration) -> HandshakeError {
    let (io, far) = duplex(1 << 16);
    let cancel = CancellationToken::new();
    let here = Handshaking::inbound(io, us).handshake(&cancel, nobody);
    first(here, dribble(far, &node("them"), pace))
        .await
        .unwrap_err()
}

/// An honest remote whose bytes come at this pace, until the other end is closed.
async fn dribble(
    io: DuplexStream,
    them: &LocalNode,
    pace: impl Fn(usize) -> Duration,
) -> std::io::Result<()> {
    let (tap, behind) = duplex(1 << 16);
    let ((mut far_read, mut far_write), (mut tap_read, mut tap_write)) = (split(io), split(tap));
    let honest = async {
        let mut stream = SecretConnection::handshake(behind, them.identity())
            .await
            .unwrap();
        stream.write_all(them.announcement()).await.unwrap();
        pending::<()>().await;
    };
    let slowly = async {
        for byte in 0.. {
            let next = tap_read.read_u8().await.unwrap();
            pass(pace(byte)).await;
            if far_write.write_all(&[next]).await.is_err() {
                pending::<()>().await;
            }
        }
    };
    let back = copy(&mut far_read, &mut tap_write);
    first(back, async { tokio::join!(honest, slowly) })
        .await
        .map(drop)
}

/// The first future's output; the second is only driven meanwhile.
async fn first<T>(one: impl Future<Output = T>, other: impl Future) -> T {
    let mut other = pin!(other);
    let mut done = false;
    let mut one = pin!(one);
    poll_fn(|cx| {
        done = done || other.as_mut().poll(cx).is_ready();
        one.as_mut().poll(cx)
    })
    .await
}

/// A node that waits for the first message as long as for all.
fn patient() -> Arc<LocalNode> {
    node_with("us", |node| node.first_message_timeout(30 * SECOND))
}

fn is_timeout(error: &HandshakeError, limit: Duration) -> bool {
    matches!(error, HandshakeError::Timeout { after } if *after == limit)
}

const SECOND: Duration = Duration::from_secs(1);
const EPHEMERAL: usize = 35;
const FRAME: usize = 1044;
/// An ephemeral key, an identity, and a short NodeInfo.
const WHOLE: usize = EPHEMERAL + 2 * FRAME;
