//! The rows of the table, in its order.

use std::io;
use std::time::Duration;

use serde_json::{Value, json};

use crate::contender::{Contender, Effort, Floor, Line, Row};
use crate::go::{self, Measured};
use crate::handshakes;
use mconn_benches::contender::Contender as _;
use mconn_benches::flow::{Flow, MIXED, Seen};
use mconn_benches::line::Unit;
use mconn_benches::mconn::Mconn;
use mconn_benches::quantile::median;
use mconn_benches::secret::MconnEncrypted;
use mconn_benches::secret_stream::SecretStream;

pub(crate) const ROWS: [Row; 12] = [
    ("plain-64", |effort| {
        plain("plain, 64 B messages", 64, effort)
    }),
    ("plain-1k", |effort| plain("plain, 1 KiB", 1 << 10, effort)),
    ("plain-16k", |effort| {
        plain("plain, 16 KiB", 16 << 10, effort)
    }),
    ("plain-1m", |effort| plain("plain, 1 MiB", 1 << 20, effort)),
    ("128", |effort| {
        encrypted("encrypted, 128 B messages", &[128], 3.0, effort)
    }),
    ("1k", |effort| {
        encrypted("encrypted, 1 KiB", &[1 << 10], 2.4, effort)
    }),
    ("16k", |effort| {
        encrypted("encrypted, 16 KiB", &[16 << 10], 1.5, effort)
    }),
    ("1m", |effort| {
        encrypted("encrypted, 1 MiB", &[1 << 20], 1.5, effort)
    }),
    ("mixed", |effort| {
        encrypted(
            "encrypted, ten channels, 64 B to 1 MiB at once",
            &MIXED,
            1.5,
            effort,
        )
    }),
    ("stream", stream),
    ("urgent", urgent),
    ("handshakes", handshakes),
];

/// One measurement, as both sides take it.
struct Work {
    title: &'static str,
    unit: Unit,
    floor: Option<Floor>,
    /// For the Go program, without the time.
    command: Value,
}

impl Work {
    fn run(
        &self,
        effort: Effort,
        ours: impl Fn() -> io::Result<f64>,
        theirs: impl Fn(&Measured) -> io::Result<f64>,
    ) -> io::Result<Vec<Line>> {
        let mut command = self.command.clone();
        command["millis"] = json!(effort.seconds(MEASURED).as_millis());
        let figures = effort.interleave(Contender::COLUMNS, |of| match of.release() {
            None => ours(),
            Some(release) => theirs(&go::measure(release, &command)?),
        })?;
        Ok(vec![Line {
            work: self.title.to_owned(),
            unit: self.unit,
            figures,
            floors: self.floor.into_iter().collect(),
        }])
    }
}

fn plain(title: &'static str, size: usize, effort: Effort) -> io::Result<Vec<Line>> {
    let work = Work {
        title,
        unit: Unit::BytesPerSecond,
        floor: None,
        command: throughput(&[size], false),
    };
    work.run(
        effort,
        || sum(saturated(&[size], effort).run::<Mconn>()),
        bytes,
    )
}

fn encrypted(
    title: &'static str,
    sizes: &[usize],
    least: f64,
    effort: Effort,
) -> io::Result<Vec<Line>> {
    let work = Work {
        title,
        unit: Unit::BytesPerSecond,
        floor: Some(Floor::at_least(Contender::Go1, least)),
        command: throughput(sizes, true),
    };
    work.run(
        effort,
        || sum(saturated(sizes, effort).run::<MconnEncrypted>()),
        bytes,
    )
}

fn stream(effort: Effort) -> io::Result<Vec<Line>> {
    let work = Work {
        title: "the encrypted byte stream alone, 64 KiB writes",
        unit: Unit::BytesPerSecond,
        floor: Some(Floor::at_least(Contender::Go1, 1.7)),
        command: json!({ "do": "stream_throughput", "secret": true, "sizes": [WRITE] }),
    };
    work.run(
        effort,
        || sum(saturated(&[WRITE], effort).run::<SecretStream>()),
        bytes,
    )
}

fn urgent(effort: Effort) -> io::Result<Vec<Line>> {
    let work = Work {
        title: "encrypted, urgent 200 B beside 1 MiB bulk, median",
        unit: Unit::Milliseconds,
        floor: Some(Floor::at_most(Contender::Go1, 0.05)),
        command: json!({
            "do": "urgent",
            "secret": true,
            "sizes": [200, BULK],
            "channels": go::channels(&[10, 1]),
        }),
    };
    let flow = Flow {
        urgent: Some(BETWEEN_URGENT),
        // What an application does that wants its urgent messages soon.
        receive_buffer: Some(RECEIVE_BUFFER),
        ..saturated(&[BULK], effort)
    };
    let ours = || {
        let seen = flow.run::<MconnEncrypted>()?;
        let late = seen.into_iter().flat_map(|seen| seen.latencies);
        Ok(median(&late.collect::<Vec<_>>()))
    };
    work.run(effort, ours, |measured| Ok(median(&measured.latencies())))
}

fn handshakes(effort: Effort) -> io::Result<Vec<Line>> {
    let work = Work {
        title: "handshakes on one core, both ends",
        unit: Unit::PerSecond,
        floor: Some(Floor::at_least(Contender::Go1, 1.5)),
        command: json!({ "do": "handshakes", "procs": 1 }),
    };
    let ours = || handshakes::per_second(effort.seconds(MEASURED));
    work.run(effort, ours, |measured| measured.rate("messages"))
}

fn throughput(sizes: &[usize], secret: bool) -> Value {
    let channels = go::channels(&vec![1; sizes.len()]);
    json!({ "do": "throughput", "secret": secret, "sizes": sizes, "channels": channels })
}

fn saturated(sizes: &[usize], effort: Effort) -> Flow {
    Flow::saturated(sizes.to_vec(), vec![effort.window(WARM_UP, MEASURED)])
}

/// Bytes of payload per second.
fn sum(seen: io::Result<Vec<Seen>>) -> io::Result<f64> {
    Ok(seen?.iter().map(Seen::rate).sum())
}

fn bytes(measured: &Measured) -> io::Result<f64> {
    measured.rate("bytes")
}

/// Seconds.
const MEASURED: f64 = 0.7;
/// As long as the Go program's.
const WARM_UP: f64 = 0.2;
const BULK: usize = 1 << 20;
const WRITE: usize = 64 << 10;
/// As often as the Go program.
const BETWEEN_URGENT: Duration = Duration::from_millis(2);
/// Below half a millisecond of what the receiver can take.
const RECEIVE_BUFFER: usize = 128 * 1024;
