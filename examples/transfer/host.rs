//! The listening end of one connection.

use std::net::SocketAddr;
use std::path::PathBuf;

use mconn::Config;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::chat;
use crate::console::Console;
use crate::failure::Failure;
use crate::intake::Intake;
use crate::link::ListenerLink;
use crate::live;

/// What every connection of a listener is served with.
pub(crate) struct Host {
    pub(crate) directory: PathBuf,
    pub(crate) config: Config,
    pub(crate) console: Console,
}

impl Host {
    /// Serves one connection to its end, and says in one line what it was.
    pub(crate) async fn serve(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        lines: mpsc::Receiver<String>,
        stop: &CancellationToken,
    ) {
        let peer = peer.to_string();
        let end = match self.open(stream) {
            Ok(link) => self.drive(link, &peer, lines, stop).await,
            Err(error) => error.to_string(),
        };
        self.console.say(format_args!("{peer}: {end}"));
    }

    fn open(&self, stream: TcpStream) -> Result<ListenerLink<TcpStream>, Failure> {
        // Chat lines of ours would wait behind what lies in a deep send buffer.
        mconn::tcp::tune(&stream)?;
        Ok(ListenerLink::open(stream, self.config.clone())?)
    }

    /// Runs the connection with all that goes on over it; gives the line that says how it ended.
    pub(crate) async fn drive<Io: AsyncRead + AsyncWrite + Unpin>(
        &self,
        link: ListenerLink<Io>,
        peer: &str,
        lines: mpsc::Receiver<String>,
        stop: &CancellationToken,
    ) -> String {
        let ListenerLink {
            connection,
            files,
            replies,
            urgent,
        } = link;
        let stop = stop.child_token();
        let handle = connection.handle();
        let intake = Intake::new(&self.directory, peer, &self.console, replies);
        let take_files = async {
            let (tally, result) = intake.run(files).await;
            // Nothing more is wanted from a peer that breaks the protocol.
            stop.cancel();
            (tally, result)
        };
        let (closed, (tally, result), (), ()) = tokio::join!(
            connection.run(stop.clone()),
            take_files,
            chat::chat(urgent, lines, peer, &self.console),
            live::watch(handle, peer, &self.console),
        );
        match result {
            Ok(()) => format!("{closed}; {tally}"),
            Err(violation) => format!("{violation}; {tally}"),
        }
    }
}
