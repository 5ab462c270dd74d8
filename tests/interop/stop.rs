//! The orderly stop of either side: what was accepted before it arrives.

use std::num::NonZeroU64;
use std::time::Duration;

use mconn::{CloseReason, Config};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::go::{Amount, BOTH_ROLES, Go, Remote};
use crate::ours::Ours;
use crate::session::{STOCK, connect};
use crate::traffic::{Digests, digest_of};

/// We stop with full queues. Half of the rounds Go is sending as fast as it can, so that its bytes lie unread at our side.
pub(crate) async fn our_stop_loses_nothing(remote: Remote) {
    for round in 0..ROUNDS {
        let (mut go, ours) = connect(
            remote,
            BOTH_ROLES[round % 2],
            &STOCK,
            json!({}),
            Config::default(),
        )
        .await;
        if round % 4 < 2 {
            go.send(0x40, &[50_000], Amount::For(Duration::from_secs(60)))
                .await;
            sleep(Duration::from_millis(50)).await;
        }
        we_send_and_stop(&mut go, ours).await;
    }
}

/// The same when the queues take a second or two to leave.
pub(crate) async fn our_stop_under_a_limit_loses_nothing(remote: Remote) {
    let ours = Config::builder().send_rate(Some(LIMIT)).build().unwrap();
    for (role, (settings, config)) in BOTH_ROLES
        .into_iter()
        .zip([(json!({}), ours), (go_receives_slowly(), Config::default())])
    {
        let (mut go, ours) = connect(remote, role, &STOCK, settings, config).await;
        we_send_and_stop(&mut go, ours).await;
    }
}

/// Go stops with full queues.
pub(crate) async fn the_flush_stop_of_go_loses_nothing(remote: Remote) {
    for round in 0..ROUNDS {
        let (mut go, ours) = connect(
            remote,
            BOTH_ROLES[round % 2],
            &STOCK,
            json!({}),
            Config::default(),
        )
        .await;
        go_sends_and_stops(&mut go, ours).await;
    }
}

/// The same when the queues take a second or two to leave, or we take as long to read what Go left in the socket.
pub(crate) async fn the_flush_stop_of_go_under_a_limit_loses_nothing(remote: Remote) {
    let slow = Config::builder().recv_rate(Some(LIMIT)).build().unwrap();
    let pairs = [
        (json!({ "send_rate": LIMIT.get() }), Config::default()),
        (json!({}), slow),
    ];
    for (role, (settings, config)) in BOTH_ROLES.into_iter().zip(pairs) {
        let (mut go, ours) = connect(remote, role, &STOCK, settings, config).await;
        go_sends_and_stops(&mut go, ours).await;
    }
}

/// Go's other way to stop throws away what it has queued: the connection ends at once, and what came before is whole.
pub(crate) async fn the_abrupt_stop_of_go_ends_the_connection(remote: Remote) {
    for role in BOTH_ROLES {
        let (mut go, ours) = connect(remote, role, &STOCK, json!({}), Config::default()).await;
        go.send(0x40, &SIZES, Amount::Messages(MESSAGES)).await;
        let sent = go.sent(1).await;
        assert_eq!(ours.received(&sent).await, sent);
        go.tell(json!({ "do": "stop" })).await;
        go.event("stopped").await;
        let (closed, received) = ours.end().await;
        assert!(matches!(closed.reason, CloseReason::PeerClosed), "{closed}");
        assert_eq!(received, sent);
    }
}

async fn we_send_and_stop(go: &mut Go, ours: Ours) {
    let expected = expected();
    for channel in STOCK {
        ours.send(channel.id, &SIZES, MESSAGES).await;
    }
    ours.stop();
    let (closed, _) = ours.end().await;
    assert!(matches!(closed.reason, CloseReason::Stopped), "{closed}");
    assert!(closed.unsent.is_empty(), "{closed:?}");
    assert_eq!(go.received(&expected).await, expected);
    // Go's sender may find its own socket closed before its reader has reported the end.
    let text = go.failure().await;
    assert!(
        text == "EOF" || text.ends_with("use of closed network connection"),
        "an orderly end: {text}"
    );
}

async fn go_sends_and_stops(go: &mut Go, ours: Ours) {
    let expected = expected();
    for channel in STOCK {
        go.send(channel.id, &SIZES, Amount::Messages(MESSAGES))
            .await;
    }
    assert_eq!(go.sent(STOCK.len()).await, expected);
    go.tell(json!({ "do": "flush_stop" })).await;
    let (closed, received) = ours.end().await;
    assert_eq!(received, expected);
    assert!(matches!(closed.reason, CloseReason::PeerClosed), "{closed}");
    go.event("stopped").await;
}

fn expected() -> Digests {
    STOCK
        .iter()
        .map(|channel| (channel.id, digest_of(channel.id, &SIZES, MESSAGES)))
        .collect()
}

fn go_receives_slowly() -> Value {
    json!({ "recv_rate": LIMIT.get() })
}

const ROUNDS: usize = 12;
const MESSAGES: usize = 12;
const SIZES: [usize; 4] = [1, 1_024, 5_000, 30_000];
const LIMIT: NonZeroU64 = NonZeroU64::new(512_000).unwrap();
