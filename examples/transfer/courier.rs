//! The sending side of a file transfer: offer, data within the window, end, and the listener's word that it is stored.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use indicatif::{DecimalBytes, ProgressBar};
use mconn::{Receiver, Sender};
use tokio::time::Instant;

use crate::blocking::off_runtime;
use crate::console::Console;
use crate::file_name::{BadName, FileName};
use crate::protocol::{Digest, FileMessage, Malformed, Reply, WINDOW};
use crate::source::Source;
use crate::text::printable_start;

/// Delivers files, one after another, over the files channel of a connection.
pub(crate) struct Courier<'a> {
    files: Sender,
    replies: Receiver,
    console: &'a Console,
}

impl<'a> Courier<'a> {
    pub(crate) const fn new(files: Sender, replies: Receiver, console: &'a Console) -> Self {
        Self {
            files,
            replies,
            console,
        }
    }

    /// Sends one file, and waits until the listener has stored it.
    pub(crate) async fn deliver(&mut self, path: PathBuf) -> Result<Delivered, Undelivered> {
        let name = FileName::of(&path)?;
        let (source, size) = off_runtime(move || Source::open(&path)).await?;
        let started = Instant::now();
        let mut flight = Flight::new(size, self.console.file_bar(name.as_str(), size));

        let name = name.to_string();
        let offer = FileMessage::Offer { size, name };
        self.send(offer, &flight).await?;
        self.await_acceptance(&flight).await?;
        let digest = match self.send_data(source, &mut flight).await {
            Ok(digest) => digest,
            Err(Undelivered::Unreadable(error)) => {
                return Err(self.abandon(error, &mut flight).await);
            }
            Err(other) => return Err(other),
        };
        self.send(FileMessage::End { digest }, &flight).await?;
        let stored_as = self.await_stored(&mut flight).await?;
        Ok(Delivered {
            stored_as,
            size,
            took: started.elapsed(),
        })
    }

    async fn send_data(
        &mut self,
        mut source: Source,
        flight: &mut Flight,
    ) -> Result<Digest, Undelivered> {
        loop {
            let (returned, message) = off_runtime(move || {
                let message = source.next_message();
                (source, message)
            })
            .await;
            source = returned;
            let Some(message) = message? else {
                return Ok(source.digest());
            };
            let sent = flight.size - source.left();
            self.await_room(sent, flight).await?;
            self.send_encoded(message, flight).await?;
            flight.sent = sent;
        }
    }

    /// Takes what the listener has said, and waits for more while too much would be on its way.
    async fn await_room(&mut self, sent: u64, flight: &mut Flight) -> Result<(), Undelivered> {
        while let Ok(reply) = self.replies.try_recv() {
            flight.on_progress(&reply)?;
        }
        while sent - flight.confirmed > WINDOW as u64 {
            let reply = self.reply(flight).await?;
            flight.on_progress(&reply)?;
        }
        Ok(())
    }

    async fn await_acceptance(&mut self, flight: &Flight) -> Result<(), Undelivered> {
        match Reply::decode(&self.reply(flight).await?)? {
            Reply::Accepted => Ok(()),
            Reply::Refused { reason } => Err(Undelivered::Refused(reason)),
            Reply::Written { .. } | Reply::Stored { .. } => Err(Undelivered::OutOfTurn),
        }
    }

    async fn await_stored(&mut self, flight: &mut Flight) -> Result<String, Undelivered> {
        loop {
            let reply = self.reply(flight).await?;
            if let Reply::Stored { name } = Reply::decode(&reply)? {
                return Ok(name);
            }
            flight.on_progress(&reply)?;
        }
    }

    /// Tells the listener that the rest will not come, and takes the refusal with which it answers.
    async fn abandon(&mut self, error: io::Error, flight: &mut Flight) -> Undelivered {
        let reason = error.to_string();
        if let Err(cut_off) = self.send(FileMessage::Abandon { reason }, flight).await {
            return cut_off;
        }
        match self.await_stored(flight).await {
            Err(Undelivered::Refused(_)) => Undelivered::Unreadable(error),
            Err(other) => other,
            Ok(_) => Undelivered::OutOfTurn,
        }
    }

    async fn send(&self, message: FileMessage, flight: &Flight) -> Result<(), Undelivered> {
        self.send_encoded(message.encode(), flight).await
    }

    async fn send_encoded(&self, message: Bytes, flight: &Flight) -> Result<(), Undelivered> {
        self.files.send(message).await.map_err(|_| flight.cut_off())
    }

    async fn reply(&mut self, flight: &Flight) -> Result<Bytes, Undelivered> {
        self.replies.recv().await.ok_or_else(|| flight.cut_off())
    }
}

/// A file that the listener has.
#[derive(Debug)]
pub(crate) struct Delivered {
    /// Chosen by the listener.
    stored_as: String,
    size: u64,
    took: Duration,
}

impl Delivered {
    pub(crate) const fn took(&self) -> Duration {
        self.took
    }
}

impl fmt::Display for Delivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, size) = (printable_start(&self.stored_as), DecimalBytes(self.size));
        write!(
            f,
            "delivered, {size} in {:.2?}, SHA-256 agreed, stored as {name}",
            self.took
        )
    }
}

/// Why the listener does not have a file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Undelivered {
    #[error("not sent: {0}")]
    BadName(#[from] BadName),
    #[error("cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    #[error("refused by the listener: {}", printable_start(.0))]
    Refused(String),
    #[error(
        "cut off: {} of {} not sent, {} confirmed",
        DecimalBytes(size - sent), DecimalBytes(*size), DecimalBytes(*confirmed)
    )]
    CutOff {
        size: u64,
        sent: u64,
        confirmed: u64,
    },
    #[error("the listener answered with {0}")]
    Malformed(#[from] Malformed),
    #[error("the listener answered out of turn")]
    OutOfTurn,
}

impl Undelivered {
    /// Whether the listener does not speak the protocol, so that nothing more can be agreed with it.
    pub(crate) const fn is_violation(&self) -> bool {
        matches!(self, Self::Malformed(_) | Self::OutOfTurn)
    }
}

/// How far a file has come.
struct Flight {
    size: u64,
    /// Accepted by the connection.
    sent: u64,
    /// Written by the listener.
    confirmed: u64,
    bar: ProgressBar,
}

impl Flight {
    const fn new(size: u64, bar: ProgressBar) -> Self {
        Self {
            size,
            sent: 0,
            confirmed: 0,
            bar,
        }
    }

    fn on_progress(&mut self, reply: &Bytes) -> Result<(), Undelivered> {
        match Reply::decode(reply)? {
            Reply::Written { total } if (self.confirmed..=self.sent).contains(&total) => {
                self.confirmed = total;
                self.bar.set_position(total);
                Ok(())
            }
            Reply::Refused { reason } => Err(Undelivered::Refused(reason)),
            Reply::Accepted | Reply::Stored { .. } | Reply::Written { .. } => {
                Err(Undelivered::OutOfTurn)
            }
        }
    }

    const fn cut_off(&self) -> Undelivered {
        Undelivered::CutOff {
            size: self.size,
            sent: self.sent,
            confirmed: self.confirmed,
        }
    }
}
