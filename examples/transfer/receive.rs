//! `transfer listen`: takes files from everyone who connects, whatever becomes of the others.

use std::fmt::Display;
use std::mem;
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use indicatif::{DecimalBytes, ProgressBar};
use mconn::{Config, Connection, Receiver, Sender};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;
use tokio::task::JoinSet;
use tokio::time;
use tokio_util::sync::CancellationToken;

use crate::protocol::{FILES, FileMessage, Malformed, REPLIES, Reply, URGENT, WINDOW, settings};
use crate::screen::Screen;
use crate::store::Partial;
use crate::text::printable_start;
use crate::{Failure, chat, off_runtime};

/// Serves connections until `stop` is cancelled, and then until each has drained.
pub(crate) async fn run(
    address: &str,
    directory: PathBuf,
    limit: Option<NonZeroU64>,
    screen: &Screen,
    stop: &CancellationToken,
) -> Result<(), Failure> {
    let config = settings().recv_rate(limit).build()?;
    std::fs::create_dir_all(&directory).map_err(|error| Failure::Path {
        path: directory.clone(),
        error,
    })?;
    let listener = bind(address).await?;
    let (local, place) = (listener.local_addr()?, directory.display());
    screen.say(format_args!("listening on {local}, files go to {place}"));
    let lines = chat::stdin_lines()?;
    let host = Arc::new(Host {
        directory,
        config,
        screen: screen.clone(),
    });
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept(), if connections.len() < MAX_CONNECTIONS => match accepted {
                Ok((stream, peer)) => {
                    let (host, lines, stop) = (host.clone(), lines.resubscribe(), stop.clone());
                    connections.spawn(async move { host.serve(stream, peer, lines, &stop).await });
                }
                Err(error) => {
                    screen.say(format_args!("cannot accept a connection: {error}"));
                    time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(ended) = connections.join_next() => ended.unwrap_or_else(|panic| screen.say(panic)),
        }
    }
    drop(listener);
    while let Some(ended) = connections.join_next().await {
        ended.unwrap_or_else(|panic| screen.say(panic));
    }
    Ok(())
}

async fn bind(address: &str) -> Result<TcpListener, Failure> {
    let binding = async {
        // Unlike a lookup of the runtime's, this one does not hold up the end of the program.
        let addresses = mconn::tcp::lookup(address.to_owned()).await?;
        TcpListener::bind(&*addresses).await
    };
    binding.await.map_err(|error| Failure::Listen {
        address: address.to_owned(),
        error,
    })
}

/// What every connection of a listener is served with.
pub(crate) struct Host {
    pub(crate) directory: PathBuf,
    pub(crate) config: Config,
    pub(crate) screen: Screen,
}

impl Host {
    /// Serves one connection to its end, and says in one line what it was.
    pub(crate) async fn serve(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        lines: broadcast::Receiver<String>,
        stop: &CancellationToken,
    ) {
        let peer = peer.to_string();
        // Chat lines of ours would wait behind what lies in a deep send buffer.
        let end = match mconn::tcp::tune(&stream) {
            Ok(()) => self.drive(stream, &peer, lines, stop).await,
            Err(error) => Err(error.into()),
        };
        let end = end.unwrap_or_else(|failure| failure.to_string());
        self.screen.say(format_args!("{peer}: {end}"));
    }

    /// Runs a connection with all that goes on over it; gives the line that says how it ended.
    pub(crate) async fn drive<Io: AsyncRead + AsyncWrite + Unpin>(
        &self,
        io: Io,
        peer: &str,
        lines: broadcast::Receiver<String>,
        stop: &CancellationToken,
    ) -> Result<String, Failure> {
        let mut connection = Connection::new(io, self.config.clone());
        let files = connection.open_receiver(FILES)?;
        let replies = connection.open_sender(REPLIES)?;
        let urgent = connection.open(URGENT)?;
        let stop = stop.child_token();
        let mut intake = Intake {
            host: self,
            peer,
            replies,
            state: State::Idle,
            stored: 0,
            refused: 0,
        };
        let take_files = async {
            let taken = intake.take(files).await;
            // Nothing more is wanted from a peer that breaks the protocol.
            stop.cancel();
            taken
        };
        let (closed, taken, ()) = tokio::join!(
            connection.run(stop.clone()),
            take_files,
            chat::chat(urgent, lines, peer, &self.screen),
        );
        let tally = intake.tally().await;
        Ok(match taken {
            Ok(()) => format!("{closed}; {tally}"),
            Err(violation) => format!("{violation}; {tally}"),
        })
    }
}

/// Takes the files of one peer.
struct Intake<'a> {
    host: &'a Host,
    peer: &'a str,
    replies: Sender,
    state: State,
    stored: usize,
    refused: usize,
}

enum State {
    Idle,
    Receiving(Box<Incoming>),
    /// A file was refused: what the peer had on its way is skipped until its next one.
    Skipping,
}

struct Incoming {
    partial: Partial,
    acknowledged: u64,
    bar: ProgressBar,
}

/// How a peer broke the protocol; its connection ends.
#[derive(Clone, Copy, Debug, thiserror::Error)]
enum Violation {
    #[error("the peer sent {0}")]
    Malformed(#[from] Malformed),
    #[error("the peer sent file data without a file")]
    NoFile,
    #[error("the peer began a file inside another")]
    FileInsideFile,
}

impl Intake<'_> {
    /// Takes files until the connection ends or the peer breaks the protocol.
    async fn take(&mut self, mut files: Receiver) -> Result<(), Violation> {
        while let Some(message) = files.recv().await {
            let message = FileMessage::decode(&message)?;
            match (mem::replace(&mut self.state, State::Idle), message) {
                (State::Idle | State::Skipping, FileMessage::Begin { size, name }) => {
                    self.begin(name, size).await;
                }
                (State::Skipping, _) => self.state = State::Skipping,
                (State::Receiving(file), FileMessage::Data(data)) => self.append(file, data).await,
                (State::Receiving(file), FileMessage::End(digest)) => {
                    let (name, len) = (file.partial.name.clone(), file.partial.written);
                    match off_runtime(move || file.partial.finish(&digest)).await {
                        Ok(()) => self.store(&name, len).await,
                        Err(error) => self.refuse(&name, error).await,
                    }
                }
                (State::Receiving(file), FileMessage::Begin { .. }) => {
                    self.state = State::Receiving(file);
                    return Err(Violation::FileInsideFile);
                }
                (State::Idle, _) => return Err(Violation::NoFile),
            }
        }
        Ok(())
    }

    async fn begin(&mut self, name: String, size: u64) {
        let (directory, wanted) = (self.host.directory.clone(), name.clone());
        match off_runtime(move || Partial::create(&directory, &wanted, size)).await {
            Ok(partial) => {
                self.report(format_args!("receiving {name}, {}", DecimalBytes(size)));
                self.state = State::Receiving(Box::new(Incoming {
                    partial,
                    acknowledged: 0,
                    bar: self.host.screen.file_bar(&name, size),
                }));
            }
            Err(error) => self.refuse(&name, error).await,
        }
    }

    async fn append(&mut self, mut file: Box<Incoming>, data: Bytes) {
        let appended;
        (file, appended) = off_runtime(move || {
            let appended = file.partial.append(&data);
            (file, appended)
        })
        .await;
        if let Err(error) = appended {
            let name = file.partial.name.clone();
            // Off the runtime, since removing a large file takes a while.
            off_runtime(move || drop(file)).await;
            return self.refuse(&name, error).await;
        }
        let written = file.partial.written;
        file.bar.set_position(written);
        if written - file.acknowledged >= ACKNOWLEDGED_AT_ONCE {
            file.acknowledged = written;
            self.reply(Reply::Written(written)).await;
        }
        self.state = State::Receiving(file);
    }

    async fn store(&mut self, name: &str, len: u64) {
        self.stored += 1;
        let len = DecimalBytes(len);
        self.report(format_args!("stored {name}, {len}, SHA-256 agrees"));
        self.reply(Reply::Stored).await;
    }

    async fn refuse(&mut self, name: &str, reason: impl Display) {
        self.refused += 1;
        self.state = State::Skipping;
        self.report(format_args!("refused {}: {reason}", printable_start(name)));
        self.reply(Reply::Refused(reason.to_string())).await;
    }

    /// Waits for room among the replies, which comes: a window holds fewer replies than their queue. A connection
    /// that has closed ends the receiving of files, too, so there is nothing to do about it here.
    async fn reply(&self, reply: Reply) {
        let _ = self.replies.send(reply.encode()).await;
    }

    fn report(&self, what: impl Display) {
        self.host.screen.say(format_args!("{}: {what}", self.peer));
    }

    /// What became of the files; one that is not finished is removed.
    async fn tally(self) -> String {
        let mut tally = format!("{} stored, {} refused", self.stored, self.refused);
        if let State::Receiving(file) = self.state {
            let Partial {
                name,
                written,
                promised,
                ..
            } = &file.partial;
            let (written, promised) = (DecimalBytes(*written), DecimalBytes(*promised));
            tally += &format!(", removed the unfinished {name} ({written} of {promised})");
            off_runtime(move || drop(file)).await;
        }
        tally
    }
}

/// Eight acknowledgements a window: the sender rarely waits for one, and they cost nothing beside the data.
const ACKNOWLEDGED_AT_ONCE: u64 = WINDOW as u64 / 8;
/// Connections at once. Each may hold some megabytes of inbox; others wait in the system's backlog.
const MAX_CONNECTIONS: usize = 64;
/// An accept that fails for lack of descriptors would fail again at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
