//! Peers that are exempt from the limits.

use tokio_util::sync::CancellationToken;

use super::kit::*;
use super::net::*;
use crate::peer::tests::kit::*;
use crate::transport::{ConnectionCounts, Refusal, UpgradeError};

#[tokio::test(start_paused = true)]
async fn an_exempt_peer_comes_into_a_full_house_and_others_do_not() {
    let mut stage = Stage::new(unlimited().with_max_inbound(1));
    let vip = node("vip");
    stage.transport.set_exempt(*vip.id(), true);
    let _first = stage.welcome(&seat(1), &node("first")).await;
    let (accepted, visited) = stage.visit(&seat(2), &node("second")).await;
    let error = why(accepted, &seat(2));
    assert!(
        matches!(error, UpgradeError::Refused(Refusal::Full { max: 1 })),
        "{error:?}"
    );
    drop(visited);
    let (peer, _far) = stage.welcome(&seat(3), &vip).await;
    assert_eq!(peer.id(), vip.id());
    let expected = ConnectionCounts {
        inbound: 1,
        exempt: 1,
        ..ConnectionCounts::default()
    };
    assert_eq!(stage.transport.connections(), expected);
    // Nobody is awaited any more, so that the house is closed at the door.
    assert_eq!(stage.refusal(&seat(4)).await, Refusal::Full { max: 1 });
    drop(peer);
    assert_eq!(stage.transport.connections().exempt, 0);
}

#[tokio::test(start_paused = true)]
async fn strangers_in_their_handshakes_do_not_keep_an_exempt_peer_out_of_a_full_house() {
    let config = unlimited().with_max_inbound(1).with_max_handshakes(3);
    let mut stage = Stage::new(config);
    let vip = node("vip");
    stage.transport.set_exempt(*vip.id(), true);
    let _first = stage.welcome(&seat(1), &node("first")).await;
    let _strangers = [
        stage.stall("10.0.2.1:1").await,
        stage.stall("10.0.2.1:2").await,
        stage.stall("10.0.2.1:3").await,
    ];
    let from = seat(3);
    let far = stage.door.visit(&from, &vip);
    let both = async { tokio::join!(far, next_peer(&mut stage.listener)) };
    let (visited, peer) = soon(both).await;
    assert_eq!(peer.id(), vip.id());
    drop(visited.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_connected_peer_counts_no_more_or_again_as_soon_as_it_is_said() {
    let mut stage = Stage::new(unlimited());
    let one = node("one");
    let (_peer, _far) = stage.welcome(&seat(1), &one).await;
    for (exempt, counted) in [(true, 0), (true, 0), (false, 1), (false, 1)] {
        stage.transport.set_exempt(*one.id(), exempt);
        let counts = stage.transport.connections();
        assert_eq!((counts.inbound, counts.exempt), (counted, 1 - counted));
        assert_eq!(counts.all(), 1);
    }
}

#[tokio::test]
async fn an_exempt_peer_is_dialed_where_no_other_may_be() {
    let mut net = Net::new().await;
    let dialer = transport(unlimited().with_max_outbound(0));
    let (address, cancel) = (net.address(), CancellationToken::new());
    let refused = dialer.dial(&address, &cancel).await;
    assert!(refused.is_err(), "{refused:?}");
    dialer.set_exempt(*net.transport.id(), true);
    let (dialed, accepted) = net.dialed_by(&dialer).await;
    let (dialed, _accepted) = (dialed.unwrap(), accepted.unwrap());
    assert_eq!(dialer.connections().exempt, 1);
    drop(dialed);
    assert_eq!(dialer.connections().all(), 0);
}
