//! Both roles against each other, and the listener against peers that do not keep to the protocol.

use std::fs;
use std::path::PathBuf;

use bytes::Bytes;
#[cfg(unix)]
use clap::Parser;
#[cfg(unix)]
use mconn::CloseReason;
use mconn::{Connection, Receiver, Sender};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
#[cfg(unix)]
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

#[cfg(unix)]
use crate::Cli;
#[cfg(unix)]
use crate::child::{self, Program};
use crate::protocol::{
    CHUNK, FILES, FileMessage, REPLIES, Reply, URGENT, Urgent, WINDOW, settings,
};
use crate::receive::Host;
use crate::screen::Screen;
use crate::send::{self, Courier, Delivered};

#[tokio::test]
async fn files_arrive_whole_whatever_their_size() {
    let from = tempfile::tempdir().unwrap();
    let sizes = [0, 1, CHUNK, CHUNK + 1, WINDOW + 3 * CHUNK + 7];
    let files: Vec<_> = sizes.iter().map(|size| file_of(&from, *size)).collect();

    let pair = Pair::new();
    let (delivered, end) = pair.transfer(&files).await;
    assert_eq!(delivered.len(), sizes.len());
    assert_eq!(pair.entries().len(), sizes.len());
    for file in &files {
        let copy = pair.inbox.path().join(file.file_name().unwrap());
        assert!(
            fs::read(copy).unwrap() == fs::read(file).unwrap(),
            "{}",
            file.display()
        );
    }
    assert!(end.ends_with("5 stored, 0 refused"), "{end}");
}

#[tokio::test]
async fn what_exists_is_not_overwritten() {
    let from = tempfile::tempdir().unwrap();
    let file = file_of(&from, 10);
    let pair = Pair::new();
    fs::write(pair.inbox.path().join("10"), "mine").unwrap();
    let (delivered, end) = pair.transfer(&[file, file_of(&from, 3)]).await;
    assert_eq!(delivered.len(), 1);
    assert!(end.ends_with("1 stored, 1 refused"), "{end}");
    assert_eq!(pair.entries(), ["10", "3"]);
    assert_eq!(fs::read(pair.inbox.path().join("10")).unwrap(), b"mine");
}

#[tokio::test]
async fn a_file_that_cannot_be_read_does_not_hold_up_the_next() {
    let from = tempfile::tempdir().unwrap();
    let (missing, there) = (from.path().join("missing"), file_of(&from, 3));
    let pair = Pair::new();
    let (delivered, _) = pair
        .transfer(&[missing, from.path().to_owned(), there])
        .await;
    assert_eq!(delivered.len(), 1);
    assert_eq!(pair.entries(), ["3"]);
}

#[tokio::test]
async fn a_stop_ends_both_sides_and_leaves_no_unfinished_file() {
    let from = tempfile::tempdir().unwrap();
    let files = [file_of(&from, 4 * WINDOW)];
    let pair = Pair::new();
    let stop = pair.sender_stop.clone();
    let watcher = async {
        // Stops as soon as the listener has begun to write.
        while pair.entries().is_empty() {
            tokio::task::yield_now().await;
        }
        stop.cancel();
    };
    let ((delivered, end), ()) = tokio::join!(pair.transfer(&files), watcher);
    assert!(delivered.is_empty());
    assert!(end.contains("removed the unfinished"), "{end}");
    assert!(pair.entries().is_empty());
}

#[tokio::test]
async fn a_name_that_leaves_the_directory_is_refused_and_the_next_is_taken() {
    let pair = Pair::new();
    let end = pair
        .against(async |mut peer| {
            for name in ["../evil", "/etc/evil", "..", "", "sub/evil"] {
                peer.begin(name, 1).await;
                // On its way before the refusal comes: skipped.
                peer.data(b"x").await;
                peer.end(b"x").await;
                assert!(matches!(peer.reply().await, Reply::Refused(_)), "{name:?}");
            }
            peer.begin("good", 2).await;
            peer.data(b"ok").await;
            peer.end(b"ok").await;
            assert_eq!(peer.reply().await, Reply::Stored);
        })
        .await;
    assert_eq!(pair.entries(), ["good"]);
    assert!(end.ends_with("1 stored, 5 refused"), "{end}");
}

#[tokio::test]
async fn a_promise_that_is_not_kept_is_refused_and_leaves_nothing() {
    let pair = Pair::new();
    let cases: [(u64, &'static [u8], &[u8]); 3] = [
        (3, b"four", b"four"),
        (u64::MAX, b"four", b"four"),
        (4, b"four", b"five"),
    ];
    pair.against(async |mut peer| {
        for (size, data, summed) in cases {
            peer.begin("a", size).await;
            peer.data(data).await;
            peer.end(summed).await;
            assert!(matches!(peer.reply().await, Reply::Refused(_)), "{size}");
        }
    })
    .await;
    assert!(pair.entries().is_empty());
}

#[tokio::test]
async fn a_peer_that_breaks_the_protocol_is_cut_off() {
    let begin = FileMessage::Begin {
        size: 1,
        name: "a".to_owned(),
    }
    .encode();
    let data = FileMessage::Data(Bytes::from_static(b"x")).encode();
    let cases: [(&[Bytes], &str); 4] = [
        (&[data], "file data without a file"),
        (&[begin.clone(), begin], "began a file inside another"),
        (&[Bytes::from_static(b"\x63")], "kind 99"),
        (&[Bytes::new()], "0 bytes"),
    ];
    for (messages, rule) in cases {
        let pair = Pair::new();
        let end = pair
            .against(async |mut peer| {
                for message in messages {
                    peer.files.send(message.clone()).await.unwrap();
                }
                while peer.replies.recv().await.is_some() {}
            })
            .await;
        assert!(end.contains(rule), "{end}");
        assert!(pair.entries().is_empty());
    }
}

#[tokio::test]
async fn a_probe_is_answered_while_a_file_is_on_its_way() {
    let pair = Pair::new();
    pair.against(async |mut peer| {
        peer.begin("a", 10).await;
        peer.data(b"12345").await;
        let (sender, receiver) = &mut peer.urgent;
        sender.send(Urgent::Probe(7).encode()).await.unwrap();
        let answer = receiver.recv().await.unwrap();
        assert_eq!(Urgent::decode(&answer), Ok(Urgent::Echo(7)));
    })
    .await;
}

#[cfg(unix)]
#[tokio::test]
async fn sigterm_stops_a_listener_in_order_and_leaves_no_unfinished_file() {
    let inbox = tempfile::tempdir().unwrap();
    let directory = inbox.path().to_str().unwrap();
    let mut program = Program::start(PROGRAM, &["transfer", "listen", "127.0.0.1:0", directory]);
    let line = program.says("listening on").await;
    let address = line
        .split_once("listening on ")
        .and_then(|(_, rest)| rest.split_once(','))
        .map(|(address, _)| address.to_owned())
        .unwrap();

    let stream = send::connect(&address).await.unwrap();
    let mut connection = Connection::new(stream, settings().build().unwrap());
    let peer = Peer::open(&mut connection);
    let script = async {
        peer.begin("half", 10).await;
        program.says("receiving half").await;
        assert_eq!(fs::read_dir(&inbox).unwrap().count(), 1);
        program.terminate().await;
        program.says("stopping").await;
        program.says("removed the unfinished half").await;
        assert_eq!(program.end().await.code(), Some(0));
    };
    let (closed, ()) = tokio::join!(connection.run(CancellationToken::new()), script);
    assert!(matches!(closed.reason, CloseReason::PeerClosed), "{closed}");
    assert_eq!(fs::read_dir(&inbox).unwrap().count(), 0);
}

#[cfg(unix)]
#[tokio::test]
async fn sigterm_stops_a_sender_in_order_and_it_says_what_was_not_sent() {
    let from = tempfile::tempdir().unwrap();
    let file = file_of(&from, 4 * WINDOW);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let arguments = ["transfer", "send", &address, file.to_str().unwrap()];
    let mut program = Program::start(PROGRAM, &arguments);

    let (stream, _) = listener.accept().await.unwrap();
    let mut connection = Connection::new(stream, settings().build().unwrap());
    let mut files = connection.open_receiver(FILES).unwrap();
    let script = async {
        let begin = FileMessage::decode(&files.recv().await.unwrap());
        assert!(matches!(begin, Ok(FileMessage::Begin { .. })), "{begin:?}");
        program.terminate().await;
        program.says("stopping").await;
        let line = program.says("not sent").await;
        assert!(line.contains("cut off"), "{line}");
        assert_eq!(program.end().await.code(), Some(1));
    };
    let (closed, ()) = tokio::join!(connection.run(CancellationToken::new()), script);
    assert!(matches!(closed.reason, CloseReason::PeerClosed), "{closed}");
}

#[cfg(unix)]
#[test]
#[ignore = "the program itself, for the tests of signals"]
fn program() {
    if let Some(arguments) = child::arguments() {
        std::process::exit(crate::program(Cli::parse_from(arguments)).into());
    }
}

#[cfg(unix)]
const PROGRAM: &str = "tests::program";

/// A listener with an empty directory, to be given a peer once.
struct Pair {
    inbox: TempDir,
    sender_stop: CancellationToken,
}

impl Pair {
    fn new() -> Self {
        Self {
            inbox: tempfile::tempdir().unwrap(),
            sender_stop: CancellationToken::new(),
        }
    }

    /// Sends `files` in the way of the program; gives what was delivered, and the listener's last line.
    async fn transfer(&self, files: &[PathBuf]) -> (Vec<Delivered>, String) {
        let (near, far) = tokio::io::duplex(PIPE);
        let screen = Screen::quiet();
        let mut connection = Connection::new(near, settings().build().unwrap());
        let courier = Courier::open(&mut connection, &screen).unwrap();
        let ((delivered, _), end) = tokio::join!(
            send::deliver_all(connection, courier, files, &self.sender_stop),
            self.listen(far),
        );
        (delivered, end)
    }

    /// Lets `script` speak to the listener, then closes the connection; gives the listener's last line.
    async fn against(&self, script: impl AsyncFnOnce(Peer)) -> String {
        let (near, far) = tokio::io::duplex(PIPE);
        let mut connection = Connection::new(near, settings().build().unwrap());
        let peer = Peer::open(&mut connection);
        let speak = async {
            script(peer).await;
            self.sender_stop.cancel();
        };
        let (_, (), end) = tokio::join!(
            connection.run(self.sender_stop.clone()),
            speak,
            self.listen(far)
        );
        end
    }

    async fn listen(&self, io: DuplexStream) -> String {
        let host = Host {
            directory: self.inbox.path().to_owned(),
            config: settings().build().unwrap(),
            screen: Screen::quiet(),
        };
        let (_, no_lines) = broadcast::channel(1);
        let stop = CancellationToken::new();
        host.drive(io, "peer", no_lines, &stop).await.unwrap()
    }

    fn entries(&self) -> Vec<String> {
        let entries = fs::read_dir(self.inbox.path()).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

/// A peer that says what a test wants.
struct Peer {
    files: Sender,
    replies: Receiver,
    urgent: (Sender, Receiver),
}

impl Peer {
    fn open<Io: AsyncRead + AsyncWrite + Unpin>(connection: &mut Connection<Io>) -> Self {
        Self {
            files: connection.open_sender(FILES).unwrap(),
            replies: connection.open_receiver(REPLIES).unwrap(),
            urgent: connection.open(URGENT).unwrap(),
        }
    }

    async fn begin(&self, name: &str, size: u64) {
        let name = name.to_owned();
        self.say(&FileMessage::Begin { size, name }).await;
    }

    async fn data(&self, data: &'static [u8]) {
        self.say(&FileMessage::Data(Bytes::from_static(data))).await;
    }

    /// Ends a file with the sum of `content`.
    async fn end(&self, content: &[u8]) {
        self.say(&FileMessage::End(Sha256::digest(content).into()))
            .await;
    }

    async fn say(&self, message: &FileMessage) {
        self.files.send(message.encode()).await.unwrap();
    }

    async fn reply(&mut self) -> Reply {
        Reply::decode(&self.replies.recv().await.unwrap()).unwrap()
    }
}

/// A file named after its size.
fn file_of(directory: &TempDir, size: usize) -> PathBuf {
    let path = directory.path().join(size.to_string());
    let content: Vec<u8> = (0..=250).cycle().take(size).collect();
    fs::write(&path, content).unwrap();
    path
}

/// Less than a chunk, so that both sides run into a full pipe.
const PIPE: usize = 16 * 1024;
