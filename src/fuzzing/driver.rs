//! A whole connection over a stream whose peer and transport are a script, in virtual time.

use std::future::poll_fn;
use std::num::NonZeroU64;
use std::ops::ControlFlow;
use std::sync::PoisonError;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::channel::ChannelId;
use crate::config::Config;
use crate::driver::{CloseReason, Closed, Connection, Delivery, Handle, Receiver, Sender};
use crate::driver::{ReserveError, TrySendError};
use crate::error::Error;
use crate::mux::{MessageSink, Mux};
use crate::packet::{Packet, decode};
use crate::testing::fed_stream::{Ending, FedStream, Taken};
use crate::testing::script::{Step, channels, epoch, split_script};

/// Runs a connection on what follows the script at the start of `data`, while programs send and receive on it.
///
/// However the stream behaves: the connection ends, everybody who waits is answered, what was received is what a bare machine makes of
/// the same bytes, what was written is a beginning of what was accepted, and the report of its end agrees with both.
pub fn driver(data: &[u8]) {
    let Some((settings, script, stream)) = split_script(data) else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("it needs no resources");
    runtime.block_on(Scenario::new(settings).play(script, stream));
}

/// What the settings choose.
struct Scenario {
    config: Config,
    ending: Ending,
    /// A receiver takes nothing until the connection has ended.
    stuck: bool,
    /// A receiver is dropped.
    dropped: bool,
    /// The connection is stopped by us at some time.
    stopped: bool,
}

impl Scenario {
    fn new(settings: u8) -> Self {
        let on = |bit: u8| settings & 1 << bit != 0;
        let rate = NonZeroU64::new(10_000);
        let config = Config::builder()
            .require_checksum(on(0))
            .recv_rate(rate.filter(|_| on(1)))
            .send_rate(rate.filter(|_| on(2)))
            .build()
            .expect("all of these are possible");
        Self {
            config,
            ending: match (on(3), on(4)) {
                (false, _) => Ending::Closed,
                (true, false) => Ending::Reset,
                (true, true) => Ending::Silence,
            },
            stuck: on(5),
            dropped: on(6),
            stopped: on(7),
        }
    }

    async fn play(&self, script: &[u8], stream: &[u8]) {
        let fed = FedStream::new(stream, self.ending, script);
        let taken = fed.taken();
        let mut connection = Connection::new(fed, self.config.clone());
        let programs = self.start(&mut connection);
        let handle = connection.handle();
        let stop = CancellationToken::new();
        let mut helpers = JoinSet::new();
        helpers.spawn(stop_later(stop.clone(), self.stop_time(script)));
        helpers.spawn(flush(handle.clone()));
        helpers.spawn(ping(handle.clone()));

        let run = timeout(FOREVER, connection.run(stop)).await;
        let closed = run.expect("it ends");

        let ended = timeout(AT_ONCE, handle.closed()).await.expect("all know");
        assert_eq!(ended.to_string(), closed.to_string());
        let stats = timeout(AT_ONCE, handle.stats()).await;
        assert!(stats.expect("it is answered").is_none());
        let (sent, received) = programs.finish().await;
        self.check_received(stream, &received, &closed);
        let taken = taken.lock().unwrap_or_else(PoisonError::into_inner);
        check_written(&taken, sent, &closed);
    }

    /// Opens all channels, and starts programs that send and receive on them.
    fn start(&self, connection: &mut Connection<FedStream>) -> Programs {
        let mut sending = JoinSet::new();
        let (mut receivers, mut stuck) = (Vec::new(), None);
        for channel in channels() {
            let id = channel.id();
            let channel = if id == STUCK {
                channel.with_recv_capacity(FEW)
            } else {
                channel
            };
            let (sender, receiver) = connection.open(channel).expect("they are distinct");
            let mut receiver = Some(receiver);
            if self.dropped && id == DROPPED {
                receiver = None;
            }
            if self.stuck && id == STUCK {
                stuck = receiver.take();
            }
            receivers.push(receiver);
            if SENDING.contains(&id) {
                sending.spawn(send_some(sender));
            }
        }
        let mut receiving = JoinSet::new();
        receiving.spawn(receive_all(receivers));
        Programs {
            sending,
            receiving,
            stuck,
        }
    }

    /// The last step's pause, or never.
    fn stop_time(&self, script: &[u8]) -> Option<Duration> {
        let last = script.last().map(|code| Step::new(*code).pause);
        last.filter(|_| self.stopped)
    }

    fn check_received(&self, stream: &[u8], received: &[Vec<Bytes>], closed: &Closed) {
        let reference = Reference::new(&self.config, stream);
        let all_read = match &closed.reason {
            CloseReason::Failed(Error::Protocol(error)) => {
                let wanted = reference.error.as_ref();
                assert!(matches!(wanted, Some(Error::Protocol(wanted)) if wanted == error));
                true
            }
            CloseReason::Failed(Error::Truncated { received }) => {
                assert_eq!((self.ending, *received), (Ending::Closed, reference.rest));
                true
            }
            CloseReason::PeerClosed => {
                assert!(reference.error.is_none() && reference.rest == 0);
                assert_eq!(self.ending, Ending::Closed);
                true
            }
            CloseReason::Failed(Error::Transport(_)) => {
                assert_eq!(self.ending, Ending::Reset);
                true
            }
            CloseReason::Failed(Error::Corrupt(_)) => panic!("the fed stream checks nothing"),
            CloseReason::Failed(Error::SharedMemoryFull { .. }) => panic!("it shares none"),
            CloseReason::Failed(Error::InboxOverflow { .. }) => panic!("no channel asks for it"),
            CloseReason::Failed(Error::InboxStalled { channel, .. }) => {
                assert!(self.stuck && *channel == STUCK);
                // The one that found the inbox full was received too.
                assert!(received[index_of(STUCK)].len() > FEW);
                false
            }
            CloseReason::Failed(Error::DrainTimeout { .. }) | CloseReason::Stopped => {
                assert!(self.stopped);
                false
            }
            CloseReason::Failed(
                Error::PongTimeout { .. }
                | Error::WriteTimeout { .. }
                | Error::MessageStalled { .. }
                | Error::MessageTimeout { .. },
            ) => false,
            CloseReason::Dropped => panic!("nobody dropped it"),
        };
        let unfinished = closed.unfinished.iter();
        if all_read {
            let unfinished = unfinished.map(|unfinished| (unfinished.channel, unfinished.bytes));
            assert!(unfinished.eq(reference.unfinished.iter().copied()));
        }
        for (index, (received, wanted)) in received.iter().zip(&reference.messages).enumerate() {
            if self.dropped && channels()[index].id() == DROPPED {
                assert!(received.is_empty());
            } else if self.stopped {
                let mut wanted = wanted.iter();
                assert!(received.iter().all(|message| wanted.any(|w| w == message)));
            } else {
                assert!(wanted.starts_with(received), "changed or out of order");
                assert!(!all_read || received.len() == wanted.len(), "lost");
            }
        }
    }
}

/// What surrounds the connection.
struct Programs {
    sending: JoinSet<Sent>,
    receiving: JoinSet<Vec<Vec<Bytes>>>,
    stuck: Option<Receiver>,
}

impl Programs {
    /// The connection has ended: all of them end at once, with what was sent and what came by channel.
    async fn finish(self) -> (Vec<Sent>, Vec<Vec<Bytes>>) {
        let sent = timeout(AT_ONCE, self.sending.join_all()).await;
        let received = timeout(AT_ONCE, self.receiving.join_all()).await;
        let mut received = received.expect("none waits").concat();
        if let Some(stuck) = self.stuck {
            received[index_of(STUCK)] = receive_all(vec![Some(stuck)]).await.concat();
        }
        (sent.expect("none waits"), received)
    }
}

/// What a bare machine makes of the bytes.
struct Reference {
    messages: Vec<Vec<Bytes>>,
    error: Option<Error>,
    rest: usize,
    unfinished: Vec<(ChannelId, usize)>,
}

impl Reference {
    fn new(config: &Config, stream: &[u8]) -> Self {
        let channels = channels();
        let mut mux = Mux::new(epoch(), config.clone(), &channels).expect("they are distinct");
        let mut reference = Self {
            messages: vec![Vec::new(); channels.len()],
            error: None,
            rest: 0,
            unfinished: Vec::new(),
        };
        let mut rest = BytesMut::from(stream);
        reference.error = mux.handle_input(epoch(), &mut rest, &mut reference).err();
        reference.rest = rest.len();
        reference.unfinished = mux.unfinished().collect();
        reference
    }
}

impl MessageSink for Reference {
    fn push(&mut self, channel: ChannelId, message: Bytes) -> ControlFlow<()> {
        self.messages[index_of(channel)].push(message);
        ControlFlow::Continue(())
    }
}

/// What a program has had accepted on a channel.
struct Sent {
    channel: ChannelId,
    accepted: Vec<Bytes>,
    /// Those of the accepted messages that were tracked, by index.
    deliveries: Vec<(usize, Delivery)>,
}

/// Sends in all four ways, until it is refused. What is refused comes back.
async fn send_some(sender: Sender) -> Sent {
    let mut sent = Sent {
        channel: sender.channel(),
        accepted: Vec::new(),
        deliveries: Vec::new(),
    };
    for (index, len) in LENGTHS.iter().enumerate() {
        let message = Bytes::from(vec![index.to_le_bytes()[0]; *len]);
        let copy = message.clone();
        let refused = match index % 4 {
            0 => sender
                .send(copy)
                .await
                .err()
                .map(|error| error.into_message()),
            1 => match sender.send_tracked(copy).await {
                Ok(delivery) => {
                    sent.deliveries.push((index, delivery));
                    None
                }
                Err(error) => Some(error.into_message()),
            },
            2 => match sender.reserve(*len).await {
                Ok(permit) => permit.send(copy).err().map(|error| error.into_message()),
                Err(ReserveError::Closed) => Some(copy),
                Err(error) => panic!("{error}"),
            },
            _ => match sender.try_send(copy) {
                Err(TrySendError::Full(copy)) => sender
                    .send(copy)
                    .await
                    .err()
                    .map(|error| error.into_message()),
                tried => tried.err().map(TrySendError::into_message),
            },
        };
        if let Some(refused) = refused {
            assert_eq!(refused, message, "it comes back");
            assert!(sender.is_closed());
            break;
        }
        sent.accepted.push(message);
    }
    sent
}

async fn stop_later(stop: CancellationToken, after: Option<Duration>) {
    if let Some(after) = after {
        sleep(after).await;
        stop.cancel();
    }
}

/// Answered or not is all that matters.
async fn flush(handle: Handle) {
    let _ = handle.flush().await;
}

/// No round trip is longer than the connection's life.
async fn ping(handle: Handle) {
    let start = Instant::now();
    let round_trip = handle.ping().await;
    assert!(round_trip.is_none_or(|time| time <= start.elapsed()));
}

/// Takes all messages of all channels to their end.
async fn receive_all(mut receivers: Vec<Option<Receiver>>) -> Vec<Vec<Bytes>> {
    let mut received = vec![Vec::new(); receivers.len()];
    poll_fn(|cx| {
        for (slot, received) in receivers.iter_mut().zip(&mut received) {
            while let Some(receiver) = slot {
                match receiver.poll_recv(cx) {
                    Poll::Ready(Some(message)) => received.push(message),
                    Poll::Ready(None) => *slot = None,
                    Poll::Pending => break,
                }
            }
        }
        if receivers.iter().all(Option::is_none) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    received
}

/// What was written is a beginning of what was accepted, and the report and the deliveries say no less and no more.
fn check_written(taken: &Taken, sent: Vec<Sent>, closed: &Closed) {
    let stopped = matches!(closed.reason, CloseReason::Stopped);
    assert!(!stopped || (closed.is_clean() && taken.flushed == taken.bytes.len()));
    for sent in sent {
        let written = messages_of(&taken.bytes, sent.channel);
        assert!(written.len() <= sent.accepted.len(), "nothing is doubled");
        for ((message, _), accepted) in written.iter().zip(&sent.accepted) {
            assert!(message == accepted, "changed or out of order");
        }
        let unsent = closed.unsent.iter().find(|u| u.channel == sent.channel);
        let unsent = unsent.map_or(0, |unsent| unsent.messages);
        assert!(unsent <= sent.accepted.len());
        assert!(sent.accepted.len() <= written.len() + unsent, "kept quiet");
        for (index, mut delivery) in sent.deliveries {
            let flushed = written
                .get(index)
                .is_some_and(|(_, end)| *end <= taken.flushed);
            let answer = tokio::task::unconstrained(&mut delivery);
            match poll_once(answer) {
                Poll::Ready(Ok(())) => assert!(flushed, "told too early"),
                Poll::Ready(Err(_)) => assert!(!stopped, "a clean stop sends all"),
                Poll::Pending => panic!("a delivery is not answered"),
            }
        }
    }
}

/// The whole messages of a channel in what was written, and where each ends.
fn messages_of(stream: &[u8], channel: ChannelId) -> Vec<(Vec<u8>, usize)> {
    let (mut messages, mut partial, mut at) = (Vec::new(), Vec::new(), 0);
    while let Some(framed) = decode(&stream[at..], usize::MAX).expect("we wrote it") {
        at += framed.framed_len;
        if let Packet::Msg(msg) = framed.packet {
            if msg.channel_id == i32::from(channel.get()) {
                partial.extend_from_slice(msg.data);
                if msg.eof {
                    messages.push((std::mem::take(&mut partial), at));
                }
            }
        }
    }
    messages
}

fn index_of(channel: ChannelId) -> usize {
    let channels = channels();
    let index = channels.iter().position(|known| known.id() == channel);
    index.expect("it is open")
}

fn poll_once<F: Future + Unpin>(mut future: F) -> Poll<F::Output> {
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    std::pin::Pin::new(&mut future).poll(&mut cx)
}

/// Queues of two, one and a hundred messages.
const SENDING: [ChannelId; 3] = [
    ChannelId::new(0x23),
    ChannelId::new(0x30),
    ChannelId::new(0x22),
];
const LENGTHS: [usize; 8] = [0, 1, 100, 1025, 0, 1024, 7, 300];
const DROPPED: ChannelId = ChannelId::new(0x22);
/// The busiest one of the recordings, and the messages that its inbox holds.
const STUCK: ChannelId = ChannelId::new(0x20);
const FEW: usize = 3;
/// Longer than any script with any stream.
const FOREVER: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
/// Time does not pass while anything else can happen.
const AT_ONCE: Duration = Duration::from_millis(1);
