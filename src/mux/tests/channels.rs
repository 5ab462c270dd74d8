//! Which sets of channels there can be, and how equals are told apart.

use bytes::Bytes;

use crate::channel::{ChannelDescriptor, ChannelId};
use crate::config::Config;
use crate::config::ConfigError;
use crate::mux::Mux;
use crate::testing::{Link, Pair, Setup, Side, Solo, build, channels, epoch, silent};

#[test]
fn equals_go_in_the_order_of_registration() {
    let ids = [9, 3, 7].map(|id| ChannelDescriptor::new(ChannelId::new(id), 5));
    let mut solo = Solo::new(build(silent()), &ids);
    for channel in [7, 3, 9] {
        solo.push_len(channel, 3000);
    }
    let order: Vec<u8> = solo
        .transmit()
        .iter()
        .filter_map(|sent| Some(sent.channel()?.get()))
        .collect();
    assert_eq!(order, [9, 3, 7, 9, 3, 7, 9, 3, 7]);
}

#[test]
fn a_higher_priority_goes_first_whatever_the_order() {
    let mut solo = Solo::with_priorities(None, &[1, 5, 10]);
    for channel in 0..3 {
        solo.push_len(channel, 100);
    }
    let order: Vec<u8> = solo
        .transmit()
        .iter()
        .filter_map(|sent| Some(sent.channel()?.get()))
        .collect();
    assert_eq!(order, [2, 1, 0]);
}

#[test]
fn empty_messages_are_messages_on_many_channels_at_once() {
    let mut pair = pair_of(&[1, 5, 10]);
    for (round, len) in [0, 0, 10, 0, 2000, 0].into_iter().enumerate() {
        for channel in 0..3 {
            let len = if (round + usize::from(channel)) % 2 == 0 {
                len
            } else {
                0
            };
            pair.send(Side::A, channel, len);
        }
    }
    pair.drive();
    assert_eq!(pair.b.inbox.messages.len(), 18);
    let stats = pair.b.mux.stats(pair.now);
    assert!(
        stats
            .channels
            .iter()
            .all(|channel| channel.messages_received == 6)
    );
}

#[test]
fn one_to_256_channels_all_deliver() {
    for count in [1, 2, 63, 64, 65, 128, 255, 256] {
        let priorities: Vec<u16> = (1..=count).collect();
        let mut pair = pair_of(&priorities);
        for channel in (0..=u8::MAX).take(usize::from(count)) {
            pair.send(Side::A, channel, 1500);
            pair.send(Side::B, channel, usize::from(channel));
            pair.send(Side::A, channel, 0);
        }
        pair.drive();
        assert_eq!(pair.b.inbox.messages.len(), 2 * usize::from(count));
        assert_eq!(pair.a.inbox.messages.len(), usize::from(count));
    }
}

#[test]
fn each_setting_of_a_channel_is_refused_beyond_its_bounds_and_the_error_names_them() {
    type Setter = fn(usize) -> ChannelDescriptor;
    const fn plain() -> ChannelDescriptor {
        ChannelDescriptor::new(ChannelId::new(7), 1)
    }
    let bytes = usize::MAX / 4;
    let settings: [(&str, Setter, usize, usize); 5] = [
        (
            "priority",
            |n| ChannelDescriptor::new(ChannelId::new(7), u16::try_from(n).unwrap_or(0)),
            1,
            65_535,
        ),
        (
            "send_capacity",
            |n| plain().with_send_capacity(n),
            1,
            1 << 24,
        ),
        ("send_bytes", |n| plain().with_send_bytes(n), 1, bytes),
        (
            "recv_capacity",
            |n| plain().with_recv_capacity(n),
            1,
            1 << 24,
        ),
        ("max_message", |n| plain().with_max_message(n), 0, bytes),
    ];
    let mux = |channel| Mux::new(epoch(), Config::default(), &[channel]).map(drop);
    for (name, with, least, most) in settings {
        assert_eq!(mux(with(least)), Ok(()), "{name}");
        assert_eq!(mux(with(most)), Ok(()), "{name}");
        for value in [least.wrapping_sub(1), most + 1, usize::MAX] {
            let refused = mux(with(value)).unwrap_err();
            let text = refused.to_string();
            assert!(
                text.starts_with(&format!("{name} of channel 0x07 is ")),
                "{text}"
            );
            assert!(
                text.ends_with(&format!("it must be {least} to {most}")),
                "{text}"
            );
        }
    }
}

#[test]
fn the_same_channel_twice_is_refused() {
    let twice = [5, 6, 5].map(|id| ChannelDescriptor::new(ChannelId::new(id), 1));
    let refused = Mux::new(epoch(), Config::default(), &twice);
    let channel = ChannelId::new(5);
    assert_eq!(
        refused.unwrap_err(),
        ConfigError::DuplicateChannel { channel }
    );
}

#[test]
fn a_257th_channel_is_a_duplicate() {
    let mut all = channels(&[1; 256]);
    all.push(ChannelDescriptor::new(ChannelId::new(255), 1));
    let refused = Mux::new(epoch(), Config::default(), &all);
    let channel = ChannelId::new(255);
    assert_eq!(
        refused.unwrap_err(),
        ConfigError::DuplicateChannel { channel }
    );
}

#[test]
fn a_message_for_an_unknown_channel_stays_where_it_is() {
    let mut solo = Solo::with_priorities(None, &[1]);
    solo.push_len(9, 10);
    assert!(solo.transmit().is_empty());
    assert_eq!(solo.outbox.waiting(), 1);
}

#[test]
fn the_core_holds_one_message_of_a_channel() {
    let mut solo = Solo::with_priorities(Some(512_000), &[1, 1]);
    for _ in 0..10 {
        solo.push_len(0, 100_000);
        solo.push_len(1, 100_000);
    }
    solo.run_to(50);
    assert_eq!(solo.outbox.popped(ChannelId::new(0)), 1);
    assert_eq!(solo.outbox.waiting(), 18);
}

#[test]
fn a_message_that_was_sent_is_not_held_on_to() {
    let mut solo = Solo::with_priorities(None, &[1]);
    let message = Bytes::from(vec![1; 5000]);
    solo.outbox.push(ChannelId::new(0), message.clone());
    solo.mux.on_queued(ChannelId::new(0));
    assert!(!message.is_unique());
    solo.transmit();
    assert!(message.is_unique());
}

fn pair_of(priorities: &[u16]) -> Pair {
    let channels = channels(priorities);
    Pair::new(Setup::new(build(silent()), Link::default(), channels))
}
