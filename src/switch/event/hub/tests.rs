use std::net::SocketAddr;

use super::*;

#[test]
fn what_finds_no_room_is_counted_and_told_behind_what_waited() {
    let hub = Hub::default();
    let mut events = hub.subscribe();
    for port in 0..1034 {
        hub.tell(&listening(port));
    }
    for port in 0..1024 {
        assert_eq!(port_of(&events.try_next().unwrap()), port);
    }
    assert!(matches!(
        events.try_next(),
        Some(Event::Lagged { events: 10 })
    ));
    assert!(events.try_next().is_none());
    hub.tell(&listening(7));
    assert_eq!(port_of(&events.try_next().unwrap()), 7);
}

#[test]
fn nothing_that_came_behind_a_gap_is_told_before_the_gap_is() {
    let hub = Hub::default();
    let mut events = hub.subscribe();
    (0..1025).for_each(|port| hub.tell(&listening(port)));
    assert_eq!(port_of(&events.try_next().unwrap()), 0);
    // There is room again, but what comes now belongs behind what was missed.
    hub.tell(&listening(2000));
    let rest = std::iter::from_fn(|| events.try_next()).collect::<Vec<_>>();
    assert_eq!(rest.len(), 1024);
    assert!(matches!(rest.last(), Some(Event::Lagged { events: 2 })));
}

#[test]
fn a_subscriber_that_is_gone_is_forgotten_without_an_error() {
    let hub = Hub::default();
    let (gone, mut stays) = (hub.subscribe(), hub.subscribe());
    drop(gone);
    hub.tell(&listening(1));
    assert_eq!(lock(&hub.state).subscribers.len(), 1);
    assert_eq!(port_of(&stays.try_next().unwrap()), 1);
}

#[tokio::test]
async fn a_closed_hub_gives_what_waited_and_then_nothing_to_old_and_new_subscribers() {
    let hub = Hub::default();
    let mut events = hub.subscribe();
    hub.tell(&listening(1));
    hub.close();
    hub.tell(&listening(2));
    assert_eq!(port_of(&events.next().await.unwrap()), 1);
    assert!(events.next().await.is_none());
    assert!(hub.subscribe().next().await.is_none());
}

#[test]
fn a_change_that_does_not_happen_is_not_told() {
    let hub = Hub::default();
    let mut events = hub.subscribe();
    hub.tell_if(&listening(1), || false);
    assert!(events.try_next().is_none());
}

fn listening(port: u16) -> Event {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    Event::Listening { address }
}

fn port_of(event: &Event) -> u16 {
    match event {
        Event::Listening { address } => address.port(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn subscribers_that_come_and_go_while_nothing_happens_leave_nothing() {
    let hub = Hub::default();
    for _ in 0..100 {
        drop(hub.subscribe());
    }
    assert!(lock(&hub.state).subscribers.len() <= 1);
}
