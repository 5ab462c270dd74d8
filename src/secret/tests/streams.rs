//! Any sizes of writes against any sizes of reads, over pipes of any capacity, in both directions at once.

use std::io;

use proptest::collection::vec;
use proptest::prelude::*;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, duplex, split};

use super::kit::*;
use super::line::{End, ends, fed};
use crate::secret::SecretConnection;
use crate::secret::internals::*;
use crate::testing::cases;

/// What one side does: writes of these sizes, with a flush after each or at the end only, and reads of those sizes.
#[derive(Clone, Debug)]
struct Side {
    writes: Vec<usize>,
    flushes: bool,
    reads: Vec<usize>,
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn whole_streams_carry_what_is_written(
        capacity in capacity(), most in piece(), near in side(), far in side(),
    ) {
        let (a, b) = ends(capacity);
        let (a, b) = connected_over(a.in_pieces(most), b.in_pieces(most));
        let (near_line, far_line) = (a.get_ref().outgoing.clone(), b.get_ref().outgoing.clone());
        let (near_read, far_read) = run(async {
            let (a, b) = (split(a), split(b));
            tokio::join!(talk(a.0, a.1, &near, 1), talk(b.0, b.1, &far, 2))
        });
        prop_assert!(near_read == written(&far, 2), "what the far side wrote");
        prop_assert!(far_read == written(&near, 1), "what the near side wrote");
        prop_assert_eq!(near_line.log().len(), GREETING + on_the_wire(&near));
        prop_assert_eq!(far_line.log().len(), GREETING + on_the_wire(&far));
    }

    #[test]
    fn owned_halves_carry_what_is_written(
        capacity in capacity(), most in piece(), near in side(), far in side(),
    ) {
        let (a, b) = ends(capacity);
        let (a, b) = connected_over(a.in_pieces(most).stuttering(), b.in_pieces(most));
        let (near_read, far_read) = run(async {
            let (a, b) = (a.into_split_with(split), b.into_split_with(split));
            tokio::join!(talk(a.0, a.1, &near, 1), talk(b.0, b.1, &far, 2))
        });
        prop_assert!(near_read == written(&far, 2), "what the far side wrote");
        prop_assert!(far_read == written(&near, 1), "what the near side wrote");
    }

    #[test]
    fn a_duplex_pipe_of_any_size_will_do(capacity in 1usize..3000, near in side(), far in side()) {
        let (a, b) = duplex(capacity);
        let (a, b) = connected_over(a, b);
        let (near_read, far_read) = run(async {
            let (a, b) = (a.into_split_with(split), b.into_split_with(split));
            tokio::join!(talk(a.0, a.1, &near, 1), talk(b.0, b.1, &far, 2))
        });
        prop_assert!(near_read == written(&far, 2), "what the far side wrote");
        prop_assert!(far_read == written(&near, 1), "what the near side wrote");
    }

    #[test]
    fn a_write_takes_a_frame_for_each_kilobyte_begun(writes in vec(0usize..200_000, 1..4)) {
        let mut stream = sealed(fed(b""));
        for len in &writes {
            run(stream.write_all(&noise(3, *len))).unwrap();
        }
        let wanted: usize = writes.iter().map(|len| wire_size(*len)).sum();
        prop_assert_eq!(stream.io.outgoing.log().len(), wanted);
    }
}

#[test]
fn no_frame_without_content_is_ever_sent() {
    let (mut near, _far) = connected(usize::MAX);
    let line = near.get_ref().outgoing.clone();
    run(async {
        for len in [0, 1, 0, 1024, 0, 0, 1025, 0, 2048] {
            let written = near.write(&vec![1; len]).await.unwrap();
            assert_eq!(written, len);
            near.write_all(&[]).await.unwrap();
            near.flush().await.unwrap();
        }
        near.shutdown().await.unwrap();
    });
    let mut theirs = remote().our_frames;
    let log = line.log();
    let lengths: Vec<u32> = log[35..]
        .chunks(SEALED_FRAME)
        .map(|frame| theirs.open(frame).expect("it is the next one"))
        .map(|plain| u32::from_le_bytes(*plain.first_chunk().unwrap()))
        .collect();
    assert_eq!(lengths, [103, 1, 1024, 1024, 1, 1024, 1024]);
}

#[test]
fn padding_is_zero_even_where_earlier_frames_were_full() {
    let mut stream = sealed(fed(b""));
    let mut theirs = frames();
    for data in [&[0xff; 5000][..], b"short", &[0xff; 1023]] {
        let before = stream.io.outgoing.log().len();
        run(stream.write_all(data)).unwrap();
        let sent = stream.io.outgoing.log().split_off(before);
        for (frame, data) in sent.chunks(SEALED_FRAME).zip(data.chunks(MAX_DATA)) {
            let plain = theirs.open(frame).unwrap();
            assert_eq!(&plain[4..4 + data.len()], data);
            assert!(plain[4 + data.len()..].iter().all(|byte| *byte == 0));
        }
    }
}

#[test]
fn received_frames_without_content_are_skipped() {
    let (mut theirs, mut stream) = (frames(), Vec::new());
    for data in [&b""[..], b"one", b"", b"", b"two", b""] {
        stream.extend(theirs.seal_as(u32::try_from(data.len()).unwrap(), data, 0xee));
    }
    for most in [1, 1044, usize::MAX] {
        let io = fed(&stream).in_pieces(most);
        io.incoming.close();
        let (read, end) = run(read_all(&mut sealed(io), 100));
        end.unwrap();
        assert_eq!(read, b"onetwo");
    }
}

#[test]
fn thousands_of_frames_without_content_starve_nobody() {
    let mut theirs = frames();
    let mut stream: Vec<u8> = (0..5000).flat_map(|_| theirs.seal(b"")).collect();
    stream.extend(theirs.seal(b"at last"));
    let io = fed(&stream);
    let line = io.incoming.clone();
    let mut ours = sealed(io);
    let (mut buffer, mut pending, mut turns) = ([0; 100], 0, 0);
    run(async {
        // One that is always ready has as many turns as there are polls.
        let others = std::future::poll_fn(|cx| {
            turns += 1;
            cx.waker().wake_by_ref();
            std::task::Poll::<()>::Pending
        });
        let read = async {
            let len = std::future::poll_fn(|cx| {
                let before = line.calls().reads;
                let mut buffer = tokio::io::ReadBuf::new(&mut buffer);
                let read = std::pin::Pin::new(&mut ours).poll_read(cx, &mut buffer);
                assert!(line.calls().reads - before <= 16);
                pending += usize::from(read.is_pending());
                read.map_ok(|()| buffer.filled().len())
            });
            len.await.unwrap()
        };
        tokio::select! {
            biased;
            () = others => unreachable!("it never ends"),
            len = read => assert_eq!(len, 7),
        }
    });
    assert_eq!(&buffer[..7], b"at last");
    assert!(pending >= 4, "{pending}");
    assert_eq!(turns, pending + 1);
}

#[test]
fn a_read_into_no_room_takes_nothing() {
    let (mut near, mut far) = connected(usize::MAX);
    run(async {
        far.write_all(b"kept").await.unwrap();
        assert_eq!(near.read(&mut []).await.unwrap(), 0);
        let mut buffer = [0; 2];
        near.read_exact(&mut buffer).await.unwrap();
        assert_eq!(near.read(&mut []).await.unwrap(), 0);
        far.shutdown().await.unwrap();
        assert_eq!(read_all(&mut near, 10).await.0, b"pt");
        assert_eq!(near.read(&mut []).await.unwrap(), 0);
    });
}

#[test]
fn what_the_transport_did_not_take_goes_out_with_the_next_call() {
    type Call = fn(&mut Sealed<End>) -> io::Result<()>;
    let calls: [Call; 3] = [
        |stream| run(stream.flush()),
        |stream| run(stream.shutdown()),
        |stream| run(stream.write_all(b"next")),
    ];
    for call in calls {
        let io = fed(b"");
        let line = io.outgoing.clone();
        line.set_capacity(1000);
        let mut stream = sealed(io);
        run(stream.write_all(&[1; 3000])).unwrap();
        line.set_capacity(usize::MAX);
        assert_eq!(line.log().len(), 1000, "nobody drives it");
        call(&mut stream).unwrap();
        assert!(line.log().len() >= wire_size(3000));
    }
}

#[test]
fn the_stream_under_it_can_be_looked_at() {
    let (near, _far): (SecretConnection<End>, _) = connected(10_000);
    assert_eq!(near.get_ref().outgoing.log().len(), GREETING);
    assert!(!near.get_ref().incoming.is_closed());
    drop(near);
}

/// Writes and reads at the same time, and says what it read.
async fn talk(
    mut read: impl AsyncRead + Unpin,
    mut write: impl AsyncWrite + Unpin,
    side: &Side,
    seed: u64,
) -> Vec<u8> {
    let writing = async {
        let mut rest = &written(side, seed)[..];
        for len in &side.writes {
            let (data, left) = rest.split_at(*len);
            write.write_all(data).await?;
            if side.flushes {
                write.flush().await?;
            }
            rest = left;
        }
        write.shutdown().await
    };
    let reading = async {
        let (mut all, mut buffer) = (Vec::new(), Vec::new());
        for size in side.reads.iter().cycle() {
            buffer.resize(*size, 0);
            match read.read(&mut buffer).await? {
                0 => break,
                len => all.extend_from_slice(&buffer[..len]),
            }
        }
        io::Result::Ok(all)
    };
    let (written, read) = tokio::join!(writing, reading);
    written.unwrap();
    read.unwrap()
}

fn written(side: &Side, seed: u64) -> Vec<u8> {
    noise(seed, side.writes.iter().sum())
}

fn on_the_wire(side: &Side) -> usize {
    side.writes.iter().map(|len| wire_size(*len)).sum()
}

fn side() -> impl Strategy<Value = Side> {
    let size = || prop_oneof![3 => 1usize..10, 3 => 1usize..3000, 2 => 1020usize..1030, 1 => 1usize..70_000];
    let writes = vec(prop_oneof![1 => Just(0), 8 => size()], 0..8);
    (writes, any::<bool>(), vec(size(), 1..6)).prop_map(|(writes, flushes, reads)| Side {
        writes,
        flushes,
        reads,
    })
}

fn capacity() -> impl Strategy<Value = usize> {
    prop_oneof![1 => 1usize..4, 3 => 1usize..3000, 1 => Just(usize::MAX)]
}

fn piece() -> impl Strategy<Value = usize> {
    prop_oneof![1 => 1usize..4, 3 => 1usize..3000, 3 => Just(usize::MAX)]
}
