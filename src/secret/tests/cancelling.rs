//! Calls that are dropped at every point where they wait: nothing is lost and nothing doubled.

use proptest::collection::vec;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, split};

use super::kit::*;
use super::line::fed;
use crate::secret::internals::*;
use crate::testing::cases;

/// After how many polls each call is dropped, in turn.
type Cuts = Vec<usize>;

#[test]
fn reads_can_be_dropped_after_any_number_of_polls() {
    for polls in 0..40 {
        for size in [1, 100, 3000] {
            check_reads(&[polls, 70], size, 1);
        }
    }
}

#[test]
fn writes_and_flushes_can_be_dropped_after_any_number_of_polls() {
    for polls in 0..40 {
        check_writes(&[polls, 1], &[1, 700, 1500, 5]);
        check_writes(&[polls, 3000], &[1024, 1025]);
    }
}

proptest! {
    #![proptest_config(cases(40))]

    #[test]
    fn dropped_reads_lose_and_double_nothing(cuts in cuts(), size in 1usize..3000, most in 1usize..1500) {
        check_reads(&cuts, size, most);
    }

    #[test]
    fn dropped_writes_and_flushes_lose_and_double_nothing(
        cuts in cuts(), writes in vec(1usize..3000, 1..6),
    ) {
        check_writes(&cuts, &writes);
    }

    #[test]
    fn dropped_calls_on_halves_lose_and_double_nothing(write_cuts in cuts(), read_cuts in cuts(), writes in vec(1usize..3000, 1..6)) {
        let (near, far) = connected(50);
        let (_, mut write) = near.into_split_with(split);
        let (mut read, _) = far.into_split_with(split);
        let data = noise(5, writes.iter().sum());
        let (mut received, mut buffer) = (Vec::new(), vec![0; 999]);
        let (mut write_cuts, mut read_cuts) = (write_cuts.iter().cycle(), read_cuts.iter().cycle());
        let mut write_polls = move || *write_cuts.next().unwrap();
        let mut read_polls = move || *read_cuts.next().unwrap();
        let mut rest = &data[..];
        for len in writes {
            let mut part;
            (part, rest) = rest.split_at(len);
            while !part.is_empty() {
                if let Some(len) = cancelled(write_polls(), write.write(part)) {
                    part = &part[len.unwrap()..];
                }
                if let Some(len) = cancelled(read_polls(), read.read(&mut buffer)) {
                    received.extend_from_slice(&buffer[..len.unwrap()]);
                }
            }
        }
        while cancelled(write_polls(), write.shutdown()).is_none() {
            if let Some(len) = cancelled(read_polls(), read.read(&mut buffer)) {
                received.extend_from_slice(&buffer[..len.unwrap()]);
            }
        }
        let (last, end) = run(read_all(&mut read, 100));
        end.unwrap();
        received.extend(last);
        prop_assert!(received == data);
    }
}

#[test]
fn a_handshake_that_is_dropped_closes_its_stream() {
    for mode in [Mode::Symmetric, Mode::Admitting] {
        let greeting = remote().greeting();
        for given in 0..greeting.len() {
            let io = fed(&greeting[..given]);
            let (incoming, outgoing) = (io.incoming.clone(), io.outgoing.clone());
            let none = cancelled(100, handshake(mode, io, US));
            assert!(none.is_none());
            assert!(incoming.is_closed() && outgoing.is_closed());
        }
    }
}

/// Reads a stream of two frames and a bit that comes in pieces, with every call made twice.
fn check_reads(cuts: &[usize], size: usize, most: usize) {
    let (data, mut theirs) = (noise(4, 2500), frames());
    let stream: Vec<u8> = data
        .chunks(MAX_DATA)
        .flat_map(|chunk| theirs.seal(chunk))
        .collect();
    let io = fed(&stream).in_pieces(most).stuttering();
    io.incoming.close();
    let mut stream = sealed(io);
    let (mut received, mut buffer) = (Vec::new(), vec![0; size]);
    for polls in cuts.iter().cycle() {
        match cancelled(*polls, stream.read(&mut buffer)) {
            Some(Ok(0)) => break,
            Some(len) => received.extend_from_slice(&buffer[..len.unwrap()]),
            None => {}
        }
    }
    assert!(received == data, "{cuts:?}, {size}, {most}");
}

/// Writes with flushes between to a transport that takes a byte at a time, with every call made twice.
fn check_writes(cuts: &[usize], writes: &[usize]) {
    let io = fed(b"").in_pieces(1).stuttering();
    let line = io.outgoing.clone();
    let mut stream = sealed(io);
    let data = noise(5, writes.iter().sum());
    let mut turns = cuts.iter().cycle();
    let mut rest = &data[..];
    for len in writes {
        let mut part;
        (part, rest) = rest.split_at(*len);
        while !part.is_empty() {
            if let Some(len) = cancelled(*turns.next().unwrap(), stream.write(part)) {
                part = &part[len.unwrap()..];
            }
        }
        // A dropped flush, and one that is not.
        let _ = cancelled(*turns.next().unwrap(), stream.flush());
        run(stream.flush()).unwrap();
    }
    let sent = line.log();
    assert_eq!(
        sent.len(),
        writes.iter().copied().map(wire_size).sum::<usize>()
    );
    let io = fed(&sent);
    io.incoming.close();
    let (received, end) = run(read_all(&mut sealed(io), 4096));
    end.unwrap();
    assert!(received == data, "{cuts:?}, {writes:?}");
}

fn cuts() -> impl Strategy<Value = Cuts> {
    let cuts = vec(prop_oneof![3 => 0usize..4, 1 => 0usize..100], 1..8);
    cuts.prop_filter("something has to go on", |cuts| {
        cuts.iter().any(|polls| *polls > 1)
    })
}
