//! What the tests of the handshake share: nodes, and remotes that do what a test says.

use std::future::{Future, pending, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use prost::Message;
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex,
};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::channel::{ChannelDescriptor, ChannelId};
use crate::node::{LocalNode, LocalNodeBuilder, NodeInfo};
use crate::packet::{MsgHeader, encode_msg};
use crate::peer::{Established, HandshakeError, Handshaking, Rejection};
use crate::proto::p2p::v1::DefaultNodeInfo;
use crate::secret::{Identity, SecretConnection};

/// The channel that all nodes here have.
pub(crate) const BLOCKS: ChannelId = ChannelId::new(0x40);
/// One that none has unless a test says so.
pub(crate) const VOTES: ChannelId = ChannelId::new(0x22);

pub(crate) const NETWORK: &str = "test-chain";

pub(crate) const fn blocks() -> ChannelDescriptor {
    ChannelDescriptor::new(BLOCKS, 5)
}

pub(crate) const fn votes() -> ChannelDescriptor {
    ChannelDescriptor::new(VOTES, 7)
}

/// A node with a key of its own.
pub(crate) fn node(moniker: &str) -> Arc<LocalNode> {
    node_with(moniker, |info| info)
}

/// The same with other things to say.
pub(crate) fn node_with(
    moniker: &str,
    change: impl FnOnce(LocalNodeBuilder) -> LocalNodeBuilder,
) -> Arc<LocalNode> {
    Arc::new(config(NETWORK, moniker, change))
}

/// The same, in this network, to be changed further.
pub(crate) fn config(
    network: &str,
    moniker: &str,
    change: impl FnOnce(LocalNodeBuilder) -> LocalNodeBuilder,
) -> LocalNode {
    let identity = Arc::new(Identity::generate().unwrap());
    let node = LocalNode::builder(identity, network, moniker).channel(blocks());
    change(node).build().unwrap()
}

/// What the node says of itself, open to changes that no builder makes.
pub(super) fn says(node: &LocalNode) -> DefaultNodeInfo {
    DefaultNodeInfo::decode(&*node.node_info().encode()).unwrap()
}

/// What a test's admission says where it takes everybody.
pub(crate) const fn anybody(_: &NodeInfo) -> Result<(), Rejection> {
    Ok(())
}

/// What a test's admission says where it must not be asked.
pub(super) fn nobody(info: &NodeInfo) -> Result<(), Rejection> {
    panic!("asked about {info:?}");
}

/// An admission's error that is told from all others by its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("number {0} is not welcome")]
pub(crate) struct Unwelcome(pub(crate) u32);

/// Both ends' results.
pub(super) type Met<T> = (Result<Established<DuplexStream>, HandshakeError>, T);

/// Shakes hands, as the accepting side, with a remote that does what the script says.
pub(super) async fn meet<T>(
    ours: &Arc<LocalNode>,
    script: impl AsyncFnOnce(DuplexStream) -> T,
) -> Met<T> {
    let (io, far) = duplex(1 << 16);
    let cancel = CancellationToken::new();
    let handshake = Handshaking::inbound(io, ours.clone()).handshake(&cancel, anybody);
    soon(async { tokio::join!(handshake, script(far)) }).await
}

/// How the handshake fails with a remote that does what the script says; what the script leaves is kept open meanwhile. The
/// admission is not asked.
pub(super) async fn failure<T>(
    ours: &Arc<LocalNode>,
    script: impl AsyncFnOnce(DuplexStream) -> T,
) -> HandshakeError {
    let (io, far) = duplex(1 << 16);
    let cancel = CancellationToken::new();
    let handshake = Handshaking::inbound(io, ours.clone()).handshake(&cancel, nobody);
    let (result, _) = soon(async { tokio::join!(handshake, script(far)) }).await;
    result.unwrap_err()
}

/// How it fails with a remote that shakes hands as it must until its NodeInfo, which is this. The stream is closed with it.
pub(super) async fn failure_with(
    ours: &Arc<LocalNode>,
    theirs: &LocalNode,
    info: DefaultNodeInfo,
) -> HandshakeError {
    failure(ours, async |io| {
        let mut stream = SecretConnection::handshake(io, theirs.identity())
            .await
            .unwrap();
        stream
            .write_all(&info.encode_length_delimited_to_vec())
            .await
            .unwrap();
        stream.flush().await.unwrap();
        idle().await;
        assert!(is_closed(&mut stream).await);
    })
    .await
}

/// Two nodes that have met, the dialing one first.
pub(super) async fn acquainted(
    ours: &Arc<LocalNode>,
    theirs: &Arc<LocalNode>,
) -> (Established<DuplexStream>, Established<DuplexStream>) {
    let (io, far) = duplex(1 << 16);
    let cancel = CancellationToken::new();
    let here = Handshaking::outbound(io, ours.clone(), None).handshake(&cancel, anybody);
    let there = Handshaking::inbound(far, theirs.clone()).handshake(&cancel, anybody);
    soon(async { tokio::try_join!(here, there) }).await.unwrap()
}

/// The encrypted stream of a remote that has said what it has to say, and heard the other.
pub(super) async fn introduced<Io: AsyncRead + AsyncWrite + Unpin>(
    io: Io,
    theirs: &LocalNode,
) -> SecretConnection<Io> {
    let mut stream = SecretConnection::handshake(io, theirs.identity())
        .await
        .unwrap();
    stream.write_all(theirs.announcement()).await.unwrap();
    stream.flush().await.unwrap();
    read_info(&mut stream).await;
    stream
}

/// Reads a NodeInfo and nothing behind it.
pub(super) async fn read_info(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut len = 0;
    for shift in (0..64).step_by(7) {
        let byte = stream.read_u8().await.unwrap();
        len |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    let mut info = vec![0; usize::try_from(len).unwrap()];
    stream.read_exact(&mut info).await.unwrap();
    info
}

/// A message in one packet.
pub(super) fn packet(channel: ChannelId, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    encode_msg(&MsgHeader::new(channel).with_eof(true), data, &mut out);
    out
}

/// The output, which must be there within a second of virtual time.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    let output = timeout(Duration::from_secs(1), future).await;
    output.expect("it is ready within a second of virtual time")
}

/// Lets everybody do what can be done at present: time moves, by a millisecond, only when all are idle.
pub(crate) async fn idle() {
    pass(Duration::from_millis(1)).await;
}

/// Lets virtual time pass.
pub(crate) async fn pass(time: Duration) {
    let _ = timeout(time, pending::<()>()).await;
}

/// The output, and the virtual time until it was there.
pub(crate) async fn timed<T>(future: impl Future<Output = T>) -> (T, Duration) {
    let start = Instant::now();
    let output = future.await;
    (output, start.elapsed())
}

/// Polls the future so many times and drops it; says whether it was ready.
pub(crate) async fn polled<T>(polls: usize, future: impl Future<Output = T>) -> bool {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|cx| {
        left -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(_) => Poll::Ready(true),
            Poll::Pending if left == 0 => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Tasks of this runtime; the test itself is none.
pub(crate) fn tasks() -> usize {
    tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks()
}

/// Whether the other end of the stream is closed, and all that it sent has been read.
pub(crate) async fn is_closed(io: &mut (impl AsyncRead + Unpin)) -> bool {
    let mut rest = Vec::new();
    match timeout(Duration::from_millis(1), io.read_to_end(&mut rest)).await {
        Ok(Ok(_)) => true,
        // A reset is an end too.
        Ok(Err(_)) => true,
        Err(_) => false,
    }
}

/// A stream that can be made to misbehave once the handshake is done.
#[derive(Debug)]
pub(super) struct Sabotaged<Io> {
    io: Io,
    sabotage: Arc<AtomicU8>,
}

/// What a [`Sabotaged`] stream does.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sabotage {
    /// Damages each write.
    Damage = 1,
    /// Fails each read.
    Fail = 2,
    /// Writes a hundred bytes, and then nothing any more.
    Cut = 3,
}

/// Begins the sabotage.
#[derive(Clone, Debug, Default)]
pub(super) struct Lever(Arc<AtomicU8>);

impl Lever {
    pub(super) fn pull(&self, sabotage: Sabotage) {
        self.0.store(sabotage as u8, Ordering::SeqCst);
    }

    pub(super) fn wrap<Io>(&self, io: Io) -> Sabotaged<Io> {
        Sabotaged {
            io,
            sabotage: self.0.clone(),
        }
    }
}

impl<Io> Sabotaged<Io> {
    fn does(&self, what: Sabotage) -> bool {
        self.sabotage.load(Ordering::SeqCst) == what as u8
    }
}

impl<Io: AsyncRead + Unpin> AsyncRead for Sabotaged<Io> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.does(Sabotage::Fail) {
            return Poll::Ready(Err(io::ErrorKind::HostUnreachable.into()));
        }
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<Io: AsyncWrite + Unpin> AsyncWrite for Sabotaged<Io> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.sabotage.load(Ordering::SeqCst) == BROKEN {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let mut bytes = buf.to_vec();
        if self.does(Sabotage::Cut) {
            bytes.truncate(100);
            self.sabotage.store(BROKEN, Ordering::SeqCst);
        }
        if self.does(Sabotage::Damage) {
            bytes.iter_mut().for_each(|byte| *byte ^= 1);
        }
        Pin::new(&mut self.io).poll_write(cx, &bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// What a [`Sabotage::Cut`] leaves.
const BROKEN: u8 = 4;
