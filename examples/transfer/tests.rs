//! Both roles against each other, and the listener against peers that do not keep to the protocol.

use std::fs;
use std::path::PathBuf;

use bytes::Bytes;
#[cfg(unix)]
use clap::Parser;
#[cfg(unix)]
use mconn::CloseReason;
use mconn::{Closed, Receiver, Sender};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio::io::DuplexStream;
#[cfg(unix)]
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

#[cfg(unix)]
use crate::child::{self, Program};
#[cfg(unix)]
use crate::cli::Cli;
use crate::console::Console;
use crate::courier::{Courier, Delivered};
use crate::host::Host;
use crate::link::{self, ListenerLink, SenderLink};
use crate::protocol::{CHUNK, Digest, FileMessage, Reply, UrgentMessage, WINDOW};
use crate::send;

#[tokio::test]
async fn files_arrive_whole_whatever_their_size() {
    let from = tempfile::tempdir().unwrap();
    let sizes = [0, 1, CHUNK, CHUNK + 1, WINDOW + 3 * CHUNK + 7];
    let files: Vec<_> = sizes.iter().map(|size| file_of(&from, *size)).collect();

    let pair = Pair::new();
    let (delivered, _, end) = pair.transfer(&files).await;
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
async fn a_second_file_of_the_same_name_gets_another() {
    let from = tempfile::tempdir().unwrap();
    let file = file_of(&from, 10);
    let pair = Pair::new();
    let (delivered, ..) = pair.transfer(&[file.clone(), file]).await;
    assert_eq!(delivered.len(), 2);
    assert_eq!(pair.entries(), ["10", "10 (1)"]);
}

#[tokio::test]
async fn a_file_that_cannot_be_read_does_not_hold_up_the_next() {
    let from = tempfile::tempdir().unwrap();
    let (missing, there) = (from.path().join("missing"), file_of(&from, 3));
    let pair = Pair::new();
    let (delivered, ..) = pair
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
    let ((delivered, _, end), ()) = tokio::join!(pair.transfer(&files), watcher);
    assert!(delivered.is_empty());
    assert!(end.contains("removed the unfinished"), "{end}");
    assert!(pair.entries().is_empty());
}

#[tokio::test]
async fn a_name_that_leaves_the_directory_is_refused_and_the_next_is_taken() {
    let pair = Pair::new();
    let end = pair
        .against(async |mut peer| {
            for name in [
                "../evil",
                "/etc/evil",
                "..",
                "",
                "a\0b",
                "sub/evil",
                ".hidden",
            ] {
                peer.offer(name, 1).await;
                assert!(
                    matches!(peer.reply().await, Reply::Refused { .. }),
                    "{name:?}"
                );
            }
            peer.offer("good", 2).await;
            assert_eq!(peer.reply().await, Reply::Accepted);
            peer.data(b"ok").await;
            peer.end(b"ok").await;
            assert_eq!(
                peer.reply().await,
                Reply::Stored {
                    name: "good".to_owned()
                }
            );
        })
        .await;
    assert_eq!(pair.entries(), ["good"]);
    assert!(end.ends_with("1 stored, 7 refused"), "{end}");
}

#[tokio::test]
async fn a_promised_size_is_held_to_and_reserves_nothing() {
    let pair = Pair::new();
    pair.against(async |mut peer| {
        peer.offer("long", 3).await;
        assert_eq!(peer.reply().await, Reply::Accepted);
        peer.data(b"four").await;
        assert!(matches!(peer.reply().await, Reply::Refused { .. }));
        // Still on its way when the refusal came: skipped.
        peer.data(b"more").await;
        peer.end(b"fourmore").await;

        peer.offer("short", u64::MAX).await;
        assert_eq!(peer.reply().await, Reply::Accepted);
        peer.data(b"four").await;
        peer.end(b"four").await;
        assert!(matches!(peer.reply().await, Reply::Refused { .. }));
    })
    .await;
    assert!(pair.entries().is_empty());
}

#[tokio::test]
async fn a_wrong_sum_is_refused() {
    let pair = Pair::new();
    pair.against(async |mut peer| {
        peer.offer("a", 4).await;
        assert_eq!(peer.reply().await, Reply::Accepted);
        peer.data(b"four").await;
        peer.end(b"five").await;
        assert!(matches!(peer.reply().await, Reply::Refused { .. }));
    })
    .await;
    assert!(pair.entries().is_empty());
}

#[tokio::test]
async fn an_abandoned_file_is_refused_and_removed() {
    let pair = Pair::new();
    pair.against(async |mut peer| {
        peer.offer("a", 4).await;
        assert_eq!(peer.reply().await, Reply::Accepted);
        peer.data(b"fo").await;
        peer.say(&FileMessage::Abandon {
            reason: "it shrank".to_owned(),
        })
        .await;
        assert!(matches!(peer.reply().await, Reply::Refused { .. }));
    })
    .await;
    assert!(pair.entries().is_empty());
}

#[tokio::test]
async fn a_peer_that_breaks_the_protocol_is_cut_off() {
    let offer = FileMessage::Offer {
        size: 1,
        name: "a".to_owned(),
    }
    .encode();
    let data = FileMessage::Data(Bytes::from_static(b"x")).encode();
    let cases: [(&[Bytes], &str); 4] = [
        (&[data], "file data without an offer"),
        (&[offer.clone(), offer], "offered a file inside another"),
        (&[Bytes::from_static(b"\x63")], "unknown kind 99"),
        (&[Bytes::new()], "an empty message"),
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
        peer.offer("a", 10).await;
        assert_eq!(peer.reply().await, Reply::Accepted);
        peer.data(b"12345").await;
        peer.urgent
            .0
            .send(UrgentMessage::Probe(7).encode())
            .await
            .unwrap();
        let answer = peer.urgent.1.recv().await.unwrap();
        assert_eq!(UrgentMessage::decode(&answer), Ok(UrgentMessage::Echo(7)));
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
    let SenderLink {
        connection,
        files,
        replies,
        urgent,
    } = SenderLink::open(stream, link::settings().build().unwrap()).unwrap();
    let script = async {
        let mut peer = Peer {
            files,
            replies,
            urgent,
        };
        peer.offer("half", 10).await;
        assert_eq!(peer.reply().await, Reply::Accepted);
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
    let ListenerLink {
        connection,
        mut files,
        replies,
        ..
    } = ListenerLink::open(stream, link::settings().build().unwrap()).unwrap();
    let script = async {
        let offer = files.recv().await.unwrap();
        assert!(matches!(
            FileMessage::decode(&offer),
            Ok(FileMessage::Offer { .. })
        ));
        program.terminate().await;
        program.says("stopping").await;
        let line = program.says("not sent").await;
        assert!(line.contains("cut off"), "{line}");
        assert_eq!(program.end().await.code(), Some(1));
        drop(replies);
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

    /// Sends `files` in the way of the program; gives what was delivered, and how both sides ended.
    async fn transfer(&self, files: &[PathBuf]) -> (Vec<Delivered>, Closed, String) {
        let (near, far) = tokio::io::duplex(PIPE);
        let console = Console::quiet();
        let SenderLink {
            connection,
            files: bulk,
            replies,
            ..
        } = SenderLink::open(near, link::settings().build().unwrap()).unwrap();
        let courier = Courier::new(bulk, replies, &console);
        let ((delivered, closed), end) = tokio::join!(
            send::deliver_all(connection, courier, files, &console, &self.sender_stop),
            self.listen(far),
        );
        (delivered, closed, end)
    }

    /// Lets `script` speak to the listener, then closes the connection; gives the listener's last line.
    async fn against(&self, script: impl AsyncFnOnce(Peer)) -> String {
        let (near, far) = tokio::io::duplex(PIPE);
        let SenderLink {
            connection,
            files,
            replies,
            urgent,
        } = SenderLink::open(near, link::settings().build().unwrap()).unwrap();
        let speak = async {
            script(Peer {
                files,
                replies,
                urgent,
            })
            .await;
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
        let config = link::settings().build().unwrap();
        let link = ListenerLink::open(io, config.clone()).unwrap();
        let host = Host {
            directory: self.inbox.path().to_owned(),
            config,
            console: Console::quiet(),
        };
        let (_, no_lines) = mpsc::channel(1);
        host.drive(link, "peer", no_lines, &CancellationToken::new())
            .await
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
    async fn offer(&self, name: &str, size: u64) {
        self.say(&FileMessage::Offer {
            size,
            name: name.to_owned(),
        })
        .await;
    }

    async fn data(&self, data: &'static [u8]) {
        self.say(&FileMessage::Data(Bytes::from_static(data))).await;
    }

    /// Ends a file with the sum of `content`.
    async fn end(&self, content: &[u8]) {
        self.say(&FileMessage::End {
            digest: Digest(Sha256::digest(content).into()),
        })
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
