//! A stock node: the `cometbft` command itself, with its built-in application and one validator, alone on loopback.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::Duration;

use mconn::address::{PeerAddr, PeerId};
use mconn::node::key;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use crate::go::{PATIENCE, id_of, identity};
use crate::program::{Release, build};

/// The home of a node that does not run yet.
#[derive(Debug)]
pub(crate) struct Home {
    directory: TempDir,
    command: &'static Path,
}

impl Home {
    /// Makes a home as the command does, except that the node's key file is ours.
    pub(crate) async fn new(release: Release) -> Self {
        let home = Self {
            directory: tempfile::tempdir().unwrap(),
            command: command_of(release),
        };
        let created = home.command("init").output().await.unwrap();
        assert!(created.status.success(), "{created:?}");
        home.exchange_key().await;
        let path = home.path("config/config.toml");
        let mut config = fs::read_to_string(&path).unwrap();
        for (usual, wanted) in [
            ("allow_duplicate_ip = false", "allow_duplicate_ip = true"),
            ("addr_book_strict = true", "addr_book_strict = false"),
        ] {
            assert_eq!(config.matches(usual).count(), 1, "{usual}");
            config = config.replace(usual, wanted);
        }
        fs::write(path, config).unwrap();
        home
    }

    /// Reads the key file that the command wrote, and writes one in its place.
    async fn exchange_key(&self) {
        let path = self.path("config/node_key.json");
        for written in [None, Some(identity(&NODE_SEED))] {
            if let Some(identity) = &written {
                key::save(identity, &path).unwrap();
            }
            let read = key::load(&path).unwrap().identity;
            let shown = self.command("show-node-id").output().await.unwrap();
            let shown: PeerId = String::from_utf8(shown.stdout)
                .unwrap()
                .trim()
                .parse()
                .unwrap();
            assert_eq!(shown, PeerId::from(read.public_key()));
        }
    }

    /// The name of the node's network.
    pub(crate) fn network(&self) -> String {
        let genesis = fs::read(self.path("config/genesis.json")).unwrap();
        let genesis: Value = serde_json::from_slice(&genesis).unwrap();
        genesis["chain_id"].as_str().unwrap().to_owned()
    }

    /// Starts the node and waits until it makes blocks.
    pub(crate) async fn start(self, persistent_peer: &PeerAddr) -> StockNode {
        let [p2p, rpc] = free_addresses();
        let log = File::create(self.path("log")).unwrap();
        let child = self
            .command("node")
            .arg("--proxy_app=kvstore")
            .arg(format!("--p2p.laddr=tcp://{p2p}"))
            .arg(format!("--rpc.laddr=tcp://{rpc}"))
            .arg(format!("--p2p.persistent_peers={persistent_peer}"))
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut node = StockNode {
            child,
            home: self,
            p2p,
            rpc,
        };
        node.wait_for_height(2).await;
        node
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.command);
        command
            .arg(name)
            .arg("--home")
            .arg(self.directory.path())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    fn path(&self, of: &str) -> PathBuf {
        self.directory.path().join(of)
    }
}

/// A running node. It is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct StockNode {
    child: Child,
    home: Home,
    p2p: SocketAddr,
    rpc: SocketAddr,
}

impl StockNode {
    /// Where to dial it.
    pub(crate) fn address(&self) -> PeerAddr {
        PeerAddr::new(id_of(&NODE_SEED), self.p2p)
    }

    /// Asks one question of the node's RPC, if it answers there.
    pub(crate) async fn rpc(&self, path: &str) -> Option<Value> {
        let mut stream = TcpStream::connect(self.rpc).await.ok()?;
        let request = format!("GET /{path} HTTP/1.0\r\n\r\n");
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        let (_, body) = answer.split_once("\r\n\r\n")?;
        let mut body: Value = serde_json::from_str(body).ok()?;
        Some(body["result"].take())
    }

    /// The ids of the peers that the node has.
    pub(crate) async fn peers(&self) -> Vec<String> {
        let info = self.rpc("net_info").await.expect("the node answers");
        let id = |peer: &Value| peer["node_info"]["id"].as_str().unwrap().to_owned();
        info["peers"].as_array().unwrap().iter().map(id).collect()
    }

    async fn wait_for_height(&mut self, height: u64) {
        let start = Instant::now();
        while self.height().await.unwrap_or(0) < height {
            let ended = self.child.try_wait().unwrap();
            if ended.is_some() || start.elapsed() > PATIENCE {
                let log = fs::read_to_string(self.home.path("log")).unwrap();
                panic!("no block {height}; the node's end: {ended:?}, its log:\n{log}");
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    async fn height(&self) -> Option<u64> {
        let status = self.rpc("status").await?;
        let height = &status["sync_info"]["latest_block_height"];
        height.as_str()?.parse().ok()
    }
}

/// The command of a release; built by the first call.
fn command_of(release: Release) -> &'static Path {
    let package = "github.com/cometbft/cometbft/cmd/cometbft";
    COMMANDS[release as usize].get_or_init(|| build(release.module(), "cometbft", package))
}

/// Both are held until both are found.
fn free_addresses() -> [SocketAddr; 2] {
    [(); 2]
        .map(|()| TcpListener::bind("127.0.0.1:0").unwrap())
        .map(|listener| listener.local_addr().unwrap())
}

const NODE_SEED: [u8; 32] = [0x55; 32];

static COMMANDS: [OnceLock<PathBuf>; 2] = [const { OnceLock::new() }; 2];
