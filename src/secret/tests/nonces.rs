//! Counters of frames: their bytes, and their end.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::kit::*;
use super::line::fed;
use crate::secret::FrameError;
use crate::secret::internals::*;
use crate::testing::remote::Frames;
use crate::testing::{hex, recorded, rows, text};

#[test]
fn frames_at_any_counter_are_those_of_go() {
    let recorded = recorded("secret-nonces");
    let frames = rows(&recorded, "frames");
    assert_eq!(frames.len(), 14);
    for frame in frames {
        let counter = text(&frame["counter"]).parse().unwrap();
        let key = frame_key(&hex(text(&frame["key"]))).unwrap();
        let mut sealer = Sealer::new(key);
        sealer.skip_to(counter);
        let (data, mut sealed) = (noise(counter, MAX_DATA), Vec::new());
        let result = sealer.seal(&data, &mut sealed);
        assert_eq!(
            sealed.len() as u64,
            frame["bytes_written"].as_u64().unwrap()
        );
        if counter == u64::MAX {
            assert_eq!(result, Err(FrameError::NonceExhausted));
            continue;
        }
        assert_eq!(result, Ok(()));
        assert_eq!(sha256(&sealed), hex(text(&frame["sealed_sha256"])));
        let key = frame_key(&hex(text(&frame["key"]))).unwrap();
        let mut opener = Opener::new(key);
        opener.skip_to(counter);
        assert_eq!(opener.open(&mut sealed), Ok(MAX_DATA));
        assert_eq!(sealed[4..4 + MAX_DATA], data);
    }
}

#[test]
fn a_write_without_a_nonce_left_fails_and_sends_nothing() {
    let mut stream = sealed(fed(b""));
    stream.writer = writer_at(u64::MAX - 2);
    run(stream.write_all(&[1; 2 * MAX_DATA])).unwrap();
    let sent = stream.io.outgoing.log();
    assert_eq!(sent.len(), 2 * SEALED_FRAME);
    assert_eq!(
        frame_error(run(stream.write(b"3"))),
        FrameError::NonceExhausted
    );
    assert_eq!(stream.io.outgoing.log(), sent);
}

#[test]
fn a_write_that_needs_more_nonces_than_are_left_sends_none_of_itself() {
    let mut stream = sealed(fed(b""));
    stream.writer = writer_at(u64::MAX - 2);
    let write = run(stream.write(&[1; 3 * MAX_DATA]));
    assert_eq!(frame_error(write), FrameError::NonceExhausted);
    let later = [
        run(stream.write(b"one would fit")).map(drop),
        run(stream.write(b"")).map(drop),
        run(stream.flush()),
        run(stream.shutdown()),
    ];
    for result in later {
        assert_eq!(frame_error(result), FrameError::NonceExhausted);
    }
    assert_eq!(stream.io.outgoing.log(), b"");
}

#[test]
fn a_read_without_a_nonce_left_fails_however_good_the_frame_is() {
    let mut theirs = frames();
    theirs.counter = u64::MAX - 1;
    let last = theirs.seal(b"the last");
    let none = theirs.seal(b"one more");
    let mut stream = sealed(fed(&[last, none].concat()));
    let mut opener = Opener::new(frame_key(&[7; 32]).unwrap());
    opener.skip_to(u64::MAX - 1);
    stream.reader = FrameReader::new(opener);
    let (read, end) = run(read_all(&mut stream, 100));
    assert_eq!(read, b"the last");
    assert_eq!(frame_error(end), FrameError::NonceExhausted);
    assert_eq!(
        frame_error(run(stream.read_u8())),
        FrameError::NonceExhausted
    );
}

#[test]
fn no_two_frames_of_a_direction_share_a_nonce() {
    let mut stream = sealed(fed(b""));
    for len in [1, 1024, 1025, 100_000, 5] {
        run(stream.write_all(&vec![0; len])).unwrap();
    }
    let mut theirs: Frames = frames();
    for frame in stream.io.outgoing.log().chunks(SEALED_FRAME) {
        assert!(theirs.open(frame).is_some(), "frame {}", theirs.counter);
    }
    assert_eq!(theirs.counter, 1 + 1 + 2 + 98 + 1);
}

fn writer_at(counter: u64) -> FrameWriter {
    let mut sealer = Sealer::new(frame_key(&[7; 32]).unwrap());
    sealer.skip_to(counter);
    FrameWriter::new(sealer)
}
