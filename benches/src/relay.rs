//! A slow link: a relay between two TCP connections that limits the rate and delays, each way by itself.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use super::pace::{Pace, Slot};

/// What the link is like, each way.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    pub bytes_per_second: u64,
    pub delay: Duration,
}

impl Link {
    /// Relays the first connection made to the returned address on to `target`, until both sides have closed.
    pub fn to(self, target: SocketAddr) -> io::Result<SocketAddr> {
        let listener = listener()?;
        let address = listener.local_addr()?;
        thread::spawn(move || self.relay(&listener, target));
        Ok(address)
    }

    fn relay(self, listener: &TcpListener, target: SocketAddr) -> io::Result<()> {
        let (near, _) = listener.accept()?;
        let far = TcpStream::connect(target)?;
        near.set_nodelay(true)?;
        far.set_nodelay(true)?;
        self.carry(near.try_clone()?, far.try_clone()?);
        self.carry(far, near);
        Ok(())
    }

    /// Two threads for one way: one reads at the rate of the link, one writes when the bytes have arrived.
    fn carry(self, mut from: TcpStream, mut to: TcpStream) {
        let (queue, arriving) = mpsc::sync_channel::<(Slot, Vec<u8>)>(IN_FLIGHT);
        thread::spawn(move || -> io::Result<()> {
            let mut pace = Pace::new(self.bytes_per_second, self.delay);
            loop {
                let mut chunk = vec![0; CHUNK];
                let read = from.read(&mut chunk)?;
                chunk.truncate(read);
                let slot = pace.take(Instant::now(), read);
                if read == 0 || queue.send((slot, chunk)).is_err() {
                    return Ok(());
                }
                sleep_until(slot.sent);
            }
        });
        thread::spawn(move || -> io::Result<()> {
            for (slot, chunk) in arriving {
                sleep_until(slot.arrived);
                to.write_all(&chunk)?;
            }
            to.shutdown(Shutdown::Write)
        });
    }
}

/// A listener whose connections look like those of a network card: its segment size, and a small queue in front of
/// the link instead of the megabytes that loopback would grow to.
fn listener() -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_recv_buffer_size(QUEUE)?;
    socket.set_tcp_mss(ETHERNET_SEGMENT)?;
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
    socket.listen(1)?;
    Ok(socket.into())
}

fn sleep_until(when: Instant) {
    thread::sleep(when.saturating_duration_since(Instant::now()));
}

/// About a millisecond of the 20 Mbit/s link: what one wake-up of the relay moves.
const CHUNK: usize = 2_500;
/// The queue in front of the link, as asked of the kernel (which counts its own overhead in it): about 6 ms, what
/// today's queue management leaves of one.
const QUEUE: usize = 16 * 1024;
const ETHERNET_SEGMENT: u32 = 1_448;
/// More than the chunks that 20 ms of delay hold, also when each read finds little.
const IN_FLIGHT: usize = 1024;
