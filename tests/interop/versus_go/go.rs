//! Both ends of Go's, in one process of its own.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::program::Release;
use crate::{MAX_MESSAGE, QUEUED, URGENT_PRIORITY, Work, median};

pub(crate) fn measure(release: Release, work: Work, time: Duration) -> f64 {
    let mut command = command(work);
    command["millis"] = json!(time.as_millis());
    let mut go = Command::new(release.program())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(go.stdin.take().unwrap(), "{command}").unwrap();
    let output = go.wait_with_output().unwrap();
    let measured: Value = serde_json::from_slice(&output.stdout).expect("one event");
    let per_second = |name: &str| number(&measured[name]) * 1e9 / number(&measured["nanos"]);
    match work {
        Work::Channels { .. } | Work::Stream { .. } => per_second("bytes"),
        Work::Urgent { .. } => {
            median(measured["late"].as_array().unwrap().iter().map(number)) / 1e9
        }
        Work::Handshakes => per_second("messages"),
    }
}

fn command(work: Work) -> Value {
    match work {
        Work::Channels { encrypted, sizes } => {
            let channels: Vec<Value> = (1..=sizes.len()).map(|id| channel(id, 1)).collect();
            json!({ "do": "throughput", "secret": encrypted, "sizes": sizes, "channels": channels })
        }
        Work::Stream { piece } => {
            json!({ "do": "stream_throughput", "secret": true, "sizes": [piece] })
        }
        Work::Urgent { small, bulk } => json!({
            "do": "urgent", "secret": true, "sizes": [small, bulk], "channels": [channel(1, URGENT_PRIORITY), channel(2, 1)],
        }),
        Work::Handshakes => json!({ "do": "handshakes", "procs": 1 }),
    }
}

fn channel(id: usize, priority: u16) -> Value {
    json!({ "id": id, "priority": priority, "send_queue": QUEUED, "max_message": MAX_MESSAGE })
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}
