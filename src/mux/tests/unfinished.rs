//! Messages that a peer begins and does not end: how long it holds their memory, and what an honest slow one needs.

use std::num::NonZeroU64;
use std::time::Duration;

use crate::channel::{ChannelDescriptor, ChannelId};
use crate::config::ConfigBuilder;
use crate::error::{Error, Fault};
use crate::packet::{MsgHeader, PONG, encode_msg};
use crate::testing::{Link, Pair, Setup, Side, Solo, build, channels, limit, silent};

#[test]
fn a_message_that_is_followed_by_pongs_only_ends_the_connection_after_a_minute() {
    let mut solo = solo(silent());
    solo.receive(&piece(3, 1000));
    let (error, after) = until_the_end(&mut solo, &[(SECOND, PONG.to_vec())]);
    assert_eq!(after, MINUTE);
    assert_eq!(error.fault(), Fault::Silence);
    let Error::MessageStalled {
        channel,
        received,
        gained,
        after,
        min_rate,
    } = error
    else {
        panic!("{error}");
    };
    assert_eq!((channel, received, gained), (ChannelId::new(3), 1000, 1000));
    assert_eq!((after, min_rate), (MINUTE, 100));
}

#[test]
fn one_that_begins_between_two_looks_has_its_first_whole_minute() {
    let mut solo = solo(silent());
    solo.receive(&piece(0, 1000));
    solo.advance(SECOND * 30);
    solo.receive(&piece(1, 1000));
    solo.receive(&last(0));
    let (error, after) = until_the_end(&mut solo, &[(SECOND, PONG.to_vec())]);
    assert!(matches!(error, Error::MessageStalled { channel, .. } if channel.get() == 1));
    assert_eq!(after, SECOND * 90);
}

#[test]
fn a_trickle_below_the_rate_is_found_and_one_above_it_is_not() {
    let mut below = solo(silent());
    let (error, after) = until_the_end(&mut below, &[(SECOND, piece(0, 50))]);
    assert!(matches!(error, Error::MessageStalled { .. }));
    assert!(after <= MINUTE * 2, "{after:?}");
    let mut above = solo(silent());
    for _ in 0..3600 {
        above.receive(&piece(0, 110));
        above.advance(SECOND);
        above.mux.handle_timeout(above.now).unwrap();
    }
}

#[test]
fn empty_pieces_are_no_progress() {
    let mut solo = solo(silent());
    solo.receive(&piece(0, 1));
    let (error, after) = until_the_end(&mut solo, &[(SECOND, piece(0, 0).repeat(100))]);
    assert!(matches!(error, Error::MessageStalled { .. }));
    assert!(after <= MINUTE * 2, "{after:?}");
}

#[test]
fn other_channels_that_keep_the_link_busy_count_one_byte_in_fifty() {
    let busy = |len| {
        let mut solo = solo(silent());
        solo.receive(&piece(0, 1000));
        for _ in 0..600 {
            solo.receive(&whole(1, len));
            solo.advance(SECOND);
            solo.mux.handle_timeout(solo.now)?;
        }
        Ok::<_, Error>(())
    };
    assert!(busy(1000).is_err());
    let mut six = solo(silent());
    six.receive(&piece(0, 1000));
    for _ in 0..600 {
        (0..6).for_each(|_| drop(six.receive(&whole(1, 1000))));
        six.advance(SECOND);
        six.mux.handle_timeout(six.now).unwrap();
    }
}

#[test]
fn a_message_of_the_least_rate_ends_the_connection_at_the_timeout() {
    let hour = MINUTE * 60;
    let mut solo = solo(silent().message_timeout(Some(hour)));
    let (error, after) = until_the_end(&mut solo, &[(SECOND, piece(0, 1000))]);
    let Error::MessageTimeout {
        channel,
        received,
        after: given,
    } = error
    else {
        panic!("{error}");
    };
    assert_eq!((channel.get(), received), (0, 3600 * 1000));
    assert_eq!((given, after), (hour, hour));
}

#[test]
fn a_message_that_came_fast_cannot_be_held_with_a_trickle() {
    let mut solo = solo(silent());
    (0..3000).for_each(|_| drop(solo.receive(&piece(0, 1000))));
    // Its first minute had much; from then on 3 MB are to grow by 3 MB in four hours.
    let (error, after) = until_the_end(&mut solo, &[(SECOND, piece(0, 150))]);
    let Error::MessageStalled { min_rate, .. } = error else {
        panic!("{error}");
    };
    assert_eq!((min_rate, after), (209, MINUTE * 2));
}

#[test]
fn what_we_do_not_read_is_not_held_against_the_peer() {
    let mut solo = solo(silent());
    let start = solo.now;
    solo.receive(&piece(0, 1000));
    solo.advance(SECOND * 20);
    solo.mux.on_read_paused(solo.now);
    solo.advance(MINUTE * 1000);
    assert!(solo.mux.deadline().is_none());
    solo.mux.handle_timeout(solo.now).unwrap();
    solo.mux.on_read_resumed(solo.now);
    assert_eq!(solo.mux.deadline(), Some(start + MINUTE * 1001));
    solo.mux.on_standstill(MINUTE);
    assert_eq!(solo.mux.deadline(), Some(start + MINUTE * 1002));
}

#[test]
fn our_own_receive_limit_is_not_held_against_the_peer() {
    let mut setup = Setup::new(build(silent()), Link::default(), channels(&[1, 10]));
    let slow = silent().recv_rate(limit(Some(2_000)));
    setup.configs[1] = build(slow.min_message_rate(NonZeroU64::new(20_000)));
    let mut pair = Pair::new(setup);
    pair.send(Side::A, 0, 500_000);
    pair.send(Side::A, 1, 500_000);
    pair.drive();
    assert_eq!(pair.take(Side::B), 2);
}

#[test]
fn an_honest_link_of_ten_kilobytes_a_second_carries_all_stock_channels() {
    let config = silent().send_rate(limit(Some(10_000)));
    let stock = ChannelDescriptor::cometbft();
    let mut setup = Setup::new(build(config), Link::default(), stock.to_vec());
    setup.configs[1] = build(silent());
    let mut pair = Pair::new(setup);
    for _ in 0..12 {
        for channel in &stock {
            let len = channel.max_message().min(300_000);
            pair.send(Side::A, channel.id().get(), len);
        }
    }
    pair.run_for(MINUTE * 40);
    assert!(pair.b.ended.is_none(), "{:?}", pair.error(Side::B));
    let unfinished = pair.b.mux.unfinished().count();
    assert!(unfinished >= 8, "{unfinished}");
}

#[test]
fn without_bounds_a_message_may_take_for_ever() {
    let mut solo = solo(silent().min_message_rate(None).message_timeout(None));
    solo.receive(&piece(0, 1000));
    assert!(solo.mux.deadline().is_none());
    solo.advance(MINUTE * 100_000);
    solo.mux.handle_timeout(solo.now).unwrap();
}

#[test]
fn whole_messages_start_no_timer_and_the_end_of_the_last_one_stops_it() {
    let mut solo = solo(silent());
    solo.receive(&whole(0, 1000));
    assert!(solo.mux.deadline().is_none());
    solo.receive(&piece(0, 10));
    solo.receive(&piece(1, 10));
    solo.receive(&last(0));
    assert_eq!(solo.mux.deadline(), Some(solo.now + MINUTE));
    solo.receive(&last(1));
    assert!(solo.mux.deadline().is_none());
}

#[test]
fn unfinished_messages_are_told_also_if_they_are_empty_so_far() {
    let mut solo = solo(silent());
    solo.receive(&piece(1, 0));
    solo.receive(&piece(3, 700));
    solo.receive(&piece(0, 5));
    solo.receive(&last(0));
    let unfinished: Vec<_> = solo.mux.unfinished().collect();
    assert_eq!(
        unfinished,
        [(ChannelId::new(1), 0), (ChannelId::new(3), 700)]
    );
}

/// Lets these come again and again, each after its time, until the connection fails; with what, and after how long.
fn until_the_end(solo: &mut Solo, stream: &[(Duration, Vec<u8>)]) -> (Error, Duration) {
    let start = solo.now;
    for (pause, bytes) in stream.iter().cycle().take(100_000) {
        solo.receive(bytes);
        let until = solo.now + *pause;
        while let Some(due) = solo.mux.deadline().filter(|due| *due <= until) {
            solo.now = due;
            if let Err(error) = solo.mux.handle_timeout(due) {
                return (error, due - start);
            }
        }
        solo.now = until;
    }
    panic!("it is kept for ever");
}

fn solo(config: ConfigBuilder) -> Solo {
    let ids = channels(&[1, 1, 1, 1]);
    let large = ids
        .into_iter()
        .map(|channel| channel.with_max_message(1 << 30));
    Solo::new(build(config), &large.collect::<Vec<_>>())
}

fn piece(channel: u8, len: usize) -> Vec<u8> {
    packet(channel, false, len)
}

fn last(channel: u8) -> Vec<u8> {
    packet(channel, true, 0)
}

fn whole(channel: u8, len: usize) -> Vec<u8> {
    packet(channel, true, len)
}

fn packet(channel: u8, eof: bool, len: usize) -> Vec<u8> {
    let mut out = Vec::new();
    encode_msg(
        &MsgHeader::new(ChannelId::new(channel)).with_eof(eof),
        &vec![7; len],
        &mut out,
    );
    out
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
