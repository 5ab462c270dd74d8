//! Makes the seed corpora from the recordings: `cargo run --example seeds`, in this directory.

use std::error::Error;
use std::fs;
use std::path::Path;

use serde_json::Value;

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let data = root.join("../tests/data");
    let packets: Value = serde_json::from_slice(&fs::read(data.join("packets.json"))?)?;
    let odd = packets["odd"].as_array().ok_or("no cases")?;
    let (accepted, refused): (Vec<&Value>, Vec<&Value>) =
        odd.iter().partition(|case| case["alive"] == true);
    for (at, bytes) in groups(&accepted).enumerate() {
        let name = format!("accepted-{at}");
        write(root, "packet", &name, &bytes)?;
        write_scripted(root, &name, at, &bytes)?;
    }
    for (at, bytes) in groups(&refused).enumerate() {
        write(root, "packet", &format!("refused-{at}"), &bytes)?;
    }
    for (at, stem) in STREAMS.iter().enumerate() {
        let stream = fs::read(data.join(format!("{stem}.bin")))?;
        write_scripted(root, stem, at, &stream[..stream.len().min(SIZE)])?;
    }
    write_node_infos(root, &data)?;
    write_handshakes(root, &data)?;
    write_frames(root)?;
    for seed in 0..12 {
        let bytes = noise(seed, 1 << (6 + seed % 6));
        write(root, "mux_ops", &format!("noise-{seed}"), &bytes)?;
    }
    Ok(())
}

/// Recorded packets, several to a stream, without the long ones.
fn groups(cases: &[&Value]) -> impl Iterator<Item = Vec<u8>> {
    let short: Vec<Vec<u8>> = cases
        .iter()
        .filter_map(|case| unhex(&case["bytes"]))
        .filter(|bytes| bytes.len() < LONG)
        .collect();
    let groups: Vec<Vec<u8>> = short.chunks(GROUP).map(|group| group.concat()).collect();
    groups.into_iter()
}

/// Those of the recordings that differ most: all that were read in a session, and of the others one per verdict.
fn write_node_infos(root: &Path, data: &Path) -> Result<(), Box<dyn Error>> {
    let infos: Value = serde_json::from_slice(&fs::read(data.join("node-infos.json"))?)?;
    for (at, row) in infos["recorded"]
        .as_array()
        .ok_or("no rows")?
        .iter()
        .enumerate()
    {
        let bytes = unhex(&row["bytes"]).ok_or("no hex")?;
        write(root, "node_info", &format!("recorded-{at}"), &bytes)?;
    }
    let mut verdicts = Vec::new();
    for row in infos["rules"].as_array().ok_or("no rows")? {
        if !verdicts.contains(&&row[2]) {
            verdicts.push(&row[2]);
            let name = row[0].as_str().ok_or("no name")?;
            write(root, "node_info", name, &unhex(&row[1]).ok_or("no hex")?)?;
        }
    }
    Ok(())
}

/// The recorded peers, and such as the body of `handshake` makes up.
fn write_handshakes(root: &Path, data: &Path) -> Result<(), Box<dyn Error>> {
    let recorded: Value = serde_json::from_slice(&fs::read(data.join("secret-peers.json"))?)?;
    let peers = recorded["peers"].as_array().ok_or("no peers")?;
    for (at, peer) in peers.iter().enumerate() {
        let said = unhex(&peer["peer_bytes"]).ok_or("no hex")?;
        if said.len() > SIZE {
            continue;
        }
        let settings = u8::try_from(at)? & 4;
        let head = [settings, 2, 0x0f, 0xbc, 4];
        let len = u16::try_from(said.len())?.to_le_bytes();
        let name = peer["name"].as_str().ok_or("no name")?;
        write(root, "handshake", name, &[&head, &len[..], &said].concat())?;
    }
    for (at, ops) in HANDSHAKES.iter().enumerate() {
        for settings in [0, 4, 12, 2, 3, 16] {
            let bytes = [&[settings, 2, 0x0f, 0xbc], *ops].concat();
            write(root, "handshake", &format!("made-{at}-{settings}"), &bytes)?;
        }
    }
    Ok(())
}

/// Such as the body of `secret_frame` makes up.
fn write_frames(root: &Path) -> Result<(), Box<dyn Error>> {
    for (at, ops) in FRAMES.iter().enumerate() {
        for settings in [0, 2, 3, 0x7c] {
            let bytes = [&[settings, 3, 0x17, 0xa8, 0x06], *ops].concat();
            write(
                root,
                "secret_frame",
                &format!("made-{at}-{settings}"),
                &bytes,
            )?;
        }
    }
    Ok(())
}

/// Settings, a script and the stream, as the bodies of `mux_bytes` and `driver` read them.
fn write_scripted(root: &Path, name: &str, at: usize, stream: &[u8]) -> Result<(), Box<dyn Error>> {
    let script = SCRIPTS[at % SCRIPTS.len()];
    let settings = u8::try_from((at * 37 % 256) & !1)?;
    let head = [settings, u8::try_from(script.len())?];
    let bytes = [&head, script, stream].concat();
    for target in ["mux_bytes", "driver"] {
        write(root, target, name, &bytes)?;
    }
    Ok(())
}

fn write(root: &Path, target: &str, name: &str, bytes: &[u8]) -> Result<(), Box<dyn Error>> {
    let corpus = root.join("corpus").join(target);
    fs::create_dir_all(&corpus)?;
    let name: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    fs::write(corpus.join(name), bytes)?;
    Ok(())
}

fn unhex(value: &Value) -> Option<Vec<u8>> {
    let text = value.as_str()?;
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok())
        .collect()
}

/// splitmix64.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed;
    let words = std::iter::repeat_with(|| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ z >> 31).to_le_bytes()
    });
    words.flatten().take(len).collect()
}

const STREAMS: [&str; 9] = [
    "stream-small",
    "stream-medium",
    "stream-highids",
    "stream-payload100",
    "stream-empties",
    "node-session-v0.38.25",
    "node-session-v1.0.1",
    "node-session-v0.38.25-ours",
    "node-session-v1.0.1-ours",
];
/// What remotes do in turn, see `src/fuzzing/handshake.rs`: honest ones, with data behind; then such with one thing wrong.
const HANDSHAKES: [&[u8]; 10] = [
    &[0, 6, 8, 5, b'h', b'e', b'l', b'l', b'o'],
    &[2, 6, 11, 20, 0, 12, 8, 2, b'h', b'i', 12],
    &[5, 2, 0x78, 1, 6],
    &[0, 7, 9, 1],
    &[0, 10, 0x0a, 0, 0, 0, 2, 0x18, 1],
    &[0, 10, 0x12, 33, 0, 0, 0],
    &[0, 10, 0x0a, 31, 63, 0, 0],
    &[3, 2, 0x80],
    &[0, 6, 11, 50, 0, 14, 40, 3],
    &[0, 6, 13, 1, 4, 0, 0, 9],
];
/// How streams are made, see `src/fuzzing/secret_frame.rs`; the same bytes are writes.
const FRAMES: [&[u8]; 6] = [
    &[0, 5, 0, 0, 0, 4, 0, 255, 3],
    &[7, 40, 0, 9, 0, 7, 4, 0, 1, 0],
    &[0, 5, 0, 1, 1, 4, 0, 0, 9, 0, 1, 1],
    &[0, 0, 4, 5, 20, 9, 0, 1, 0],
    &[0, 1, 0, 0, 2, 0, 6, 77, 0],
    &[0, 1, 0, 3, 0, 2, 0, 4, 1, 0, 3, 0],
];
/// At once; piece by piece; in small pieces with time between; with a transport that is slow to take anything.
const SCRIPTS: [&[u8]; 4] = [
    &[0x87],
    &[0x86, 0x85, 0x84, 0x83],
    &[0x8e, 0xa5, 0x96, 0x85],
    &[0x06, 0x0d, 0x95, 0x26],
];
/// What libFuzzer tries by default at most is the length of the longest seed; longer ones only slow it down.
const SIZE: usize = 4096;
const LONG: usize = 300;
const GROUP: usize = 20;
