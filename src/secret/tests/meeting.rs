//! Two honest ends: neither locks the other, the hook decides in time, and no byte is lost behind the handshake.

use std::error::Error;
use std::fmt;
use std::pin::pin;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::kit::*;
use super::line::{ends, fed};
use crate::secret::internals::*;
use crate::secret::{PublicKey, SecretConnection, SecretHandshakeError};

#[test]
fn two_ends_meet_over_a_pipe_of_any_size() {
    for capacity in [1, 2, 34, 35, 36, 1043, 1044, 2000, usize::MAX] {
        for mode in [Mode::Symmetric, Mode::Admitting] {
            let (near, far) = ends(capacity);
            let near = handshake(Mode::Symmetric, near.stuttering(), US);
            let far = handshake(mode, far, THEM);
            let (near, far) = run(async { tokio::join!(near, far) });
            assert_eq!(near.unwrap().remote_key(), identity(THEM).public_key());
            assert_eq!(far.unwrap().remote_key(), identity(US).public_key());
        }
    }
}

#[test]
fn ephemeral_keys_are_drawn_anew_for_each_handshake() {
    let drawn = |_| {
        let io = fed(b"");
        let line = io.outgoing.clone();
        let ours = identity(US);
        let mut shaking = pin!(SecretConnection::handshake(io, &ours));
        assert!(run_until_idle(shaking.as_mut()).is_none());
        line.log()
    };
    let mut keys: Vec<Vec<u8>> = (0..100).map(drawn).collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 100);
    assert!(keys.iter().all(|key| key.len() == 35));
}

#[test]
fn two_that_both_wait_for_the_other_to_show_itself_get_nowhere() {
    let (near, far) = ends(usize::MAX);
    let lines = [near.outgoing.clone(), far.outgoing.clone()];
    let near = handshake(Mode::Admitting, near, US);
    let far = handshake(Mode::Admitting, far, THEM);
    let mut both = pin!(async { tokio::join!(near, far) });
    assert!(run_until_idle(both.as_mut()).is_none());
    assert!(lines.iter().all(|line| line.log().len() == 35));
}

#[test]
fn the_hook_sees_the_proven_key_before_a_byte_of_ours_is_written() {
    for capacity in [1, 500, usize::MAX] {
        let (near, far) = ends(capacity);
        let line = far.outgoing.clone();
        let (dialer, listener) = (identity(US), identity(THEM));
        let mut seen = None;
        let near = SecretConnection::handshake(near, &dialer);
        let far = SecretConnection::accept_if(far, &listener, |key| {
            assert_eq!(line.log().len(), 35, "the ephemeral key only");
            seen = Some(key);
            async {
                tokio::task::yield_now().await;
                assert_eq!(line.log().len(), 35, "nor while it makes up its mind");
                Ok(())
            }
        });
        let (near, far) = run(async { tokio::join!(near, far) });
        near.unwrap();
        far.unwrap();
        assert_eq!(seen.as_ref(), Some(dialer.public_key()));
        assert_eq!(line.log().len(), GREETING);
    }
}

#[test]
fn who_is_rejected_sees_an_end_and_never_our_key() {
    for capacity in [1, 500, usize::MAX] {
        let (near, far) = ends(capacity);
        let line = far.outgoing.clone();
        let listener = identity(THEM);
        let near = handshake(Mode::Symmetric, near, US);
        let far = SecretConnection::accept_if(far, &listener, |_| async { Err(Full(7).into()) });
        let (near, far) = run(async { tokio::join!(near, far) });
        assert!(matches!(near, Err(SecretHandshakeError::Closed)));
        let error = far.expect_err("it was rejected");
        let source = error.source().and_then(|source| source.downcast_ref());
        assert_eq!(source, Some(&Full(7)));
        let SecretHandshakeError::Rejected(rejection) = error else {
            panic!("{error:?}");
        };
        assert_eq!(*rejection.downcast::<Full>().unwrap(), Full(7));
        assert_eq!(line.log().len(), 35);
    }
}

#[test]
fn the_hook_is_not_asked_about_a_key_that_is_not_proven() {
    let mut theirs = remote();
    let mut message = theirs.authentication();
    *message.last_mut().unwrap() ^= 1;
    let frame = theirs.frames.seal(&message);
    let io = fed(&[theirs.ephemeral_message(), frame].concat());
    let asked = |_: PublicKey| -> std::future::Ready<_> { panic!("it was asked") };
    let own = ephemeral(&scalar(US));
    let result = run(async { agree(io, own).await?.admitting(&identity(US), asked).await });
    assert!(matches!(
        result,
        Err(SecretHandshakeError::BadSignature { .. })
    ));
}

#[test]
fn a_remote_that_is_gone_before_it_sees_our_key_has_closed() {
    let io = fed(&remote().greeting());
    let line = io.outgoing.clone();
    let result = run(async {
        let admit = |_| async {
            line.close();
            Ok(())
        };
        let agreed = agree(io, ephemeral(&scalar(US))).await?;
        agreed.admitting(&identity(US), admit).await
    });
    let error = result.expect_err("it is gone");
    assert!(matches!(error, SecretHandshakeError::Closed), "{error:?}");
}

#[test]
fn what_follows_in_the_frame_of_the_authentication_is_kept() {
    let mut theirs = remote();
    let first = [&theirs.authentication()[..], b"first"].concat();
    let frames = [
        theirs.frames.seal(&first),
        theirs.frames.seal(b" and second"),
    ];
    let stream = [theirs.ephemeral_message(), frames.concat()].concat();
    check_kept(&stream, b"first and second");
}

#[test]
fn what_follows_in_the_segment_of_the_authentication_is_kept() {
    let mut theirs = remote();
    let greeting = theirs.greeting();
    let data = noise(6, 20_000);
    let frames = data
        .chunks(MAX_DATA)
        .flat_map(|data| theirs.frames.seal(data));
    let stream: Vec<u8> = greeting.into_iter().chain(frames).collect();
    check_kept(&stream, &data);
}

#[test]
fn an_authentication_in_many_frames_is_one_message() {
    for size in [1, 2, 50, 102] {
        let mut theirs = remote();
        let message = [&theirs.authentication()[..], b"kept"].concat();
        let frames: Vec<u8> = message
            .chunks(size)
            .flat_map(|piece| [theirs.frames.seal(piece), theirs.frames.seal(b"")].concat())
            .collect();
        check_kept(&[theirs.ephemeral_message(), frames].concat(), b"kept");
    }
}

#[test]
fn both_ends_may_hold_the_same_long_term_key() {
    let (near, far) = ends(usize::MAX);
    let same = identity(US);
    let near = SecretConnection::handshake(near, &same);
    let far = SecretConnection::handshake(far, &same);
    let (near, far) = run(async { tokio::try_join!(near, far) }).unwrap();
    assert_eq!(near.remote_key(), far.remote_key());
}

#[tokio::test]
async fn halves_of_a_socket_carry_both_directions_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dialed = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let (accepted, _) = listener.accept().await.unwrap();
    let (near, far) = tokio::try_join!(
        handshake(Mode::Symmetric, dialed, US),
        handshake(Mode::Admitting, accepted, THEM),
    )
    .unwrap();
    let (mut near_read, mut near_write) = near.into_split_with(TcpStream::into_split);
    let (mut far_read, mut far_write) = far.into_split_with(TcpStream::into_split);
    let (there, back) = (noise(1, 3_000_000), noise(2, 2_000_001));
    let (_, _, (at_far, _), (at_near, _)) = tokio::join!(
        async {
            near_write.write_all(&there).await.unwrap();
            near_write.shutdown().await.unwrap();
        },
        async {
            far_write.write_all(&back).await.unwrap();
            far_write.shutdown().await.unwrap();
        },
        read_all(&mut far_read, 10_000),
        read_all(&mut near_read, 100_000),
    );
    assert!(at_far == there && at_near == back);
}

#[derive(Debug, PartialEq, Eq)]
struct Full(u32);

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no room")
    }
}

impl Error for Full {}

fn check_kept(stream: &[u8], wanted: &[u8]) {
    for mode in [Mode::Symmetric, Mode::Admitting] {
        for most in [1, 1000, usize::MAX] {
            let io = fed(stream).in_pieces(most);
            io.incoming.close();
            let mut stream = run(handshake(mode, io, US)).unwrap();
            let mut first = vec![0; wanted.len()];
            run(stream.read_exact(&mut first)).unwrap();
            assert_eq!(first, wanted);
            assert_eq!(run(stream.read(&mut first)).unwrap(), 0);
        }
    }
}
