//! `transfer send`: files go out, chat goes both ways.

use std::fmt::Display;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mconn::{Closed, Connection};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time;
use tokio_util::sync::CancellationToken;

use crate::chat;
use crate::cli::SendArgs;
use crate::console::Console;
use crate::courier::{Courier, Delivered};
use crate::failure::Failure;
use crate::link::{self, SenderLink};
use crate::live;

/// Delivers the files of the command line. Cancelling `stop` ends it early, after what was accepted is sent.
pub(crate) async fn run(
    args: SendArgs,
    console: &Console,
    stop: &CancellationToken,
) -> Result<(), Failure> {
    // Before connecting, so that lines that wait already go out with the first file.
    let lines = chat::stdin_lines()?;
    let config = link::settings().send_rate(args.limit).build()?;
    let all = args.files.len();
    let connecting = connect(&args.address);
    let Some(stream) = stop.run_until_cancelled(connecting).await else {
        return Err(Failure::Undelivered { missing: all, all });
    };
    let SenderLink {
        connection,
        files,
        replies,
        urgent,
    } = SenderLink::open(stream?, config)?;
    console.say(format_args!("connected to {}", args.address));

    let handle = connection.handle();
    let courier = Courier::new(files, replies, console);
    let ((delivered, closed), (), ()) = tokio::join!(
        deliver_all(connection, courier, &args.files, console, stop),
        chat::chat(urgent, lines, &args.address, console),
        live::watch(handle, &args.address, console),
    );

    // Lines of chat may be among what was not sent, also where every file was delivered.
    if !closed.is_clean() {
        console.say(format_args!("{}: {closed}", args.address));
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
    console: &Console,
    stop: &CancellationToken,
) -> (Vec<Delivered>, Closed) {
    let stop = stop.child_token();
    let work = async {
        let mut delivered = Vec::new();
        for path in paths {
            match courier.deliver(path.clone()).await {
                Ok(file) => {
                    report(path, &file, console);
                    delivered.push(file);
                }
                Err(error) => {
                    if error.is_violation() {
                        stop.cancel();
                    }
                    report(path, error, console);
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

fn report(path: &Path, what: impl Display, console: &Console) {
    console.say(format_args!("{}: {what}", path.display()));
}

/// Systems wait for minutes by default; somebody watches here.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
