//! The frames of an encrypted stream: good, bad and cut ones are read, and writes meet a transport of any pace.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Mutex;

use arbitrary::{Result, Unstructured};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};

use crate::secret::FrameError;
use crate::secret::internals::{
    FrameReader, FrameWriter, MAX_DATA, Opener, SEALED_FRAME, Sealed, Sealer, frame_key,
};
use crate::testing::paced::{Ending, Paced, Sink, look, run_until_idle};
use crate::testing::remote::Frames;
use crate::testing::script::split_script;

/// Makes a sealed stream and a sequence of writes of `data`.
///
/// Reads of any size give what the good frames before the first bad one carry, and then the error that a plain look at the whole
/// stream finds, and so again. What was written is a beginning of the frames that carry what was accepted, all of them after a flush, with zeros for
/// padding; errors stay.
pub fn secret_frame(data: &[u8]) {
    let Some((settings, script, ops)) = split_script(data) else {
        return;
    };
    let mut stream = Vec::new();
    let mut input = Unstructured::new(ops);
    let mut theirs = Frames::new(&KEY);
    while !input.is_empty() && stream.len() < LONGEST {
        if extend(&mut stream, &mut theirs, &mut input).is_err() {
            break;
        }
    }
    check_reads(&stream, Ending::new(settings), script);
    let breaks_at = (settings & 4 != 0).then_some(usize::from(settings >> 3) * 300);
    check_writes(ops, breaks_at, script);
}

/// How reading ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Clean,
    Failed(io::ErrorKind),
    Frame(FrameError),
    Waits,
}

/// What a stream of frames carries, by a plain look at all of it.
pub(super) fn open_all(theirs: &mut Frames, stream: &[u8], ending: Ending) -> (Vec<u8>, End) {
    let mut data = Vec::new();
    let frames = stream.chunks_exact(SEALED_FRAME);
    let received = frames.remainder().len();
    for frame in frames {
        let Some(plain) = theirs.open(frame) else {
            return (data, End::Frame(FrameError::NotAuthentic));
        };
        let (len, plain) = plain.split_first_chunk().expect("a whole frame");
        let len = u32::from_le_bytes(*len);
        match usize::try_from(len).ok().filter(|len| *len <= MAX_DATA) {
            Some(len) => data.extend_from_slice(&plain[..len]),
            None => return (data, End::Frame(FrameError::TooLong { len })),
        }
    }
    let end = match ending {
        Ending::Failed(kind) => End::Failed(kind),
        Ending::Silent => End::Waits,
        Ending::Closed if received == 0 => End::Clean,
        Ending::Closed => End::Frame(FrameError::Truncated { received }),
    };
    (data, end)
}

/// What reads of these sizes, in turn, give.
pub(super) fn read_all(
    stream: &mut (impl AsyncRead + Unpin),
    sizes: impl Iterator<Item = usize>,
) -> (Vec<u8>, End) {
    let mut data = Vec::new();
    let end = run(async {
        let mut buffer = Vec::new();
        for size in sizes {
            buffer.resize(size, 0);
            match stream.read(&mut buffer).await {
                Ok(0) => return End::Clean,
                Ok(len) => data.extend_from_slice(&buffer[..len]),
                Err(error) => {
                    let of_frame = FrameError::of(&error).map(End::Frame);
                    return of_frame.unwrap_or_else(|| End::Failed(error.kind()));
                }
            }
        }
        End::Waits
    });
    (data, end.unwrap_or(End::Waits))
}

/// Sizes of reads that follow a script.
pub(super) fn read_sizes(script: &[u8]) -> impl Iterator<Item = usize> {
    let sizes = [1, 3, 600, 1024, 1025, 4096, 100, 70_000];
    script
        .iter()
        .cycle()
        .map(move |code| sizes[usize::from(code >> 3 & 7)])
}

fn check_reads(stream: &[u8], ending: Ending, script: &[u8]) {
    let (wanted, end) = open_all(&mut Frames::new(&KEY), stream, ending);
    let mut ours = sealed(Paced::new(stream, ending, script));
    let read = read_all(&mut ours, read_sizes(script));
    assert!(read.0 == wanted, "what good frames carry");
    assert_eq!(read.1, end);
    let again = match end {
        End::Failed(kind) => End::Frame(FrameError::FailedBefore(kind)),
        other => other,
    };
    assert_eq!(read_all(&mut ours, read_sizes(script)), (Vec::new(), again));
}

/// Adds what the next operation says.
fn extend(stream: &mut Vec<u8>, theirs: &mut Frames, input: &mut Unstructured<'_>) -> Result<()> {
    match input.arbitrary::<u8>()? & 7 {
        0 => {
            let len = usize::from(input.arbitrary::<u16>()?) % (MAX_DATA + 1);
            stream.extend(theirs.seal(&content(len)));
        }
        1 => {
            let (len, padding) = input.arbitrary()?;
            stream.extend(theirs.seal_as(len, b"content", padding));
        }
        2 => {
            let len = usize::from(input.arbitrary::<u8>()?).min(input.len());
            stream.extend_from_slice(input.bytes(len)?);
        }
        3 => {
            let start = stream.len().saturating_sub(SEALED_FRAME);
            stream.extend_from_within(start..);
        }
        4 => theirs.counter = theirs.counter.wrapping_add(input.arbitrary::<u8>()?.into()),
        5 => flip(stream, input.arbitrary()?),
        6 => {
            let cut = usize::from(input.arbitrary::<u16>()?);
            stream.truncate(stream.len().saturating_sub(cut));
        }
        _ => {
            let count = input.arbitrary::<u8>()? / 4;
            (0..count).for_each(|_| stream.extend(theirs.seal(b"")));
        }
    }
    Ok(())
}

/// Changes a bit of the last frames.
pub(super) fn flip(stream: &mut [u8], at: u16) {
    let bit = 1 << (at & 7);
    let from_end = usize::from(at >> 3);
    let byte = stream.iter_mut().rev().nth(from_end);
    byte.into_iter().for_each(|byte| *byte ^= bit);
}

fn check_writes(ops: &[u8], breaks_at: Option<usize>, script: &[u8]) {
    let io = Paced::new(b"", Ending::Silent, script);
    let sink = io.sink();
    look(&sink).breaks_at = breaks_at;
    let mut wanted = Written::default();
    let mut stream = sealed(io);
    for op in ops.chunks_exact(2).take(MOST_WRITES) {
        let data = match op[0] & 3 {
            0 => content(usize::from(op[1]) * 13),
            1 => content(usize::from(op[1]) * 500),
            _ => Vec::new(),
        };
        let result = if op[0] & 3 == 2 {
            finished(stream.flush()).map(|()| 0)
        } else {
            finished(stream.write(&data))
        };
        // What a failed write sealed may have left in part.
        let most = data.len().min(MOST_AT_ONCE);
        wanted.accept(&data[..*result.as_ref().unwrap_or(&most)]);
        assert!(wanted.bytes.starts_with(&look(&sink).bytes));
        match result {
            Ok(len) => assert!(len > 0 || data.is_empty()),
            Err(error) => return check_latched(&mut stream, &sink, &error),
        }
        if op[0] & 3 == 2 {
            assert!(look(&sink).bytes == wanted.bytes, "all is flushed");
            assert_eq!(look(&sink).flushed, wanted.bytes.len());
        }
    }
    match finished(stream.shutdown()) {
        Ok(()) => assert!(look(&sink).shut && look(&sink).bytes == wanted.bytes),
        Err(error) => check_latched(&mut stream, &sink, &error),
    }
}

/// What has to be on the wire in the end.
#[derive(Debug)]
struct Written {
    ours: Frames,
    bytes: Vec<u8>,
}

impl Default for Written {
    fn default() -> Self {
        Self {
            ours: Frames::new(&KEY),
            bytes: Vec::new(),
        }
    }
}

impl Written {
    fn accept(&mut self, data: &[u8]) {
        for chunk in data.chunks(MAX_DATA) {
            self.bytes.extend(self.ours.seal(chunk));
        }
    }
}

fn check_latched(stream: &mut Sealed<Paced>, sink: &Mutex<Sink>, error: &io::Error) {
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    assert_eq!(FrameError::of(error), None, "the first is the transport's");
    let before = Some(FrameError::FailedBefore(error.kind()));
    let taken = look(sink).bytes.len();
    let later = finished(stream.write(b"more")).expect_err("it has failed");
    assert_eq!(FrameError::of(&later), before);
    let later = finished(stream.flush()).expect_err("it has failed");
    assert_eq!(FrameError::of(&later), before);
    assert_eq!(look(sink).bytes.len(), taken);
}

fn sealed(io: Paced) -> Sealed<Paced> {
    let key = || frame_key(&KEY).expect("32 bytes");
    Sealed {
        io,
        reader: FrameReader::new(Opener::new(key())),
        writer: FrameWriter::new(Sealer::new(key())),
    }
}

fn run<T>(future: impl Future<Output = T>) -> Option<T> {
    run_until_idle(pin!(future).as_mut())
}

fn finished<T>(future: impl Future<Output = T>) -> T {
    run(future).expect("the transport goes on or fails")
}

/// So many bytes without a short period.
fn content(len: usize) -> Vec<u8> {
    (0..len)
        .map(|at| ((at * at) >> 3).to_le_bytes()[0])
        .collect()
}

const KEY: [u8; 32] = [7; 32];
/// Enough for a script of many frames, few enough for thousands of inputs a second.
const LONGEST: usize = 100_000;
const MOST_WRITES: usize = 8;
/// What one write seals at most.
const MOST_AT_ONCE: usize = 62 * MAX_DATA;
