//! Channels that a peer announced, and those that it did not.

use tokio_util::sync::CancellationToken;

use super::kit::*;
use crate::config::ConfigError;
use crate::driver::{ReserveError, SendError, TrySendError};

#[tokio::test(start_paused = true)]
async fn a_channel_opens_whether_or_not_the_peer_announced_it_and_once_only() {
    let voter = node_with("voter", |info| info.channels([BLOCKS, VOTES]));
    let (mut here, _there) = acquainted(&voter, &node("them")).await;
    here.open(votes()).unwrap();
    here.open(blocks()).unwrap();
    assert!(matches!(
        here.open(votes()),
        Err(ConfigError::DuplicateChannel { channel: VOTES })
    ));
    let (mut alone, _there) = acquainted(&node("us"), &node("them")).await;
    // Not even ours announces it.
    alone.open(votes()).unwrap();
}

#[tokio::test(start_paused = true)]
async fn every_way_of_sending_where_the_peer_did_not_announce_the_channel_gives_the_message_back() {
    let voter = node_with("voter", |info| info.channels([BLOCKS, VOTES]));
    let (mut here, there) = acquainted(&voter, &node("them")).await;
    let (to_nobody, _) = here.open(votes()).unwrap();
    let (to_them, _) = here.open(blocks()).unwrap();
    let mut there = there;
    let (_, mut received) = there.open(blocks()).unwrap();
    let stop = CancellationToken::new();
    let (here, there) = (here.run(stop.clone()), there.run(CancellationToken::new()));
    let program = async {
        let message = bytes::Bytes::from_static(b"yes");
        let refused = SendError::NotAdvertised(message.clone());
        assert_eq!(to_nobody.send(message.clone()).await, Err(refused.clone()));
        assert_eq!(
            to_nobody.send_tracked(message.clone()).await.unwrap_err(),
            refused
        );
        let refused = TrySendError::NotAdvertised(message.clone());
        assert_eq!(to_nobody.try_send(message.clone()), Err(refused.clone()));
        assert_eq!(refused.into_message(), message);
        assert_eq!(
            to_nobody.reserve(3).await.unwrap_err(),
            ReserveError::NotAdvertised
        );
        // Nothing of it went out: the peer would have ended the connection.
        to_them.send("a block").await.unwrap();
        assert_eq!(received.recv().await.as_deref(), Some(&b"a block"[..]));
        stop.cancel();
    };
    let (here, there, ()) = soon(async { tokio::join!(here, there, program) }).await;
    assert!(here.is_clean(), "{here}");
    assert!(there.reason.error().is_none(), "{there}");
}

#[tokio::test(start_paused = true)]
async fn messages_come_on_a_channel_that_the_peer_did_not_announce() {
    let voter = node_with("voter", |info| info.channels([BLOCKS, VOTES]));
    let (mut here, mut there) = acquainted(&voter, &node("them")).await;
    let (_, mut received) = here.open(votes()).unwrap();
    let (sender, _) = there.open(votes()).unwrap();
    let stop = CancellationToken::new();
    let (here, there) = (here.run(CancellationToken::new()), there.run(stop.clone()));
    let program = async {
        sender.send("yes").await.unwrap();
        assert_eq!(received.recv().await.as_deref(), Some(&b"yes"[..]));
        stop.cancel();
    };
    let (_, there, ()) = soon(async { tokio::join!(here, there, program) }).await;
    assert!(there.is_clean(), "{there}");
}
