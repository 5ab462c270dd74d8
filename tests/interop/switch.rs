//! Our switch against Go's: sessions, broadcast, coming back, and whom we take.

use std::sync::Arc;
use std::time::Duration;

use mconn::address::PeerAddr;
use mconn::node::LocalNode;
use mconn::switch::{
    Event, EventStream, Reactor, Reason, Session, SessionError, ShutdownReport, Switch,
    SwitchConfig, SwitchHandle,
};
use mconn::transport::{Refusal, TransportConfig, UpgradeError};
use mconn::{ChannelDescriptor, ChannelId};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::go::{BOTH_ROLES, GO_SEED, OUR_SEED, PATIENCE, Remote, Role, id_of, identity};
use crate::nodes::{CHANNELS, GoNode, NETWORK};

/// A session begins on both sides, whoever dialed, and messages cross on each channel; then each side ends it once.
pub(crate) async fn sessions_begin_and_end_with_both(remote: Remote) {
    for role in BOTH_ROLES {
        let mut us = Us::start(TransportConfig::default()).await;
        let mut node = GoNode::start(remote, &GO_SEED, json!({})).await;
        match role {
            Role::GoDials => node.dial(&us.address).await,
            Role::GoListens => us.switch.dial(node.address.clone()).unwrap(),
        }
        let mut session = us.session().await;
        assert_eq!(*session.peer().id(), id_of(&GO_SEED));
        for channel in CHANNELS {
            messages_come_back(&mut session, ChannelId::new(channel.id), 10).await;
        }
        node.go.event("added").await;
        let peer = session.peer().clone();
        if matches!(role, Role::GoDials) {
            let id = id_of(&OUR_SEED).to_string();
            node.go.tell(json!({ "do": "drop", "id": id })).await;
            soon(peer.ending()).await;
            drop(session);
        } else {
            session.end(Ok(()));
        }
        node.go.event("removed").await;
        soon(peer.gone()).await;
        assert!(us.stop().await.overdue.is_empty());
    }
}

/// Go's own broadcast starts a task per peer and message, and keeps no order.
pub(crate) async fn a_broadcast_reaches_each_node_of_go_in_order(remote: Remote) {
    const MESSAGES: u32 = 500;
    let channel = ChannelId::new(0x40);
    let mut us = Us::start(TransportConfig::default()).await;
    let (mut nodes, mut sessions) = (Vec::new(), Vec::new());
    for seed in 1..=3 {
        let node = GoNode::start(remote, &[seed; 32], json!({})).await;
        us.switch.add_persistent(node.address.clone()).unwrap();
        let mut session = us.session().await;
        let (_, receiver) = session.typed::<Vec<u8>>(channel).unwrap();
        nodes.push(node);
        sessions.push((session, receiver));
    }
    let sending = async {
        for number in 0..MESSAGES {
            let message = prost::Message::encode_to_vec(&number.to_be_bytes().to_vec());
            let sent = us.switch.broadcast(channel, message, PATIENCE).await;
            assert_eq!(sent.accepted, 3);
        }
    };
    let receiving = async {
        for number in 0..MESSAGES {
            for (_, receiver) in &mut sessions {
                let echo = receiver.recv().await.unwrap().unwrap();
                assert_eq!(echo, number.to_be_bytes());
            }
        }
    };
    soon(async { tokio::join!(sending, receiving) }).await;
    drop(sessions);
    us.stop().await;
}

/// Whoever lets go, and also where its whole process is killed and its port refuses for a while.
pub(crate) async fn a_persistent_node_of_go_is_back_after_each_end(remote: Remote) {
    let mut us = Us::start(TransportConfig::default()).await;
    let mut node = GoNode::start(remote, &GO_SEED, json!({})).await;
    let address = node.address.clone();
    us.switch.add_persistent(address.clone()).unwrap();
    for _ in 0..5 {
        let session = us.session().await;
        node.go.event("added").await;
        let id = id_of(&OUR_SEED).to_string();
        node.go.tell(json!({ "do": "drop", "id": id })).await;
        soon(session.peer().ending()).await;
    }
    for _ in 0..3 {
        let session = us.session().await;
        drop(node);
        soon(session.peer().ending()).await;
        drop(session);
        soon(us.event(|event| matches!(event, Event::DialFailed { .. }))).await;
        let listen = json!({ "listen": address.host_port().to_string() });
        node = GoNode::start_with(remote, &GO_SEED, json!({}), listen).await;
        assert_eq!(node.address, address);
    }
    let mut session = us.session().await;
    messages_come_back(&mut session, ChannelId::new(0x20), 10).await;
    drop(session);
    us.stop().await;
}

/// Each may drop the connection that the other keeps; we dial until they meet.
pub(crate) async fn two_that_dial_each_other_at_once_meet(remote: Remote) {
    for round in 0..SIMULTANEOUS_ROUNDS {
        let mut us = Us::start(TransportConfig::default()).await;
        let mut node = GoNode::start(remote, &[100 + round; 32], json!({})).await;
        node.dial(&us.address).await;
        us.switch.add_persistent(node.address.clone()).unwrap();
        let met = async {
            loop {
                let mut session = us.session().await;
                if talk(&mut session, ChannelId::new(0x20), 10).await.is_ok() {
                    return;
                }
            }
        };
        timeout(Duration::from_secs(10), met)
            .await
            .expect("they meet");
        us.stop().await;
    }
}

/// A second connection of an id is refused while the first is alive, and so is one too many; an unconditional one is taken.
pub(crate) async fn a_full_switch_refuses_nodes_of_go_at_once(remote: Remote) {
    let mut us = Us::start(TransportConfig::default().with_max_inbound(1)).await;
    let mut first = GoNode::start(remote, &GO_SEED, json!({})).await;
    first.dial(&us.address).await;
    let mut session = us.session().await;

    let mut twin = GoNode::start(remote, &GO_SEED, json!({})).await;
    us.switch.set_unconditional(id_of(&[9; 32]), true);
    twin.dial(&us.address).await;
    let error = us.refusal().await;
    let duplicate = Refusal::DuplicateId {
        id: id_of(&GO_SEED),
    };
    assert!(
        matches!(&*error, UpgradeError::Refused(it) if *it == duplicate),
        "{error}"
    );

    let mut other = GoNode::start(remote, &[8; 32], json!({})).await;
    other.dial(&us.address).await;
    let error = us.refusal().await;
    assert!(
        matches!(&*error, UpgradeError::Refused(Refusal::Full { max: 1 })),
        "{error}"
    );

    let mut friend = GoNode::start(remote, &[9; 32], json!({})).await;
    friend.dial(&us.address).await;
    let with_friend = us.session().await;
    assert_eq!(*with_friend.peer().id(), id_of(&[9; 32]));
    messages_come_back(&mut session, ChannelId::new(0x20), 10).await;
    drop((session, with_friend));
    us.stop().await;
}

/// Go's reactor sends every message back.
async fn messages_come_back(session: &mut Session, channel: ChannelId, messages: u32) {
    soon(talk(session, channel, messages)).await.unwrap();
}

/// The same where the connection may end meanwhile.
async fn talk(
    session: &mut Session,
    channel: ChannelId,
    messages: u32,
) -> Result<(), SessionError> {
    let (sender, mut receiver) = session.typed::<Vec<u8>>(channel)?;
    for number in 0..messages {
        let message = number.to_be_bytes().repeat(1 + 50 * number as usize);
        sender.send(&message).await?;
        let echo = receiver.recv().await?.ok_or(Reason::Quitting)?;
        assert_eq!(echo, message);
    }
    Ok(())
}

/// Our switch, which runs and listens.
struct Us {
    switch: SwitchHandle,
    address: PeerAddr,
    reactor: Reactor,
    events: EventStream,
    stop: CancellationToken,
    running: JoinSet<std::io::Result<ShutdownReport>>,
}

impl Us {
    async fn start(transport: TransportConfig) -> Self {
        // A port of its own, since a test that dials wants to say where it is in its NodeInfo.
        let free = TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap()
            .local_addr()
            .unwrap();
        let node = LocalNode::builder(Arc::new(identity(&OUR_SEED)), NETWORK, "rust")
            .listen_addr(format!("tcp://{free}"));
        let transport = transport
            .with_max_connections_per_address(64)
            .without_attempt_limit();
        let config = SwitchConfig::default()
            .with_transport(transport)
            .with_redial(Duration::from_millis(100), Duration::from_secs(1));
        let mut builder = Switch::builder(node, config);
        let channels: Vec<ChannelDescriptor> =
            CHANNELS.iter().map(|channel| channel.for_us().1).collect();
        let reactor = builder.reactor("echo", channels).unwrap();
        let events = builder.events();
        let switch = builder.build().unwrap();
        let (handle, stop) = (switch.handle(), CancellationToken::new());
        let mut running = JoinSet::new();
        running.spawn(switch.run(stop.clone()));
        let address = handle.listen(free).await.unwrap();
        Self {
            switch: handle,
            address: PeerAddr::new(id_of(&OUR_SEED), address),
            reactor,
            events,
            stop,
            running,
        }
    }

    async fn session(&mut self) -> Session {
        soon(self.reactor.next()).await.expect("the switch runs")
    }

    async fn event(&mut self, pick: impl Fn(&Event) -> bool) -> Event {
        loop {
            let event = self.events.next().await.expect("the switch runs");
            if pick(&event) {
                return event;
            }
        }
    }

    /// Why the next one who comes is refused.
    async fn refusal(&mut self) -> Arc<UpgradeError> {
        let refused = |event: &Event| matches!(event, Event::Refused { .. });
        match soon(self.event(refused)).await {
            Event::Refused { error, .. } => error,
            other => panic!("{other:?}"),
        }
    }

    async fn stop(mut self) -> ShutdownReport {
        self.stop.cancel();
        soon(self.running.join_next())
            .await
            .unwrap()
            .unwrap()
            .unwrap()
    }
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.expect("it comes to an end")
}

const SIMULTANEOUS_ROUNDS: u8 = 10;
