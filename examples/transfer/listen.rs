//! `transfer listen`: takes files from everyone who connects, whatever becomes of the others.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio::time;
use tokio_util::sync::CancellationToken;

use crate::chat;
use crate::cli::ListenArgs;
use crate::console::Console;
use crate::failure::Failure;
use crate::host::Host;
use crate::link;

/// Serves connections until `stop` is cancelled, and then until each has drained.
pub(crate) async fn run(
    args: ListenArgs,
    console: &Console,
    stop: &CancellationToken,
) -> Result<(), Failure> {
    let config = link::settings().recv_rate(args.limit).build()?;
    std::fs::create_dir_all(&args.directory).map_err(|error| Failure::Path {
        path: args.directory.clone(),
        error,
    })?;
    let listener = bind(&args.address).await.map_err(|error| Failure::Listen {
        address: args.address.clone(),
        error,
    })?;
    console.say(format_args!(
        "listening on {}, files go to {}",
        listener.local_addr()?,
        args.directory.display()
    ));

    let host = Arc::new(Host {
        directory: args.directory,
        config,
        console: console.clone(),
    });
    let mut lines = chat::stdin_lines()?;
    let mut audience = Audience::default();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept(), if connections.len() < MAX_CONNECTIONS => match accepted {
                Ok((stream, peer)) => {
                    let (host, lines, stop) = (Arc::clone(&host), audience.admit(peer), stop.clone());
                    connections.spawn(async move { host.serve(stream, peer, lines, &stop).await });
                }
                Err(error) => {
                    console.say(format_args!("cannot accept a connection: {error}"));
                    time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(ended) = connections.join_next() => report_panic(ended, console),
            Some(line) = lines.recv() => audience.say(&line, console),
        }
    }
    drop(listener);
    while let Some(ended) = connections.join_next().await {
        report_panic(ended, console);
    }
    Ok(())
}

async fn bind(address: &str) -> io::Result<TcpListener> {
    // Unlike a lookup of the runtime's, this one does not hold up the end of the program.
    let addresses = mconn::tcp::lookup(address.to_owned()).await?;
    TcpListener::bind(&*addresses).await
}

/// Everyone who is connected, as the chat sees them.
#[derive(Default)]
struct Audience(Vec<(SocketAddr, mpsc::Sender<String>)>);

impl Audience {
    /// Lines for a new peer.
    fn admit(&mut self, peer: SocketAddr) -> mpsc::Receiver<String> {
        self.0.retain(|(_, lines)| !lines.is_closed());
        let (sender, lines) = mpsc::channel(LINES);
        self.0.push((peer, sender));
        lines
    }

    /// Says a line to everyone; nobody waits for a slow one.
    fn say(&mut self, line: &str, console: &Console) {
        self.0.retain(|(_, lines)| !lines.is_closed());
        if self.0.is_empty() {
            console.say("nobody is connected");
        }
        for (peer, lines) in &self.0 {
            if lines.try_send(line.to_owned()).is_err() {
                console.say(format_args!("{peer}: too slow, did not get: {line}"));
            }
        }
    }
}

fn report_panic(ended: Result<(), JoinError>, console: &Console) {
    if let Err(error) = ended {
        console.say(format_args!(
            "a connection ended by a fault of this program: {error}"
        ));
    }
}

/// Connections at once. Each may hold some megabytes of inbox; others wait in the system's backlog.
const MAX_CONNECTIONS: usize = 64;

/// Chat lines that wait for one peer.
const LINES: usize = 16;

/// An accept that fails for lack of descriptors would fail again at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
