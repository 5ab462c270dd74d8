//! Chat lines: from standard input to peers, and from a peer to the screen.

use std::convert::Infallible;
use std::future;
use std::io::{self, BufRead};
use std::thread;

use mconn::{Receiver, SendError, Sender};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::protocol::Urgent;
use crate::screen::Screen;
use crate::text::printable;

/// The lines of standard input; each peer gets a receiver of its own, and misses some where it is too slow for them.
///
/// A read of a terminal cannot be cancelled, so the thread is nobody's to wait for: it ends with the process.
pub(crate) fn stdin_lines() -> io::Result<broadcast::Receiver<String>> {
    let (lines, receiver) = broadcast::channel(LINES);
    thread::Builder::new()
        .name("stdin".to_owned())
        .spawn(move || {
            for line in io::stdin().lock().split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line);
                let line = line.trim_end();
                if !line.is_empty() && lines.send(line.to_owned()).is_err() {
                    break;
                }
            }
        })?;
    Ok(receiver)
}

/// Sends `lines` to the peer and shows what it says, until the connection ends.
pub(crate) async fn chat(
    (sender, receiver): (Sender, Receiver),
    lines: broadcast::Receiver<String>,
    peer: &str,
    screen: &Screen,
) {
    // Two loops: one that waited for room to send would not read meanwhile, and two such peers would wait forever.
    tokio::select! {
        () = hear(receiver, sender.clone(), peer, screen) => {}
        never = speak(lines, sender, screen) => match never {},
    }
}

async fn hear(mut receiver: Receiver, sender: Sender, peer: &str, screen: &Screen) {
    while let Some(message) = receiver.recv().await {
        match Urgent::decode(&message) {
            Ok(Urgent::Say(line)) => screen.say(format_args!("{peer} says: {}", printable(&line))),
            Ok(Urgent::Probe(number)) => {
                // An answer that finds no room would come too late to measure anything.
                let _ = sender.try_send(Urgent::Echo(number).encode());
            }
            Ok(Urgent::Echo(_)) => {}
            Err(error) => screen.say(format_args!("{peer}: skipped {error}")),
        }
    }
}

/// Never returns: the end of the lines is not the end of the chat.
async fn speak(
    mut lines: broadcast::Receiver<String>,
    sender: Sender,
    screen: &Screen,
) -> Infallible {
    loop {
        let line = match lines.recv().await {
            Ok(line) => line,
            Err(RecvError::Lagged(missed)) => {
                screen.say(format_args!("too slow, {missed} lines were not sent"));
                continue;
            }
            Err(RecvError::Closed) => break,
        };
        match sender.send(Urgent::Say(line).encode()).await {
            Ok(()) => {}
            Err(SendError::TooLarge { message, max }) => {
                let len = message.len();
                screen.say(format_args!("not sent: {len} bytes, {max} are allowed"));
            }
            Err(_) => break,
        }
    }
    future::pending().await
}

/// Lines that wait for one peer.
const LINES: usize = 16;
