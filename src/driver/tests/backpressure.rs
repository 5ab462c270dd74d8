//! What happens to messages that nobody takes.

use std::time::Duration;

use super::kit::*;
use super::wire::{Wire, wire};
use crate::config::Config;
use crate::driver::CloseReason;
use crate::driver::inbox::charge;
use crate::error::{Error, Fault};
use crate::stats::Stats;

#[tokio::test(start_paused = true)]
async fn a_full_inbox_pauses_reading_while_writing_goes_on() {
    let (io, peer) = wire();
    let channel = bulk().with_recv_capacity(3);
    let (_running, [(sender, mut receiver)]) = start(io, Config::default(), [channel]);
    feed_slowly(&peer, 0..20).await;
    assert!(peer.unread() > 0, "reading goes on");
    for number in 0..50 {
        sender.send(numbered(number, 5000)).await.unwrap();
    }
    idle().await;
    assert_eq!(messages(&peer.taken()).len(), 50);
    for number in 0..20 {
        assert_eq!(soon(receiver.recv()).await.unwrap(), numbered(number, 20));
    }
    assert!(is_waiting(receiver.recv()).await);
    assert_eq!(peer.unread(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_full_inbox_holds_its_capacity_and_one_message_in_hand() {
    let (io, peer) = wire();
    let channel = bulk().with_recv_capacity(3);
    let (running, [_ends]) = start(io, Config::default(), [channel]);
    for number in 0..20 {
        peer.feed(&message(BULK, &numbered(number, 20)));
    }
    idle().await;
    let stats = stats(&running).await;
    assert_eq!(stats.channels[0].inbox_messages, 3);
    assert_eq!(stats.channels[0].messages_received, 4);
}

#[tokio::test(start_paused = true)]
async fn the_bytes_of_all_inboxes_are_bounded_together() {
    let bound = 5 * charged(200);
    let config = Config::builder().inbox_bytes(bound).build().unwrap();
    let (io, peer) = wire();
    let (running, [(_, mut first), (_, mut second)]) = start(io, config, [bulk(), urgent()]);
    for number in 0..8 {
        peer.feed(&message(BULK, &numbered(number, 200)));
        peer.feed(&message(URGENT, &numbered(number, 200)));
    }
    idle().await;
    assert_eq!(stats(&running).await.inbox_bytes, bound);
    for number in 0..8 {
        assert_eq!(soon(first.recv()).await.unwrap(), numbered(number, 200));
        assert_eq!(soon(second.recv()).await.unwrap(), numbered(number, 200));
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_inbox_admits_one_message_of_any_size() {
    let config = Config::builder().inbox_bytes(1000).build().unwrap();
    let (io, peer) = wire();
    let (running, [(_, mut first), (_, mut second)]) = start(io, config, [bulk(), urgent()]);
    peer.feed(&expected([&numbered(1, 50_000)[..], &numbered(2, 20)]));
    idle().await;
    assert_eq!(stats(&running).await.inbox_bytes, charged(50_000));
    assert_eq!(soon(first.recv()).await.unwrap().len(), 50_000);
    assert_eq!(soon(first.recv()).await.unwrap().len(), 20);
    peer.feed(&message(URGENT, &[7; 1024]));
    assert_eq!(soon(second.recv()).await.unwrap(), [7; 1024][..]);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_never_takes_ends_the_connection_which_names_its_channel() {
    let (io, peer) = wire();
    let channels = [bulk(), urgent().with_recv_capacity(2)];
    let (mut running, [_, (_, mut receiver)]) = start(io, Config::default(), channels);
    for number in 0..5 {
        peer.feed(&message(URGENT, &numbered(number, 8)));
    }
    let after = assert_urgent_stalled(&mut running).await;
    assert_eq!(after, Duration::from_secs(30));
    for number in 0..3 {
        assert_eq!(receiver.recv().await.unwrap(), numbered(number, 8));
    }
    assert_eq!(receiver.recv().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_takes_slowly_does_not_end_the_connection() {
    let (io, peer) = wire();
    let channel = bulk().with_recv_capacity(2);
    let (mut running, [(_, mut receiver)]) = start(io, quiet().build().unwrap(), [channel]);
    for number in 0..40 {
        peer.feed(&message(BULK, &numbered(number, 8)));
    }
    for number in 0..40 {
        pass(Duration::from_secs(29)).await;
        assert_eq!(receiver.recv().await.unwrap(), numbered(number, 8));
    }
    peer.end();
    assert!(matches!(
        running.ended().await.reason,
        CloseReason::PeerClosed
    ));
}

#[tokio::test(start_paused = true)]
async fn without_a_stall_timeout_a_connection_waits_for_its_receiver_for_ever() {
    let config = quiet().inbox_stall_timeout(None).build().unwrap();
    let (io, peer) = wire();
    let channel = bulk().with_recv_capacity(1);
    let (running, [(_, mut receiver)]) = start(io, config, [channel]);
    for number in 0..3 {
        peer.feed(&message(BULK, &numbered(number, 8)));
    }
    pass(Duration::from_secs(100_000)).await;
    for number in 0..3 {
        assert_eq!(soon(receiver.recv()).await.unwrap(), numbered(number, 8));
    }
    let paused = stats(&running).await.reading_paused;
    assert!(paused.abs_diff(Duration::from_secs(100_000)) < Duration::from_millis(10));
}

#[tokio::test(start_paused = true)]
async fn a_shedding_channel_drops_the_newest_and_counts_them() {
    let (io, peer) = wire();
    let channels = [bulk().with_recv_capacity(3).shedding(), urgent()];
    let (running, [(_, mut shedding), (_, mut other)]) = start(io, Config::default(), channels);
    for number in 0..10 {
        peer.feed(&message(BULK, &numbered(number, 8)));
    }
    peer.feed(&message(URGENT, b"passes"));
    assert_eq!(soon(other.recv()).await.unwrap(), "passes");
    let stats = stats(&running).await;
    assert_eq!(
        (stats.channels[0].shed, stats.channels[0].discarded),
        (7, 0)
    );
    for number in 0..3 {
        assert_eq!(soon(shedding.recv()).await.unwrap(), numbered(number, 8));
    }
    peer.feed(&message(BULK, b"again"));
    assert_eq!(soon(shedding.recv()).await.unwrap(), "again");
}

/// G15 of go-ethereum's protocols: its own overflow ends the peer, with a cause that names it.
#[tokio::test(start_paused = true)]
async fn an_ending_channel_ends_the_connection_when_it_is_full_and_loses_nothing_that_came_before()
{
    let (io, peer) = wire();
    let channels = [bulk().with_recv_capacity(3).ending(), urgent()];
    let (mut running, [(_, mut ending), (_, mut other)]) = start(io, Config::default(), channels);
    for number in 0..3 {
        peer.feed(&message(BULK, &numbered(number, 8)));
    }
    peer.feed(&message(URGENT, b"passes"));
    assert_eq!(soon(other.recv()).await.unwrap(), "passes");
    assert_eq!(soon(ending.recv()).await.unwrap(), numbered(0, 8));
    for number in 3..10 {
        peer.feed(&message(BULK, &numbered(number, 8)));
    }
    let closed = running.ended().await;
    let error = closed.reason.error().unwrap();
    assert!(matches!(error, Error::InboxOverflow { channel } if *channel == BULK));
    assert_eq!(error.fault(), Fault::Local);
    for number in 1..4 {
        assert_eq!(soon(ending.recv()).await.unwrap(), numbered(number, 8));
    }
    assert!(soon(ending.recv()).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_channel_without_a_receiver_discards_and_counts_and_never_pauses() {
    let (io, peer) = wire();
    let channels = [bulk().with_recv_capacity(3), urgent()];
    let (running, [(_, receiver), (_, mut other)]) = start(io, Config::default(), channels);
    feed_slowly(&peer, 0..2).await;
    drop(receiver);
    for number in 2..50 {
        peer.feed(&message(BULK, &numbered(number, 8)));
    }
    peer.feed(&message(URGENT, b"passes"));
    assert_eq!(soon(other.recv()).await.unwrap(), "passes");
    let stats = stats(&running).await;
    assert_eq!(
        (stats.channels[0].discarded, stats.channels[0].shed),
        (50, 0)
    );
    assert_eq!(stats.channels[0].inbox_messages, 0);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_receiver_that_holds_up_reading_lets_it_go_on() {
    let (io, peer) = wire();
    let channels = [bulk().with_recv_capacity(1), urgent()];
    let (running, [(_, mut receiver), (_, mut other)]) = start(io, Config::default(), channels);
    for number in 0..9 {
        peer.feed(&message(BULK, &numbered(number, 8)));
    }
    peer.feed(&message(URGENT, b"passes"));
    assert!(is_waiting(other.recv()).await);
    assert_eq!(soon(receiver.recv()).await.unwrap(), numbered(0, 8));
    drop(receiver);
    assert_eq!(soon(other.recv()).await.unwrap(), "passes");
    assert_eq!(stats(&running).await.channels[0].discarded, 8);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_receiver_gives_the_bytes_of_its_messages_back() {
    let (io, peer) = wire();
    let (running, [(_, receiver)]) = start(io, Config::default(), [bulk()]);
    for number in 0..5 {
        peer.feed(&message(BULK, &numbered(number, 500)));
    }
    idle().await;
    assert_eq!(stats(&running).await.inbox_bytes, 5 * charged(500));
    drop(receiver);
    assert_eq!(stats(&running).await.inbox_bytes, 0);
}

#[tokio::test(start_paused = true)]
async fn an_inbox_that_is_full_while_draining_discards_and_counts() {
    let (io, peer) = wire();
    let channels = [bulk().with_recv_capacity(2), urgent()];
    let (mut running, [(_, mut full), (_, mut other)]) = start(io, Config::default(), channels);
    for number in 0..10 {
        peer.feed(&message(BULK, &numbered(number, 8)));
    }
    idle().await;
    running.stop.cancel();
    peer.feed(&message(URGENT, b"late"));
    assert_eq!(soon(other.recv()).await.unwrap(), "late");
    assert_eq!(stats(&running).await.channels[0].discarded, 8);
    peer.end();
    assert!(running.ended().await.is_clean());
    assert_eq!(take_all(&mut full).await, [numbered(0, 8), numbered(1, 8)]);
}

#[tokio::test(start_paused = true)]
async fn the_statistics_count_what_waits_and_not_what_was_taken() {
    let (io, peer) = wire();
    let (running, [(_, mut receiver)]) = start(io, Config::default(), [bulk()]);
    for number in 0..5 {
        peer.feed(&message(BULK, &numbered(number, 8)));
    }
    soon(receiver.recv()).await.unwrap();
    soon(receiver.recv()).await.unwrap();
    assert_eq!(stats(&running).await.channels[0].inbox_messages, 3);
}

/// Gives the connection its messages one by one.
async fn feed_slowly(peer: &Wire, numbers: std::ops::Range<u64>) {
    for number in numbers {
        peer.feed(&message(BULK, &numbered(number, 20)));
        idle().await;
    }
}

#[tokio::test(start_paused = true)]
async fn empty_messages_are_bounded_by_their_bytes_too() {
    let config = Config::builder()
        .inbox_bytes(100 * charged(0))
        .build()
        .unwrap();
    let (io, peer) = wire();
    let channel = bulk().with_recv_capacity(1 << 20);
    let (running, [(_, mut receiver)]) = start(io, config, [channel]);
    for _ in 0..1000 {
        peer.feed(&message(BULK, b""));
    }
    idle().await;
    let waiting = stats(&running).await;
    assert_eq!(waiting.inbox_bytes, 100 * charged(0));
    assert_eq!(waiting.channels[0].inbox_messages, 100);
    for _ in 0..1000 {
        assert_eq!(soon(receiver.recv()).await.unwrap(), "");
    }
    assert_eq!(stats(&running).await.inbox_bytes, 0);
}

#[tokio::test(start_paused = true)]
async fn each_message_that_is_taken_makes_room_for_one() {
    let (io, peer) = wire();
    let (running, [(_, mut receiver)]) =
        start(io, Config::default(), [bulk().with_recv_capacity(8)]);
    for number in 0..30 {
        peer.feed(&message(BULK, &numbered(number, 8)));
    }
    idle().await;
    for number in 0..20 {
        assert_eq!(receiver.try_recv().unwrap(), numbered(number, 8));
        pass(Duration::from_millis(5)).await;
        let stats = stats(&running).await;
        assert_eq!(stats.channels[0].messages_received, number + 10);
        assert_eq!(stats.channels[0].inbox_messages, 8);
    }
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_took_everything_is_never_blamed() {
    let config = quiet().inbox_bytes(10 * charged(1000)).build().unwrap();
    let (io, peer) = wire();
    let (mut running, [(_, mut quick), (_, _slow)]) = start(io, config, [bulk(), urgent()]);
    for number in 0..4 {
        peer.feed(&message(BULK, &numbered(number, 1000)));
    }
    idle().await;
    // It takes all, and does not ask for more.
    for number in 0..4 {
        assert_eq!(quick.try_recv().unwrap(), numbered(number, 1000));
    }
    for number in 0..20 {
        peer.feed(&message(URGENT, &numbered(number, 1000)));
    }
    peer.feed(&message(BULK, b"behind"));
    assert_urgent_stalled(&mut running).await;
}

#[tokio::test(start_paused = true)]
async fn where_bytes_are_the_bound_the_channel_that_holds_most_of_them_is_named() {
    let config = quiet().inbox_bytes(10 * charged(1000)).build().unwrap();
    let (io, peer) = wire();
    let (mut running, [_few, _most]) = start(io, config, [bulk(), urgent()]);
    peer.feed(&message(BULK, &numbered(0, 1000)));
    for number in 0..9 {
        peer.feed(&message(URGENT, &numbered(number, 1000)));
    }
    // It finds no room, but its channel is not what takes that.
    peer.feed(&message(BULK, &numbered(1, 1000)));
    assert_urgent_stalled(&mut running).await;
}

#[tokio::test(start_paused = true)]
async fn what_a_drain_delivers_of_a_channel_has_no_holes() {
    let (io, peer) = wire();
    let channels = [bulk().with_recv_capacity(2), urgent()];
    let (mut running, [(_, mut full), (_, mut other)]) = start(io, Config::default(), channels);
    for number in 0..2 {
        peer.feed(&message(BULK, &numbered(number, 8)));
    }
    idle().await;
    running.stop.cancel();
    idle().await;
    for number in 2..4 {
        peer.feed(&message(BULK, &numbered(number, 8)));
    }
    idle().await;
    // There is room again, but what came meanwhile is gone.
    assert_eq!(full.try_recv().unwrap(), numbered(0, 8));
    assert_eq!(full.try_recv().unwrap(), numbered(1, 8));
    for number in 4..6 {
        peer.feed(&message(BULK, &numbered(number, 8)));
    }
    peer.feed(&message(URGENT, b"another channel has lost nothing"));
    idle().await;
    assert_eq!(stats(&running).await.channels[0].discarded, 4);
    peer.end();
    assert!(running.ended().await.is_clean());
    assert_eq!(take_all(&mut full).await.len(), 0);
    assert_eq!(take_all(&mut other).await.len(), 1);
}

/// The connection ends, and names the urgent channel as the one that nobody empties.
async fn assert_urgent_stalled(running: &mut Running) -> Duration {
    let (closed, after) = timed(running.ended()).await;
    let error = closed.reason.error().unwrap();
    let Error::InboxStalled { channel, .. } = error else {
        panic!("{error}");
    };
    assert_eq!(*channel, URGENT);
    assert_eq!(error.fault(), Fault::Local);
    assert!(error.to_string().contains("0x22"), "{error}");
    after
}

/// What a waiting message of this length counts.
fn charged(len: usize) -> usize {
    usize::try_from(charge(len)).unwrap()
}

async fn stats(running: &Running) -> Stats {
    soon(running.handle.stats()).await.unwrap()
}
