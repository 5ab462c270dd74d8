//! Two honest ends: neither locks the other, the hook decides in time, and no byte is lost behind the handshake.

use std::pin::pin;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::kit::*;
use super::line::{ends, fed};
use crate::secret::internals::*;
use crate::secret::{SecretConnection, SecretHandshakeError};

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
fn an_accepting_side_that_has_not_answered_has_written_an_ephemeral_key_and_nothing_else() {
    for capacity in [1, 500, usize::MAX] {
        let (near, far) = ends(capacity);
        let line = far.outgoing.clone();
        let (dialer, listener) = (identity(US), identity(THEM));
        let near = SecretConnection::handshake(near, &dialer);
        let far = async {
            let unanswered = SecretConnection::accept(far).await?;
            assert_eq!(unanswered.remote_key(), dialer.public_key());
            tokio::task::yield_now().await;
            assert_eq!(line.log().len(), 35, "nor while it makes up its mind");
            unanswered.answer(&listener).await
        };
        let (near, far) = run(async { tokio::try_join!(near, far) }).unwrap();
        assert_eq!(near.remote_key(), listener.public_key());
        assert_eq!(far.remote_key(), dialer.public_key());
        assert_eq!(line.log().len(), GREETING);
    }
}

#[test]
fn a_remote_that_gets_no_answer_sees_the_end_and_no_key() {
    for capacity in [1, 500, usize::MAX] {
        let (near, far) = ends(capacity);
        let line = far.outgoing.clone();
        let near = handshake(Mode::Symmetric, near, US);
        let far = async { SecretConnection::accept(far).await.map(drop) };
        let (near, far) = run(async { tokio::join!(near, far) });
        far.unwrap();
        assert!(matches!(near, Err(SecretHandshakeError::Closed)));
        assert_eq!(line.log().len(), 35);
    }
}

#[test]
fn nobody_is_accepted_whose_key_is_not_proven() {
    let mut theirs = remote();
    let mut message = theirs.authentication();
    *message.last_mut().unwrap() ^= 1;
    let frame = theirs.frames.seal(&message);
    let io = fed(&[theirs.ephemeral_message(), frame].concat());
    let own = ephemeral(&scalar(US));
    let result = run(async { agree(io, own).await?.learn().await });
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
        let unanswered = agree(io, ephemeral(&scalar(US))).await?.learn().await?;
        line.close();
        unanswered.answer(&identity(US)).await
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
