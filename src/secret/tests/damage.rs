//! Streams that were changed or cut on the way, and transports that fail.

use std::io::ErrorKind;

use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::kit::*;
use super::line::fed;
use crate::secret::FrameError;
use crate::secret::internals::*;
use crate::testing::cases;

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn a_flipped_bit_ends_the_stream_before_its_frame(
        frames in 1usize..150, at in any::<proptest::sample::Index>(), bit in 0u8..8, size in 1usize..5000,
    ) {
        let (mut stream, data) = stream_of(frames);
        let at = at.index(stream.len());
        stream[at] ^= 1 << bit;
        check_damaged(&stream, &data, at, size);
    }
}

#[test]
fn a_change_of_any_byte_is_noticed() {
    let (good, data) = stream_of(3);
    for at in 0..good.len() {
        for mask in [1 << (at % 8), 0xff] {
            let mut stream = good.clone();
            stream[at] ^= mask;
            check_damaged(&stream, &data, at, 4096);
        }
    }
}

#[test]
fn a_cut_between_frames_is_an_end_and_one_inside_a_frame_is_told() {
    let (stream, data) = stream_of(3);
    for end in 0..=stream.len() {
        for size in [1, 4096] {
            let (cut, rest) = stream.split_at(end);
            let io = fed(cut);
            io.incoming.close();
            let mut stream = sealed(io);
            let (read, result) = run(read_all(&mut stream, size));
            let whole = end / SEALED_FRAME * MAX_DATA;
            assert!(read == data[..whole.min(data.len())], "cut at {end}");
            let received = end % SEALED_FRAME;
            if received == 0 {
                result.unwrap();
                assert_eq!(run(stream.read(&mut [0; 9])).unwrap(), 0);
                continue;
            }
            let error = result.expect_err("it is cut");
            assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
            let truncated = FrameError::Truncated { received };
            assert_eq!(FrameError::of(&error), Some(truncated));
            assert!(!truncated.is_peer_fault());
            // Even if the transport has more to give after all.
            stream.io.incoming.feed(rest);
            assert_eq!(frame_error(run(stream.read_u8())), truncated);
        }
    }
}

#[test]
fn frames_out_of_order_or_twice_or_missing_are_not_authentic() {
    let (stream, data) = stream_of(3);
    let frames: Vec<&[u8]> = stream.chunks(SEALED_FRAME).collect();
    let orders: [(&[usize], usize); 5] = [
        (&[1, 0, 2], 0),
        (&[0, 2, 1], 1),
        (&[0, 0, 1], 1),
        (&[0, 2], 1),
        (&[2], 0),
    ];
    for (order, good) in orders {
        let stream: Vec<&[u8]> = order.iter().map(|at| frames[*at]).collect();
        let (read, end) = run(read_all(&mut sealed(fed(&stream.concat())), 9000));
        assert_eq!(read, data[..good * MAX_DATA]);
        assert_eq!(frame_error(end), FrameError::NotAuthentic);
    }
}

#[test]
fn a_frame_that_says_too_much_ends_the_stream() {
    for len in [1025, 1028, 0x0100_0000, u32::MAX] {
        let mut theirs = frames();
        let good = theirs.seal(b"good");
        let long = theirs.seal_as(len, &[1; MAX_DATA], 0);
        let next = theirs.seal(b"never seen");
        let mut stream = sealed(fed(&[good, long, next].concat()));
        let (read, end) = run(read_all(&mut stream, 100));
        assert_eq!(read, b"good");
        let error = frame_error(end);
        assert_eq!(error, FrameError::TooLong { len });
        assert!(error.is_peer_fault());
        assert_eq!(frame_error(run(stream.read_u8())), error);
    }
}

#[test]
fn a_failed_read_of_the_transport_is_told_once_and_remembered() {
    let (stream, data) = stream_of(1);
    for cut in [0, 1, SEALED_FRAME - 1, SEALED_FRAME] {
        let io = fed(&stream[..cut]);
        io.incoming.fail(ErrorKind::ConnectionReset);
        let line = io.incoming.clone();
        let mut stream = sealed(io);
        let (read, end) = run(read_all(&mut stream, 4096));
        assert_eq!(read, data[..cut / SEALED_FRAME * MAX_DATA]);
        let error = end.expect_err("the transport's");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert_eq!(FrameError::of(&error), None);
        let calls = line.calls();
        let later = run(stream.read_u8()).expect_err("it is latched");
        assert_eq!(later.kind(), ErrorKind::ConnectionReset);
        let before = FrameError::FailedBefore(ErrorKind::ConnectionReset);
        assert_eq!(FrameError::of(&later), Some(before));
        assert_eq!(line.calls(), calls, "it is not asked again");
    }
}

#[test]
fn a_failed_write_of_the_transport_is_told_once_and_remembered() {
    let io = fed(b"");
    let line = io.outgoing.clone();
    line.set_capacity(2000);
    let mut stream = sealed(io);
    assert_eq!(run(stream.write(&[1; 3000])).unwrap(), 3000);
    line.fail(ErrorKind::TimedOut);
    let error = run(stream.write(b"more")).expect_err("the transport's");
    assert_eq!(
        (error.kind(), FrameError::of(&error)),
        (ErrorKind::TimedOut, None)
    );
    let calls = line.calls();
    let later = [
        run(stream.write(b"more")).map(drop),
        run(stream.write(b"")).map(drop),
        run(stream.flush()),
        run(stream.shutdown()),
    ];
    for result in later {
        let before = FrameError::FailedBefore(ErrorKind::TimedOut);
        assert_eq!(frame_error(result), before);
    }
    assert_eq!(line.calls(), calls, "it is not asked again");
    assert_eq!(line.log().len(), 2000);
}

#[test]
fn one_direction_goes_on_when_the_other_has_failed() {
    let (mut near, mut far) = connected(usize::MAX);
    run(async {
        near.get_ref().incoming.feed(&[0; SEALED_FRAME]);
        assert_eq!(frame_error(near.read_u8().await), FrameError::NotAuthentic);
        near.write_all(b"still heard").await.unwrap();
        let mut heard = [0; 11];
        far.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"still heard");
    });
}

#[test]
fn a_transport_that_takes_nothing_and_says_so_is_an_error() {
    let mut stream = Sealed {
        io: TakesNothing,
        reader: FrameReader::new(Opener::new(frame_key(&[7; 32]).unwrap())),
        writer: FrameWriter::new(Sealer::new(frame_key(&[7; 32]).unwrap())),
    };
    let error = run(stream.write(b"data")).expect_err("it takes nothing");
    assert_eq!(error.kind(), ErrorKind::WriteZero);
    let later = FrameError::FailedBefore(ErrorKind::WriteZero);
    assert_eq!(frame_error(run(stream.flush())), later);
}

struct TakesNothing;

impl tokio::io::AsyncWrite for TakesNothing {
    fn poll_write(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        _: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        std::task::Poll::Ready(Ok(0))
    }

    fn poll_flush(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn poll_shutdown(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }
}

/// So many full frames, and what they carry.
fn stream_of(count: usize) -> (Vec<u8>, Vec<u8>) {
    let (data, mut theirs) = (noise(9, count * MAX_DATA), frames());
    let stream = data.chunks(MAX_DATA).flat_map(|chunk| theirs.seal(chunk));
    (stream.collect(), data)
}

/// The stream is `data` up to the frame with the byte `at`, where it is not authentic.
fn check_damaged(stream: &[u8], data: &[u8], at: usize, size: usize) {
    let mut stream = sealed(fed(stream));
    let (read, end) = run(read_all(&mut stream, size));
    assert!(read == data[..at / SEALED_FRAME * MAX_DATA], "byte {at}");
    let error = end.expect_err("it was changed");
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    assert_eq!(FrameError::of(&error), Some(FrameError::NotAuthentic));
    let (more, again) = run(read_all(&mut stream, size));
    assert_eq!(more, b"");
    assert_eq!(frame_error(again), FrameError::NotAuthentic);
}
