//! Both ends of mconn's, each on a current-thread runtime on a pinned thread of its own.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use mconn::secret::{Identity, SecretConnection};
use mconn::{ChannelDescriptor, ChannelId, Config, Connection, Sender};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, duplex};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::end::{self, Side};
use crate::{MAX_MESSAGE, QUEUED, URGENT_PRIORITY, WARM_UP, Work, loopback, median};

pub(crate) fn measure(work: Work, time: Duration) -> f64 {
    if matches!(work, Work::Handshakes) {
        let run = end::spawn(Side::Dialer, move || handshakes(time)).unwrap();
        return end::join(run).unwrap();
    }
    let (listener, address) = loopback::listen().unwrap();
    let run = Arc::new(Run::new(work));
    let receiving = run.clone();
    let receiver = end::spawn(Side::Listener, move || async move {
        receiving.receive(loopback::accept(listener).await?).await
    });
    let sending = run.clone();
    let sender = end::spawn(Side::Dialer, move || async move {
        sending.send(loopback::connect(address).await?).await
    });
    thread::sleep(WARM_UP);
    let (start, first) = (Instant::now(), run.bytes.load(Relaxed));
    run.late().clear();
    thread::sleep(time);
    let rate = (run.bytes.load(Relaxed) - first) as f64 / start.elapsed().as_secs_f64();
    let late = run.late().clone();
    run.stop.cancel();
    end::join(sender.unwrap()).expect("the sender ends");
    end::join(receiver.unwrap()).expect("the receiver ends");
    match work {
        Work::Urgent { .. } => median(late.into_iter()),
        _ => rate,
    }
}

/// What both ends share.
struct Run {
    work: Work,
    epoch: Instant,
    bytes: AtomicU64,
    /// Seconds that each urgent message took.
    late: Mutex<Vec<f64>>,
    stop: CancellationToken,
}

impl Run {
    fn new(work: Work) -> Self {
        Self {
            work,
            epoch: Instant::now(),
            bytes: AtomicU64::new(0),
            late: Mutex::new(Vec::new()),
            stop: CancellationToken::new(),
        }
    }

    fn late(&self) -> MutexGuard<'_, Vec<f64>> {
        self.late.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn send(self: Arc<Self>, stream: TcpStream) -> io::Result<()> {
        mconn::tcp::tune(&stream)?;
        match self.work {
            Work::Channels {
                encrypted: false, ..
            } => self.send_messages(stream).await,
            Work::Stream { piece } => {
                let stream = secure(stream).await?;
                tokio::select! {
                    ended = write(stream, piece) => ended,
                    () = self.stop.cancelled() => Ok(()),
                }
            }
            _ => self.send_messages(secure(stream).await?).await,
        }
    }

    async fn receive(self: Arc<Self>, stream: TcpStream) -> io::Result<()> {
        mconn::tcp::tune(&stream)?;
        if matches!(self.work, Work::Urgent { .. }) {
            // What an application does that wants its urgent messages soon.
            mconn::tcp::bound_receive_buffer(&stream, RECEIVE_BUFFER)?;
        }
        match self.work {
            Work::Channels {
                encrypted: false, ..
            } => self.receive_messages(stream).await,
            Work::Stream { piece } => self.read(secure(stream).await?, piece).await,
            _ => self.receive_messages(secure(stream).await?).await,
        }
    }

    /// Saturates every channel but an urgent one.
    async fn send_messages(
        self: Arc<Self>,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> io::Result<()> {
        let mut connection = Connection::new(stream, Config::default());
        let mut tasks = JoinSet::new();
        for (channel, size) in channels(self.work) {
            let urgent = channel.priority() == URGENT_PRIORITY;
            let (sender, _) = connection.open(channel).map_err(io::Error::other)?;
            if urgent {
                tasks.spawn(hurry(sender, size, self.epoch));
            } else {
                tasks.spawn(saturate(sender, size));
            }
        }
        connection.run(self.stop.clone()).await;
        tasks.shutdown().await;
        Ok(())
    }

    async fn receive_messages(
        self: Arc<Self>,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> io::Result<()> {
        let mut connection = Connection::new(stream, Config::default());
        let mut tasks = JoinSet::new();
        for (channel, _) in channels(self.work) {
            let urgent = channel.priority() == URGENT_PRIORITY;
            let (_, mut receiver) = connection.open(channel).map_err(io::Error::other)?;
            let run = self.clone();
            tasks.spawn(async move {
                while let Some(message) = receiver.recv().await {
                    if urgent {
                        run.note(&message);
                    } else {
                        run.bytes.fetch_add(message.len() as u64, Relaxed);
                    }
                }
            });
        }
        connection.run(CancellationToken::new()).await;
        tasks.join_all().await;
        Ok(())
    }

    async fn read(&self, mut stream: impl AsyncRead + Unpin, piece: usize) -> io::Result<()> {
        let mut buffer = vec![0; piece];
        // The other end stops in the middle of something.
        while let Ok(read @ 1..) = stream.read(&mut buffer).await {
            self.bytes.fetch_add(read as u64, Relaxed);
        }
        Ok(())
    }

    fn note(&self, message: &Bytes) {
        let stamp = message.first_chunk().expect("a stamp");
        let late = self.epoch.elapsed().as_secs_f64() - f64::from_le_bytes(*stamp);
        self.late().push(late);
    }
}

/// Channels with the size of their messages; of two kinds of messages the urgent one is the first.
fn channels(work: Work) -> Vec<(ChannelDescriptor, usize)> {
    let rows = match work {
        Work::Urgent { small, bulk } => vec![(URGENT_PRIORITY, small), (1, bulk)],
        Work::Channels { sizes, .. } => sizes.iter().map(|size| (1, *size)).collect(),
        Work::Stream { .. } | Work::Handshakes => Vec::new(),
    };
    let channel = |(id, (priority, size))| {
        let channel = ChannelDescriptor::new(ChannelId::new(id), priority)
            .with_send_capacity(QUEUED)
            .with_max_message(MAX_MESSAGE);
        (channel, size)
    };
    (1..).zip(rows).map(channel).collect()
}

async fn saturate(sender: Sender, size: usize) {
    let message = Bytes::from(vec![0xa5; size]);
    while sender.send(message.clone()).await.is_ok() {}
}

/// Sends small messages that begin with the time, now and then.
async fn hurry(sender: Sender, size: usize, epoch: Instant) {
    loop {
        sleep(BETWEEN_URGENT).await;
        let mut message = epoch.elapsed().as_secs_f64().to_le_bytes().to_vec();
        message.resize(size, 0);
        if sender.send(message).await.is_err() {
            return;
        }
    }
}

async fn write(mut stream: impl AsyncWrite + Unpin, piece: usize) -> io::Result<()> {
    let piece = vec![0xa5; piece];
    loop {
        stream.write_all(&piece).await?;
    }
}

async fn secure<Io: AsyncRead + AsyncWrite + Unpin>(io: Io) -> io::Result<SecretConnection<Io>> {
    let identity = Identity::from_seed(&[0; 32]).map_err(io::Error::other)?;
    let handshake = SecretConnection::handshake(io, &identity);
    handshake.await.map_err(io::Error::other)
}

async fn handshakes(time: Duration) -> io::Result<f64> {
    let (start, mut pairs) = (Instant::now(), 0_u32);
    while start.elapsed() < time {
        let (near, far) = duplex(PIPE);
        tokio::try_join!(secure(near), secure(far))?;
        pairs += 1;
    }
    Ok(f64::from(pairs) / start.elapsed().as_secs_f64())
}

/// As the Go program waits.
const BETWEEN_URGENT: Duration = Duration::from_millis(2);
/// Room for what one side says in a handshake.
const PIPE: usize = 4_096;
/// Below half a millisecond of what the receiver can take.
const RECEIVE_BUFFER: usize = 256 * 1024;
