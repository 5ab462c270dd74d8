//! What a TCP connection needs of the system: the addresses of a name, and socket options.

mod lookup;
#[cfg(test)]
mod tests;

use std::io;
#[cfg(unix)]
use std::os::fd::AsFd as AsSocket;
#[cfg(windows)]
use std::os::windows::io::AsSocket;

use socket2::SockRef;

use crate::trace;

pub use lookup::lookup;

/// Sets what a connection needs of a TCP socket: no delay of small writes, and little unsent data in the kernel.
///
/// Priorities decide nothing once bytes lie in a deep kernel buffer, so the kernel is told to take more only while less than
/// 16 KiB of it are unsent (`TCP_NOTSENT_LOWAT`, where the system has it).
///
/// A system, or a sandbox on it, that does not know one of the options is no error: the connection works without it, and only waits
/// longer. That is told to `tracing`, and the other option is set all the same. A socket that is not TCP is such a case.
///
/// # Errors
///
/// What the system says if it knows the option and cannot set it.
pub fn tune(socket: &impl AsSocket) -> io::Result<()> {
    let socket = SockRef::from(socket);
    optional("TCP_NODELAY", socket.set_tcp_nodelay(true))?;
    #[cfg(any(target_os = "android", target_os = "linux"))]
    optional(
        "TCP_NOTSENT_LOWAT",
        socket.set_tcp_notsent_lowat(NOTSENT_LOWAT),
    )?;
    Ok(())
}

/// Bounds what the kernel takes in for a TCP socket before the program reads it; on a listener it holds for all that it accepts.
///
/// [`tune`] keeps the sender's queue short, but where the receiver is the slower of the two, megabytes can wait on its side, because the system
/// lets this buffer grow by itself. Urgent messages then wait behind them: on loopback, beside encrypted bulk, some milliseconds, and with a
/// bound of 128 KiB a quarter of one, for up to a tenth of the throughput. Over a long link no more than this many bytes come per round trip. The
/// system may round the number, and Linux doubles it. A system without the option is no error, as for `tune`.
///
/// # Errors
///
/// What the system says if it knows the option and cannot set it.
pub fn bound_receive_buffer(socket: &impl AsSocket, bytes: usize) -> io::Result<()> {
    let set = SockRef::from(socket).set_recv_buffer_size(bytes);
    optional("SO_RCVBUF", set)
}

/// What setting an option came to; that the system does not have it is told, and no error.
fn optional(option: &'static str, set: io::Result<()>) -> io::Result<()> {
    match set {
        Err(error) if is_unsupported(&error) => {
            trace::option_unsupported(option, &error);
            Ok(())
        }
        set => set,
    }
}

/// Whether the system says that it does not know the option, or not for such a socket.
fn is_unsupported(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Unsupported
        || error
            .raw_os_error()
            .is_some_and(|code| UNSUPPORTED.contains(&code))
}

/// "Protocol not available", for which the standard library has no kind.
#[cfg(unix)]
const UNSUPPORTED: [i32; 1] = [libc::ENOPROTOOPT];
/// `WSAENOPROTOOPT` and `WSAEOPNOTSUPP`.
#[cfg(windows)]
const UNSUPPORTED: [i32; 2] = [10_042, 10_045];

/// About what a gigabit link sends in the time in which the task is woken.
#[cfg(any(target_os = "android", target_os = "linux"))]
const NOTSENT_LOWAT: u32 = 16 * 1024;
