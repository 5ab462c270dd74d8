//! One delimited message each way over a plain stream.

use std::pin::pin;

use super::kit::*;
use super::line::{ends, fed};
use crate::secret::exchange::{ExchangeError, exchange};

#[test]
fn not_one_byte_behind_the_message_is_read() {
    for most in [1, 2, usize::MAX] {
        for (stream, message) in [(&b"\x03abcrest"[..], &b"abc"[..]), (b"\x00rest", b"")] {
            let mut io = fed(stream).in_pieces(most);
            assert_eq!(run(exchange(&mut io, b"ours", 10)).unwrap(), message);
            assert_eq!(io.incoming.unread(), 4);
            assert_eq!(io.outgoing.log(), b"ours");
            assert_eq!(io.outgoing.calls().flushes, 1);
        }
    }
}

#[test]
fn a_length_may_take_ten_bytes_and_no_more_than_64_bits() {
    let mut io = fed(b"\x83\x80\x80\x80\x80\x80\x80\x80\x80\x00abc");
    assert_eq!(run(exchange(&mut io, b"", 10)).unwrap(), b"abc");
    let ten = |last| [&[0xff; 9][..], &[last]].concat();
    for (last, bits) in [(0, 63), (1, 64)] {
        let error = run(exchange(&mut fed(&ten(last)), b"", 10)).expect_err("too long");
        let stated = u64::MAX >> (64 - bits);
        assert!(matches!(error, ExchangeError::TooLong { len, max: 10 } if len == stated));
    }
    for last in [2, 0x7f, 0x80, 0xff] {
        let error = run(exchange(&mut fed(&ten(last)), b"", 10)).expect_err("no length");
        assert!(matches!(error, ExchangeError::PrefixOverflow));
    }
}

#[test]
fn a_message_may_be_as_long_as_the_limit() {
    for (max, len) in [(0, 0), (5, 5), (5, 6), (127, 127), (0, 1), (10_000, 10_000)] {
        let mut stream = Vec::new();
        prost::encoding::encode_varint(len as u64, &mut stream);
        stream.resize(stream.len() + len, 7);
        match run(exchange(&mut fed(&stream), b"", max)) {
            Ok(message) => assert_eq!((message.len(), len <= max), (len, true)),
            Err(error) => {
                let told = matches!(error, ExchangeError::TooLong { len: l, max: m } if (l, m) == (len as u64, max));
                assert!(told && len > max, "{error:?}");
            }
        }
    }
}

#[test]
fn an_end_at_any_byte_of_the_message_is_an_end() {
    for end in 0..4 {
        let mut io = fed(&b"\x03abc"[..end]);
        io.incoming.close();
        let error = run(exchange(&mut io, b"ours", 10)).expect_err("it is closed");
        assert!(matches!(error, ExchangeError::Closed), "{end}");
    }
}

#[test]
fn two_ends_with_more_to_say_than_fits_do_not_lock_each_other() {
    for capacity in [1, 7, 1024] {
        let (mut near, mut far) = ends(capacity);
        let message = [&[0x88, 0x27][..], &noise(8, 5000)].concat();
        let both = async {
            tokio::try_join!(
                exchange(&mut near, &message, 5000),
                exchange(&mut far, &message, 5000),
            )
        };
        let (at_near, at_far) = run(both).unwrap();
        assert!(at_near == message[2..] && at_far == message[2..]);
    }
}

#[test]
fn it_is_not_done_before_ours_is_written_and_flushed() {
    let mut io = fed(b"\x01a");
    let line = io.outgoing.clone();
    line.set_capacity(3);
    let mut exchanging = pin!(exchange(&mut io, b"ours", 10));
    assert!(run_until_idle(exchanging.as_mut()).is_none());
    assert_eq!((line.log(), line.calls().flushes), (b"our".to_vec(), 0));
    line.set_capacity(4);
    assert_eq!(run(exchanging).unwrap(), b"a");
    assert_eq!((line.log(), line.calls().flushes), (b"ours".to_vec(), 1));
}
