//! Channels that a peer announced, and those that it did not.

use std::sync::Arc;

use tokio::io::AsyncWriteExt;
use tokio_util::sync::CancellationToken;

use super::kit::*;
use crate::config::ConfigError;
use crate::driver::{ReserveError, SendError, TrySendError};
use crate::error::Error;
use crate::node::LocalNode;
use crate::packet::ProtocolError;

#[tokio::test(start_paused = true)]
async fn a_channel_opens_whether_or_not_the_peer_announced_it_and_once_only() {
    let voter = voter();
    let (mut here, _there) = acquainted(&voter, &node("them")).await;
    here.open(VOTES).unwrap();
    here.open(BLOCKS).unwrap();
    assert!(matches!(
        here.open(VOTES),
        Err(ConfigError::DuplicateChannel { channel: VOTES })
    ));
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_our_node_does_not_have_is_refused() {
    let (mut here, _there) = acquainted(&node("us"), &node("voter")).await;
    assert!(matches!(
        here.open(VOTES),
        Err(ConfigError::ForeignChannel { channel: VOTES })
    ));
}

#[tokio::test(start_paused = true)]
async fn what_comes_on_a_channel_of_ours_that_nobody_opened_is_discarded() {
    let (mut here, mut there) = acquainted(&voter(), &voter()).await;
    let mut received = here.open_receiver(BLOCKS).unwrap();
    let (unheard, heard) = (
        there.open_sender(VOTES).unwrap(),
        there.open_sender(BLOCKS).unwrap(),
    );
    let stop = CancellationToken::new();
    let (here, there) = (here.run(stop.clone()), there.run(CancellationToken::new()));
    let program = async {
        unheard.send("yes").await.unwrap();
        heard.send("a block").await.unwrap();
        assert_eq!(received.recv().await.as_deref(), Some(&b"a block"[..]));
        stop.cancel();
    };
    let (here, _, ()) = soon(async { tokio::join!(here, there, program) }).await;
    assert!(here.is_clean(), "{here}");
}

#[tokio::test(start_paused = true)]
async fn every_way_of_sending_where_the_peer_did_not_announce_the_channel_gives_the_message_back() {
    let voter = voter();
    let (mut here, there) = acquainted(&voter, &node("them")).await;
    let to_nobody = here.open_sender(VOTES).unwrap();
    let to_them = here.open_sender(BLOCKS).unwrap();
    let mut there = there;
    let mut received = there.open_receiver(BLOCKS).unwrap();
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
    let voter = voter();
    let them = node_with("them", |node| node.channel(votes().send_only()));
    let (mut here, mut there) = acquainted(&voter, &them).await;
    assert!(!here.node_info().has_channel(VOTES));
    let mut received = here.open_receiver(VOTES).unwrap();
    let sender = there.open_sender(VOTES).unwrap();
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

#[tokio::test(start_paused = true)]
async fn a_message_against_the_direction_of_a_one_way_channel_is_the_peers_fault() {
    let caller = node_with("caller", |node| {
        node.channels([blocks().send_only(), votes()])
    });
    let (met, mut stream) = meet(&caller, async |io| introduced(io, &voter()).await).await;
    let mut here = met.unwrap();
    let _sender = here.open_sender(BLOCKS).unwrap();
    stream.write_all(&packet(BLOCKS, b"a block")).await.unwrap();
    stream.flush().await.unwrap();
    let closed = soon(here.run(CancellationToken::new())).await;
    let Some(Error::Protocol(violation)) = closed.reason.error() else {
        panic!("{closed}");
    };
    let id = i32::from(BLOCKS.get());
    assert_eq!(*violation, ProtocolError::UnknownChannel { id });
}

#[tokio::test(start_paused = true)]
async fn a_one_way_channel_is_open_like_any_other() {
    let (mut here, _there) = acquainted(&node("us"), &node("them")).await;
    here.open_receiver(BLOCKS).unwrap();
    assert!(matches!(
        here.open_sender(BLOCKS),
        Err(ConfigError::DuplicateChannel { channel: BLOCKS })
    ));
}

/// A node with both channels.
fn voter() -> Arc<LocalNode> {
    node_with("voter", |node| node.channel(votes()))
}
