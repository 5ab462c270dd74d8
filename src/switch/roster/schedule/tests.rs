mod model;

use super::*;
use crate::testing::epoch;

#[test]
fn a_new_target_is_due_at_once_and_persistent_ones_come_first() {
    let (now, mut schedule) = (epoch(), schedule());
    schedule.add(now, at(1, 1), Wanted::Once).unwrap();
    schedule.add(now, at(2, 1), Wanted::Persistent).unwrap();
    assert_eq!(schedule.poll_timeout(), Some(now));
    assert_eq!(schedule.pop(now), Some(at(2, 1)));
    assert_eq!(schedule.pop(now), Some(at(1, 1)));
    assert_eq!(schedule.pop(now), None);
    assert!(schedule.dialing().eq([&id(1), &id(2)]));
}

#[test]
fn a_persistent_target_is_tried_for_ever_with_waits_that_double_up_to_the_longest() {
    let (mut now, mut schedule) = (epoch(), schedule());
    schedule.add(now, at(1, 1), Wanted::Persistent).unwrap();
    let mut waits = Vec::new();
    for _ in 0..100 {
        assert_eq!(schedule.pop(now), Some(at(1, 1)));
        schedule.on_failed(now, &id(1), Healing::Possible, u32::MAX);
        let due = schedule.poll_timeout().unwrap();
        waits.push((due - now).as_secs());
        assert_eq!(schedule.pop(due - Duration::from_nanos(1)), None);
        now = due;
    }
    assert_eq!(waits[..10], [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]);
    assert!(waits[10..].iter().all(|wait| *wait == 300));
}

#[test]
fn a_wait_is_drawn_evenly_from_nothing_to_its_ceiling() {
    for (roll, millis) in [(0, 0), (u32::MAX / 2, 500), (u32::MAX, 1000)] {
        let (now, mut schedule) = (epoch(), schedule());
        schedule.add(now, at(1, 1), Wanted::Persistent).unwrap();
        schedule.pop(now).unwrap();
        schedule.on_failed(now, &id(1), Healing::Possible, roll);
        let wait = schedule.poll_timeout().unwrap() - now;
        assert_eq!((wait.as_secs_f64() * 1000.0).round(), f64::from(millis));
    }
}

#[test]
fn what_does_not_heal_waits_for_the_longest_time_at_once() {
    let (now, mut schedule) = (epoch(), schedule());
    schedule.add(now, at(1, 1), Wanted::Persistent).unwrap();
    schedule.pop(now).unwrap();
    schedule.on_failed(now, &id(1), Healing::Unlikely, 0);
    assert_eq!(schedule.poll_timeout(), Some(now + PACE.longest));
}

#[test]
fn waits_begin_anew_only_for_who_stayed() {
    for (stay, wait) in [(59, 2), (60, 1)] {
        let (now, mut schedule) = (epoch(), schedule());
        schedule.add(now, at(1, 1), Wanted::Persistent).unwrap();
        schedule.pop(now).unwrap();
        schedule.on_failed(now, &id(1), Healing::Possible, 0);
        schedule.pop(now).unwrap();
        schedule.on_dialed(&id(1));
        schedule.on_connected(now, id(1));
        assert_eq!(schedule.poll_timeout(), None);
        let end = now + Duration::from_secs(stay);
        schedule.on_disconnected(end, &id(1), u32::MAX);
        assert_eq!(
            schedule.poll_timeout(),
            Some(end + Duration::from_secs(wait))
        );
    }
}

#[test]
fn several_addresses_of_one_id_are_one_target_tried_in_turn() {
    let (now, mut schedule) = (epoch(), schedule());
    for port in [1, 2, 1] {
        schedule.add(now, at(1, port), Wanted::Persistent).unwrap();
    }
    for port in [1, 2, 1] {
        assert_eq!(schedule.pop(now), Some(at(1, port)));
        assert_eq!(schedule.pop(now), None);
        schedule.on_failed(now, &id(1), Healing::Possible, 0);
    }
    (3..9).for_each(|port| schedule.add(now, at(1, port), Wanted::Persistent).unwrap());
    let one_more = schedule.add(now, at(1, 9), Wanted::Persistent);
    let (id, max) = (id(1), 8);
    assert_eq!(one_more, Err(NotATarget::TooManyAddresses { id, max }));
}

#[test]
fn who_is_wanted_once_is_tried_once_at_each_address_and_forgotten() {
    let (now, mut schedule) = (epoch(), schedule());
    schedule.add(now, at(1, 1), Wanted::Once).unwrap();
    schedule.add(now, at(1, 2), Wanted::Once).unwrap();
    for port in [1, 2] {
        assert_eq!(schedule.pop(now), Some(at(1, port)));
        schedule.on_failed(now, &id(1), Healing::Possible, 0);
    }
    assert!(schedule.targets.is_empty() && schedule.poll_timeout().is_none());
}

#[test]
fn who_is_connected_is_not_dialed_whoever_opened_the_connection() {
    let (now, mut schedule) = (epoch(), schedule());
    schedule.add(now, at(1, 1), Wanted::Persistent).unwrap();
    schedule.on_connected(now, id(1));
    assert_eq!(schedule.pop(now), None);
    schedule.add(now, at(1, 2), Wanted::Once).unwrap();
    schedule.add(now, at(2, 1), Wanted::Once).unwrap();
    assert_eq!(schedule.pop(now), Some(at(2, 1)));
    assert_eq!(schedule.pop(now), None);
}

#[test]
fn a_target_waits_once_however_often_its_peer_is_said_to_be_gone() {
    let (now, mut schedule) = (epoch(), schedule());
    schedule.add(now, at(1, 1), Wanted::Persistent).unwrap();
    schedule.pop(now).unwrap();
    schedule.on_dialed(&id(1));
    schedule.on_connected(now, id(1));
    schedule.on_disconnected(now, &id(1), 1);
    schedule.on_disconnected(now, &id(1), u32::MAX);
    let late = now + PACE.longest;
    assert_eq!(schedule.pop(late), Some(at(1, 1)));
    assert_eq!((schedule.pop(late), schedule.poll_timeout()), (None, None));
}

#[test]
fn dials_under_way_are_bounded_those_to_forgotten_targets_counted() {
    let (now, mut schedule) = (epoch(), schedule());
    for number in 1..=4 {
        schedule
            .add(now, at(number, 1), Wanted::Persistent)
            .unwrap();
    }
    let first = schedule.pop(now).unwrap();
    assert!(schedule.pop(now).is_some() && schedule.pop(now).is_some());
    assert!(schedule.forget(first.id()) && !schedule.forget(first.id()));
    assert_eq!((schedule.pop(now), schedule.poll_timeout()), (None, None));
    schedule.on_failed(now, first.id(), Healing::Possible, 0);
    assert!(schedule.pop(now).is_some());
}

#[test]
fn we_are_no_target_and_targets_are_bounded() {
    let (now, mut schedule) = (epoch(), schedule());
    let ourselves = schedule.add(now, at(0, 1), Wanted::Persistent);
    assert_eq!(ourselves, Err(NotATarget::Ourselves { id: id(0) }));
    for number in 1..=TARGETS_MAX {
        let address = at(u32::try_from(number).unwrap(), 1);
        schedule.add(now, address, Wanted::Once).unwrap();
    }
    let one_more = at(u32::MAX, 1);
    let max = TARGETS_MAX;
    let refused = schedule.add(now, one_more.clone(), Wanted::Once);
    assert_eq!(refused, Err(NotATarget::TooManyTargets { max }));
    schedule.add(now, one_more, Wanted::Persistent).unwrap();
}

fn schedule() -> Schedule {
    Schedule::new(id(0), PACE)
}

fn id(number: u32) -> PeerId {
    let mut id = [0; 20];
    id[..4].copy_from_slice(&number.to_be_bytes());
    PeerId::new(id)
}

fn at(number: u32, port: u16) -> PeerAddr {
    let ip: std::net::IpAddr = [192, 0, 2, 1].into();
    PeerAddr::new(id(number), (ip, port))
}

const PACE: Pace = Pace {
    first: Duration::from_secs(1),
    longest: Duration::from_secs(300),
    settled_after: Duration::from_secs(60),
    max_dials: 3,
};

/// Two connections with one peer, the second of which began before the first was known to have ended.
#[test]
fn connections_that_overlap_leave_a_target_that_waits_once() {
    let (now, mut schedule) = (epoch(), schedule());
    schedule.add(now, at(1, 1), Wanted::Persistent).unwrap();
    schedule.pop(now).unwrap();
    schedule.on_dialed(&id(1));
    schedule.on_connected(now, id(1));
    schedule.on_connected(now, id(1));
    schedule.on_disconnected(now, &id(1), 1);
    schedule.on_disconnected(now, &id(1), u32::MAX);
    let later = now + PACE.longest;
    assert_eq!(schedule.pop(later), Some(at(1, 1)));
    assert_eq!(schedule.pop(later), None);
}

#[test]
fn an_address_that_comes_while_another_is_dialed_is_tried_when_that_has_failed() {
    let (now, mut schedule) = (epoch(), schedule());
    schedule.add(now, at(1, 1), Wanted::Once).unwrap();
    schedule.pop(now).unwrap();
    schedule.add(now, at(1, 2), Wanted::Once).unwrap();
    assert_eq!(schedule.pop(now), None);
    schedule.on_failed(now, &id(1), Healing::Possible, 0);
    assert_eq!(schedule.pop(now), Some(at(1, 2)));
}
