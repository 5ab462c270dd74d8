//! One connection with saturated channels, and beside them an urgent one if asked: who gets how much, how late.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::end::{self, Side};
use super::loopback;
use super::meter::{Mark, Meter};
use super::relay::Link;
use super::stack::{Channel, Plan, Stack};

/// What is sent, over what, and when it is looked at.
#[derive(Clone, Debug)]
pub struct Flow {
    /// The message size of each saturated channel.
    pub messages: Vec<usize>,
    /// Each message leaves by itself instead of being gathered with the next ones.
    pub alone: bool,
    /// The mean time between two urgent messages on a channel of their own.
    pub urgent: Option<Duration>,
    pub rate: Option<NonZeroU64>,
    pub link: Option<Link>,
    /// Every stack's sockets get the options that mconn gives its own.
    pub tuned: bool,
    /// The most that the receiver's kernel holds; as much as it likes if none.
    pub receive_buffer: Option<usize>,
    pub windows: Vec<Window>,
}

/// A time to measure in, counted from the first byte that arrives.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    pub after: Duration,
    pub length: Duration,
}

/// What one window saw.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Payload bytes per second of each saturated channel.
    pub rates: Vec<f64>,
    /// Seconds from the call of `send` to the receiver, of each urgent message sent in the window.
    pub latencies: Vec<f64>,
}

impl Seen {
    pub fn rate(&self) -> f64 {
        self.rates.iter().sum()
    }
}

impl Flow {
    /// Nothing but saturated channels, over loopback, looked at once.
    pub const fn saturated(messages: Vec<usize>, windows: Vec<Window>) -> Self {
        Self {
            messages,
            alone: false,
            urgent: None,
            rate: None,
            link: None,
            tuned: false,
            receive_buffer: None,
            windows,
        }
    }

    pub fn run<S: Stack>(&self) -> io::Result<Vec<Seen>> {
        let scene = Arc::new(Scene::new(self.clone()));
        let (listener, mut address) = loopback::listen()?;
        if let Some(link) = self.link {
            address = link.to(address)?;
        }
        let receiving = Arc::clone(&scene);
        let receiver = end::spawn(Side::Listener, move || async move {
            receiving
                .until_stop(receiving.receive_all::<S>(listener))
                .await
        })?;
        let sending = Arc::clone(&scene);
        let sender = end::spawn(Side::Dialer, move || async move {
            sending.until_stop(sending.send_all::<S>(address)).await
        })?;
        let seen = scene.watch();
        scene.stop.cancel();
        end::join(sender)?;
        end::join(receiver)?;
        seen
    }

    fn plan(&self) -> Plan {
        let mut priorities = vec![1; self.messages.len()];
        priorities.extend(self.urgent.map(|_| URGENT_PRIORITY));
        Plan {
            priorities,
            rate: self.rate,
        }
    }
}

/// What both ends and the observer share.
struct Scene {
    flow: Flow,
    epoch: Instant,
    stop: CancellationToken,
    meters: Vec<Meter>,
    /// Of each urgent message, the nanoseconds since the epoch at which it was sent and received.
    trips: Mutex<Vec<(u64, u64)>>,
}

impl Scene {
    fn new(flow: Flow) -> Self {
        Self {
            meters: flow
                .messages
                .iter()
                .map(|message| Meter::new(*message))
                .collect(),
            flow,
            epoch: Instant::now(),
            stop: CancellationToken::new(),
            trips: Mutex::default(),
        }
    }

    /// An end that is done before it is told to stop has failed.
    async fn until_stop(&self, work: impl Future<Output = io::Result<()>>) -> io::Result<()> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Ok(()),
            ended = work => ended.and_then(|()| Err(io::ErrorKind::UnexpectedEof.into())),
        }
    }

    async fn send_all<S: Stack>(self: &Arc<Self>, address: SocketAddr) -> io::Result<()> {
        let stream = loopback::connect(address).await?;
        self.tune(&stream)?;
        let channels = S::dial(stream, self.flow.plan()).await?;
        let mut tasks = JoinSet::new();
        for (index, channel) in channels.into_iter().enumerate() {
            match self.flow.messages.get(index) {
                Some(message) => tasks.spawn(saturate(channel, *message, self.flow.alone)),
                None => tasks.spawn(Arc::clone(self).hurry(channel)),
            };
        }
        first_end(tasks).await
    }

    async fn receive_all<S: Stack>(self: &Arc<Self>, listener: TcpListener) -> io::Result<()> {
        let stream = loopback::accept(listener).await?;
        self.tune(&stream)?;
        if let Some(bytes) = self.flow.receive_buffer {
            mconn::tcp::bound_receive_buffer(&stream, bytes)?;
        }
        let channels = S::accept(stream, self.flow.plan()).await?;
        let mut tasks = JoinSet::new();
        for (index, channel) in channels.into_iter().enumerate() {
            match index < self.flow.messages.len() {
                true => tasks.spawn(Arc::clone(self).count(index, channel)),
                false => tasks.spawn(Arc::clone(self).clock_in(channel)),
            };
        }
        first_end(tasks).await
    }

    fn tune(&self, stream: &TcpStream) -> io::Result<()> {
        match self.flow.tuned {
            true => mconn::tcp::tune(stream),
            false => Ok(()),
        }
    }

    async fn count<C: Channel>(self: Arc<Self>, index: usize, mut channel: C) -> io::Result<()> {
        let meter = &self.meters[index];
        let mut total = 0;
        while channel
            .receive(|message| total += message.len() as u64)
            .await?
        {
            meter.set(total, || self.now());
        }
        Ok(())
    }

    /// Sends a small message now and then, in a rhythm that fits no timer of the stacks.
    async fn hurry<C: Channel>(self: Arc<Self>, mut channel: C) -> io::Result<()> {
        let mean = self.flow.urgent.unwrap_or_default();
        let mut dice = Dice(SEED);
        loop {
            tokio::time::sleep(mean.mul_f64(0.5 + dice.roll())).await;
            let mut message = vec![0; URGENT];
            message[..STAMP].copy_from_slice(&self.now().to_be_bytes());
            channel.send(&Bytes::from(message)).await?;
            channel.flush().await?;
        }
    }

    async fn clock_in<C: Channel>(self: Arc<Self>, mut channel: C) -> io::Result<()> {
        let note = |message: &[u8]| {
            if let Some(stamp) = message.first_chunk::<STAMP>() {
                self.trips().push((u64::from_be_bytes(*stamp), self.now()));
            }
        };
        while channel.receive(note).await? {}
        Ok(())
    }

    /// Sleeps through the windows and reads the counters at their borders.
    fn watch(&self) -> io::Result<Vec<Seen>> {
        let start = self.first_byte()?;
        self.flow
            .windows
            .iter()
            .map(|window| Ok(self.look(start + window.after, window.length)))
            .collect()
    }

    fn first_byte(&self) -> io::Result<Instant> {
        let patience = Instant::now() + PATIENCE;
        while self.meters.iter().all(|meter| meter.bytes() == 0) {
            if Instant::now() > patience {
                return Err(io::ErrorKind::TimedOut.into());
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(Instant::now())
    }

    fn look(&self, begin: Instant, length: Duration) -> Seen {
        thread::sleep(begin.saturating_duration_since(Instant::now()));
        let before = self.marks();
        let from = self.now();
        thread::sleep(length);
        let after = self.marks();
        let to = self.now();
        let borders = before.into_iter().zip(after);
        let rates = self.meters.iter().zip(borders);
        let trips = self.trips();
        let within = trips
            .iter()
            .filter(|(_, arrived)| (from..to).contains(arrived));
        Seen {
            rates: rates
                .map(|(meter, (before, after))| meter.rate(before, after))
                .collect(),
            latencies: within
                .map(|(sent, arrived)| (arrived - sent) as f64 / 1e9)
                .collect(),
        }
    }

    fn marks(&self) -> Vec<Mark> {
        let mark = |meter: &Meter| Mark {
            time: self.now(),
            bytes: meter.bytes(),
        };
        self.meters.iter().map(mark).collect()
    }

    fn now(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn trips(&self) -> MutexGuard<'_, Vec<(u64, u64)>> {
        self.trips.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn saturate<C: Channel>(mut channel: C, size: usize, alone: bool) -> io::Result<()> {
    let message = Bytes::from(vec![0x5a; size]);
    loop {
        channel.send(&message).await?;
        if alone {
            channel.flush().await?;
        }
    }
}

/// The result of whichever task ends first; none is meant to.
async fn first_end(mut tasks: JoinSet<io::Result<()>>) -> io::Result<()> {
    match tasks.join_next().await {
        Some(ended) => ended.map_err(io::Error::other)?,
        None => Ok(()),
    }
}

/// A small generator, so that every stack sees the same rhythm.
struct Dice(u64);

impl Dice {
    /// A number from 0 up to 1.
    fn roll(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// The message size that saturates plain TCP: a loopback segment holds a little less than 64 KiB, so that
/// writes of 64 KiB leave a small rest each and make a base line that is too low.
pub const RAW_WRITE: usize = 62 * 1024;
/// From chat lines to blocks, each size about three times the last.
pub const MIXED: [usize; 10] = [
    64,
    192,
    512,
    1 << 10,
    4 << 10,
    16 << 10,
    48 << 10,
    128 << 10,
    384 << 10,
    1 << 20,
];
const URGENT: usize = 200;
const URGENT_PRIORITY: u16 = 10;
const STAMP: usize = 8;
const SEED: u64 = 0x9e37_79b9_7f4a_7c15;
/// How long the first byte may take before the stack counts as broken.
const PATIENCE: Duration = Duration::from_secs(10);
