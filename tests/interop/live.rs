//! A conversation with a stock node, in both directions at once: we dial it and hold on, and it dials us.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use mconn::address::PeerAddr;
use mconn::node::LocalNode;
use mconn::transport::{Peer, Transport, TransportConfig};
use mconn::{ChannelDescriptor, CloseReason, Closed, Config, Handle, Receiver, Sender};
use prost::Message;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::go::{OUR_SEED, PATIENCE, Remote, hex, id_of, identity};
use crate::messages::{BlockRequest, BlocksyncMessage, ConsensusMessage, Nothing, PexMessage};
use crate::stock_node::{Home, StockNode};

pub(crate) async fn a_stock_node_for_two_minutes(remote: Remote) {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listening = PeerAddr::new(id_of(&LISTENING_SEED), socket.local_addr().unwrap());
    let home = Home::new(remote.release).await;
    let network = home.network();
    let inbound = transport(&LISTENING_SEED, &network, &listening);
    let mut dialed = JoinSet::new();
    dialed.spawn(it_dials_us_again_and_again(inbound, socket));
    let node = home.start(&listening).await;

    let address = node.address();
    let outbound = transport(&OUR_SEED, &network, &listening);
    let peer = outbound
        .dial(&address, &CancellationToken::new())
        .await
        .unwrap();
    assert_eq!(peer.node_info().network(), network);
    let mut ours = Conversation::start(peer);
    let until = Instant::now() + HOLD;
    node_tells_its_steps(&mut ours, 3).await;
    assert!(node.peers().await.contains(&id_of(&OUR_SEED).to_string()));
    node_gives_addresses(&mut ours, &listening).await;
    node_gives_a_block(&mut ours, &node).await;
    let who = timeout(PATIENCE, dialed.join_next())
        .await
        .expect("it dials us");
    assert_eq!(who.unwrap().unwrap(), *address.id());
    while Instant::now() < until {
        node_tells_its_steps(&mut ours, 1).await;
    }
    sleep_until(until).await;

    let stats = ours.handle.stats().await.expect("the connection lives");
    let seconds = HOLD.as_secs();
    assert!(stats.pings_sent >= seconds - 2, "{stats:?}");
    assert!(stats.pongs_received >= stats.pings_sent - 1, "{stats:?}");
    assert!(
        stats.pings_received >= 2 && stats.pongs_sent >= 2,
        "{stats:?}"
    );
    let closed = ours.stop().await;
    assert!(matches!(closed.reason, CloseReason::Stopped), "{closed}");
    while node.peers().await.contains(&id_of(&OUR_SEED).to_string()) {
        sleep(Duration::from_millis(50)).await;
    }
}

/// The node has us as its persistent peer: it comes, and comes back after an orderly end and after an abrupt one.
async fn it_dials_us_again_and_again(
    transport: Transport,
    socket: TcpListener,
) -> mconn::address::PeerId {
    let mut listener = transport.listen_on(socket);
    let mut came = Vec::new();
    for orderly in [true, false, true] {
        let incoming = timeout(PATIENCE, listener.next()).await.expect("it comes");
        let peer = incoming.into_peer().expect("it is a peer");
        came.push(*peer.id());
        let mut ours = Conversation::start(peer);
        node_tells_its_steps(&mut ours, 1).await;
        if orderly {
            let closed = ours.stop().await;
            assert!(matches!(closed.reason, CloseReason::Stopped), "{closed}");
        }
    }
    assert!(came.iter().all(|id| *id == came[0]), "{came:?}");
    came[0]
}

/// Reads its announcements on the consensus state channel: heights grow. A broadcast of Go is a goroutine for each
/// message, so that one step may overtake the one before it; none comes a whole height late.
async fn node_tells_its_steps(ours: &mut Conversation, steps: usize) {
    for _ in 0..steps {
        let step = loop {
            let message = ours.receive(STATE).await;
            if let Some(step) = ConsensusMessage::decode(message).unwrap().new_round_step {
                break step;
            }
        };
        assert!(
            step.height >= ours.height.saturating_sub(1).max(1),
            "{step:?} after height {}",
            ours.height
        );
        assert!((1..=8).contains(&step.step), "{step:?}");
        ours.height = ours.height.max(step.height);
    }
}

async fn node_gives_addresses(ours: &mut Conversation, known: &PeerAddr) {
    let request = PexMessage {
        request: Some(Nothing {}),
        addresses: None,
    };
    ours.send(PEX, &request).await;
    let answer = PexMessage::decode(ours.receive(PEX).await).unwrap();
    let addresses = answer.addresses.expect("an answer").addresses;
    let listed = addresses.iter().any(|address| {
        address.id == known.id().to_string()
            && format!("{}:{}", address.ip, address.port) == known.host_port().to_string()
    });
    assert!(listed, "{known} in {addresses:?}");
}

/// The block that it gives is the one that its RPC shows.
async fn node_gives_a_block(ours: &mut Conversation, node: &StockNode) {
    let request = BlocksyncMessage {
        request: Some(BlockRequest { height: 2 }),
        response: None,
    };
    ours.send(BLOCKSYNC, &request).await;
    let block = loop {
        let message = BlocksyncMessage::decode(ours.receive(BLOCKSYNC).await).unwrap();
        if let Some(response) = message.response {
            break response.block.expect("a block");
        }
    };
    let header = block.header.expect("a header");
    let shown = node.rpc("block?height=2").await.unwrap();
    let shown = &shown["block"]["header"];
    assert_eq!(shown["chain_id"], header.chain_id);
    assert_eq!(shown["height"], header.height.to_string());
    for (name, bytes) in [
        ("last_commit_hash", &header.last_commit_hash),
        ("data_hash", &header.data_hash),
        ("validators_hash", &header.validators_hash),
        ("next_validators_hash", &header.next_validators_hash),
        ("consensus_hash", &header.consensus_hash),
        ("app_hash", &header.app_hash),
        ("last_results_hash", &header.last_results_hash),
        ("evidence_hash", &header.evidence_hash),
        ("proposer_address", &header.proposer_address),
    ] {
        assert_eq!(shown[name], hex(bytes).to_uppercase(), "{name}");
    }
    let commit = block.last_commit.expect("a commit");
    assert_eq!(commit.height, 1);
    assert_eq!(commit.signatures.len(), 1, "there is one validator");
}

fn transport(seed: &[u8; 32], network: &str, listening: &PeerAddr) -> Transport {
    let config = Config::builder()
        .ping_interval(PING)
        .pong_timeout(PONG)
        .build()
        .unwrap();
    let node = LocalNode::builder(Arc::new(identity(seed)), network, "mconn")
        .listen_addr(listening.host_port().to_string())
        .channels(ChannelDescriptor::cometbft())
        .connection(config)
        .build()
        .unwrap();
    Transport::new(node, TransportConfig::default()).unwrap()
}

/// A running peer with the channels of a stock node. What comes on those that nobody asks about is read and let go.
struct Conversation {
    /// The last one that the node told.
    height: i64,
    handle: Handle,
    senders: BTreeMap<u8, Sender>,
    receivers: BTreeMap<u8, Receiver>,
    run: JoinSet<Closed>,
    stop: CancellationToken,
}

impl Conversation {
    fn start(mut peer: Peer) -> Self {
        let (mut senders, mut receivers) = (BTreeMap::new(), BTreeMap::new());
        for channel in ChannelDescriptor::cometbft() {
            let id = channel.id().get();
            let (sender, receiver) = peer.open(channel.id()).unwrap();
            senders.insert(id, sender);
            // Dropping a receiver discards what comes for it.
            if [PEX, STATE, BLOCKSYNC].contains(&id) {
                receivers.insert(id, receiver);
            }
        }
        let (handle, stop, mut run) = (peer.handle(), CancellationToken::new(), JoinSet::new());
        run.spawn(peer.run(stop.clone()));
        Self {
            height: 0,
            handle,
            senders,
            receivers,
            run,
            stop,
        }
    }

    async fn send(&self, channel: u8, message: &impl Message) {
        self.senders[&channel]
            .send(message.encode_to_vec())
            .await
            .unwrap();
    }

    async fn receive(&mut self, channel: u8) -> bytes::Bytes {
        let receiver = self.receivers.get_mut(&channel).unwrap();
        match timeout(PATIENCE, receiver.recv())
            .await
            .expect("a message comes")
        {
            Some(message) => message,
            None => panic!("{}", self.run.join_next().await.unwrap().unwrap()),
        }
    }

    async fn stop(mut self) -> Closed {
        self.stop.cancel();
        self.run.join_next().await.unwrap().unwrap()
    }
}

const PEX: u8 = 0x00;
const STATE: u8 = 0x20;
const BLOCKSYNC: u8 = 0x40;

/// Of ours that the node dials; the one that dials is another, since the node takes each only once.
const LISTENING_SEED: [u8; 32] = [0x44; 32];

/// Past two of the node's own pings, which come every 60 s.
const HOLD: Duration = Duration::from_secs(126);
const PING: Duration = Duration::from_secs(1);
/// As long as an interval lets it be, since other tests run beside.
const PONG: Duration = Duration::from_millis(990);
