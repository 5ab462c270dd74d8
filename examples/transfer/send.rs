//! `transfer send`: files go out, one after another, and chat goes both ways.

use std::fmt::{self, Display};
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use indicatif::{DecimalBytes, ProgressBar};
use mconn::{Closed, Connection, Receiver, Sender};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{self, Instant};
use tokio_util::sync::CancellationToken;

use crate::protocol::{
    CHUNK, Digest, FILES, FileMessage, Malformed, REPLIES, Reply, URGENT, WINDOW, settings,
};
use crate::screen::Screen;
use crate::text::printable_start;
use crate::{Failure, chat, off_runtime};

/// Delivers the files of the command line. Cancelling `stop` ends it early, after what was accepted is sent.
pub(crate) async fn run(
    address: &str,
    paths: Vec<PathBuf>,
    limit: Option<NonZeroU64>,
    screen: &Screen,
    stop: &CancellationToken,
) -> Result<(), Failure> {
    // Before connecting, so that lines that wait already go out with the first file.
    let lines = chat::stdin_lines()?;
    let config = settings().send_rate(limit).build()?;
    let all = paths.len();
    let Some(stream) = stop.run_until_cancelled(connect(address)).await else {
        return Err(Failure::Undelivered { missing: all, all });
    };
    let mut connection = Connection::new(stream?, config);
    let urgent = connection.open(URGENT)?;
    let courier = Courier::open(&mut connection, screen)?;
    screen.say(format_args!("connected to {address}"));

    let ((delivered, closed), ()) = tokio::join!(
        deliver_all(connection, courier, &paths, stop),
        chat::chat(urgent, lines, address, screen),
    );
    // Lines of chat may be among what was not sent, also where every file was delivered.
    if !closed.is_clean() {
        screen.say(format_args!("{address}: {closed}"));
    }
    match all - delivered.len() {
        0 => Ok(()),
        missing => Err(Failure::Undelivered { missing, all }),
    }
}

/// Drives the connection while the courier delivers one file after another, then ends it.
pub(crate) async fn deliver_all<Io: AsyncRead + AsyncWrite + Unpin>(
    connection: Connection<Io>,
    mut courier: Courier<'_>,
    paths: &[PathBuf],
    stop: &CancellationToken,
) -> (Vec<Delivered>, Closed) {
    let stop = stop.child_token();
    let work = async {
        let mut delivered = Vec::new();
        for path in paths {
            let report = |what: &dyn Display| {
                courier
                    .screen
                    .say(format_args!("{}: {what}", path.display()));
            };
            match courier.deliver(path).await {
                Ok(file) => {
                    report(&file);
                    delivered.push(file);
                }
                Err(error) => {
                    report(&error);
                    if error.is_final() {
                        break;
                    }
                }
            }
        }
        stop.cancel();
        delivered
    };
    tokio::join!(work, connection.run(stop.clone()))
}

/// Connects, and tunes the socket: urgent messages would wait behind what lies in a deep send buffer.
pub(crate) async fn connect(address: &str) -> Result<TcpStream, Failure> {
    let connecting = async {
        // Unlike a lookup of the runtime's, this one does not hold up the end of the program.
        let addresses = mconn::tcp::lookup(address.to_owned()).await?;
        let stream = TcpStream::connect(&*addresses).await?;
        mconn::tcp::tune(&stream)?;
        Ok(stream)
    };
    time::timeout(CONNECT_TIMEOUT, connecting)
        .await
        .unwrap_or_else(|_| Err(io::Error::new(ErrorKind::TimedOut, "no answer")))
        .map_err(|error| Failure::Connect {
            address: address.to_owned(),
            error,
        })
}

/// Delivers files over the files channel of a connection.
pub(crate) struct Courier<'a> {
    files: Sender,
    replies: Receiver,
    screen: &'a Screen,
}

impl<'a> Courier<'a> {
    pub(crate) fn open<Io: AsyncRead + AsyncWrite + Unpin>(
        connection: &mut Connection<Io>,
        screen: &'a Screen,
    ) -> Result<Self, Failure> {
        Ok(Self {
            files: connection.open_sender(FILES)?,
            replies: connection.open_receiver(REPLIES)?,
            screen,
        })
    }

    /// Sends one file, and waits until the listener has stored it.
    async fn deliver(&mut self, path: &Path) -> Result<Delivered, Undelivered> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let owned = path.to_owned();
        let mut source = off_runtime(move || Source::open(&owned)).await?;
        let (size, started) = (source.left, Instant::now());
        let mut flight = Flight {
            size,
            sent: 0,
            written: 0,
            bar: self.screen.file_bar(&name, size),
        };
        let name = name.into_owned();
        self.send(&FileMessage::Begin { size, name }, &flight)
            .await?;
        loop {
            let read;
            (source, read) = off_runtime(move || {
                let read = source.next_chunk();
                (source, read)
            })
            .await;
            let Some(data) = read.map_err(Undelivered::Interrupted)? else {
                break;
            };
            self.await_room(&mut flight).await?;
            let len = data.len() as u64;
            self.send(&FileMessage::Data(data), &flight).await?;
            flight.sent += len;
        }
        self.send(&FileMessage::End(source.digest()), &flight)
            .await?;
        while !self.take_reply(&mut flight).await? {}
        Ok(Delivered {
            size,
            took: started.elapsed(),
        })
    }

    /// Takes what the listener has said, and waits for more while too much is on its way.
    async fn await_room(&mut self, flight: &mut Flight) -> Result<(), Undelivered> {
        while let Ok(reply) = self.replies.try_recv() {
            flight.on_reply(&reply)?;
        }
        while flight.sent - flight.written > (WINDOW - CHUNK) as u64 {
            self.take_reply(flight).await?;
        }
        Ok(())
    }

    /// Whether the file is stored now.
    async fn take_reply(&mut self, flight: &mut Flight) -> Result<bool, Undelivered> {
        let reply = self.replies.recv().await;
        flight.on_reply(&reply.ok_or_else(|| flight.cut_off())?)
    }

    async fn send(&self, message: &FileMessage, flight: &Flight) -> Result<(), Undelivered> {
        let sent = self.files.send(message.encode()).await;
        sent.map_err(|_| flight.cut_off())
    }
}

/// How far a file has come.
struct Flight {
    size: u64,
    /// Accepted by the connection.
    sent: u64,
    /// Written by the listener.
    written: u64,
    bar: ProgressBar,
}

impl Flight {
    /// Whether the file is stored now.
    fn on_reply(&mut self, reply: &Bytes) -> Result<bool, Undelivered> {
        match Reply::decode(reply)? {
            Reply::Written(total) if (self.written..=self.sent).contains(&total) => {
                self.written = total;
                self.bar.set_position(total);
                Ok(false)
            }
            Reply::Stored if self.sent == self.size => Ok(true),
            Reply::Refused(reason) => Err(Undelivered::Refused(reason)),
            Reply::Stored | Reply::Written(_) => Err(Undelivered::OutOfTurn),
        }
    }

    const fn cut_off(&self) -> Undelivered {
        Undelivered::CutOff {
            size: self.size,
            sent: self.sent,
            written: self.written,
        }
    }
}

/// A file that the listener has.
#[derive(Debug)]
pub(crate) struct Delivered {
    size: u64,
    pub(crate) took: Duration,
}

impl Display for Delivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (size, took) = (DecimalBytes(self.size), self.took);
        write!(f, "delivered, {size} in {took:.2?}, SHA-256 agreed")
    }
}

/// Why the listener does not have a file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Undelivered {
    #[error("cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    #[error("cannot be read to its end: {0}")]
    Interrupted(io::Error),
    #[error("refused by the listener: {}", printable_start(.0))]
    Refused(String),
    #[error(
        "cut off: {} of {} not sent, {} written",
        DecimalBytes(size - sent), DecimalBytes(*size), DecimalBytes(*written)
    )]
    CutOff { size: u64, sent: u64, written: u64 },
    #[error("the listener answered with {0}")]
    Malformed(#[from] Malformed),
    #[error("the listener answered out of turn")]
    OutOfTurn,
}

impl Undelivered {
    /// Whether the next file has no chance either: both ends no longer agree on where they are.
    const fn is_final(&self) -> bool {
        !matches!(self, Self::Unreadable(_) | Self::Refused(_))
    }
}

/// A file on its way out, by the size that it had when it was opened.
struct Source {
    file: File,
    left: u64,
    hash: Sha256,
}

impl Source {
    fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            let kind = ErrorKind::InvalidInput;
            return Err(io::Error::new(kind, "not a regular file"));
        }
        Ok(Self {
            file,
            left: metadata.len(),
            hash: Sha256::new(),
        })
    }

    /// The next bytes, none at the end. A file that shrank is an error, since its size has been promised; what it grew by is left out.
    fn next_chunk(&mut self) -> io::Result<Option<Bytes>> {
        let len = usize::try_from(self.left).map_or(CHUNK, |left| left.min(CHUNK));
        if len == 0 {
            return Ok(None);
        }
        let mut data = vec![0; len];
        self.file.read_exact(&mut data)?;
        self.hash.update(&data);
        self.left -= len as u64;
        Ok(Some(data.into()))
    }

    fn digest(self) -> Digest {
        self.hash.finalize().into()
    }
}

/// Systems wait for minutes by default; somebody watches here.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
