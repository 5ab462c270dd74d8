//! The program against nodes of its own.

use std::io;
use std::sync::{Arc, Mutex};

use clap::{CommandFactory, Parser};
use mconn::address::{HostPort, PeerAddr, PeerId};
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

#[cfg(unix)]
use crate::child::{self, Program};
use crate::cli::{Cli, Target};
use crate::failure::Failure;
use crate::host::Host;
use crate::report::Report;
use crate::visit;

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn an_address_has_an_id_or_none() {
    let id = "21fe31dfa154a261626bf854046fd2271b7bed4b";
    let cli = Cli::parse_from(["probe", &format!("{id}@127.0.0.1:1")]);
    assert!(matches!(cli.target, Some(Target::Peer(_))));
    let cli = Cli::parse_from(["probe", "localhost:1"]);
    assert!(matches!(cli.target, Some(Target::Anyone(_))));
    assert!(Cli::try_parse_from(["probe", "localhost"]).is_err());
    assert!(Cli::try_parse_from(["probe", "not-an-id@localhost:1"]).is_err());
}

#[tokio::test]
async fn it_finds_out_the_network_and_says_who_is_there_and_what_passes() {
    let host = Host::start().await.unwrap();
    let (done, events) = visit(host.target(), &["--for", "1"]).await;
    done.unwrap();
    host.stop().await;
    assert_eq!(
        names(&events)[..3],
        ["dialing", "learned", "peer"],
        "{events:?}"
    );
    let peer = event(&events, "peer");
    assert_eq!(peer["network"], "probe-chain");
    assert_eq!(peer["moniker"], "host");
    assert_eq!(peer["channels"][1], "0x20");
    let addresses = event(&events, "addresses");
    assert_eq!(addresses["addresses"][0]["ip"], "192.0.2.1");
    assert_eq!(names(&events).last(), Some(&"ended"));
}

#[tokio::test]
async fn a_known_network_needs_no_second_visit() {
    let host = Host::start().await.unwrap();
    let (done, events) = visit(host.target(), &["--for", "0", "--network", "probe-chain"]).await;
    done.unwrap();
    host.stop().await;
    assert_eq!(names(&events)[..2], ["dialing", "peer"]);
}

#[tokio::test]
async fn each_failure_has_a_kind_of_its_own() {
    let host = Host::start().await.unwrap();
    let Target::Peer(address) = host.target() else {
        panic!("the host has an id");
    };
    let stranger = Target::Peer(PeerAddr::new(
        PeerId::new([7; 20]),
        address.host_port().clone(),
    ));
    let (done, _) = visit(&stranger, &[]).await;
    assert_eq!(done.unwrap_err().kind(), "unexpected_peer");
    let (done, _) = visit(host.target(), &["--network", "another"]).await;
    assert_eq!(done.unwrap_err().kind(), "incompatible");
    let (done, _) = visit(host.target(), &["--key", "no-such-file.json"]).await;
    assert_eq!(done.unwrap_err().kind(), "key");
    host.stop().await;

    let (done, _) = visit(&nobody().await, &[]).await;
    assert_eq!(done.unwrap_err().kind(), "connect");
    let (done, _) = Box::pin(visit_one_who_says(b"")).await;
    assert_eq!(done.unwrap_err().kind(), "closed");
    let (done, _) = Box::pin(visit_one_who_says(b"SSH-2.0-x\r\n\x0a\x0a\x0a")).await;
    let kind = done.unwrap_err().kind();
    assert!(
        ["malformed", "authentication", "closed"].contains(&kind),
        "{kind}"
    );
}

#[tokio::test]
async fn a_conversation_that_the_other_side_ends_is_a_failure() {
    let host = Host::start().await.unwrap();
    let target = host.target().clone();
    let stopping = async {
        host.visited().cancelled().await;
        host.stop().await;
    };
    let ((done, events), ()) = tokio::join!(visit(&target, &["--for", "60"]), stopping);
    assert!(matches!(done, Err(Failure::Ended(_))), "{done:?}");
    assert_eq!(names(&events).last(), Some(&"ended"));
}

#[cfg(unix)]
#[tokio::test]
async fn sigterm_ends_a_conversation_in_order() {
    let mut program = Program::start("tests::program", &["probe", "--json", "--for", "600"]);
    program.says(r#""event":"peer""#).await;
    program.terminate().await;
    let line = program.says(r#""event":"ended""#).await;
    assert!(line.contains("the connection was stopped"), "{line}");
    assert_eq!(program.end().await.code(), Some(0));
}

#[cfg(unix)]
#[test]
#[ignore = "the program itself, for the test of signals"]
fn program() {
    if let Some(arguments) = child::arguments() {
        std::process::exit(crate::program(Cli::parse_from(arguments)).into());
    }
}

async fn visit(target: &Target, arguments: &[&str]) -> (Result<(), Failure>, Vec<Value>) {
    let cli = Cli::parse_from([&["probe", "--json"], arguments].concat());
    let lines = Lines::default();
    let mut report = Report::to(lines.clone(), true);
    let done = visit::run(target, &cli, &CancellationToken::new(), &mut report).await;
    let written = lines.0.lock().unwrap().clone();
    let events = String::from_utf8(written).unwrap();
    let events = events
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    (done, events.collect())
}

fn names(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .filter_map(|event| event["event"].as_str())
        .collect()
}

fn event<'a>(events: &'a [Value], name: &str) -> &'a Value {
    events.iter().find(|event| event["event"] == name).unwrap()
}

/// An address where nobody listens.
async fn nobody() -> Target {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    Target::Anyone(HostPort::from(listener.local_addr().unwrap()))
}

/// Visits somebody who says this and hangs up, whatever it is told.
async fn visit_one_who_says(text: &[u8]) -> (Result<(), Failure>, Vec<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = Target::Anyone(HostPort::from(listener.local_addr().unwrap()));
    let saying = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(text).await.unwrap();
        stream.shutdown().await.unwrap();
    };
    tokio::join!(visit(&target, &[]), saying).0
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
