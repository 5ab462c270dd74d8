//! The handshake of an encrypted stream with a remote that may do anything, the right keys at hand.

mod judge;

use std::pin::pin;
use std::sync::OnceLock;

use arbitrary::{Result as Parsed, Unstructured};
use prost::encoding::encode_varint;
use tokio::io::AsyncWriteExt;

use self::judge::{Outcome, Wanted, judge};
use crate::fuzzing::secret_frame::{flip, read_all, read_sizes};
use crate::secret::internals::{Ephemeral, EphemeralKey, MAX_DATA, SEALED_FRAME, agree};
use crate::secret::{Identity, SecretConnection, SecretHandshakeError};
use crate::testing::paced::{Ending, Paced, look, run_until_idle};
use crate::testing::remote::{Remote, ephemeral_message};
use crate::testing::script::split_script;

/// Makes the bytes of a remote of `data` and lets it meet us.
///
/// The outcome, and what reads give after it, is what a plain look at all of the remote's bytes says. We write our two messages and nothing
/// else, no byte of the second before the remote is admitted, and both if the outcome is a stream.
pub fn handshake(data: &[u8]) {
    let Some((settings, script, ops)) = split_script(data) else {
        return;
    };
    let settings = Settings::new(settings);
    let stream = Saying::new(&settings).say(ops);
    let wanted = judge(&stream, &settings);
    meet(&stream, script, &settings, wanted);
}

struct Settings {
    ending: Ending,
    /// We look at the remote's key before we show ours.
    admitting: bool,
    /// The remote has our ephemeral key.
    reflected: bool,
}

impl Settings {
    const fn new(code: u8) -> Self {
        Self {
            ending: Ending::new(code),
            admitting: code & 4 != 0,
            reflected: code & 16 != 0,
        }
    }
}

fn meet(stream: &[u8], script: &[u8], settings: &Settings, wanted: Wanted) {
    let io = Paced::new(stream, settings.ending, script);
    let sink = io.sink();
    let own = Ephemeral::new(&SCALAR).expect("any scalar will do");
    let handshake = pin!(async {
        let agreed = agree(io, own).await?;
        if settings.admitting {
            let unanswered = agreed.learn().await?;
            assert!(look(&sink).bytes.len() <= EPHEMERAL_MESSAGE);
            unanswered.answer(us()).await
        } else {
            agreed.symmetric(us()).await
        }
    });
    let outcome = run_until_idle(handshake);
    let written = look(&sink).bytes.clone();
    assert!(wanted.ours.starts_with(&written));
    match (outcome, &wanted.outcome) {
        (Some(Ok(ours)), Outcome::Accepted { .. }) => {
            assert_eq!(written.len(), wanted.ours.len());
            assert_eq!(look(&sink).flushed, written.len());
            converse(ours, script, wanted);
            return;
        }
        (Some(Err(ours)), Outcome::Refused(theirs)) => check_refusal(&ours, theirs),
        (None, Outcome::Waits) => {}
        (Some(Ok(_)), _) => panic!("the remote was accepted"),
        (Some(Err(error)), _) => panic!("the remote was refused: {error:?}"),
        (None, _) => panic!("it waits for nothing"),
    }
    assert!(!settings.admitting || written.len() <= EPHEMERAL_MESSAGE);
}

fn check_refusal(ours: &SecretHandshakeError, theirs: &SecretHandshakeError) {
    use SecretHandshakeError::NotAHandshake;
    match (ours, theirs) {
        // How much of it is shown is a matter of pace.
        (NotAHandshake { start: ours }, NotAHandshake { start: all }) => {
            assert!(all.as_bytes().starts_with(ours.as_bytes()));
        }
        _ => assert_eq!(format!("{ours:?}"), format!("{theirs:?}")),
    }
}

/// The stream that came of it goes on where the handshake ended, in both directions.
fn converse(mut stream: SecretConnection<Paced>, script: &[u8], wanted: Wanted) {
    let Outcome::Accepted {
        mut keys,
        key,
        rest,
        end,
    } = wanted.outcome
    else {
        return;
    };
    assert_eq!(*stream.remote_key(), key);
    let read = read_all(&mut stream, read_sizes(script));
    assert!(read.0 == rest, "what followed the authentication");
    assert_eq!(read.1, end);
    let said = run_until_idle(pin!(stream.write_all(b"said")).as_mut());
    said.expect("it goes on").expect("the transport takes all");
    let flushed = run_until_idle(pin!(stream.flush()).as_mut());
    flushed
        .expect("it goes on")
        .expect("the transport takes all");
    let frame = look(&stream.get_ref().sink())
        .bytes
        .split_off(wanted.ours.len());
    assert_eq!(frame.len(), SEALED_FRAME);
    let plain = keys.ours.open(&frame).expect("it is the next one");
    assert_eq!(plain[..8], *b"\x04\0\0\0said");
}

/// What the remote says, as it is made up.
struct Saying {
    remote: Remote,
    /// What is still to be sealed.
    plain: Vec<u8>,
    stream: Vec<u8>,
}

impl Saying {
    fn new(settings: &Settings) -> Self {
        let scalar = if settings.reflected {
            SCALAR
        } else {
            [0xb2; 32]
        };
        Self {
            remote: Remote::new(our_ephemeral(), &scalar, &[0xb2; 32]),
            plain: Vec::new(),
            stream: Vec::new(),
        }
    }

    fn say(mut self, ops: &[u8]) -> Vec<u8> {
        let mut input = Unstructured::new(ops);
        while !input.is_empty() && self.stream.len() + self.plain.len() < LONGEST {
            let Ok(op) = input.arbitrary::<u8>() else {
                break;
            };
            let said = match op & 15 {
                op @ 0..6 => self.say_ephemeral(op, &mut input),
                op @ 6..11 => self.say_authentication(op, &mut input),
                op => self.say_frame(op, &mut input),
            };
            if said.is_err() {
                break;
            }
        }
        self.seal(MAX_DATA);
        self.stream
    }

    fn say_ephemeral(&mut self, op: u8, input: &mut Unstructured<'_>) -> Parsed<()> {
        let honest = self.remote.ephemeral_message();
        let said = match op {
            0 => honest,
            1 => ephemeral_message(&input.arbitrary()?),
            2 => [&[0xa2, 0x80, 0x00], &honest[1..]].concat(),
            3 => {
                let mut point = LOW_ORDER[usize::from(input.arbitrary::<u8>()?) % LOW_ORDER.len()];
                point[31] |= input.arbitrary::<u8>()? & 0x80;
                ephemeral_message(&point)
            }
            4 => {
                let len = usize::from(input.arbitrary::<u16>()?).min(input.len());
                input.bytes(len)?.to_vec()
            }
            _ => {
                let extra = some_bytes(input)?;
                delimited(&[&honest[1..], extra].concat())
            }
        };
        self.stream.extend(said);
        Ok(())
    }

    fn say_authentication(&mut self, op: u8, input: &mut Unstructured<'_>) -> Parsed<()> {
        let mut honest = self.remote.authentication();
        let said = match op {
            6 => honest,
            7 => {
                flip(&mut honest, input.arbitrary()?);
                honest
            }
            8 => some_bytes(input)?.to_vec(),
            9 => delimited(some_bytes(input)?),
            _ => {
                // A key field and a signature, each with a tag and a length of its own, and something before and after.
                let (tag, key_len, signature_len): (u8, u8, u8) = input.arbitrary()?;
                let (key, signature) = (&honest[5..37], &honest[39..]);
                let key = [&[tag], &delimited(&resized(key, key_len))[..]].concat();
                let signature = delimited(&resized(signature, signature_len));
                let message = [&[0x0a], &delimited(&key)[..], &[0x12], &signature].concat();
                delimited(&[some_bytes(input)?, &message, some_bytes(input)?].concat())
            }
        };
        self.plain.extend(said);
        Ok(())
    }

    fn say_frame(&mut self, op: u8, input: &mut Unstructured<'_>) -> Parsed<()> {
        match op {
            11 => self.seal(usize::from(input.arbitrary::<u16>()?) % MAX_DATA + 1),
            12 => self.stream.extend(self.remote.frames.seal(b"")),
            13 => {
                let (len, padding) = input.arbitrary()?;
                let frame = self.remote.frames.seal_as(len, b"content", padding);
                self.stream.extend(frame);
            }
            14 => flip(&mut self.stream, input.arbitrary()?),
            _ => {
                let start = self.stream.len().saturating_sub(SEALED_FRAME);
                match input.arbitrary::<u8>()? & 3 {
                    0 => self.remote.frames.counter += 1,
                    1 => self.stream.extend(self.remote.our_frames.seal(b"content")),
                    2 => self.stream.extend_from_within(start..),
                    _ => self.stream.truncate(start),
                }
            }
        }
        Ok(())
    }

    fn seal(&mut self, size: usize) {
        let size = size.max(self.plain.len() / MOST_FRAMES);
        for chunk in std::mem::take(&mut self.plain).chunks(size) {
            self.stream.extend(self.remote.frames.seal(chunk));
        }
    }
}

fn some_bytes<'a>(input: &mut Unstructured<'a>) -> Parsed<&'a [u8]> {
    let len = usize::from(input.arbitrary::<u8>()?).min(input.len());
    input.bytes(len)
}

/// As it is, or cut or lengthened for a code beyond the first.
fn resized(bytes: &[u8], code: u8) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if code > 0 {
        bytes.resize(usize::from(code), 0);
    }
    bytes
}

fn delimited(message: &[u8]) -> Vec<u8> {
    let mut delimited = Vec::new();
    encode_varint(message.len() as u64, &mut delimited);
    delimited.extend_from_slice(message);
    delimited
}

fn us() -> &'static Identity {
    static US: OnceLock<Identity> = OnceLock::new();
    US.get_or_init(|| Identity::from_seed(&SEED).expect("any seed will do"))
}

fn our_ephemeral() -> &'static EphemeralKey {
    static KEY: OnceLock<EphemeralKey> = OnceLock::new();
    KEY.get_or_init(|| {
        *Ephemeral::new(&SCALAR)
            .expect("any scalar will do")
            .public()
    })
}

/// Those of the end that the recorded peers met, so that what they said is a seed.
const SCALAR: EphemeralKey = [
    0x02, 0x51, 0x91, 0x54, 0xb7, 0xcf, 0xa9, 0x89, 0xfb, 0x88, 0x1c, 0x12, 0xbf, 0x63, 0x7d, 0x37,
    0xac, 0x36, 0xef, 0x8e, 0xee, 0x23, 0x53, 0xcb, 0x39, 0x97, 0x67, 0x73, 0xeb, 0x4c, 0x8e, 0x02,
];
const SEED: [u8; 32] = [
    0x90, 0xb5, 0xc6, 0x3c, 0xaa, 0x29, 0xe6, 0x91, 0x33, 0xb0, 0x54, 0x54, 0x71, 0x0e, 0x9d, 0xab,
    0x7e, 0xf5, 0x9b, 0x83, 0x85, 0x7e, 0xec, 0xdd, 0xf7, 0x44, 0x91, 0x14, 0x1a, 0x92, 0x3a, 0xa8,
];
/// With which every shared secret is zero.
const LOW_ORDER: [EphemeralKey; 4] = [
    [0; 32],
    [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4,
        0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49,
        0xb8, 0x00,
    ],
    [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef,
        0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f,
        0x11, 0x57,
    ],
    [
        0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0x7f,
    ],
];
const EPHEMERAL_MESSAGE: usize = 35;
const MAX_MESSAGE: usize = 16 * 1024;
/// Enough for a message above the limit, few enough for thousands of inputs a second.
const LONGEST: usize = 40_000;
/// About so many frames carry what is not sealed yet, each of a whole frame's length even where it carries one byte. Enough for an authentication in
/// frames of one byte.
const MOST_FRAMES: usize = 128;
