//! What somebody might do to a switch at the worst moment.

use std::collections::HashMap;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::{coop, yield_now};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::kit::*;
use crate::address::{PeerAddr, PeerId};
use crate::switch::{Banned, Breach, Cause, Event, Reason};
use crate::transport::{
    Accept, Direction, Filter, Network, Opening, Stream, Transport, TransportConfig, Verdict,
};

fn same<T>(config: T) -> T {
    config
}

/// Whether it is pending still, polled once.
async fn is_pending(mut future: Pin<&mut impl Future>) -> bool {
    std::future::poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_pending())).await
}

/// The connection is there, and nobody has had time to begin it, when the switch is stopped.
#[tokio::test(start_paused = true)]
async fn a_stop_in_the_very_moment_in_which_a_peer_comes_lets_go_of_that_peer_too() {
    let web = Web::default();
    let alice = Draft::new(&web, 1).run();
    for patience in 0..40 {
        let switch = Draft::new(&web, 2).persistent(alice.address()).builder;
        let switch = switch.build().unwrap();
        let (stop, handle) = (CancellationToken::new(), switch.handle());
        let mut run = Box::pin(switch.run(stop.clone()));
        for _ in 0..patience {
            assert!(is_pending(run.as_mut()).await);
            let is_there = handle.connections().all() == 1 && handle.dialing().is_empty();
            if is_there {
                break;
            }
            yield_now().await;
        }
        stop.cancel();
        let _ = soon(run).await.unwrap();
        assert_eq!(handle.connections().all(), 0);
        sleep(Duration::from_secs(60)).await;
    }
}

/// Panics once, as any code of the program's own may, and never answers if it is told so.
#[derive(Debug, Default)]
struct Trap {
    sprung: AtomicBool,
    holds: bool,
}

impl Filter for Trap {
    fn admit_address(&self, _address: SocketAddr, direction: Direction) -> Verdict<'_> {
        if self.holds {
            return Box::pin(std::future::pending());
        }
        if direction == Direction::Outbound && !self.sprung.swap(true, Ordering::Relaxed) {
            std::panic::resume_unwind(Box::new("as it should"));
        }
        Box::pin(std::future::ready(Ok(())))
    }

    fn admit_id(&self, _id: PeerId, _direction: Direction) -> Verdict<'_> {
        Box::pin(std::future::ready(Ok(())))
    }
}

#[tokio::test(start_paused = true)]
async fn a_persistent_peer_whose_dial_panicked_is_dialed_again() {
    let web = Web::default();
    let alice = Draft::new(&web, 1).run();
    let trapped = |transport: TransportConfig| transport.with_filter(Trap::default());
    let one = |config: crate::switch::SwitchConfig| config.with_max_dials(1);
    let bob = Draft::with(&web, 2, one, trapped).persistent(alice.address());
    let mut bob = bob.run();
    assert_eq!(bob.event(connected).await.id(), alice.handle.id());
}

#[tokio::test(start_paused = true)]
async fn when_run_has_returned_or_was_dropped_no_dial_is_under_way() {
    for is_dropped in [false, true] {
        let web = Web::default();
        let alice = Draft::new(&web, 1).run();
        let trap = Trap {
            holds: true,
            ..Trap::default()
        };
        let bob = Draft::with(&web, 2, same, |it| it.with_filter(trap));
        let mut bob = bob.persistent(alice.address()).run();
        while bob.handle.dialing().is_empty() {
            yield_now().await;
        }
        let handle = bob.handle.clone();
        if is_dropped {
            bob.running.abort();
            while soon(bob.events.next()).await.is_some() {}
        } else {
            bob.stop().await;
        }
        assert!(handle.dialing().is_empty());
        assert_eq!(handle.connections().all(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_banned_by_id_hears_nothing_of_us_when_it_is_wanted_all_the_same() {
    let web = Web::default();
    let mut alice = Draft::new(&web, 1).run();
    let mut bob = Draft::new(&web, 2).run();
    bob.handle
        .ban(Banned::Id(*alice.handle.id()), None)
        .unwrap();
    bob.handle.dial(alice.address()).unwrap();
    let failed = |event| matches!(event, Event::DialFailed { .. }).then_some(());
    bob.event(failed).await;
    sleep(Duration::from_secs(60)).await;
    while let Some(event) = alice.events.try_next() {
        assert!(matches!(event, Event::Listening { .. }), "{event:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_ban_at_whatever_moment_of_a_connects_leaves_nobody_who_is_banned() {
    for by_dialer in [false, true] {
        for patience in 0..80 {
            let web = Web::default();
            let alice = Draft::new(&web, 1).run();
            let bob = Draft::new(&web, 2).persistent(alice.address()).run();
            let (here, there) = if by_dialer {
                (&bob, &alice)
            } else {
                (&alice, &bob)
            };
            for _ in 0..patience {
                yield_now().await;
            }
            let whom = Banned::Id(*there.handle.id());
            here.handle.ban(whom, None).unwrap();
            sleep(Duration::from_secs(60)).await;
            let peers = here.handle.peers();
            assert!(peers.is_empty(), "{by_dialer} {patience} {peers:?}");
        }
    }
}

/// The same, in the one moment in which the peer is in no list.
#[tokio::test(start_paused = true)]
async fn a_ban_between_the_end_of_a_dial_and_the_begin_of_its_peer_holds() {
    let web = Web::default();
    let alice = Draft::new(&web, 1).run();
    let switch = Draft::new(&web, 2).persistent(alice.address()).builder;
    let switch = switch.build().unwrap();
    let handle = switch.handle();
    let mut run = Box::pin(switch.run(CancellationToken::new()));
    for patience in 0..200 {
        assert!(is_pending(run.as_mut()).await);
        let is_there = handle.connections().all() == 1 && handle.dialing().is_empty();
        if is_there {
            break;
        }
        assert!(patience < 199);
        yield_now().await;
    }
    handle.ban(Banned::Id(*alice.handle.id()), None).unwrap();
    let _ = timeout(Duration::from_secs(60), run).await;
    assert!(handle.peers().is_empty());
}

/// A stream that leaves nothing of the task's budget, as one does whose peer floods it.
struct Flooded(Stream);

impl AsyncRead for Flooded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let read = Pin::new(&mut self.0).poll_read(cx, buf);
        while coop::has_budget_remaining() {
            let _ = pin!(coop::consume_budget()).poll(cx);
        }
        cx.waker().wake_by_ref();
        read
    }
}

impl AsyncWrite for Flooded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[derive(Debug)]
struct Flood(Seat);

impl Network for Flood {
    fn connect(&self, address: SocketAddr) -> Opening<'_, Stream> {
        let opening = self.0.connect(address);
        Box::pin(async move { Ok(Box::new(Flooded(opening.await?)) as Stream) })
    }

    fn bind(&self, address: SocketAddr) -> Opening<'_, Box<dyn Accept>> {
        self.0.bind(address)
    }
}

#[tokio::test]
async fn a_peer_that_floods_does_not_keep_a_sessions_end_from_being_noticed() {
    let web = Web::default();
    let mut alice = Draft::new(&web, 1);
    let mut here = alice.reactor("notes", NOTES);
    let alice = alice.run();
    let flood = Flood(web.seat(2));
    let mut bob = Draft::with(&web, 2, same, |it| it.with_network(flood));
    let mut there = bob.reactor("notes", NOTES);
    let _bob = bob.persistent(alice.address()).run();
    let _ours = soon(here.next()).await.unwrap();
    let session = soon(there.next()).await.unwrap();
    let peer = session.peer().clone();
    session.end(Err(Breach::new("flood").into()));
    for _ in 0..10_000 {
        if peer.is_ending() {
            return;
        }
        yield_now().await;
    }
    panic!("the end of the session was not noticed");
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_with_a_peer_that_neither_reads_nor_closes_and_a_session_that_is_kept() {
    let web = Web::default();
    let mut alice = Draft::new(&web, 1);
    let mut here = alice.reactor("notes", NOTES);
    let mut alice = alice.run();
    alice
        .event(|event| matches!(event, Event::Listening { .. }).then_some(()))
        .await;
    let bob = node(2).channel(crate::ChannelDescriptor::new(NOTES, 1));
    let config = TransportConfig::default().with_network(web.seat(2));
    let bob = Transport::new(bob.build().unwrap(), config).unwrap();
    let cancel = CancellationToken::new();
    let deaf = bob.dial(&alice.address(), &cancel).await.unwrap();
    let kept = soon(here.next()).await.unwrap();
    while alice.handle.try_broadcast(NOTES, vec![0; 100_000]).accepted > 0 {
        yield_now().await;
    }
    let before = Instant::now();
    let report = alice.stop().await;
    assert_eq!(report.overdue, [(*bob.id(), "notes".into())]);
    assert!(before.elapsed() < Duration::from_secs(30));
    drop((deaf, kept));
}

/// Both dial, at the same moment, again and again.
#[tokio::test(start_paused = true)]
async fn two_nodes_that_want_each_other_always_meet_again() {
    let web = Web::default();
    let address = |number: u8| {
        let ip = SocketAddr::from(([10, 0, number, 1], 26656));
        PeerAddr::new(*node(number).build().unwrap().id(), ip)
    };
    let mut alice = Draft::new(&web, 1).persistent(address(2)).run();
    let bob = Draft::new(&web, 2).persistent(address(1)).run();
    for round in 0..200 {
        let peer = alice.event(connected).await;
        if round % 3 == 0 {
            bob.handle.disconnect(alice.handle.id(), Reason::Requested);
        } else {
            sleep(Duration::from_millis(round * 7)).await;
        }
        peer.disconnect(Reason::Requested);
        soon(peer.gone()).await;
    }
}

/// Sessions are dropped on one thread while the switch is on another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_ends_while_the_switch_is_dropped_ends_before_its_connection() {
    for _ in 0..20 {
        let mut pair = Pair::new();
        let (ours, theirs) = pair.sessions().await;
        let dropping = tokio::task::spawn_blocking(move || drop(ours));
        pair.alice.running.abort();
        dropping.await.unwrap();
        let mut open: HashMap<u64, usize> = HashMap::new();
        while let Some(event) = soon(pair.alice.events.next()).await {
            match event {
                Event::Connected { peer } => _ = open.insert(peer.connection(), 0),
                Event::SessionStarted { peer, .. } => {
                    *open.get_mut(&peer.connection()).unwrap() += 1;
                }
                Event::SessionEnded { peer, .. } => {
                    let sessions = open.get_mut(&peer.connection());
                    *sessions.expect("behind its connection") -= 1;
                }
                Event::Disconnected { peer, .. } => {
                    assert_eq!(open.remove(&peer.connection()), Some(0));
                }
                _ => {}
            }
        }
        assert!(open.is_empty());
        drop(theirs);
    }
}

#[tokio::test(start_paused = true)]
async fn a_switch_that_is_dropped_at_any_poll_leaves_no_place_peer_or_session() {
    for patience in 0..60 {
        let web = Web::default();
        let mut alice = Draft::new(&web, 1);
        let mut here = alice.reactor("notes", NOTES);
        let alice = alice.run();
        let mut bob = Draft::new(&web, 2);
        let mut there = bob.reactor("notes", NOTES);
        let mut bob = bob.persistent(alice.address()).run();
        let taken = Arc::new(AtomicUsize::new(0));
        let count = taken.clone();
        let serving = Background::of(async move {
            while let Some(session) = here.next().await {
                count.fetch_add(1, Ordering::Relaxed);
                drop(session);
            }
        });
        for _ in 0..patience {
            yield_now().await;
        }
        bob.running.abort();
        while soon(there.next()).await.is_some() {}
        while soon(bob.events.next()).await.is_some() {}
        assert_eq!(bob.handle.connections().all(), 0);
        assert!(bob.handle.peers().is_empty());
        let report = alice.stop().await;
        assert!(report.overdue.is_empty());
        soon(serving.ended()).await.unwrap();
    }
}

#[tokio::test]
async fn a_switch_that_cannot_listen_everywhere_listens_nowhere() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let builder = crate::switch::Switch::builder(node(1), crate::switch::SwitchConfig::default());
    let mut events = builder.events();
    let switch = builder
        .listen("127.0.0.1:0".parse().unwrap())
        .listen(taken.local_addr().unwrap())
        .build()
        .unwrap();
    switch.run(CancellationToken::new()).await.unwrap_err();
    assert!(events.try_next().is_none());
    assert!(events.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_reactor_that_is_dropped_leaves_its_peers_and_discards_what_comes() {
    let mut pair = Pair::new();
    drop(pair.here);
    let mut theirs = soon(pair.there.next()).await.unwrap();
    let (to_alice, _) = theirs.channel(NOTES).unwrap();
    for _ in 0..1000 {
        soon(to_alice.send(vec![0; 10_000])).await.unwrap();
    }
    let peer = pair.alice.event(connected).await;
    sleep(Duration::from_secs(60)).await;
    assert!(!peer.is_ending(), "{:?}", peer.cause().map(Cause::reason));
}
