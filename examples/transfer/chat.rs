//! Chat lines: from standard input to a peer, and from a peer to the screen.

use std::convert::Infallible;
use std::future;
use std::io::{self, BufRead};
use std::thread;

use mconn::{Receiver, SendError, Sender};
use tokio::sync::mpsc;

use crate::console::Console;
use crate::protocol::UrgentMessage;
use crate::text::printable;

/// Lines of standard input, until it ends.
///
/// A read of a terminal cannot be cancelled, so the thread is nobody's to wait for: it ends with the process.
pub(crate) fn stdin_lines() -> io::Result<mpsc::Receiver<String>> {
    let (lines, receiver) = mpsc::channel(LINES);
    thread::Builder::new()
        .name("stdin".to_owned())
        .spawn(move || {
            for line in io::stdin().lock().split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line);
                let line = line.trim_end();
                if !line.is_empty() && lines.blocking_send(line.to_owned()).is_err() {
                    break;
                }
            }
        })?;
    Ok(receiver)
}

/// Sends `lines` to the peer and shows what it says, until the connection ends.
pub(crate) async fn chat(
    (sender, receiver): (Sender, Receiver),
    lines: mpsc::Receiver<String>,
    peer: &str,
    console: &Console,
) {
    // Two loops: one that waited for room to send would not read meanwhile, and two such peers would wait forever.
    tokio::select! {
        () = hear(receiver, sender.clone(), peer, console) => {}
        never = speak(lines, sender, console) => match never {},
    }
}

async fn hear(mut receiver: Receiver, sender: Sender, peer: &str, console: &Console) {
    while let Some(message) = receiver.recv().await {
        match UrgentMessage::decode(&message) {
            Ok(UrgentMessage::Say(line)) => {
                console.say(format_args!("{peer} says: {}", printable(&line)))
            }
            Ok(UrgentMessage::Probe(number)) => {
                // An answer that finds no room would come too late to measure anything.
                let _ = sender.try_send(UrgentMessage::Echo(number).encode());
            }
            Ok(UrgentMessage::Echo(_)) => {}
            Err(error) => console.say(format_args!(
                "{peer}: skipped {error} on the urgent channel"
            )),
        }
    }
}

/// Never returns: the end of the lines is not the end of the chat.
async fn speak(mut lines: mpsc::Receiver<String>, sender: Sender, console: &Console) -> Infallible {
    while let Some(line) = lines.recv().await {
        match sender.send(UrgentMessage::Say(line).encode()).await {
            Ok(()) => {}
            Err(SendError::TooLarge { message, max }) => {
                console.say(format_args!(
                    "not sent: {} bytes are too long for a line, {max} are allowed",
                    message.len()
                ));
            }
            Err(_) => break,
        }
    }
    future::pending().await
}

/// Lines read ahead; beyond that, standard input waits for the connection.
const LINES: usize = 16;
