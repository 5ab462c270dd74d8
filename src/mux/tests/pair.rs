//! Two machines and a stream between them: what a user of both ends would notice.

use std::time::Duration;

use crate::channel::ChannelId;
use crate::config::Config;
use crate::error::Error;
use crate::testing::{Link, Pair, Setup, Side, What, build, channels, limit, silent};

#[test]
fn a_pong_overtakes_data() {
    let pinging = Config::builder()
        .ping_interval(SECOND)
        .pong_timeout(SECOND / 2);
    let bulky = Config::builder().send_rate(limit(Some(512_000)));
    let mut pair = Pair::new(Setup {
        channels: channels(&[1]),
        configs: [build(bulky), build(pinging)],
        links: [Link::default(), Link::default()],
    });
    pair.send(Side::A, 0, 3_000_000);
    pair.run_for(SECOND * 5);
    assert!(
        pair.a.outbox.undelivered() > 0,
        "data was waiting all the time"
    );
    let stats = pair.b.mux.stats(pair.now);
    assert!(stats.pongs_received >= 4);
    assert_eq!(
        stats.round_trip,
        Some(Duration::from_millis(2)),
        "the time on the wire and no more"
    );
}

#[test]
fn a_high_priority_overtakes_a_queued_megabyte_within_one_batch() {
    for steps in [1, 5, 20] {
        let link = Link::with_capacity(16 * 1024);
        let mut pair = Pair::new(Setup::new(build(silent()), link, channels(&[1, 10])));
        pair.send(Side::A, 0, 1024 * 1024);
        (0..steps).for_each(|_| assert!(pair.step()));
        let encoded = pair.a.sent.len();
        pair.send(Side::A, 1, 200);
        pair.drive();
        let since = pair.a.sent[encoded..].iter();
        let before = since.take_while(|sent| sent.channel() == Some(ChannelId::new(0)));
        let bytes: usize = before.map(|sent| sent.framed).sum();
        assert_eq!(bytes, 0, "it is the first packet of the next batch");
    }
}

#[test]
fn both_sides_write_blocked_still_make_progress() {
    for capacity in [1, 64, 1000, 5000] {
        let link = Link::with_capacity(capacity);
        let mut pair = Pair::new(Setup::new(build(silent()), link, channels(&[1, 10])));
        for side in [Side::A, Side::B] {
            pair.send(side, 0, 20 * capacity.max(100));
            pair.send(side, 1, 3000);
        }
        pair.drive();
        assert_eq!((pair.take(Side::A), pair.take(Side::B)), (2, 2));
    }
}

#[test]
fn writes_go_on_while_a_full_inbox_holds_up_reading() {
    let mut pair = Pair::new(Setup::new(build(silent()), Link::default(), channels(&[1])));
    pair.b.inbox.capacity = 3;
    for _ in 0..10 {
        pair.send(Side::A, 0, 50_000);
        pair.send(Side::B, 0, 50_000);
    }
    pair.run_for(SECOND);
    assert_eq!(pair.b.inbox.messages.len(), 3);
    assert_eq!(pair.a.inbox.messages.len(), 10);
    let mut taken = 0;
    while taken < 10 {
        taken += pair.take(Side::B);
        pair.run_for(SECOND);
    }
    assert!(pair.is_idle());
}

#[test]
fn a_silent_peer_times_out_at_ping_plus_timeout_exactly() {
    let timed = Config::builder()
        .ping_interval(SECOND * 10)
        .pong_timeout(SECOND * 4);
    let mut setup = Setup::new(build(timed), Link::default(), channels(&[1]));
    setup.links[1] = Link::stalled(Duration::ZERO, SECOND * 1000);
    let mut pair = Pair::new(setup);
    while pair.a.ended.is_none() {
        assert!(pair.step());
    }
    assert!(
        matches!(pair.error(Side::A), Some(Error::PongTimeout { after }) if *after == SECOND * 4)
    );
    assert_eq!(pair.elapsed(), SECOND * 14);
}

#[test]
fn an_idle_pair_lives_for_ever_on_pings_alone() {
    let mut pair = Pair::new(Setup::new(
        Config::default(),
        Link::default(),
        channels(&[1]),
    ));
    pair.run_for(SECOND * 3600 - SECOND / 2);
    for end in [&pair.a, &pair.b] {
        assert!(end.ended.is_none());
        let stats = end.mux.stats(pair.now);
        assert_eq!((stats.pings_sent, stats.pongs_received), (59, 59));
        assert!(
            end.sent
                .iter()
                .all(|sent| matches!(sent.what, What::Ping | What::Pong))
        );
    }
}

#[test]
fn a_bounded_drive_notices_what_does_not_end() {
    let mut pair = Pair::new(Setup::new(
        build(silent()),
        Link::with_capacity(10),
        channels(&[1]),
    ));
    pair.send(Side::A, 0, 10_000);
    assert!(!pair.drive_bounded(100));
    assert!(pair.drive_bounded(10_000));
}

const SECOND: Duration = Duration::from_secs(1);
