//! Memory of a stream that is idle, calls of one that is busy, and secrets.

use std::pin::pin;

use tokio::io::{AsyncReadExt, AsyncWriteExt, split};
use zeroize::Zeroizing;

use super::kit::*;
use super::line::{End, fed};
use crate::secret::internals::*;
use crate::secret::{Identity, SecretConnection, Unanswered};

#[test]
fn an_idle_stream_keeps_no_buffer() {
    let mut theirs = frames();
    let mut stream = sealed(fed(b""));
    for len in [1, 1000, 100_000, 1_000_000] {
        let data = noise(1, len);
        for chunk in data.chunks(MAX_DATA) {
            stream.io.incoming.feed(&theirs.seal(chunk));
        }
        let mut read = vec![0; len];
        run(stream.read_exact(&mut read)).unwrap();
        assert!(read == data);
        assert_waits(&mut stream);
        assert_eq!(stream.reader.capacity(), 0);
        run(async {
            stream.write_all(&data).await.unwrap();
            stream.flush().await.unwrap();
        });
        assert_eq!(stream.writer.capacity(), 0);
    }
}

#[test]
fn an_idle_stream_keeps_no_more_of_a_frame_than_has_come() {
    let frame = frames().seal(b"data");
    let mut stream = sealed(fed(b""));
    for byte in &frame[..1043] {
        stream.io.incoming.feed(&[*byte]);
        assert_waits(&mut stream);
        assert!(stream.reader.capacity() <= SEALED_FRAME);
    }
    stream.io.incoming.feed(&frame[1043..]);
    let mut read = [0; 4];
    run(stream.read_exact(&mut read)).unwrap();
    assert_eq!(&read, b"data");
}

#[test]
fn a_busy_stream_keeps_no_more_than_a_batch_each_way() {
    let mut theirs = frames();
    let data = noise(1, 1_000_000);
    let stream: Vec<u8> = data
        .chunks(MAX_DATA)
        .flat_map(|data| theirs.seal(data))
        .collect();
    let mut stream = sealed(fed(&stream));
    stream.io.outgoing.set_capacity(5000);
    let mut buffer = [0; 700];
    for _ in 0..1400 {
        run(stream.read(&mut buffer)).unwrap();
        assert!(stream.reader.capacity() <= 2 * 65 * SEALED_FRAME);
        let _ = cancelled(1, stream.write(&data));
        assert!(stream.writer.capacity() <= 64 * SEALED_FRAME);
    }
}

#[test]
fn many_frames_leave_with_one_call() {
    let mut stream = sealed(fed(b""));
    run(stream.write_all(&vec![1; 64 * MAX_DATA])).unwrap();
    assert_eq!(stream.io.outgoing.calls().writes, 1);
    run(stream.write_all(&vec![1; 1 << 20])).unwrap();
    assert_eq!(stream.io.outgoing.calls().writes, 1 + 16);
}

#[test]
fn many_frames_come_with_one_call() {
    let mut theirs = frames();
    let frames: Vec<u8> = (0..1000)
        .flat_map(|_| theirs.seal(&[2; MAX_DATA]))
        .collect();
    let mut stream = sealed(fed(&frames));
    run(stream.read_exact(&mut vec![0; 1000 * MAX_DATA])).unwrap();
    // First 4 frames at once, then twice as many each time, up to 64.
    assert_eq!(stream.io.incoming.calls().reads, 4 + 15);
}

#[test]
fn a_handshake_takes_few_calls() {
    let (near, _far) = connected(usize::MAX);
    assert_eq!(near.get_ref().outgoing.calls().writes, 2);
    // The length, the ephemeral key and one that found nothing; then the frame and one that found nothing.
    assert!(near.get_ref().incoming.calls().reads <= 6);
}

#[test]
fn debug_output_shows_no_secret() {
    let own = ephemeral(&scalar(US));
    let theirs = ephemeral(&scalar(THEM));
    let keys = expand(&[7; 32]).unwrap();
    let shown = [
        format!("{:?}", identity(US)),
        format!("{own:?}"),
        format!("{:?}", Sealer::new(frame_key(&keys[..32]).unwrap())),
        format!("{:?}", Opener::new(frame_key(&keys[..32]).unwrap())),
        format!("{:?}", own.agree(theirs.public()).unwrap()),
    ];
    let secrets = [&[US; 32][..], &[THEM; 32], &keys[..32]];
    for shown in &shown {
        for secret in secrets {
            assert!(!shows(shown, secret), "{shown}");
        }
    }
}

#[test]
fn debug_output_shows_no_content() {
    let (mut near, mut far) = connected(usize::MAX);
    run(async {
        far.write_all(b"content of the stream").await.unwrap();
        near.read_u8().await.unwrap();
        near.write_all(b"content of the stream").await.unwrap();
    });
    let whole = format!("{near:?}");
    let (read, write) = near.into_split_with(split);
    let secret = b"ontent of the stream";
    for shown in [whole, format!("{read:?}"), format!("{write:?}")] {
        assert!(
            !shows(&shown, secret) && !shown.contains("ontent"),
            "{shown}"
        );
    }
}

#[test]
fn secrets_that_are_handed_out_are_wiped_when_dropped() {
    let _: Box<Zeroizing<[u8; 96]>> = expand(&[7; 32]).unwrap();
    let again = Identity::from_seed(identity(US).seed()).unwrap();
    assert_eq!(again.public_key(), identity(US).public_key());
}

#[test]
fn streams_and_their_handshakes_can_move_between_threads() {
    const fn moves<T: Send>(_: &T) {}
    let own = identity(US);
    moves(&SecretConnection::handshake(fed(b""), &own));
    moves(&SecretConnection::accept(fed(b"")));
    fn moving<T: Send>() {}
    moving::<Unanswered<End>>();
    let (near, _far) = connected(usize::MAX);
    moves(&near);
    moves(&near.into_split_with(split));
}

/// A read that has nothing to read.
fn assert_waits(stream: &mut Sealed<End>) {
    let mut buffer = [0; 10];
    let mut read = pin!(stream.read(&mut buffer));
    assert!(run_until_idle(read.as_mut()).is_none());
}

/// Whether a text shows a part of the bytes in hex or as a list.
fn shows(text: &str, bytes: &[u8]) -> bool {
    let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let part = &bytes[..4];
    let hex: String = part.iter().map(|byte| format!("{byte:02x}")).collect();
    let list: Vec<String> = part.iter().map(u8::to_string).collect();
    text.to_lowercase().contains(&hex) || text.contains(&list.join(","))
}
