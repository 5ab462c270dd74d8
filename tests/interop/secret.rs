//! The encrypted stream by itself, without a connection on it.

use mconn::secret::{FrameError, SecretConnection, SecretHandshakeError};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::go::{BOTH_ROLES, GO_SEED, Go, OUR_SEED, Remote, hex, identity};
use crate::traffic::{Digest, Tally, digest_of, digests, message};
use crate::violations::unhex;

/// Writes of every size from 1 to 5000 bytes against reads of every size, other ones, both ways at once.
pub(crate) async fn every_write_size_against_every_read_size(remote: Remote) {
    for (role, flushing) in BOTH_ROLES.into_iter().zip([false, true]) {
        let mut go = Go::start(remote);
        let stream = go.open_secret(role, json!({ "do": "stream" })).await;
        let (mut reader, mut writer) = stream.into_split_with(TcpStream::into_split);
        let (up, down): (Vec<usize>, Vec<usize>) =
            ((1..=LARGEST).collect(), (1..=LARGEST).rev().collect());
        go.tell(stream_command("write_stream", FROM_GO, &up)).await;
        go.tell(stream_command("read_stream", FROM_US, &up)).await;
        let ((), received) = tokio::join!(
            write_in_pieces(&mut writer, &down, flushing),
            read_in_pieces(&mut reader, &down)
        );
        assert_eq!(received, digest_of(FROM_GO, &[TOTAL], 1));
        assert_eq!(digest_in(&go.event("wrote").await), received);
        let read = go.event("read").await;
        assert_eq!(digest_in(&read), digest_of(FROM_US, &[TOTAL], 1));
    }
}

/// All of it comes back, and an end between two frames reads as the end of the stream on either side.
pub(crate) async fn an_echo_and_its_end(remote: Remote) {
    for role in BOTH_ROLES {
        let mut go = Go::start(remote);
        let stream = go.open_secret(role, json!({ "do": "stream" })).await;
        let (mut reader, mut writer) = stream.into_split_with(TcpStream::into_split);
        go.tell(json!({ "do": "echo_stream" })).await;
        let sizes = [5_000, 1, 1_024, 1_023];
        let ((), received) = tokio::join!(
            write_in_pieces(&mut writer, &sizes, true),
            read_in_pieces(&mut reader, &[70_000, 3])
        );
        assert_eq!(received, digest_of(FROM_US, &[TOTAL], 1));
        writer.shutdown().await.unwrap();
        let echoed = go.event("echoed").await;
        assert_eq!(echoed["bytes"], TOTAL);
        assert_eq!(echoed["text"], "EOF");
        go.tell(json!({ "do": "close" })).await;
        assert_eq!(reader.read(&mut [0; 10]).await.unwrap(), 0);
    }
}

/// Bytes of ours that are no handshake: Go says why.
pub(crate) async fn go_refuses_what_is_no_handshake(remote: Remote) {
    let mut go = Go::start(remote);
    for (role, case) in BOTH_ROLES.into_iter().cycle().zip(&CASES) {
        let command = json!({ "do": "stream", "secret": true, "seed": hex(&GO_SEED) });
        let mut socket = go.socket(role, command).await;
        // Go may have refused the first bytes before it has the last.
        let _ = socket.write_all(&case.bytes()).await;
        let _ = socket.shutdown().await;
        let text = go.event("refused").await["text"].to_string();
        assert!(
            text.contains(case.by_go),
            "{text} instead of {}",
            case.by_go
        );
    }
}

/// The same bytes from Go's side.
pub(crate) async fn we_refuse_what_is_no_handshake(remote: Remote) {
    let mut go = Go::start(remote);
    for (role, case) in BOTH_ROLES.into_iter().cycle().zip(&CASES) {
        let socket = go.socket(role, json!({ "do": "raw" })).await;
        go.event("connected").await;
        go.tell(json!({ "do": "write", "hex": hex(&case.bytes()) }))
            .await;
        go.tell(json!({ "do": "close_write" })).await;
        let Err(error) = SecretConnection::handshake(socket, &identity(&OUR_SEED)).await else {
            panic!("taken: {}", case.start)
        };
        assert!((case.by_us)(&error), "{error} for {}", case.start);
        go.event("ended").await;
    }
}

fn stream_command(name: &str, channel: u8, sizes: &[usize]) -> Value {
    json!({ "do": name, "channel": channel, "total": TOTAL, "sizes": sizes })
}

async fn write_in_pieces(writer: &mut (impl AsyncWrite + Unpin), sizes: &[usize], flushing: bool) {
    let whole = message(FROM_US, 0, TOTAL);
    let mut rest = &whole[..];
    for &size in sizes.iter().cycle() {
        let (piece, after) = rest.split_at(size.min(rest.len()));
        writer.write_all(piece).await.unwrap();
        if flushing {
            writer.flush().await.unwrap();
        }
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    writer.flush().await.unwrap();
}

async fn read_in_pieces(reader: &mut (impl AsyncRead + Unpin), sizes: &[usize]) -> Digest {
    let (mut whole, mut at) = (vec![0; TOTAL], 0);
    for &size in sizes.iter().cycle() {
        let end = TOTAL.min(at + size);
        let n = reader.read(&mut whole[at..end]).await.unwrap();
        assert_ne!(n, 0, "the stream ended after {at} bytes");
        at += n;
        if at == TOTAL {
            break;
        }
    }
    let mut tally = Tally::default();
    tally.add(&whole);
    tally.digest()
}

fn digest_in(event: &Value) -> Digest {
    assert!(event["text"].is_null(), "{event}");
    digests(event).into_values().next().unwrap()
}

/// What is said in place of a handshake, and how each side names it.
struct Case {
    start: &'static str,
    /// Bytes of 0x5a after it.
    more: usize,
    by_go: &'static str,
    by_us: fn(&SecretHandshakeError) -> bool,
}

impl Case {
    fn bytes(&self) -> Vec<u8> {
        [unhex(self.start), vec![0x5a; self.more]].concat()
    }
}

const CASES: [Case; 6] = [
    Case {
        start: "",
        more: 0,
        by_go: "EOF",
        by_us: |error| matches!(error, SecretHandshakeError::Closed),
    },
    Case {
        start: "220a20",
        more: 0,
        by_go: "EOF",
        by_us: |error| matches!(error, SecretHandshakeError::Closed),
    },
    Case {
        start: "220a200000000000000000000000000000000000000000000000000000000000000000",
        more: 0,
        by_go: "low order point",
        by_us: |error| matches!(error, SecretHandshakeError::LowOrderPoint),
    },
    // A point like any other, and then no frame that we could have keys for.
    Case {
        start: "220a20",
        more: 32 + 1_044,
        by_go: "failed to decrypt SecretConnection",
        by_us: |error| matches!(error, SecretHandshakeError::Frame(FrameError::NotAuthentic)),
    },
    Case {
        start: "220a20",
        more: 32 + 1_043,
        by_go: "unexpected EOF",
        by_us: |error| matches!(error, SecretHandshakeError::Closed),
    },
    Case {
        start: "03088001",
        more: 0,
        by_go: "wrong wireType = 0 for field Value",
        by_us: |error| matches!(error, SecretHandshakeError::NotAHandshake { .. }),
    },
];

const FROM_GO: u8 = 1;
const FROM_US: u8 = 2;
const LARGEST: usize = 5_000;
/// One write of each size.
const TOTAL: usize = LARGEST * (LARGEST + 1) / 2;
