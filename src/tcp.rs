//! Socket options for TCP.

use std::io;
#[cfg(unix)]
use std::os::fd::AsFd as AsSocket;
#[cfg(windows)]
use std::os::windows::io::AsSocket;

use socket2::SockRef;

/// Sets what a connection needs of a TCP socket: no delay of small writes, and little unsent data in the kernel.
///
/// Priorities decide nothing once bytes lie in a deep kernel buffer, so the kernel is told to take more only while less than
/// 16 KiB of it are unsent (`TCP_NOTSENT_LOWAT`, where the system has it).
///
/// # Errors
///
/// What the system says, for a socket that is not TCP for example.
pub fn tune(socket: &impl AsSocket) -> io::Result<()> {
    let socket = SockRef::from(socket);
    socket.set_tcp_nodelay(true)?;
    #[cfg(any(target_os = "android", target_os = "linux"))]
    socket.set_tcp_notsent_lowat(NOTSENT_LOWAT)?;
    Ok(())
}

/// Bounds what the kernel takes in for a TCP socket before the program reads it; on a listener it holds for all that it accepts.
///
/// [`tune`] keeps the sender's queue short, but where the receiver is the slower of the two, megabytes can wait on its side, because the system
/// lets this buffer grow by itself. Urgent messages then wait behind them: on loopback, beside encrypted bulk, some milliseconds, and with a
/// bound of 128 KiB a quarter of one, for up to a tenth of the throughput. Over a long link no more than this many bytes come per round trip. The
/// system may round the number, and Linux doubles it.
///
/// # Errors
///
/// What the system says.
pub fn bound_receive_buffer(socket: &impl AsSocket, bytes: usize) -> io::Result<()> {
    SockRef::from(socket).set_recv_buffer_size(bytes)
}

/// About what a gigabit link sends in the time in which the task is woken.
#[cfg(any(target_os = "android", target_os = "linux"))]
const NOTSENT_LOWAT: u32 = 16 * 1024;
