//! HTTP/2 as a careful user drives it: one task polls the connection, each channel is the two bodies of a request.

use std::future::poll_fn;
use std::io;

use bytes::Bytes;
use h2::{Reason, RecvStream, SendStream, client, server};
use http::{Request, Response};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::framing::{Cutter, Gather};
use super::stack::{Channel, Plan, Stack};

#[derive(Debug)]
pub struct H2;

impl Stack for H2 {
    type Channel = H2Channel;

    async fn dial(stream: TcpStream, plan: Plan) -> io::Result<Vec<H2Channel>> {
        let (requests, connection) = client::Builder::new()
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_frame_size(FRAME)
            .handshake::<_, Bytes>(stream)
            .await
            .map_err(io::Error::other)?;
        tokio::spawn(connection);
        let mut requests = requests.ready().await.map_err(io::Error::other)?;
        let mut channels = Vec::new();
        for index in 0..plan.priorities.len() {
            let request = Request::post(format!("http://localhost/{index}"))
                .body(())
                .map_err(io::Error::other)?;
            let (response, sender) = requests
                .send_request(request, false)
                .map_err(io::Error::other)?;
            let response = response.await.map_err(io::Error::other)?;
            channels.push(H2Channel::new(sender, response.into_body()));
        }
        Ok(channels)
    }

    async fn accept(stream: TcpStream, plan: Plan) -> io::Result<Vec<H2Channel>> {
        let connection = server::Builder::new()
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_frame_size(FRAME)
            .handshake(stream)
            .await
            .map_err(io::Error::other)?;
        let (found, mut requests) = mpsc::channel(plan.priorities.len());
        tokio::spawn(serve(connection, found));
        let mut channels = Vec::new();
        while channels.len() < plan.priorities.len() {
            channels.push(requests.recv().await.ok_or(io::ErrorKind::UnexpectedEof)?);
        }
        Ok(channels)
    }
}

/// The body that goes out and the body that comes in, as streams of framed messages.
#[derive(Debug)]
pub struct H2Channel {
    sender: SendStream<Bytes>,
    receiver: RecvStream,
    gather: Gather,
    cutter: Cutter,
}

impl H2Channel {
    fn new(sender: SendStream<Bytes>, receiver: RecvStream) -> Self {
        Self {
            sender,
            receiver,
            gather: Gather::default(),
            cutter: Cutter::default(),
        }
    }

    async fn write(&mut self, mut piece: Bytes) -> io::Result<()> {
        while !piece.is_empty() {
            self.sender.reserve_capacity(piece.len());
            let granted = match self.sender.capacity() {
                0 => poll_fn(|context| self.sender.poll_capacity(context))
                    .await
                    .ok_or(io::ErrorKind::BrokenPipe)?
                    .map_err(io::Error::other)?,
                granted => granted,
            };
            let part = piece.split_to(granted.min(piece.len()));
            self.sender
                .send_data(part, false)
                .map_err(io::Error::other)?;
        }
        Ok(())
    }
}

impl Channel for H2Channel {
    async fn send(&mut self, message: &Bytes) -> io::Result<()> {
        if self.gather.hold(message) {
            return Ok(());
        }
        let mut rest = self.gather.begin(message);
        while let Some(piece) = self.gather.next_piece(&mut rest) {
            self.write(piece).await?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> io::Result<()> {
        let held = self.gather.take();
        self.write(held).await
    }

    async fn receive(&mut self, mut each: impl FnMut(&[u8]) + Send) -> io::Result<bool> {
        let Some(chunk) = self.receiver.data().await else {
            return Ok(false);
        };
        let chunk = chunk.map_err(io::Error::other)?;
        self.cutter.feed(&chunk, &mut each);
        self.receiver
            .flow_control()
            .release_capacity(chunk.len())
            .map_err(io::Error::other)?;
        Ok(true)
    }
}

/// Polls the connection until it ends, answering each request at once so that its two bodies are open.
async fn serve(
    mut connection: server::Connection<TcpStream, Bytes>,
    found: mpsc::Sender<H2Channel>,
) {
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        let Ok(sender) = respond.send_response(Response::new(()), false) else {
            respond.send_reset(Reason::INTERNAL_ERROR);
            return;
        };
        if found
            .send(H2Channel::new(sender, request.into_body()))
            .await
            .is_err()
        {
            return;
        }
    }
}

/// As large as the pieces that are handed over.
const FRAME: u32 = 16 * 1024;
/// What hyper, through which nearly all users meet h2, gives a stream by default: enough for 20 MB/s at a round trip of
/// 50 ms. The library's own 64 KiB starve any path that is longer than loopback.
const STREAM_WINDOW: u32 = 1024 * 1024;
/// The windows of ten channels and more. As small as one stream's it would be full of bulk, and an urgent message would
/// wait ten times as long on loopback.
const CONNECTION_WINDOW: u32 = 16 * STREAM_WINDOW;
