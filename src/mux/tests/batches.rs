//! How much is encoded at once.

use std::time::Duration;

use crate::rate::LARGEST_BATCH;
use crate::testing::{Link, Pair, Setup, Side, Solo, build, channels, silent};

#[test]
fn batches_start_at_16_kib_and_double_to_62_kib_while_writes_complete() {
    let mut solo = saturated();
    let batches: Vec<usize> = (0..5).map(|_| batch(&mut solo)).collect();
    for (found, most) in batches.iter().zip([16, 32, 62, 62, 62]) {
        let most = most * 1024;
        assert!((most - 1036..=most).contains(found), "{batches:?}");
    }
}

#[test]
fn batches_halve_to_4_kib_while_writes_do_not_complete() {
    let mut solo = saturated();
    let mut batches = Vec::new();
    for _ in 0..5 {
        let mut out = Vec::new();
        let len = solo.mux.poll_transmit(solo.now, &mut solo.outbox, &mut out);
        solo.mux.on_written(solo.now, len / 2);
        solo.mux.on_write_blocked(solo.now);
        solo.mux.on_written(solo.now, len - len / 2);
        batches.push(len);
    }
    for (found, most) in batches.iter().zip([16, 8, 4, 4, 4]) {
        let most = most * 1024;
        assert!((most - 1036..=most).contains(found), "{batches:?}");
    }
}

#[test]
fn small_batches_say_nothing_about_the_transport() {
    let mut solo = Solo::with_priorities(None, &[1]);
    for _ in 0..100 {
        solo.push_len(0, 10);
        assert_eq!(solo.transmit().len(), 1);
    }
    solo.saturate(0, &[1024]);
    assert!(batch(&mut solo) <= 16 * 1024);
}

#[test]
fn nothing_is_encoded_while_an_earlier_batch_waits() {
    let mut solo = saturated();
    let mut out = Vec::new();
    let len = solo.mux.poll_transmit(solo.now, &mut solo.outbox, &mut out);
    for written in 1..len {
        solo.mux.on_written(solo.now, 1);
        assert_eq!(out.len(), len);
        if written % 1000 == 0 {
            assert_eq!(
                solo.mux.poll_transmit(solo.now, &mut solo.outbox, &mut out),
                0
            );
        }
    }
    solo.mux.on_written(solo.now, 1);
    assert!(solo.mux.poll_transmit(solo.now, &mut solo.outbox, &mut out) > 0);
}

#[test]
fn a_packet_larger_than_a_batch_goes_alone() {
    let payload = 200_000;
    let config = silent()
        .max_packet_payload(payload)
        .max_packet(payload + 20);
    let mut pair = Pair::new(Setup::new(
        build(config),
        Link::default(),
        channels(&[1, 1]),
    ));
    pair.send(Side::A, 0, 500_000);
    pair.send(Side::A, 1, 10);
    pair.drive();
    assert_eq!(pair.take(Side::B), 2);
    let largest = pair.a.sent.iter().map(|sent| sent.framed).max();
    assert!(largest > Some(LARGEST_BATCH));
}

#[test]
fn an_urgent_message_waits_for_one_batch_at_most() {
    let mut solo = Solo::with_priorities(None, &[1, 10]);
    solo.saturate(0, &[1024]);
    for _ in 0..10 {
        solo.transmit();
        solo.push_len(1, 200);
        assert_eq!(solo.transmit()[0].channel().map(|id| id.get()), Some(1));
        solo.advance(Duration::from_micros(10));
    }
}

fn saturated() -> Solo {
    let mut solo = Solo::with_priorities(None, &[1]);
    solo.saturate(0, &[1024]);
    solo
}

fn batch(solo: &mut Solo) -> usize {
    solo.transmit().iter().map(|sent| sent.framed).sum()
}
