//! A process that is stopped for longer than its deadlines, as by SIGSTOP or a machine that is paused.
//!
//! It takes real time, so it runs only when asked for: `cargo test --test it -- --ignored`.

use std::env;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use mconn::{ChannelDescriptor, Config, Receiver, Sender};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::peer::{CHANNEL, start};

/// The child is this binary again. Its connections send without a pause, wait for pongs, and have receivers that are slow.
#[tokio::test]
#[ignore = "takes real time"]
async fn a_stopped_process_blames_nobody_for_the_time_in_which_it_stood_still() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut child = child(listener.local_addr().unwrap());
    let mut peers = JoinSet::new();
    let mut stopped = Vec::new();
    for _ in 0..CONNECTIONS {
        let (stream, _) = listener.accept().await.unwrap();
        let (running, [(sender, mut receiver)]) = start(stream, Config::default(), [channel()]);
        for _ in 0..20 {
            // More than its inbox holds, so that it reads no further until its receiver has taken some.
            sender.try_send(vec![7; 1000]).unwrap();
        }
        receiver.recv().await.unwrap();
        stopped.push((running, sender));
        peers.spawn(async move { while receiver.recv().await.is_some() {} });
    }
    signal(&child, "-STOP").await;
    sleep(DEADLINE * 2).await;
    signal(&child, "-CONT").await;
    for (running, sender) in &stopped {
        sender.send(FAREWELL).await.unwrap();
        running.handle.flush().await.unwrap();
    }
    let status = child.wait().await.unwrap();
    assert!(status.success(), "one of its connections did not live on");
}

/// What the child does; nothing in this process.
#[tokio::test]
#[ignore = "a part of the other one"]
async fn child_of_the_stopped_process() {
    let Ok(address) = env::var(ADDRESS) else {
        return;
    };
    let address: SocketAddr = address.parse().unwrap();
    let mut connections = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let stream = TcpStream::connect(address).await.unwrap();
        let config = Config::builder()
            .ping_interval(DEADLINE)
            .pong_timeout(DEADLINE * 9 / 10)
            .write_timeout(DEADLINE)
            .inbox_stall_timeout(Some(DEADLINE));
        let (mut running, [(sender, receiver)]) =
            start(stream, config.build().unwrap(), [channel()]);
        connections.spawn(async move {
            tokio::select! {
                closed = running.ended() => panic!("{closed}"),
                () = send_without_a_pause(sender) => panic!("it was refused"),
                () = take_slowly(receiver) => {}
            }
        });
    }
    connections.join_all().await;
}

async fn send_without_a_pause(sender: Sender) {
    while sender.send(vec![7; 50_000]).await.is_ok() {}
}

/// Up to the farewell.
async fn take_slowly(mut receiver: Receiver) {
    while let Some(message) = receiver.recv().await {
        if message == FAREWELL {
            return;
        }
        sleep(DEADLINE / 10).await;
    }
    panic!("it ended before");
}

fn child(address: SocketAddr) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "--ignored", "--nocapture"])
        .arg("stopped_process::child_of_the_stopped_process")
        .env(ADDRESS, address.to_string())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

async fn signal(child: &Child, signal: &str) {
    let id = child.id().expect("it runs").to_string();
    let sent = Command::new("kill").args([signal, &id]).status().await;
    assert!(sent.unwrap().success());
}

fn channel() -> ChannelDescriptor {
    ChannelDescriptor::new(CHANNEL, 1).with_recv_capacity(2)
}

const ADDRESS: &str = "MCONN_STOPPED_PROCESS";
const CONNECTIONS: usize = 8;
/// Each of the child's deadlines: far above what a busy machine delays anybody by.
const DEADLINE: Duration = Duration::from_millis(1500);
const FAREWELL: &str = "farewell";
