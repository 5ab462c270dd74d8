//! Whole connections with random settings, pipes, pauses and ends: what is accepted arrives in order, or is accounted for.

use std::num::NonZeroU64;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use tokio::io::duplex;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::kit::*;
use crate::channel::{ChannelDescriptor, ChannelId};
use crate::config::Config;
use crate::driver::{CloseReason, Closed, Receiver, Sender};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn what_is_accepted_arrives_in_order_or_is_accounted_for(
        pipe in prop_oneof![1usize..64, 64usize..10_000],
        sides in (side(), side()),
        lanes in prop::collection::vec(lane(), 1..4),
        end in end(),
    ) {
        paused(exchange(pipe, sides, lanes, end));
    }
}

/// Where both sides stand at the end of a random life.
async fn exchange(pipe: usize, sides: (Config, Config), lanes: Vec<Lane>, end: End) {
    let (here, there) = duplex(pipe);
    let (here, here_ends) = open(here, sides.0, &lanes);
    let (there, there_ends) = open(there, sides.1, &lanes);
    let (mut here, mut there) = (Some(here), Some(there));
    let (mut senders, mut receivers) = (JoinSet::new(), JoinSet::new());
    for (index, (lane, ends)) in lanes
        .iter()
        .zip(here_ends.into_iter().zip(there_ends))
        .enumerate()
    {
        let ((to_there, from_there), (to_here, from_here)) = ends;
        senders.spawn(send_all((index, true), to_there, lane.lens.clone()));
        senders.spawn(send_all((index, false), to_here, lane.lens.clone()));
        receivers.spawn(receive_all((index, true), from_here, lane.pause));
        receivers.spawn(receive_all((index, false), from_there, lane.pause));
    }
    pass(end.after).await;
    let (mut ours, mut theirs) = (None, None);
    match end.how {
        How::StopHere => ours = Some(stop(&mut here).await),
        How::StopBoth => {
            there.as_ref().unwrap().stop.cancel();
            ours = Some(stop(&mut here).await);
        }
        How::DropHere => here = None,
    }
    if let Some(there) = &mut there {
        theirs = Some(within_a_day(there.ended()).await);
    }
    drop(here);
    let sent = within_a_day(senders.join_all()).await;
    let received = within_a_day(receivers.join_all()).await;
    for sent in &sent {
        let received = received
            .iter()
            .find(|received| received.0 == sent.flow)
            .unwrap();
        let may_discard = match end.how {
            How::StopHere => !sent.flow.1,
            How::StopBoth => true,
            How::DropHere => false,
        };
        check(sent, &received.1, may_discard);
        let clean = ours.as_ref().is_some_and(Closed::is_clean);
        if sent.flow.1 && clean && !may_discard {
            assert_eq!(received.1.len(), sent.accepted.len());
        }
    }
    check_unsent(&sent, true, ours.as_ref());
    check_unsent(&sent, false, theirs.as_ref());
}

/// Messages came in order and none twice; with gaps only where the receiving side was stopped, and so may discard.
fn check(sent: &Sent, received: &[Bytes], may_discard: bool) {
    let mut accepted = sent.accepted.iter();
    assert!(
        received
            .iter()
            .all(|message| accepted.any(|sent| sent == message))
    );
    assert!(may_discard || sent.accepted.starts_with(received));
    let written = sent.written.iter().take_while(|written| **written).count();
    assert!(!sent.written[written..].contains(&true), "in order");
}

/// What a side says that it did not send was accepted, and not said to be written.
fn check_unsent(sent: &[Sent], ours: bool, closed: Option<&Closed>) {
    for unsent in closed.iter().flat_map(|closed| &closed.unsent) {
        let of_channel = |sent: &&Sent| sent.flow == (usize::from(unsent.channel.get()), ours);
        let sent = sent.iter().find(of_channel).unwrap();
        let written = sent.written.iter().filter(|written| **written).count();
        assert!(written + unsent.messages <= sent.accepted.len());
        let left = &sent.accepted[sent.accepted.len() - unsent.messages..];
        let bytes: usize = left.iter().map(Bytes::len).sum();
        assert_eq!(unsent.bytes, bytes);
    }
    let reason = closed.map(|closed| &closed.reason);
    assert!(!matches!(reason, Some(CloseReason::Dropped)));
}

struct Sent {
    /// The channel, and whether it is our side that sends.
    flow: (usize, bool),
    accepted: Vec<Bytes>,
    written: Vec<bool>,
}

async fn send_all(flow: (usize, bool), sender: Sender, lens: Vec<usize>) -> Sent {
    let (mut accepted, mut deliveries, mut written) = (Vec::new(), Vec::new(), Vec::new());
    for (number, len) in lens.into_iter().enumerate() {
        let message = numbered(number as u64, len);
        match sender.send_tracked(message.clone()).await {
            Ok(delivery) => {
                accepted.push(message);
                deliveries.push(delivery);
            }
            Err(refused) => assert_eq!(refused.into_message(), message),
        }
    }
    for delivery in deliveries {
        written.push(delivery.await.is_ok());
    }
    Sent {
        flow,
        accepted,
        written,
    }
}

async fn receive_all(
    flow: (usize, bool),
    mut receiver: Receiver,
    pause: Duration,
) -> ((usize, bool), Vec<Bytes>) {
    let mut received = Vec::new();
    while let Some(message) = receiver.recv().await {
        received.push(message);
        pass(pause).await;
    }
    (flow, received)
}

async fn stop(running: &mut Option<Running>) -> Closed {
    within_a_day(running.as_mut().unwrap().stopped()).await
}

async fn within_a_day<T>(future: impl Future<Output = T>) -> T {
    let output = timeout(Duration::from_secs(24 * 3600), future).await;
    output.expect("everybody is answered")
}

fn open(
    io: tokio::io::DuplexStream,
    config: Config,
    lanes: &[Lane],
) -> (Running, Vec<(Sender, Receiver)>) {
    let mut connection = crate::driver::Connection::new(io, config);
    let ends = lanes.iter().enumerate().map(|(index, lane)| {
        let id = ChannelId::new(u8::try_from(index).unwrap());
        let channel = ChannelDescriptor::new(id, lane.priority)
            .with_send_capacity(lane.capacity)
            .with_send_bytes(lane.capacity * 500)
            .with_recv_capacity(lane.capacity);
        connection.open(channel).unwrap()
    });
    let ends = ends.collect();
    (Running::start(connection), ends)
}

/// A channel, what is sent on it from both sides, and how long its receivers rest behind each message.
#[derive(Clone, Debug)]
struct Lane {
    priority: u16,
    capacity: usize,
    lens: Vec<usize>,
    pause: Duration,
}

#[derive(Clone, Copy, Debug)]
struct End {
    after: Duration,
    how: How,
}

#[derive(Clone, Copy, Debug)]
enum How {
    StopHere,
    StopBoth,
    DropHere,
}

fn lane() -> impl Strategy<Value = Lane> {
    let lens = prop::collection::vec(prop_oneof![8usize..100, 100usize..4000], 0..12);
    let pause = prop_oneof![Just(0u64), 1u64..50, 500u64..3000];
    (1u16..20, 1usize..6, lens, pause).prop_map(|(priority, capacity, lens, pause)| Lane {
        priority,
        capacity,
        lens,
        pause: Duration::from_millis(pause),
    })
}

fn side() -> impl Strategy<Value = Config> {
    let rate = || prop_oneof![Just(None), (1100u64..2_000_000).prop_map(NonZeroU64::new)];
    let delay = prop_oneof![Just(0u64), 1u64..100];
    let settings = (
        7usize..1025,
        rate(),
        rate(),
        delay,
        100usize..5000,
        any::<bool>(),
    );
    settings.prop_map(|(payload, send, recv, delay, inbox, checksum)| {
        let config = Config::builder()
            .max_packet_payload(payload)
            .send_rate(send)
            .recv_rate(recv)
            .flush_delay(Duration::from_millis(delay))
            .inbox_bytes(inbox)
            .send_checksum(checksum);
        config.build().unwrap()
    })
}

fn end() -> impl Strategy<Value = End> {
    let how = prop::sample::select(vec![How::StopHere, How::StopBoth, How::DropHere]);
    (0u64..5000, how).prop_map(|(after, how)| End {
        after: Duration::from_millis(after),
        how,
    })
}
