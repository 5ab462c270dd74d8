//! A small message there and back, one at a time.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use mconn_benches::end::{self, Side};
use mconn_benches::loopback;
use mconn_benches::stack::{Channel, Plan, Stack};

/// How often a message goes there and back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Echo {
    pub(crate) size: usize,
    pub(crate) trips: usize,
}

impl Echo {
    /// The seconds of each trip, without those that warm up.
    pub(crate) fn run<S: Stack>(self) -> io::Result<Vec<f64>> {
        let (listener, address) = loopback::listen()?;
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let answering = end::spawn(Side::Listener, move || async move {
            let stream = loopback::accept(listener).await?;
            let mut channels = S::accept(stream, self.plan()).await?;
            let channel = channels.first_mut().ok_or(io::ErrorKind::UnexpectedEof)?;
            tokio::select! {
                biased;
                () = stopped.cancelled() => Ok(()),
                ended = self.answer(channel) => ended,
            }
        })?;
        let asking = end::spawn(Side::Dialer, move || self.ask::<S>(address, stop))?;
        let times = end::join(asking)?;
        end::join(answering)?;
        Ok(times)
    }

    async fn ask<S: Stack>(
        self,
        address: SocketAddr,
        stop: CancellationToken,
    ) -> io::Result<Vec<f64>> {
        let stream = loopback::connect(address).await?;
        let mut channels = S::dial(stream, self.plan()).await?;
        let channel = channels.first_mut().ok_or(io::ErrorKind::UnexpectedEof)?;
        let message = Bytes::from(vec![0x5a; self.size]);
        let mut times = Vec::with_capacity(self.trips);
        for _ in 0..self.trips {
            let start = Instant::now();
            channel.send(&message).await?;
            channel.flush().await?;
            self.whole(channel).await?;
            times.push(start.elapsed().as_secs_f64());
        }
        stop.cancel();
        Ok(times.split_off(self.trips / WARM_UP))
    }

    async fn answer<C: Channel>(self, channel: &mut C) -> io::Result<()> {
        let message = Bytes::from(vec![0x5a; self.size]);
        loop {
            self.whole(channel).await?;
            channel.send(&message).await?;
            channel.flush().await?;
        }
    }

    /// Waits for one whole message, in however many parts a stack shows it.
    async fn whole<C: Channel>(self, channel: &mut C) -> io::Result<()> {
        let mut received = 0;
        while received < self.size {
            if !channel.receive(|part| received += part.len()).await? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(())
    }

    fn plan(self) -> Plan {
        Plan {
            priorities: vec![1],
            rate: None,
        }
    }
}

/// The first tenth of the trips is not counted.
const WARM_UP: usize = 10;
