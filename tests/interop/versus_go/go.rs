//! One measurement of the Go program: both ends are in it, and it uses all cores unless told otherwise.

use std::io::{self, Write};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::program::Release;

/// What it measured.
#[derive(Debug)]
pub(crate) struct Measured(Value);

impl Measured {
    /// Something that it counted, per second.
    pub(crate) fn rate(&self, of: &str) -> io::Result<f64> {
        Ok(self.number(of)? * 1e9 / self.number("nanos")?)
    }

    /// Seconds from handing a message over until it came, of each urgent one. The field is missing where there was none.
    pub(crate) fn latencies(&self) -> Vec<f64> {
        let nanos = self.0["late"].as_array().into_iter().flatten();
        nanos
            .filter_map(|nanos| Some(nanos.as_f64()? / 1e9))
            .collect()
    }

    fn number(&self, name: &str) -> io::Result<f64> {
        Ok(self.0[name].as_f64().ok_or(io::ErrorKind::InvalidData)?)
    }
}

/// Gives a fresh program of this release one command, and waits for its answer.
pub(crate) fn measure(release: Release, command: &Value) -> io::Result<Measured> {
    let mut go = Command::new(release.program())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut commands = go.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
    writeln!(commands, "{command}")?;
    drop(commands);
    let output = go.wait_with_output()?;
    Ok(Measured(serde_json::from_slice(&output.stdout)?))
}

/// Channels of these priorities, with the send queues that ours have.
pub(crate) fn channels(priorities: &[u16]) -> Value {
    let channel = |(id, priority)| json!({ "id": id, "priority": priority, "send_queue": QUEUED, "max_message": 4 << 20 });
    priorities.iter().enumerate().map(channel).collect()
}

/// Messages in a send queue; Go does best with long ones too.
const QUEUED: usize = 1024;
