//! Handshakes per second on one core, both ends of each counted as one, through pipes in memory.

use std::io;
use std::time::{Duration, Instant};

use mconn::secret::{Identity, SecretConnection};

use mconn_benches::end::{self, Side};

/// As the Go program does it, each end derives its key from a seed every time.
pub(crate) fn per_second(time: Duration) -> io::Result<f64> {
    let end = end::spawn(Side::Dialer, move || async move {
        let start = Instant::now();
        let mut pairs = 0_u32;
        while start.elapsed() < time {
            let (near, far) = tokio::io::duplex(PIPE);
            let (alice, bob) = (identity()?, identity()?);
            tokio::try_join!(
                SecretConnection::handshake(near, &alice),
                SecretConnection::handshake(far, &bob),
            )
            .map_err(io::Error::other)?;
            pairs += 1;
        }
        Ok(f64::from(pairs) / start.elapsed().as_secs_f64())
    });
    end::join(end?)
}

fn identity() -> io::Result<Identity> {
    Identity::from_seed(&[0; 32]).map_err(io::Error::other)
}

/// More than either side writes.
const PIPE: usize = 4096;
