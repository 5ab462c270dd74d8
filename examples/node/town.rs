//! The nodes, and what happens to them.

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use mconn::address::PeerId;
use mconn::secret::Identity;
use mconn::switch::Banned;
use tokio::time::{Instant, interval, sleep, timeout};

use crate::gossip::Note;
use crate::ledger::{Ledger, Summary};
use crate::node::Node;

type Done<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[derive(Debug)]
pub(crate) struct Town {
    identities: Vec<Arc<Identity>>,
    /// `None` while a node is dead.
    nodes: Vec<Option<Node>>,
    addresses: Vec<SocketAddr>,
    is_parted: bool,
    ledger: Arc<Ledger>,
    written: u64,
    begun: Instant,
}

impl Town {
    /// Starts so many nodes: each is connected with both neighbours in a ring and with the one across it.
    pub(crate) async fn found(nodes: usize) -> Done<Self> {
        let mut town = Self {
            identities: Vec::new(),
            nodes: Vec::new(),
            addresses: Vec::new(),
            is_parted: false,
            ledger: Arc::default(),
            written: 0,
            begun: Instant::now(),
        };
        for number in 0..nodes {
            let identity = Arc::new(Identity::generate()?);
            let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            let node = Node::start(number, identity.clone(), anywhere, town.ledger.clone()).await?;
            town.say(&format!("node {number} is {}", node.peer_addr()));
            town.addresses.push(node.address);
            town.identities.push(identity);
            town.nodes.push(Some(node));
        }
        for number in 0..nodes {
            town.dial(number)?;
        }
        town.connected().await?;
        Ok(town)
    }

    pub(crate) fn say(&self, what: &str) {
        println!("{:5.1} s  {what}", self.begun.elapsed().as_secs_f64());
    }

    /// Has everybody who is there write notes in turn, and waits until they were heard.
    pub(crate) async fn write_notes(&mut self, time: Duration) {
        let (begun, before) = (Instant::now(), self.written);
        let mut ticks = interval(BETWEEN_NOTES);
        while begun.elapsed() < time {
            ticks.tick().await;
            let there = self.there();
            let turn = usize::try_from(self.written).unwrap_or_default() % there.len().max(1);
            if let Some(writer) = there.get(turn) {
                self.write(*writer, &there);
            }
        }
        let heard = async {
            while !self.ledger.is_complete() {
                sleep(LOOK_AGAIN).await;
            }
        };
        let all = timeout(PATIENCE, heard).await.is_ok();
        let how = if all {
            "and heard by all who could"
        } else {
            "and NOT heard by all"
        };
        self.say(&format!(
            "{} notes were written, {how}",
            self.written - before
        ));
    }

    /// Stops a node.
    pub(crate) async fn kill(&mut self, number: usize) -> Done<()> {
        let node = self.nodes.get_mut(number).and_then(Option::take);
        node.ok_or("no such node")?.stop().await?;
        self.connected().await?;
        Ok(())
    }

    /// Starts it again, where it was and with its key; says how long it took until all who should be connected with it were.
    pub(crate) async fn revive(&mut self, number: usize) -> Done<Duration> {
        let begun = Instant::now();
        let (identity, address) = (&self.identities[number], self.addresses[number]);
        let ledger = self.ledger.clone();
        let node = Node::start(number, identity.clone(), address, ledger).await?;
        self.nodes[number] = Some(node);
        self.dial(number)?;
        self.connected().await?;
        Ok(begun.elapsed())
    }

    /// Has each half ban the other.
    pub(crate) async fn part(&mut self) -> Done<()> {
        self.is_parted = true;
        for (one, other) in self.strangers() {
            self.node(one)?.switch.ban(Banned::Id(other), None)?;
        }
        self.connected().await?;
        Ok(())
    }

    /// Lifts the bans, and says how long it took until all were connected.
    pub(crate) async fn heal(&mut self) -> Done<Duration> {
        let begun = Instant::now();
        for (one, other) in self.strangers() {
            self.node(one)?.switch.unban(&Banned::Id(other));
        }
        self.is_parted = false;
        self.connected().await?;
        Ok(begun.elapsed())
    }

    /// Stops all, one after the other, and counts.
    pub(crate) async fn close(self) -> Done<Summary> {
        let mut summary = self.ledger.summary();
        for node in self.nodes.into_iter().flatten() {
            summary.overdue += node.stop().await?.overdue.len();
        }
        Ok(summary)
    }

    fn write(&mut self, writer: usize, there: &[usize]) {
        let note = Note {
            writer: u32::try_from(writer).unwrap_or_default(),
            number: self.written,
            text: format!("note {} of the town", self.written),
        };
        self.written += 1;
        let readers = there
            .iter()
            .filter(|it| **it != writer && self.may_meet(writer, **it));
        self.ledger.written(note.key(), readers.copied().collect());
        if let Some(Some(node)) = self.nodes.get(writer) {
            node.gossip.write(&note);
        }
    }

    /// Has a node be connected with those that it dials.
    fn dial(&self, number: usize) -> Done<()> {
        for other in self.dialed_by(number) {
            let id = PeerId::from(self.identities[other].public_key());
            let address = mconn::address::PeerAddr::new(id, self.addresses[other]);
            self.node(number)?.switch.add_persistent(address)?;
        }
        Ok(())
    }

    fn dialed_by(&self, number: usize) -> Vec<usize> {
        let nodes = self.addresses.len();
        let across = (number < nodes / 2).then_some(number + nodes / 2);
        std::iter::once((number + 1) % nodes)
            .chain(across)
            .collect()
    }

    /// Waits until those and only those are connected who should be.
    async fn connected(&self) -> Done<()> {
        let ready = async {
            while !self.are_connected() {
                sleep(LOOK_AGAIN).await;
            }
        };
        timeout(PATIENCE, ready)
            .await
            .map_err(|_| "they do not come together")?;
        Ok(())
    }

    fn are_connected(&self) -> bool {
        let there = self.there();
        let mut peers = vec![0; self.nodes.len()];
        for one in &there {
            let others = self.dialed_by(*one).into_iter();
            for other in others.filter(|it| there.contains(it) && self.may_meet(*one, *it)) {
                peers[*one] += 1;
                peers[other] += 1;
            }
        }
        there.iter().all(|number| {
            let node = self.nodes.get(*number).and_then(Option::as_ref);
            node.is_some_and(|node| node.switch.peers().len() == peers[*number])
        })
    }

    /// The numbers of those who are alive.
    fn there(&self) -> Vec<usize> {
        let numbered = self.nodes.iter().enumerate();
        let there = numbered.filter(|(_, node)| node.is_some());
        there.map(|(number, _)| number).collect()
    }

    fn may_meet(&self, one: usize, other: usize) -> bool {
        let half = self.nodes.len() / 2;
        !self.is_parted || (one < half) == (other < half)
    }

    /// Each node with the id of each of the other half.
    fn strangers(&self) -> Vec<(usize, PeerId)> {
        let half = self.nodes.len() / 2;
        let pairs = (0..self.nodes.len())
            .flat_map(|one| (0..self.nodes.len()).map(move |other| (one, other)))
            .filter(|(one, other)| (*one < half) != (*other < half));
        let id = |other: usize| PeerId::from(self.identities[other].public_key());
        pairs.map(|(one, other)| (one, id(other))).collect()
    }

    fn node(&self, number: usize) -> Done<&Node> {
        let node = self.nodes.get(number).and_then(Option::as_ref);
        node.ok_or_else(|| "no such node".into())
    }
}

const BETWEEN_NOTES: Duration = Duration::from_millis(5);
const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// What is not done by then will not be.
const PATIENCE: Duration = Duration::from_secs(30);
