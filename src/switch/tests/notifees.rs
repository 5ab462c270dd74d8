//! Notifees: slow ones, ones that panic, ones that act.

use std::future::{Future, pending};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::kit::*;
use crate::switch::{Event, Notifee, PeerEnd, PeerHandle, Reason, SessionEnd, SwitchHandle};

/// P1: six events, in the order in which they come.
#[tokio::test(start_paused = true)]
async fn a_notifee_is_told_all_six_kinds_in_order_and_everything_before_run_returns() {
    let mut pair = Pair::new();
    let told = Told::default();
    pair.alice.handle.register(told.clone()).keep();
    let (ours, theirs) = pair.sessions().await;
    pair.alice
        .handle
        .disconnect(pair.bob.handle.id(), Reason::Requested);
    drop((ours, theirs));
    pair.alice.event(disconnected).await;
    pair.bob.stop().await;
    assert_eq!(pair.alice.stop().await.notifees_cut_short, 0);
    let expected = [
        "listening",
        "connected",
        "session started",
        "session ended",
        "disconnected",
    ];
    let told = told.0.lock().unwrap().clone();
    assert_eq!(told[..5], expected);
    assert_eq!(told.last(), Some(&"listen closed"));
}

/// P7, P8: neither 200 notifees nor a sleeping one hold up anybody.
#[tokio::test(start_paused = true)]
async fn one_that_sleeps_holds_up_neither_a_dial_nor_the_other_200() {
    let mut pair = Pair::new();
    pair.alice.handle.register(Asleep).keep();
    let told: Vec<Told> = (0..200).map(|_| Told::default()).collect();
    for told in &told {
        pair.alice.handle.register(told.clone()).keep();
    }
    let before = Instant::now();
    let _sessions = pair.sessions().await;
    assert!(
        before.elapsed() < Duration::from_millis(50),
        "{:?}",
        before.elapsed()
    );
    sleep(Duration::from_millis(5)).await;
    for told in &told {
        assert!(told.0.lock().unwrap().contains(&"connected"));
    }
    // It is the only one that is cut short.
    drop(_sessions);
    let before = Instant::now();
    let report = pair.alice.stop().await;
    assert_eq!(report.notifees_cut_short, 1);
    assert!(before.elapsed() < Duration::from_secs(6));
}

/// P9.
#[tokio::test(start_paused = true)]
async fn one_that_panics_disturbs_nobody_and_is_told_of() {
    let mut pair = Pair::new();
    let told = Told::default();
    pair.alice.handle.register(Panics).keep();
    pair.alice.handle.register(told.clone()).keep();
    let (ours, _theirs) = pair.sessions().await;
    let panicked = |event| matches!(event, Event::NotifeePanicked).then_some(());
    pair.alice.event(panicked).await;
    assert!(!ours.peer().is_ending());
    assert!(told.0.lock().unwrap().contains(&"connected"));
}

/// P10: after the guard is dropped no call begins.
#[tokio::test(start_paused = true)]
async fn one_whose_registration_is_dropped_is_told_nothing_more() {
    let mut pair = Pair::new();
    let told = Told::default();
    let registration = pair.alice.handle.register(told.clone());
    let sessions = pair.sessions().await;
    sleep(Duration::from_millis(1)).await;
    drop(registration);
    let before = told.0.lock().unwrap().len();
    assert!(before >= 2);
    drop(sessions);
    pair.alice.event(disconnected).await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(told.0.lock().unwrap().len(), before);
}

/// P12: go-libp2p's `TestNotifications_CloseFromConnected` and its kin.
#[tokio::test(start_paused = true)]
async fn one_may_disconnect_register_and_unregister_from_within_a_call() {
    let pair = Pair::new();
    let told = Told::default();
    let handle = pair.alice.handle.clone();
    let acts = Acts {
        handle,
        told: told.clone(),
    };
    pair.alice.handle.register(acts).keep();
    let Pair {
        mut alice,
        here,
        there,
        bob: _bob,
        ..
    } = pair;
    let _serving = [here, there].map(|reactor| {
        Background::of(reactor.serve(8, async |session| {
            session.peer().ending().await;
            Ok(())
        }))
    });
    for _ in 0..10 {
        let end = alice.event(disconnected).await;
        assert_eq!(end.overdue.len(), 0);
    }
    assert!(told.0.lock().unwrap().contains(&"connected"));
    assert_eq!(alice.stop().await.notifees_cut_short, 0);
}

/// Writes down what it is told.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<&'static str>>>);

impl Told {
    fn note(&self, what: &'static str) -> impl Future<Output = ()> + Send + use<> {
        self.0.lock().unwrap().push(what);
        async {}
    }
}

impl Notifee for Told {
    fn listening(&mut self, _: SocketAddr) -> impl Future<Output = ()> + Send {
        self.note("listening")
    }

    fn listen_closed(&mut self, _: SocketAddr) -> impl Future<Output = ()> + Send {
        self.note("listen closed")
    }

    fn connected(&mut self, _: PeerHandle) -> impl Future<Output = ()> + Send {
        self.note("connected")
    }

    fn disconnected(&mut self, _: PeerHandle, _: Arc<PeerEnd>) -> impl Future<Output = ()> + Send {
        self.note("disconnected")
    }

    fn session_started(&mut self, _: PeerHandle, _: Arc<str>) -> impl Future<Output = ()> + Send {
        self.note("session started")
    }

    fn session_ended(
        &mut self,
        _: PeerHandle,
        _: Arc<str>,
        _: SessionEnd,
    ) -> impl Future<Output = ()> + Send {
        self.note("session ended")
    }
}

struct Asleep;

impl Notifee for Asleep {
    fn connected(&mut self, _: PeerHandle) -> impl Future<Output = ()> + Send {
        pending()
    }
}

struct Panics;

impl Notifee for Panics {
    async fn connected(&mut self, _: PeerHandle) {
        panic!("as it should");
    }
}

struct Acts {
    handle: SwitchHandle,
    told: Told,
}

impl Notifee for Acts {
    async fn connected(&mut self, peer: PeerHandle) {
        drop(self.handle.register(Told::default()));
        self.handle.register(self.told.clone()).keep();
        peer.disconnect(Reason::Requested);
        peer.gone().await;
        let there = self.handle.peer(peer.id());
        assert_ne!(there, Some(peer));
    }
}
