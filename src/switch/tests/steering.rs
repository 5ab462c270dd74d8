//! Bans, limits, broadcast, and stopping.

use std::time::Duration;

use tokio::time::sleep;

use super::kit::*;
use crate::channel::ChannelDescriptor;
use crate::switch::{Banned, Cause, Event, Reason, Switch, SwitchConfig, SwitchError};
use crate::transport::{DialError, TransportConfig};

/// A8: no way to block anybody in Go, by configuration or while it runs.
#[tokio::test(start_paused = true)]
async fn whoever_is_banned_goes_and_does_not_come_until_the_ban_ends() {
    for by_network in [false, true] {
        let mut pair = Pair::new();
        let (ours, theirs) = pair.sessions().await;
        let peer = ours.peer().clone();
        let network = Banned::network(peer.address().ip(), 24).unwrap();
        let whom = if by_network {
            network
        } else {
            Banned::Id(*peer.id())
        };
        let time = Duration::from_secs(3600);
        pair.alice.handle.ban(whom, Some(time)).unwrap();
        drop((ours, theirs));
        let end = pair.alice.event(disconnected).await;
        assert!(matches!(end.cause, Cause::Banned { whom: banned } if banned == whom));
        let early = tokio::time::timeout(time - Duration::from_secs(60), pair.here.next()).await;
        assert!(early.is_err());
        assert_eq!(pair.alice.handle.bans().len(), 1);
        drop(pair.sessions().await);
        assert!(pair.alice.handle.bans().is_empty());
        assert!(
            !pair
                .alice
                .handle
                .unban(&Banned::Id(*pair.alice.handle.id()))
        );
    }
}

/// A9: Go's cap holds for persistent peers too, and they are locked out.
#[tokio::test(start_paused = true)]
async fn a_full_switch_refuses_strangers_at_once_and_takes_persistent_and_unconditional_peers() {
    let web = Web::default();
    let full = |transport: TransportConfig| transport.with_max_inbound(1);
    let mut alice = Draft::with(&web, 1, |config| config, full).run();
    let strangers = [2, 3].map(|number| Draft::new(&web, number).run());
    strangers[0].handle.dial(alice.address()).unwrap();
    alice.event(connected).await;
    let before = tokio::time::Instant::now();
    strangers[1].handle.dial(alice.address()).unwrap();
    alice
        .event(|event| matches!(event, Event::Refused { .. }).then_some(()))
        .await;
    assert!(before.elapsed() < Duration::from_secs(1));
    let friends = [4, 5].map(|number| Draft::new(&web, number).run());
    alice
        .handle
        .set_unconditional(*friends[0].handle.id(), true);
    alice.handle.add_persistent(friends[1].address()).unwrap();
    friends[0].handle.dial(alice.address()).unwrap();
    let mut came = [alice.event(connected).await, alice.event(connected).await].map(|it| *it.id());
    came.sort();
    let mut expected = [*friends[0].handle.id(), *friends[1].handle.id()];
    expected.sort();
    assert_eq!(came, expected);
    assert_eq!(alice.handle.peers().len(), 3);
}

/// N6: the order of Go's broadcasts is not kept, not even for one peer.
#[tokio::test(start_paused = true)]
async fn a_broadcast_reaches_each_peer_once_and_in_the_order_of_the_calls() {
    let web = Web::default();
    let mut hub = Draft::new(&web, 1);
    let mut here = hub.reactor("notes", NOTES);
    let hub = hub.run();
    let mut ends = Vec::new();
    for number in 2..7 {
        let mut draft = Draft::new(&web, number);
        let mut there = draft.reactor("notes", NOTES);
        let node = draft.persistent(hub.address()).run();
        let mine = soon(here.next()).await.unwrap();
        let mut theirs = soon(there.next()).await.unwrap();
        let receiver = theirs.channel(NOTES).unwrap().1;
        ends.push((node, mine, theirs, there, receiver));
    }
    let sending = async {
        for number in 0..500_u32 {
            let message = number.to_be_bytes().to_vec();
            let wait = Duration::from_secs(60);
            let sent = hub.handle.broadcast(NOTES, message, wait).await;
            assert_eq!((sent.accepted, sent.without_room.len()), (5, 0));
        }
    };
    let receiving = async {
        for number in 0..500_u32 {
            for (.., receiver) in &mut ends {
                assert_eq!(receiver.recv().await.unwrap(), number.to_be_bytes()[..]);
            }
        }
    };
    soon(async { tokio::join!(sending, receiving) }).await;
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_names_the_peers_without_room_and_waits_no_longer_than_it_may() {
    let mut pair = Pair::new();
    let (ours, theirs) = pair.sessions().await;
    let mut sent = 0;
    let full = loop {
        let broadcast = pair.alice.handle.try_broadcast(NOTES, vec![0; 100_000]);
        sent += broadcast.accepted;
        if !broadcast.without_room.is_empty() {
            break broadcast;
        }
        assert!(sent < 1000);
        tokio::task::yield_now().await;
    };
    assert_eq!(full.without_room, [ours.peer().clone()]);
    let wait = Duration::from_secs(1);
    let before = tokio::time::Instant::now();
    let mut late = pair
        .alice
        .handle
        .broadcast(NOTES, vec![0; 1 << 20], wait)
        .await;
    while late.accepted > 0 {
        late = pair
            .alice
            .handle
            .broadcast(NOTES, vec![0; 1 << 20], wait)
            .await;
    }
    assert_eq!(late.without_room, [ours.peer().clone()]);
    assert!(before.elapsed() >= wait);
    drop(theirs);
}

#[tokio::test(start_paused = true)]
async fn a_session_may_disconnect_and_ban_its_peer_and_stop_its_own_switch() {
    for act in 0..3 {
        let pair = Pair::new();
        let (handle, stop) = (pair.alice.handle.clone(), pair.alice.stop.clone());
        let serving = Background::of(pair.here.serve(8, move |session| {
            let (handle, stop) = (handle.clone(), stop.clone());
            async move {
                let peer = session.peer();
                match act {
                    0 => _ = handle.disconnect(peer.id(), Reason::Requested),
                    1 => handle.ban(Banned::Id(*peer.id()), None)?,
                    _ => stop.cancel(),
                }
                peer.ending().await;
                Ok(())
            }
        }));
        let mut alice = pair.alice;
        let end = alice.event(disconnected).await;
        assert_eq!(end.overdue.len(), 0, "{end}");
        assert!(alice.stop().await.peers >= 1);
        soon(serving.ended()).await.unwrap();
    }
}

/// G20: a stop ends listeners, dials, handshakes and peers, and returns after them.
#[tokio::test(start_paused = true)]
async fn when_run_has_returned_nobody_is_there_and_nobody_is_let_in() {
    let mut pair = Pair::new();
    let (ours, theirs) = pair.sessions().await;
    let (peer, handle) = (ours.peer().clone(), pair.alice.handle.clone());
    let address = pair.alice.address();
    let ended = Background::of(async move {
        ours.peer().ending().await;
        drop(ours);
    });
    pair.alice.stop().await;
    soon(ended.ended()).await.unwrap();
    assert!(handle.peers().is_empty() && handle.dialing().is_empty());
    assert_eq!(handle.connections().all(), 0);
    soon(peer.gone()).await;
    assert_eq!(
        handle
            .listen("10.0.1.9:1".parse().unwrap())
            .await
            .unwrap_err()
            .kind(),
        std::io::ErrorKind::BrokenPipe
    );
    handle.dial(pair.bob.address()).unwrap();
    drop(theirs);
    let refused = |event| match event {
        Event::DialFailed { address, error } => Some((address, error)),
        _ => None,
    };
    let (dialed, error) = pair.bob.event(refused).await;
    assert_eq!(dialed, address);
    assert!(matches!(&*error, DialError::Failed { .. }));
}

#[test]
fn what_cannot_be_is_refused_while_it_is_put_together_and_named() {
    let mut builder = Switch::builder(node(1), SwitchConfig::default());
    let notes = ChannelDescriptor::new(NOTES, 1);
    let _reactor = builder.reactor("notes", [notes.clone()]).unwrap();
    let name = builder.reactor("notes", []).unwrap_err();
    assert_eq!(
        name,
        SwitchError::DuplicateReactor {
            name: "notes".into()
        }
    );
    let shared = builder.reactor("other", [notes]).unwrap_err().to_string();
    assert!(shared.contains("0x70") && shared.contains("other") && shared.contains("notes"));
    let zero = SwitchConfig::default().with_session_timeout(Duration::ZERO);
    let error = Switch::builder(node(1), zero).build().unwrap_err();
    assert!(error.to_string().contains("session_timeout"), "{error}");
    let none = SwitchConfig::default().with_max_dials(0);
    let error = Switch::builder(node(1), none).build().unwrap_err();
    assert!(error.to_string().contains("max_dials"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_switch_whose_address_is_taken_says_so_and_does_not_run() {
    let builder = Switch::builder(node(1), SwitchConfig::default());
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let switch = builder.listen(taken.local_addr().unwrap()).build().unwrap();
    let mut events = switch.handle().events();
    let error = switch
        .run(tokio_util::sync::CancellationToken::new())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    assert!(events.next().await.is_none());
    sleep(Duration::ZERO).await;
}

/// A9 and C4: a peer is persistent by its id, also where it comes to us, and from elsewhere than we would dial it.
#[tokio::test(start_paused = true)]
async fn a_persistent_peer_that_comes_to_us_is_taken_however_full_we_are() {
    let web = Web::default();
    let full = |transport: TransportConfig| transport.with_max_inbound(1);
    let mut alice = Draft::with(&web, 1, |config| config, full).run();
    let stranger = Draft::new(&web, 2).run();
    stranger.handle.dial(alice.address()).unwrap();
    alice.event(connected).await;
    // Nobody is at this address.
    let elsewhere = "10.0.99.1:26656".parse::<std::net::SocketAddr>().unwrap();
    let friend = Draft::new(&web, 3).run();
    let wrong = crate::address::PeerAddr::new(*friend.handle.id(), elsewhere);
    alice.handle.add_persistent(wrong).unwrap();
    friend.handle.dial(alice.address()).unwrap();
    assert_eq!(alice.event(connected).await.id(), friend.handle.id());
    assert_eq!(alice.handle.peers().len(), 2);
}
