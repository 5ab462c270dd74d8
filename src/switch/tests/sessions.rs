//! Sessions: their begin, their end, and what each end does to the peer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::sleep;

use super::kit::*;
use crate::error::Fault;
use crate::switch::{Breach, Cause, Event, Reason, SessionEnd, SessionError};

#[tokio::test(start_paused = true)]
async fn a_message_goes_from_a_reactor_to_that_of_the_peer_and_back() {
    let mut pair = Pair::new();
    let (mut ours, mut theirs) = pair.sessions().await;
    let (to_bob, mut from_bob) = ours.channel(NOTES).unwrap();
    let (to_alice, mut from_alice) = theirs.channel(NOTES).unwrap();
    to_bob.send("hello").await.unwrap();
    assert_eq!(from_alice.recv().await.unwrap(), "hello");
    to_alice.send("hello back").await.unwrap();
    assert_eq!(from_bob.recv().await.unwrap(), "hello back");
    assert!(ours.channel(NOTES).is_err());
    drop((ours, theirs));
    assert!(pair.alice.stop().await.overdue.is_empty());
    assert!(pair.bob.stop().await.overdue.is_empty());
    assert!(soon(pair.here.next()).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_session_that_ends_well_ends_a_required_reactors_peer_and_no_optional_ones() {
    let web = Web::default();
    let (mut alice, mut bob) = (Draft::new(&web, 1), Draft::new(&web, 2));
    let mut notes = alice.reactor("notes", NOTES).optional();
    let mut votes = alice.reactor("votes", VOTES);
    let _theirs = [bob.reactor("notes", NOTES), bob.reactor("votes", VOTES)];
    let mut alice = alice.run();
    let _bob = bob.persistent(alice.address()).run();
    let session = soon(notes.next()).await.unwrap();
    let peer = session.peer().clone();
    drop(session);
    let ended = |event| match event {
        Event::SessionEnded { reactor, end, .. } => Some((reactor, end)),
        _ => None,
    };
    let (reactor, end) = alice.event(ended).await;
    assert_eq!(
        (&*reactor, matches!(end, SessionEnd::Done)),
        ("notes", true)
    );
    assert!(!peer.is_ending());
    drop(soon(votes.next()).await.unwrap());
    soon(peer.gone()).await;
    let end = alice.event(disconnected).await;
    assert!(matches!(&end.cause, Cause::Session { reactor, .. } if &**reactor == "votes"));
    assert_eq!(end.cause.reason(), Reason::Quitting);
}

/// G6 of go-ethereum's protocols: a breach is theirs, a reason is itself, anything else a failure of ours.
#[tokio::test(start_paused = true)]
async fn what_a_session_ends_with_is_the_cause_of_its_peers_end() {
    type Make = fn() -> SessionError;
    let errors: [(Make, Reason, Fault); 3] = [
        (
            || Breach::new("a note of 9 bytes, the limit is 8").into(),
            Reason::Breach,
            Fault::Peer,
        ),
        (
            || Reason::UselessPeer.into(),
            Reason::UselessPeer,
            Fault::Nobody,
        ),
        (
            || std::io::Error::other("disk").into(),
            Reason::SubprotocolError,
            Fault::Local,
        ),
    ];
    for (error, reason, fault) in errors {
        let mut pair = Pair::new();
        let (ours, mut theirs) = pair.sessions().await;
        let (_to_alice, mut from_alice) = theirs.channel(NOTES).unwrap();
        ours.end(Err(error()));
        let end = pair.alice.event(disconnected).await;
        assert_eq!((end.cause.reason(), end.cause.fault()), (reason, fault));
        assert!(end.to_string().contains("notes"), "{end}");
        assert_eq!(soon(from_alice.recv()).await, None);
    }
}

/// B12 of the stack's defects: one panic in a reactor ended each peer that sent the message, and told nobody.
#[tokio::test(start_paused = true)]
async fn a_panic_ends_its_session_and_peer_and_nothing_else() {
    let mut pair = Pair::new();
    let runs = Arc::new(AtomicUsize::new(0));
    let count = runs.clone();
    let serving = Background::of(pair.here.serve(8, move |mut session| {
        let run = count.fetch_add(1, Ordering::Relaxed);
        async move {
            assert!(run > 0, "the first one panics, as it should");
            let (_to_peer, mut from_peer) = session.channel(NOTES)?;
            while from_peer.recv().await.is_some() {}
            Ok(())
        }
    }));
    let theirs = soon(pair.there.next()).await.unwrap();
    let end = pair.alice.event(disconnected).await;
    drop(theirs);
    let panicked = Cause::Session {
        reactor: "notes".into(),
        end: SessionEnd::Panicked,
    };
    assert_eq!(end.cause.to_string(), panicked.to_string());
    // The peer comes again, and is served.
    let session = soon(pair.there.next()).await.unwrap();
    assert!(runs.load(Ordering::Relaxed) >= 2);
    drop(session);
    pair.alice.stop().await;
    soon(serving.ended()).await.unwrap();
}

/// G5 and B1: a peer that comes again begins only when all that was there before has ended.
#[tokio::test(start_paused = true)]
async fn the_same_peer_begins_again_only_when_its_old_sessions_have_ended() {
    let mut pair = Pair::new();
    let (ours, theirs) = pair.sessions().await;
    let first = ours.peer().clone();
    theirs.peer().disconnect(Reason::Requested);
    drop(theirs);
    soon(first.ending()).await;
    let begins_early = tokio::select! {
        _ = pair.here.next() => true,
        () = sleep(Duration::from_secs(5)) => false,
    };
    assert!(!begins_early);
    assert_eq!(pair.alice.handle.peer(first.id()), Some(first.clone()));
    drop(ours);
    let (again, _theirs) = pair.sessions().await;
    assert_eq!(again.peer().id(), first.id());
    assert_ne!(again.peer(), &first);
    assert!(again.peer().connection() > first.connection());
}

#[tokio::test(start_paused = true)]
async fn a_session_that_never_ends_is_aborted_at_its_bound_and_named() {
    let mut pair = Pair::new();
    let serving = Background::of(pair.here.serve(8, |_session| std::future::pending()));
    let _theirs = soon(pair.there.next()).await.unwrap();
    pair.alice.event(connected).await;
    let bob = *pair.bob.handle.id();
    let report = pair.alice.stop().await;
    assert_eq!(report.overdue, [(bob, "notes".into())]);
    soon(serving.ended()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_session_that_nobody_takes_ends_its_peer_at_its_bound() {
    let mut pair = Pair::new();
    let end = pair.alice.event(disconnected).await;
    assert!(matches!(&end.cause, Cause::NotTaken { reactor, .. } if &**reactor == "notes"));
    assert_eq!(end.cause.fault(), Fault::Local);
    drop(pair.here);
}

/// G2 of go-ethereum's protocols.
#[tokio::test(start_paused = true)]
async fn a_peer_without_any_of_our_channels_is_of_no_use_and_without_reactors_all_are() {
    let web = Web::default();
    let (mut alice, mut bob) = (Draft::new(&web, 1), Draft::new(&web, 2));
    let (notes, votes) = (alice.reactor("notes", NOTES), bob.reactor("votes", VOTES));
    let mut alice = alice.run();
    let mut bob = bob.persistent(alice.address()).run();
    let failed = |event| matches!(event, Event::DialFailed { .. }).then_some(());
    bob.event(failed).await;
    drop((notes, votes));
    let carol = Draft::new(&web, 3).run();
    let mut dave = Draft::new(&web, 4).persistent(carol.address()).run();
    let peer = dave.event(connected).await;
    sleep(Duration::from_secs(30)).await;
    assert!(!peer.is_ending());
    assert!(alice.events.try_next().is_some());
}

#[tokio::test(start_paused = true)]
async fn what_does_not_decode_is_a_breach_that_names_channel_and_type_and_a_filter_comes_first() {
    let mut pair = Pair::new();
    let (mut ours, mut theirs) = pair.sessions().await;
    let (to_alice, _) = theirs.channel(NOTES).unwrap();
    let (_, from_bob) = ours.typed::<String>(NOTES).unwrap();
    let mut from_bob = from_bob.with_filter(|bytes| match bytes.len() {
        0..=8 => Ok(()),
        long => Err(Breach::new(format!(
            "a note of {long} bytes, the limit is 8"
        ))),
    });
    to_alice
        .send(prost::Message::encode_to_vec(&"note".to_owned()))
        .await
        .unwrap();
    to_alice.send(vec![0xff; 3]).await.unwrap();
    to_alice.send(vec![0xff; 9]).await.unwrap();
    assert_eq!(from_bob.recv().await.unwrap().as_deref(), Some("note"));
    let malformed = from_bob.recv().await.unwrap_err().to_string();
    assert!(
        malformed.contains("0x70") && malformed.contains("String"),
        "{malformed}"
    );
    let filtered = from_bob.recv().await.unwrap_err().to_string();
    assert!(filtered.contains("the limit is 8"), "{filtered}");
}

#[tokio::test(start_paused = true)]
async fn what_comes_for_a_reactor_that_was_dropped_is_discarded_and_holds_up_nobody() {
    let web = Web::default();
    let (mut alice, mut bob) = (Draft::new(&web, 1), Draft::new(&web, 2));
    drop(alice.reactor("notes", NOTES));
    let mut votes = alice.reactor("votes", VOTES);
    let mut theirs = [bob.reactor("notes", NOTES), bob.reactor("votes", VOTES)];
    let alice = alice.run();
    let _bob = bob.persistent(alice.address()).run();
    let mut sessions = Vec::new();
    for (reactor, channel) in theirs.iter_mut().zip([NOTES, VOTES]) {
        let mut session = soon(reactor.next()).await.unwrap();
        let (sender, _) = session.channel(channel).unwrap();
        for _ in 0..1000 {
            sender.send("a note or a vote").await.unwrap();
            if channel == VOTES {
                break;
            }
        }
        sessions.push(session);
    }
    let mut session = soon(votes.next()).await.unwrap();
    let (_, mut receiver) = session.channel(VOTES).unwrap();
    assert!(soon(receiver.recv()).await.is_some());
    assert!(!session.peer().is_ending());
}
