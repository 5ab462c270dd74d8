//! Drives a Go program: JSON commands on its standard input, JSON events on its standard output.

use std::collections::VecDeque;
use std::process::Stdio;
use std::time::Duration;

use mconn::address::PeerId;
use mconn::secret::{Identity, SecretConnection};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, Lines};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::program::Release;
use crate::traffic::{Digest, Digests, digests};

/// What is connected with: a release of CometBFT, with or without its encryption.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Remote {
    pub(crate) release: Release,
    pub(crate) encrypted: bool,
}

/// A byte stream to the Go side, encrypted or not.
pub(crate) type Stream = Box<dyn ByteStream>;

pub(crate) trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<Io: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for Io {}

/// Who opens the TCP connection.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Role {
    GoDials,
    GoListens,
}

pub(crate) const BOTH_ROLES: [Role; 2] = [Role::GoDials, Role::GoListens];

/// How much a channel of the Go side sends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Amount {
    For(Duration),
    Messages(usize),
}

/// A running Go program. It is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Go {
    encrypted: bool,
    /// Held for its kill on drop.
    _child: Child,
    commands: ChildStdin,
    events: Lines<BufReader<ChildStdout>>,
    /// Events that came while another one was waited for.
    early: VecDeque<Value>,
}

impl Go {
    pub(crate) fn start(remote: Remote) -> Self {
        let mut command = Command::new(remote.release.program());
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().expect("the Go program starts");
        let commands = child.stdin.take().unwrap();
        let events = BufReader::new(child.stdout.take().unwrap()).lines();
        Self {
            encrypted: remote.encrypted,
            _child: child,
            commands,
            events,
            early: VecDeque::new(),
        }
    }

    pub(crate) async fn tell(&mut self, command: Value) {
        let line = format!("{command}\n");
        self.commands
            .write_all(line.as_bytes())
            .await
            .expect("the Go program reads its commands");
    }

    /// Waits for the next event of a name.
    pub(crate) async fn event(&mut self, name: &str) -> Value {
        if let Some(at) = self.early.iter().position(|event| event["event"] == name) {
            return self.early.remove(at).unwrap();
        }
        loop {
            let line = match timeout(PATIENCE, self.events.next_line()).await {
                Ok(line) => line
                    .expect("events are text")
                    .expect("the Go program lives (its errors are above)"),
                Err(_) => panic!(
                    "no event {name:?} within {PATIENCE:?}; others: {:?}",
                    self.early
                ),
            };
            let event: Value = serde_json::from_str(&line).expect("events are JSON");
            if event["event"] == name {
                return event;
            }
            self.early.push_back(event);
        }
    }

    /// Has the Go side open a connection to us and do `command` ("connect" or "raw") on it.
    pub(crate) async fn open(&mut self, role: Role, command: Value) -> Stream {
        if self.encrypted {
            return Box::new(self.open_secret(role, command).await);
        }
        let socket = self.socket(role, command).await;
        self.event("connected").await;
        Box::new(socket)
    }

    /// The same, always encrypted. Each side learns who the other one is.
    pub(crate) async fn open_secret(
        &mut self,
        role: Role,
        mut command: Value,
    ) -> SecretConnection<TcpStream> {
        command["secret"] = json!(true);
        command["seed"] = json!(hex(&GO_SEED));
        let socket = self.socket(role, command).await;
        let stream = SecretConnection::handshake(socket, &identity(&OUR_SEED))
            .await
            .expect("Go and we agree");
        assert_eq!(PeerId::from(stream.remote_key()), id_of(&GO_SEED));
        let connected = self.event("connected").await;
        assert_eq!(connected["id"], json!(id_of(&OUR_SEED).to_string()));
        stream
    }

    /// The TCP connection alone, on which the Go side does `command`.
    pub(crate) async fn socket(&mut self, role: Role, mut command: Value) -> TcpStream {
        let socket = match role {
            Role::GoDials => {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                command["address"] = json!(listener.local_addr().unwrap());
                self.tell(command).await;
                listener.accept().await.unwrap().0
            }
            Role::GoListens => {
                self.tell(command).await;
                let event = self.event("listening").await;
                TcpStream::connect(event["address"].as_str().unwrap())
                    .await
                    .unwrap()
            }
        };
        mconn::tcp::tune(&socket).unwrap();
        socket
    }

    pub(crate) async fn send(&mut self, channel: u8, sizes: &[usize], amount: Amount) {
        let mut command = json!({ "do": "send", "channel": channel, "sizes": sizes });
        match amount {
            Amount::For(time) => command["millis"] = json!(time.as_millis()),
            Amount::Messages(messages) => command["messages"] = json!(messages),
        }
        self.tell(command).await;
    }

    /// Waits until so many `send` commands are done: every message was handed to Go's connection.
    pub(crate) async fn sent(&mut self, commands: usize) -> Digests {
        let mut sent = Digests::new();
        for _ in 0..commands {
            let event = self.event("sent").await;
            assert!(
                !event["refused"].as_bool().unwrap_or(false),
                "Go's connection took all: {event}"
            );
            sent.extend(digests(&event));
        }
        sent
    }

    /// Waits until the Go side received as many messages as `sent` has, and returns what it received.
    pub(crate) async fn received(&mut self, sent: &Digests) -> Digests {
        let wanted = |(id, digest): (&u8, &Digest)| (id.to_string(), json!(digest.messages));
        let wanted: Value = sent
            .iter()
            .map(wanted)
            .collect::<serde_json::Map<_, _>>()
            .into();
        self.tell(json!({ "do": "await", "wanted": wanted })).await;
        digests(&self.event("received").await)
    }

    /// Waits for the error callback of Go's connection and returns its text.
    pub(crate) async fn failure(&mut self) -> String {
        self.event("failed").await["text"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// True if the error callback of Go's connection has been called by now.
    pub(crate) async fn has_failed(&mut self) -> bool {
        self.received(&Digests::new()).await;
        self.early.iter().any(|event| event["event"] == "failed")
    }
}

pub(crate) fn identity(seed: &[u8; 32]) -> Identity {
    Identity::from_seed(seed).unwrap()
}

pub(crate) fn id_of(seed: &[u8; 32]) -> PeerId {
    PeerId::from(identity(seed).public_key())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) const OUR_SEED: [u8; 32] = [0x11; 32];
pub(crate) const GO_SEED: [u8; 32] = [0x22; 32];

/// Far longer than anything here takes; beyond it something hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);
