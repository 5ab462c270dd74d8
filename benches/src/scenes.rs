//! The scenes in which the two scheduling rules are compared.

use std::time::Duration;

use super::rule::LARGEST;
use super::simulation::{Source, Traffic};

/// Channels on a link, and which of them is looked at.
#[derive(Clone, Debug)]
pub struct Scene {
    pub title: &'static str,
    pub sources: Vec<Source>,
    pub rate: u64,
    pub length: Duration,
    /// The channel whose waits are told.
    pub watched: usize,
}

/// A saturated channel of priority 10, and one of priority 5 that wakes after half a minute.
pub fn one_wakes() -> Scene {
    Scene {
        title: "A channel of priority 5 wakes beside a saturated one of priority 10",
        sources: vec![saturated(10, Duration::ZERO, END), saturated(5, WAKE, END)],
        rate: NODE_RATE,
        length: END,
        watched: 0,
    }
}

/// The same with nine channels of priority 1.
pub fn nine_wake() -> Scene {
    let mut sources = vec![saturated(10, Duration::ZERO, END)];
    sources.extend((0..9).map(|_| saturated(1, WAKE, END)));
    Scene {
        title: "Nine channels of priority 1 wake together beside a saturated one of priority 10",
        sources,
        rate: NODE_RATE,
        length: END,
        watched: 0,
    }
}

/// A channel of priority 5 that is silent for six seconds and then sends for two, again and again.
pub fn on_and_off() -> Scene {
    let on = Duration::from_secs(2);
    let spans = (0..6)
        .map(|turn| Duration::from_secs(6 + 8 * turn))
        .map(|start| (start, start + on));
    let bursts = Traffic::Saturated {
        spans: spans.collect(),
        packets: vec![LARGEST],
    };
    Scene {
        title: "A channel of priority 5 sends for two seconds in eight, beside a saturated one of priority 10",
        sources: vec![
            saturated(10, Duration::ZERO, END),
            Source {
                priority: 5,
                traffic: bursts,
            },
        ],
        rate: NODE_RATE,
        length: END,
        watched: 0,
    }
}

/// Single packets of priority 10 among `others` saturated channels of priority 1.
pub fn sparse_among(others: usize, title: &'static str) -> Scene {
    let mut sources: Vec<Source> = (0..others)
        .map(|_| saturated(1, Duration::ZERO, END))
        .collect();
    sources.push(sparse(10));
    Scene {
        title,
        sources,
        rate: NODE_RATE,
        length: END,
        watched: others,
    }
}

/// Full packets of priority 10, each at the instant at which 255 channels of priority 1 wake for half a second.
pub fn sparse_when_many_wake() -> Scene {
    let times: Vec<Duration> = (1..20).map(|turn| Duration::from_secs(2) * turn).collect();
    let spans: Vec<_> = times
        .iter()
        .map(|start| (*start, *start + Duration::from_millis(500)))
        .collect();
    let crowd = Traffic::Saturated {
        spans,
        packets: vec![LARGEST],
    };
    let mut sources = vec![
        Source {
            priority: 1,
            traffic: crowd,
        };
        255
    ];
    sources.push(Source {
        priority: 10,
        traffic: Traffic::Packets {
            times,
            framed: LARGEST,
        },
    });
    Scene {
        title: "sparse priority 10, 255 of priority 1 wake at that instant",
        sources,
        rate: NODE_RATE,
        length: END,
        watched: 255,
    }
}

/// The stock node's channels, all saturated but the votes, which come one by one.
pub fn votes() -> Scene {
    let mut sources: Vec<Source> = STOCK
        .iter()
        .map(|priority| saturated(*priority, Duration::ZERO, END))
        .collect();
    sources[VOTES] = sparse(STOCK[VOTES]);
    Scene {
        title: "votes one by one, the stock node's other channels saturated",
        sources,
        rate: NODE_RATE,
        length: END,
        watched: VOTES,
    }
}

/// Channels of these priorities, all saturated, until each has had its turns many times over.
pub fn all_saturated(title: &'static str, priorities: &[u16], sizes: &[usize], rate: u64) -> Scene {
    let period: u64 = priorities.iter().copied().map(u64::from).sum();
    let turns = AT_LEAST.div_ceil(period).max(TURNS);
    let bytes = period * turns * LARGEST as u64;
    let length = Duration::from_secs_f64(bytes as f64 / rate as f64);
    let source = |priority: &u16| Source {
        priority: *priority,
        traffic: Traffic::Saturated {
            spans: vec![(Duration::ZERO, Duration::MAX)],
            packets: sizes.to_vec(),
        },
    };
    Scene {
        title,
        sources: priorities.iter().map(source).collect(),
        rate,
        length,
        watched: 0,
    }
}

fn saturated(priority: u16, from: Duration, to: Duration) -> Source {
    Source {
        priority,
        traffic: Traffic::Saturated {
            spans: vec![(from, to)],
            packets: vec![LARGEST],
        },
    }
}

/// About fifty small packets a second, in no rhythm with the link's.
fn sparse(priority: u16) -> Source {
    Source {
        priority,
        traffic: Traffic::Packets {
            times: (1..2000).map(|turn| SPARSE * turn).collect(),
            framed: SMALL,
        },
    }
}

/// What the picture shows of a scene.
pub const SHOWN: (Duration, Duration) = (Duration::from_secs(24), END);
/// The priorities of a stock node's channels: 0x40, 0x20 to 0x23, 0x30, 0x38, 0x60, 0x61, 0x00.
pub const STOCK: [u16; 10] = [5, 6, 10, 7, 1, 5, 6, 5, 3, 1];
const VOTES: usize = 3;

/// The send limit of a stock node.
const NODE_RATE: u64 = 5_120_000;
const WAKE: Duration = Duration::from_secs(30);
const END: Duration = Duration::from_secs(42);
const SPARSE: Duration = Duration::from_micros(20_011);
/// Packets of a run that is to tell the shares, at the least.
const AT_LEAST: u64 = 200_000;
/// Times that the least of the channels is served in such a run, at the least.
const TURNS: u64 = 20;
/// A vote in its packet.
const SMALL: usize = 212;
