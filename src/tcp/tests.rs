use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::lookup::detached;
use super::*;

#[cfg(unix)]
#[test]
fn an_option_that_the_system_does_not_have_is_no_error() {
    let missing = [libc::ENOPROTOOPT, libc::EOPNOTSUPP, libc::ENOSYS];
    for code in missing {
        let set = Err(io::Error::from_raw_os_error(code));
        assert!(optional("OPTION", set).is_ok(), "{code}");
    }
}

#[cfg(unix)]
#[test]
fn an_option_that_cannot_be_set_is_an_error() {
    for code in [libc::EBADF, libc::EINVAL, libc::ENOTSOCK, libc::ENOMEM] {
        let set = Err(io::Error::from_raw_os_error(code));
        let error = optional("OPTION", set).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(code));
    }
}

/// Linux answers "Protocol not available" for the one and "Operation not supported" for the other.
#[cfg(target_os = "linux")]
#[test]
fn a_socket_without_the_options_of_tcp_is_left_as_it_is() {
    let datagrams = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    assert!(SockRef::from(&datagrams).set_tcp_nodelay(true).is_err());
    tune(&datagrams).unwrap();
    let (local, _far) = std::os::unix::net::UnixStream::pair().unwrap();
    assert!(SockRef::from(&local).set_tcp_nodelay(true).is_err());
    tune(&local).unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn a_socket_of_tcp_gets_them() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    tune(&stream).unwrap();
    bound_receive_buffer(&stream, 64 * 1024).unwrap();
    let socket = SockRef::from(&stream);
    assert!(socket.tcp_nodelay().unwrap());
    assert_eq!(socket.tcp_notsent_lowat().unwrap(), 16 * 1024);
    assert_eq!(socket.recv_buffer_size().unwrap(), 128 * 1024);
}

#[tokio::test]
async fn the_system_knows_this_machine_and_its_addresses() {
    let found = lookup("localhost:7".to_owned()).await.unwrap();
    assert!(!found.is_empty());
    assert!(found.iter().all(|at| at.ip().is_loopback()));
    assert!(found.iter().all(|at| at.port() == 7));
    let found = lookup(("127.0.0.1".to_owned(), 7)).await.unwrap();
    assert_eq!(found, [(IpAddr::from([127, 0, 0, 1]), 7).into()]);
}

#[tokio::test]
async fn a_failure_of_the_system_is_handed_on() {
    let threads = Arc::new(Semaphore::new(1));
    let failed = detached::<()>(&threads, || Err(ErrorKind::NotFound.into())).await;
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::NotFound);
}

/// The lookup is answered only after the runtime has ended: one that waits for it would wait for ever.
#[test]
fn a_lookup_that_was_given_up_does_not_hold_up_the_end_of_the_runtime() {
    let threads = Arc::new(Semaphore::new(1));
    let (answer, question) = mpsc::channel::<()>();
    let (ended, end) = mpsc::channel();
    let runtime = runtime();
    runtime.block_on(async {
        let stuck = detached(&threads, move || {
            let answered = question.recv();
            ended.send(answered).unwrap();
            Ok(())
        });
        assert!(timeout(Duration::ZERO, stuck).await.is_err());
    });
    drop(runtime);
    answer.send(()).unwrap();
    assert_eq!(end.recv().unwrap(), Ok(()));
}

#[test]
fn a_lookup_waits_while_all_threads_are_stuck_and_goes_on_when_one_is_answered() {
    let threads = Arc::new(Semaphore::new(1));
    let (answer, question) = mpsc::channel::<()>();
    runtime().block_on(async {
        let stuck = detached(&threads, move || {
            question.recv().unwrap();
            Ok(())
        });
        assert!(timeout(Duration::ZERO, stuck).await.is_err());
        let next = detached(&threads, || Ok(7));
        tokio::pin!(next);
        assert!(timeout(Duration::ZERO, &mut next).await.is_err());
        answer.send(()).unwrap();
        assert_eq!(next.await.unwrap(), 7);
    });
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}
