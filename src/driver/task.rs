//! The connection's task: what it does when it is woken.

mod flush;
mod judge;
mod packet_cap;
mod second_look;

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::yield_now;
use tokio::time::Sleep;
use tokio_util::sync::WaitForCancellationFuture;

use super::closed::{CloseReason, Closed, Unfinished};
use super::commons::{Commons, Requests};
use super::drain::Life;
use super::ends::Ends;
use super::io::{Input, Output};
use super::stall::StallWatch;
use crate::error::Error;
use crate::mux::Mux;
use crate::stats::Stats;
use crate::trace;
use packet_cap::PacketCap;
use second_look::SecondLook;

/// Owns the machine and the stream. All progress is in here, none in a future that could be dropped half-way.
#[derive(Debug)]
pub(super) struct Task<Io> {
    io: Io,
    mux: Mux,
    ends: Ends,
    output: Output,
    input: Input,
    /// There may be complete packets in `input`.
    undecoded: bool,
    /// The peer closed its half.
    read_ended: bool,
    stall: StallWatch,
    life: Life,
    second_look: SecondLook,
    flush_at: Option<Instant>,
    trim_at: Option<Instant>,
    armed: Option<Instant>,
    shared: Arc<Commons>,
}

impl<Io: AsyncRead + AsyncWrite + Unpin> Task<Io> {
    pub(super) fn new(io: Io, ends: Ends) -> Self {
        let shared = ends.shared.clone();
        Self {
            io,
            mux: Mux::with_channels(clock(), shared.config.clone(), ends.set.clone()),
            ends,
            output: Output::default(),
            input: Input::new(),
            undecoded: false,
            read_ended: false,
            stall: StallWatch::new(shared.config.inbox_stall_timeout()),
            life: Life::Open,
            second_look: SecondLook::default(),
            flush_at: None,
            trim_at: None,
            armed: None,
            shared,
        }
    }

    /// Does what can be done at present, in bounded rounds, and goes to sleep when nothing can.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        mut stopped: Pin<&mut WaitForCancellationFuture<'_>>,
        mut timer: Pin<&mut Sleep>,
    ) -> Poll<CloseReason> {
        self.shared.doorbell.wake_up(cx.waker());
        for _ in 0..ROUNDS_PER_WAKE {
            let now = clock();
            if self.life.is_open() && stopped.as_mut().poll(cx).is_ready() {
                self.begin_drain(now);
            }
            match self.round(cx, now) {
                Ok(Progress::Made) => continue,
                Ok(Progress::None) => {}
                Ok(Progress::Looking) => break,
                Ok(Progress::Ended(reason)) => return Poll::Ready(reason),
                Err(error) => return Poll::Ready(self.failed(error)),
            }
            if self.shared.doorbell.sleep() && self.arm(cx, now, timer.as_mut()).is_pending() {
                return Poll::Pending;
            }
        }
        // Behind the runtime's look at its sockets and timers: woken at once, the task could run on for long without it, and
        // a peer that never pauses would keep us from seeing that the stream takes bytes again.
        let _ = pin!(yield_now()).poll(cx);
        Poll::Pending
    }

    /// Answers everybody who waits, and says how it ended.
    pub(super) fn end(&mut self, reason: CloseReason) -> Closed {
        trace::ended(&reason);
        self.ends.end(reason, unfinished(&self.mux))
    }

    fn round(&mut self, cx: &mut Context<'_>, now: Instant) -> Result<Progress, Error> {
        self.take_news(now);
        let written = match self.write(cx, now) {
            Ok(written) => written,
            Err(error) => return self.last_words(cx, now, error),
        };
        // Writing took time, and a pong may have come within it.
        let now = clock();
        let read = self.read(cx, now)?;
        if self.read_ended && !self.undecoded && self.life.is_open() {
            return Ok(Progress::Ended(CloseReason::PeerClosed));
        }
        if let Err(error) = self.flush(cx, now) {
            return self.last_words(cx, now, error);
        }
        self.shut_down(cx);
        if self.read_ended && matches!(self.life, Life::Lingering { .. }) {
            return Ok(Progress::Ended(CloseReason::Stopped));
        }
        self.trim(now, written + read > 0);
        match self.judge(now)? {
            Progress::None if written + read > 0 => Ok(Progress::Made),
            progress => Ok(progress),
        }
    }

    /// What senders and handles rang for.
    fn take_news(&mut self, now: Instant) {
        let Self {
            shared, ends, mux, ..
        } = self;
        shared.doorbell.take_queued(|index| {
            if let Some(channel) = ends.outboxes.channel(index) {
                mux.on_queued(channel);
            }
        });
        if shared.doorbell.take_rung() {
            let requests = shared.take_requests();
            self.answer(now, requests);
        }
    }

    fn answer(&mut self, now: Instant, requests: Requests) {
        if let Some(rate) = requests.send_rate {
            // The handle has checked it.
            let _ = self.mux.set_send_rate(now, rate);
        }
        if let Some(rate) = requests.recv_rate {
            let _ = self.mux.set_recv_rate(now, rate);
        }
        for answer in requests.stats {
            let _ = answer.send(self.stats(now));
        }
        for answer in requests.flushes {
            self.ends.outboxes.add_flush(answer);
        }
        if !requests.pings.is_empty() {
            self.ends.pings.add(&mut self.mux, requests.pings);
        }
    }

    fn stats(&self, now: Instant) -> Stats {
        let mut stats = self.mux.stats(now);
        stats.inbox_bytes = self.ends.inboxes.waiting_bytes();
        self.ends.outboxes.describe(&mut stats.channels);
        self.ends.inboxes.describe(&mut stats.channels);
        stats
    }

    /// Encodes and writes until there is nothing to send, the transport takes no more, or it was enough for one round.
    fn write(&mut self, cx: &mut Context<'_>, now: Instant) -> Result<usize, Error> {
        let mut written = 0;
        let last_packet = self.mux.packets_sent() + PACKETS_SENT_PER_ROUND;
        while written < BYTES_PER_ROUND && self.mux.packets_sent() < last_packet {
            if self.output.is_written() {
                if self.output.is_flushing() && self.poll_flush(cx, now)?.is_pending() {
                    break;
                }
                self.output.clear();
                if self
                    .mux
                    .poll_transmit(now, &mut self.ends.outboxes, &mut self.output.batch)
                    == 0
                {
                    break;
                }
            }
            match self.output.poll_write(&mut self.io, cx)? {
                Poll::Ready(bytes) => {
                    written += bytes;
                    self.on_taken(cx, now, bytes)?;
                }
                Poll::Pending => {
                    self.mux.on_write_blocked(now);
                    break;
                }
            }
        }
        Ok(written)
    }

    /// Decodes and reads until nothing comes, an inbox is full, or it was enough for one round. Says how many bytes and packets
    /// that were.
    fn read(&mut self, cx: &mut Context<'_>, now: Instant) -> Result<usize, Error> {
        let (mut read, mut packets) = (0, PACKETS_PER_ROUND);
        while self.deliver(now) && packets > 0 {
            if self.undecoded {
                packets = self.decode(now, packets)?;
                continue;
            }
            if self.read_ended || read >= BYTES_PER_ROUND {
                break;
            }
            let allowance = self.mux.read_allowance(now);
            if allowance == 0 {
                break;
            }
            match self.input.poll_read(&mut self.io, cx, allowance)? {
                Poll::Pending => break,
                Poll::Ready(0) => {
                    self.read_ended = true;
                    self.mux.handle_end(now, &self.input.bytes)?;
                }
                Poll::Ready(bytes) => {
                    read += bytes;
                    self.mux.on_read(now, bytes);
                    self.undecoded = true;
                }
            }
        }
        Ok(read + PACKETS_PER_ROUND - packets)
    }

    /// Decodes at most so many packets, and says how many more it might have been.
    fn decode(&mut self, now: Instant, packets: usize) -> Result<usize, Error> {
        let mut sink = PacketCap::new(&mut self.ends.inboxes, packets);
        let flow = self.mux.handle_input(now, &mut self.input.bytes, &mut sink);
        let left = sink.left();
        self.ends.pings.answer(&self.mux);
        self.undecoded = flow?.is_break();
        if let Some(channel) = self.ends.inboxes.overflowed() {
            // What came before it is taken as from any connection that ends.
            self.ends.inboxes.deliver();
            return Err(Error::InboxOverflow { channel });
        }
        Ok(left)
    }

    /// Hands messages over; `false` while reading must wait for a receiver.
    fn deliver(&mut self, now: Instant) -> bool {
        if !self.ends.inboxes.deliver() {
            if self.shared.pause_reading(self.stall.is_impatient()) {
                self.stall.on_asked(now);
            }
            // A receiver may have taken something before it could see that we wait for it.
            if !self.ends.inboxes.deliver() {
                self.mux.on_read_paused(now);
                if let Some(obstacle) = self.ends.inboxes.obstacle() {
                    if !self.stall.is_stalled() {
                        trace::reading_paused(obstacle.channel);
                    }
                    self.stall.watch(now, obstacle);
                }
                return false;
            }
        } else if !self.stall.is_stalled() {
            return true;
        }
        self.stall.clear();
        self.shared.reading_resumed();
        self.mux.on_read_resumed(now);
        trace::reading_resumed();
        true
    }

    fn begin_drain(&mut self, now: Instant) {
        self.life.drain(now, self.shared.config.drain_timeout());
        self.ends.outboxes.close();
        trace::drain_begun();
        // A sender may have been accepted and not have rung yet.
        for channel in self.ends.outboxes.channels() {
            self.mux.on_queued(channel);
        }
        self.ends.inboxes.begin_drain();
        self.mux.begin_drain();
    }

    fn shut_down(&mut self, cx: &mut Context<'_>) {
        if self.mux.is_drained() && self.output.is_written() && self.output.is_flushed() {
            self.mux.finish();
            self.life.on_drained();
            trace::drained();
        }
        self.life.poll_shutdown(&mut self.io, cx);
    }

    /// The stream cannot be written; what the peer sent before it closed can still be read.
    fn last_words(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        error: Error,
    ) -> Result<Progress, Error> {
        for _ in 0..ROUNDS_OF_LAST_WORDS {
            if self.read(cx, now)? == 0 {
                break;
            }
        }
        if self.read_ended && self.life.is_open() {
            return Ok(Progress::Ended(CloseReason::PeerClosed));
        }
        Err(error)
    }

    fn failed(&self, error: Error) -> CloseReason {
        if self.life.is_finished() {
            CloseReason::Stopped
        } else {
            CloseReason::Failed(error)
        }
    }

    /// Frees the memory of a burst when it has been quiet for a while.
    fn trim(&mut self, now: Instant, busy: bool) {
        if busy {
            self.trim_at = Some(now + TRIM_AFTER);
        } else if self.trim_at.is_some_and(|at| at <= now) {
            self.trim_at = None;
            self.output.shrink();
            self.input.shrink();
            self.ends.outboxes.shrink();
            self.ends.inboxes.shrink();
        }
    }

    /// Ready if the next deadline has come already.
    fn arm(&mut self, cx: &mut Context<'_>, now: Instant, mut timer: Pin<&mut Sleep>) -> Poll<()> {
        // A flush that is overdue waits for the transport, not for the time.
        let flush_at = self.flush_at.filter(|at| *at > now);
        let deadlines = [
            self.mux.poll_timeout(),
            self.deadline(),
            self.stall.look_again_at(),
            flush_at,
            self.trim_at,
        ];
        let Some(next) = deadlines.into_iter().flatten().min() else {
            return Poll::Pending;
        };
        // A timer that fires too early costs less than moving it at every wake-up.
        if self.armed.is_none_or(|armed| next < armed) {
            timer.as_mut().reset(next.into());
            self.armed = Some(next);
        }
        let fired = timer.poll(cx);
        if fired.is_ready() {
            self.armed = None;
        }
        fired
    }
}

impl<Io> Drop for Task<Io> {
    fn drop(&mut self) {
        if !self.shared.has_ended() {
            self.ends.end(CloseReason::Dropped, unfinished(&self.mux));
        }
    }
}

/// What the peer has begun and not ended.
fn unfinished(mux: &Mux) -> Vec<Unfinished> {
    mux.unfinished()
        .map(|(channel, bytes)| Unfinished { channel, bytes })
        .collect()
}

enum Progress {
    Made,
    None,
    /// A deadline has passed, and is judged after another look.
    Looking,
    Ended(CloseReason),
}

/// The driver's one clock; paused and advanced with tokio's in tests.
fn clock() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Rounds before the task lets others run: about a millisecond, in which a blocked write waits behind reads.
const ROUNDS_PER_WAKE: usize = 4;
/// As much as the system may hold of what the peer sent, also of small messages.
const ROUNDS_OF_LAST_WORDS: usize = 64;
/// Bytes in one direction before the other has its turn: a few batches.
const BYTES_PER_ROUND: usize = 256 * 1024;
/// Packets in one direction likewise: where they are small, their number is the work. So many of the smallest ones take about as
/// long as those bytes in full packets.
const PACKETS_PER_ROUND: usize = 1024;
/// What this program sends is not an attack.
const PACKETS_SENT_PER_ROUND: u64 = 4096;
/// Long enough that steady traffic reuses its buffers, short enough that few of many connections that are busy in turn hold
/// any at the same time.
const TRIM_AFTER: Duration = Duration::from_millis(5);
