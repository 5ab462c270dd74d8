//! Speed of mconn beside CometBFT's own code, plain and encrypted, over loopback TCP, in one run with interleaved rounds; the medians of
//! figures and of ratios count. `--test` runs everything once, briefly; any other argument runs the rows whose name has it.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a measurement that cannot go on ends"
)]

#[path = "../../../benches/support/end.rs"]
mod end;
mod go;
#[path = "../../../benches/support/loopback.rs"]
mod loopback;
mod ours;
#[path = "../program.rs"]
mod program;

use std::time::Duration;

use program::Release;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let brief = arguments.iter().any(|argument| argument == "--test");
    let wanted = |name: &str| {
        let mut names = arguments
            .iter()
            .filter(|argument| !argument.starts_with("--"))
            .peekable();
        names.peek().is_none() || names.any(|part| name.contains(part.as_str()))
    };
    let (rounds, time) = if brief { (1, BRIEF) } else { (ROUNDS, TIME) };
    println!(
        "medians of {rounds} rounds of {time:?}; x: mconn's figure in Go's, round by round; Go uses all cores where not said otherwise"
    );
    println!(
        "{:<34} {:>20} {:>28} {:>28}",
        "", "mconn", "Go v0.38.25", "Go v1.0.1"
    );
    for (name, work) in ROWS.into_iter().filter(|(name, _)| wanted(name)) {
        let measure = |_| {
            [
                ours::measure(work, time),
                go::measure(Release::V0_38_25, work, time),
                go::measure(Release::V1_0_1, work, time),
            ]
        };
        let seen: Vec<[f64; 3]> = (0..rounds).map(measure).collect();
        let figure = |of: usize| work.text(median(seen.iter().map(|round| round[of])));
        let ratio = |of: usize| median(seen.iter().map(|round| round[0] / round[of]));
        let beside = |of: usize| format!("{} {:.2}x", figure(of), ratio(of));
        println!(
            "{name:<34} {:>20} {:>28} {:>28}",
            figure(0),
            beside(1),
            beside(2)
        );
    }
}

/// What is measured, with the same settings on both sides.
#[derive(Clone, Copy, Debug)]
enum Work {
    /// Bytes per second through saturated channels, each with messages of one size.
    Channels {
        encrypted: bool,
        sizes: &'static [usize],
    },
    /// Bytes per second through an encrypted stream without channels, in writes of this size.
    Stream { piece: usize },
    /// The median time that small messages take beside saturated bulk, encrypted, in seconds.
    Urgent { small: usize, bulk: usize },
    /// Pairs of encrypted ends per second, made over pipes in memory, on one core.
    Handshakes,
}

impl Work {
    fn text(self, figure: f64) -> String {
        match self {
            Self::Channels { sizes: [size], .. } if *size < LARGE => {
                format!("{:.0}/s {:.1} MB/s", figure / *size as f64, figure / 1e6)
            }
            Self::Channels { .. } | Self::Stream { .. } => format!("{:.1} MB/s", figure / 1e6),
            Self::Urgent { .. } => format!("{:.0} µs", figure * 1e6),
            Self::Handshakes => format!("{figure:.0}/s"),
        }
    }
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

const ROWS: [(&str, Work); 12] = [
    ("plain, 64 B", channels(false, &[64])),
    ("plain, 1 KiB", channels(false, &[1 << 10])),
    ("plain, 16 KiB", channels(false, &[16 << 10])),
    ("plain, 1 MiB", channels(false, &[1 << 20])),
    ("encrypted, 128 B", channels(true, &[128])),
    ("encrypted, 1 KiB", channels(true, &[1 << 10])),
    ("encrypted, 16 KiB", channels(true, &[16 << 10])),
    ("encrypted, 1 MiB", channels(true, &[1 << 20])),
    ("encrypted, ten mixed channels", channels(true, &MIXED)),
    (
        "encrypted stream, 64 KiB writes",
        Work::Stream { piece: 64 << 10 },
    ),
    (
        "encrypted, 200 B beside 1 MiB",
        Work::Urgent {
            small: 200,
            bulk: 1 << 20,
        },
    ),
    ("handshakes, one core", Work::Handshakes),
];

const fn channels(encrypted: bool, sizes: &'static [usize]) -> Work {
    Work::Channels { encrypted, sizes }
}

/// From chat lines to blocks, each size about three times the last.
const MIXED: [usize; 10] = [
    64,
    192,
    512,
    1 << 10,
    4 << 10,
    16 << 10,
    48 << 10,
    128 << 10,
    384 << 10,
    1 << 20,
];

/// Messages from here on are seldom counted.
const LARGE: usize = 100_000;

/// Messages in a send queue on either side; both do best with long ones.
const QUEUED: usize = 1_024;
const MAX_MESSAGE: usize = 4 << 20;
const URGENT_PRIORITY: u16 = 10;

const ROUNDS: usize = 9;
const TIME: Duration = Duration::from_millis(700);
const BRIEF: Duration = Duration::from_millis(100);
/// As long as the Go program's.
const WARM_UP: Duration = Duration::from_millis(200);
