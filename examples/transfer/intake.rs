//! The listening side of a file transfer: decides on offers, writes data, checks the end.

use std::fmt;
use std::mem;
use std::path::Path;

use bytes::Bytes;
use indicatif::{DecimalBytes, ProgressBar};
use mconn::{Receiver, Sender};

use crate::blocking::off_runtime;
use crate::console::Console;
use crate::file_name::FileName;
use crate::protocol::{Digest, FileMessage, Malformed, Reply, WINDOW};
use crate::store::Partial;
use crate::text::printable_start;

/// Takes the files of one peer into a directory.
pub(crate) struct Intake<'a> {
    directory: &'a Path,
    peer: &'a str,
    console: &'a Console,
    replies: Sender,
    state: State,
    tally: Tally,
}

impl<'a> Intake<'a> {
    pub(crate) fn new(
        directory: &'a Path,
        peer: &'a str,
        console: &'a Console,
        replies: Sender,
    ) -> Self {
        Self {
            directory,
            peer,
            console,
            replies,
            state: State::Idle,
            tally: Tally::default(),
        }
    }

    /// Takes files until the connection ends or the peer breaks the protocol.
    pub(crate) async fn run(mut self, mut files: Receiver) -> (Tally, Result<(), Violation>) {
        while let Some(message) = files.recv().await {
            if let Err(violation) = self.on_message(&message).await {
                return (self.into_tally().await, Err(violation));
            }
        }
        (self.into_tally().await, Ok(()))
    }

    async fn on_message(&mut self, message: &Bytes) -> Result<(), Violation> {
        let message = FileMessage::decode(message)?;
        match (mem::replace(&mut self.state, State::Idle), message) {
            (State::Idle | State::Skipping, FileMessage::Offer { size, name }) => {
                self.on_offer(&name, size).await
            }
            (State::Skipping, _) => self.state = State::Skipping,
            (State::Receiving(file), FileMessage::Data(data)) => self.on_data(file, data).await,
            (State::Receiving(file), FileMessage::End { digest }) => {
                self.on_end(file, digest).await
            }
            (State::Receiving(file), FileMessage::Abandon { reason }) => {
                let reason = format!("abandoned by the sender: {reason}");
                self.give_up(file.partial, reason).await;
            }
            (State::Receiving(file), FileMessage::Offer { .. }) => {
                self.state = State::Receiving(file);
                return Err(Violation::OfferInsideFile);
            }
            (State::Idle, _) => return Err(Violation::NoOffer),
        }
        Ok(())
    }

    async fn on_offer(&mut self, name: &str, size: u64) {
        let name = match FileName::parse(name) {
            Ok(name) => name,
            Err(error) => return self.refuse(name, error).await,
        };
        let (directory, promised) = (self.directory.to_owned(), name.clone());
        match off_runtime(move || Partial::create(&directory, promised, size)).await {
            Ok(partial) => {
                self.report(format_args!("receiving {name}, {}", DecimalBytes(size)));
                let bar = self.console.file_bar(name.as_str(), size);
                self.state = State::Receiving(Box::new(Incoming {
                    partial,
                    acknowledged: 0,
                    bar,
                }));
                self.reply(Reply::Accepted).await;
            }
            Err(error) => self.refuse(name.as_str(), error).await,
        }
    }

    async fn on_data(&mut self, mut file: Box<Incoming>, data: Bytes) {
        let (mut file, appended) = off_runtime(move || {
            let appended = file.partial.append(&data);
            (file, appended)
        })
        .await;
        if let Err(error) = appended {
            return self.give_up(file.partial, error).await;
        }
        let written = file.partial.written();
        file.bar.set_position(written);
        if written - file.acknowledged >= ACKNOWLEDGED_AT_ONCE {
            file.acknowledged = written;
            self.reply(Reply::Written { total: written }).await;
        }
        self.state = State::Receiving(file);
    }

    async fn on_end(&mut self, file: Box<Incoming>, digest: Digest) {
        let (name, size) = (file.partial.name().clone(), file.partial.written());
        match off_runtime(move || file.partial.finish(digest)).await {
            Ok(stored_as) => {
                self.tally.stored += 1;
                self.report(format_args!(
                    "stored {stored_as}, {}, SHA-256 agrees",
                    DecimalBytes(size)
                ));
                self.reply(Reply::Stored {
                    name: stored_as.to_string(),
                })
                .await;
            }
            Err(error) => self.refuse(name.as_str(), error).await,
        }
    }

    /// Removes what came of a file, off the runtime, since that takes a while with a large one, and refuses the rest.
    async fn give_up(&mut self, partial: Partial, reason: impl fmt::Display) {
        let name = partial.name().clone();
        off_runtime(move || drop(partial)).await;
        self.refuse(name.as_str(), reason).await;
    }

    async fn refuse(&mut self, name: &str, reason: impl fmt::Display) {
        let reason = reason.to_string();
        self.tally.refused += 1;
        self.state = State::Skipping;
        self.report(format_args!(
            "refused {}: {}",
            printable_start(name),
            printable_start(&reason)
        ));
        self.reply(Reply::Refused { reason }).await;
    }

    /// Waits for room among the replies, which comes: a window holds fewer replies than their queue. A connection
    /// that has closed ends the receiving of files, too, so there is nothing to do about it here.
    async fn reply(&self, reply: Reply) {
        let _ = self.replies.send(reply.encode()).await;
    }

    fn report(&self, what: impl fmt::Display) {
        self.console.say(format_args!("{}: {what}", self.peer));
    }

    async fn into_tally(self) -> Tally {
        let mut tally = self.tally;
        if let State::Receiving(file) = self.state {
            let partial = file.partial;
            let written = DecimalBytes(partial.written());
            let promised = DecimalBytes(partial.promised());
            tally.unfinished = Some(format!("{} ({written} of {promised})", partial.name()));
            off_runtime(move || drop(partial)).await;
        }
        tally
    }
}

/// What became of the files of one connection.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    stored: usize,
    refused: usize,
    unfinished: Option<String>,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} stored, {} refused", self.stored, self.refused)?;
        match &self.unfinished {
            Some(file) => write!(f, ", removed the unfinished {file}"),
            None => Ok(()),
        }
    }
}

/// How a peer broke the protocol; its connection ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum Violation {
    #[error("the peer sent {0} on the files channel")]
    Malformed(#[from] Malformed),
    #[error("the peer sent file data without an offer")]
    NoOffer,
    #[error("the peer offered a file inside another")]
    OfferInsideFile,
}

enum State {
    Idle,
    Receiving(Box<Incoming>),
    /// A file was refused: what the peer had on its way is skipped until its next offer.
    Skipping,
}

struct Incoming {
    partial: Partial,
    acknowledged: u64,
    bar: ProgressBar,
}

/// Eight acknowledgements a window: the sender rarely waits for one, and they cost nothing beside the data.
const ACKNOWLEDGED_AT_ONCE: u64 = WINDOW as u64 / 8;
