//! Whole handshakes and frames that Go recorded: the bytes of both ends, and what follows from them.

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::kit::*;
use super::line::{End, ends, fed};
use crate::secret::internals::*;
use crate::secret::{Identity, SecretConnection};
use crate::testing::remote::{Remote, shared_secret};
use crate::testing::{hex, number, recorded, recorded_bytes, rows, text};

#[test]
fn secrets_and_challenge_are_those_of_go() {
    for_each_handshake(|row| {
        let (a, b) = (&row["a"], &row["b"]);
        for (ours, theirs) in [(a, b), (b, a)] {
            let own = ephemeral(&key(&ours["scalar"]));
            assert_eq!(own.public(), &key(&ours["ephemeral"]));
            let secret = shared_secret(&key(&ours["scalar"]), &key(&theirs["ephemeral"]));
            assert_eq!(secret.as_deref(), Some(&hex(text(&row["dh"]))[..]));
            let session = own.agree(&key(&theirs["ephemeral"])).unwrap();
            assert_eq!(session.challenge, key(&row["challenge"]));
        }
        let material = expand(&hex(text(&row["dh"]))).unwrap();
        assert_eq!(material[..], hex(text(&row["hkdf96"])));
        assert_eq!(material[..32], key(&row["k1"]));
        assert_eq!(material[32..64], key(&row["k2"]));
    });
}

#[test]
fn each_end_signs_what_go_signs() {
    for_each_handshake(|row| {
        for end in [&row["a"], &row["b"]] {
            let identity = Identity::from_seed(&key(&end["seed"])).unwrap();
            assert_eq!(identity.public_key().as_bytes(), &key(&end["public"]));
            let id = sha256(identity.public_key().as_bytes());
            assert_eq!(id[..20], hex(text(&end["id"])));
            let challenge = key(&row["challenge"]);
            assert_eq!(identity.sign(&challenge)[..], hex(text(&end["signature"])));
            let message = encode_authentication(&identity, &challenge);
            assert_eq!(message, hex(text(&end["auth_message"])));
        }
    });
}

#[test]
fn both_ends_write_what_go_writes_with_zeroed_padding() {
    for_each_handshake(|row| {
        for capacity in [1, 1000, usize::MAX] {
            let (near, far) = shaken_hands(row, capacity);
            check_greeting(&row["a"], &near.get_ref().outgoing.log());
            check_greeting(&row["b"], &far.get_ref().outgoing.log());
            assert_eq!(near.remote_key().as_bytes(), &key(&row["b"]["public"]));
            assert_eq!(far.remote_key().as_bytes(), &key(&row["a"]["public"]));
        }
        let (mut near, mut far) = shaken_hands(row, usize::MAX);
        check_writes(row, "a", &mut near, &mut far);
        check_writes(row, "b", &mut far, &mut near);
    });
}

#[test]
fn frames_that_go_sealed_are_opened() {
    let recorded = recorded("secret-golden");
    let row = &rows(&recorded, "handshakes")[0];
    let sealed = recorded_bytes("secret-golden.bin");
    assert_eq!(sealed.len(), rows(row, "frames").len() * SEALED_FRAME);
    for (from, to) in [("a", "b"), ("b", "a")] {
        let of_sender = rows(row, "frames").iter().zip(sealed.chunks(SEALED_FRAME));
        let of_sender = of_sender.filter(|(frame, _)| text(&frame[0]) == from);
        let (wanted, frames): (Vec<&Value>, Vec<&[u8]>) = of_sender.unzip();
        let scalar = key(&row[from]["scalar"]);
        let seed = key(&row[from]["seed"]);
        let mut remote = Remote::new(&key(&row[to]["ephemeral"]), &scalar, &seed);
        let stream = [remote.greeting(), frames.concat()].concat();
        for most in [1, 700, usize::MAX] {
            let io = fed(&stream).in_pieces(most);
            io.incoming.close();
            let (read, end) = run(async {
                let mut stream = greet(io, &row[to]).await;
                read_all(&mut stream, 5000).await
            });
            end.unwrap();
            let mut rest = &read[..];
            for frame in &wanted {
                let (data, left) = rest.split_at(number(&frame[4]));
                assert_eq!(sha256(data), hex(text(&frame[5])));
                rest = left;
            }
            assert_eq!(rest, b"");
        }
    }
}

#[test]
fn the_key_derivation_gives_the_published_keys() {
    let published = [
        (
            0x00,
            "43e1cf7f4b7664e377ebf26f23d381d9276a5a0ae7cc7bcabc8b7fb10139959a",
            "7950338dc9e067939d8adef724f3909a137f67adbbefdcb797115aeb07cb0498",
        ),
        (
            0x01,
            "f364ea83d83e21535eba25244d61151bb69bb1534175b469dd323fb05bde99f4",
            "4c2d6b09324f2f3b9b7d6524413dc7d6257ac5a00bf6c394a22fd17a9f06ef3d",
        ),
        (
            0xff,
            "f91555f15b63acf9ae98a65ef20668e33c759f693a17d734981296670636bacd",
            "a3eb6cf141c6175d54324db4537bd563ce3ccd574fc771b5be1c9eef5fcf1c79",
        ),
    ];
    for (byte, first, second) in published {
        let material = expand(&[byte; 32]).unwrap();
        assert_eq!(material[..32], hex(first));
        assert_eq!(material[32..64], hex(second));
    }
}

#[test]
fn a_ping_after_the_handshake_of_the_reference_is_sealed_as_there() {
    let (mut near, mut far) = connected(usize::MAX);
    let wanted = [
        "e1de6289d7e7a6c0018584e716873d2e05bb03c2948ed6a4fe554489807c8264",
        "af0033d3dbdc327ef5ff322913d55c0866e40959904cae1d3f77855745c405b1",
    ];
    for (stream, wanted) in [&mut near, &mut far].into_iter().zip(wanted) {
        // The seeds of these two are not those of the reference, which changes nothing after the authentication.
        run(stream.write_all(&[0x02, 0x0a, 0x00])).unwrap();
        let log = stream.get_ref().outgoing.log();
        assert_eq!(sha256(&log[GREETING..]), hex(wanted));
    }
}

fn for_each_handshake(check: impl Fn(&Value)) {
    let recorded = recorded("secret-golden");
    let handshakes = rows(&recorded, "handshakes");
    assert_eq!(handshakes.len(), 12);
    handshakes.iter().for_each(check);
}

/// Both ends of a recorded handshake, through with it.
fn shaken_hands(row: &Value, capacity: usize) -> (SecretConnection<End>, SecretConnection<End>) {
    let (near, far) = ends(capacity);
    run(async { tokio::join!(greet(near, &row["a"]), greet(far, &row["b"])) })
}

async fn greet(io: End, own: &Value) -> SecretConnection<End> {
    let identity = Identity::from_seed(&key(&own["seed"])).unwrap();
    let own = ephemeral(&key(&own["scalar"]));
    let stream = handshake_as(Mode::Symmetric, io, &identity, own).await;
    stream.unwrap()
}

fn check_greeting(own: &Value, sent: &[u8]) {
    let (message, frame) = sent.split_at(35);
    assert_eq!(message, hex(text(&own["ephemeral_message"])));
    assert_eq!(own["auth_frame_padding_zero"], true);
    assert_eq!(sha256(frame), hex(text(&own["auth_frame_sha256"])));
}

/// Repeats the writes of one side: the frames are Go's but for the padding, and the other side reads what was written.
fn check_writes(
    row: &Value,
    from: &str,
    sender: &mut SecretConnection<End>,
    receiver: &mut SecretConnection<End>,
) {
    let of_sender = rows(row, "frames").iter();
    let of_sender: Vec<&Value> = of_sender.filter(|frame| frame[0] == from).collect();
    let side = u64::from(from.as_bytes()[0]) << 32;
    for write in of_sender.chunk_by(|one, next| one[1] == next[1]) {
        let data = noise(side | write[0][1].as_u64().unwrap(), number(&write[0][2]));
        let before = sender.get_ref().outgoing.log().len();
        run(sender.write_all(&data)).unwrap();
        let sent = sender.get_ref().outgoing.log().split_off(before);
        assert_eq!(sent.len(), wire_size(data.len()));
        for (frame, row) in sent.chunks(SEALED_FRAME).zip(write) {
            assert_eq!(sha256(frame), hex(text(&row[6])), "{row}");
        }
        let mut read = vec![0; data.len()];
        run(receiver.read_exact(&mut read)).unwrap();
        assert_eq!(read, data);
    }
}

fn key(value: &Value) -> [u8; 32] {
    hex(text(value)).try_into().expect("32 bytes")
}
