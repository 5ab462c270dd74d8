//! How much of the machine other programs used while this one measured.

use std::fs;

/// Times since a start, in the kernel's ticks.
#[derive(Clone, Copy, Debug)]
pub struct Disturbance {
    machine: Ticks,
    own: u64,
}

#[derive(Clone, Copy, Debug)]
struct Ticks {
    busy: u64,
    all: u64,
}

impl Disturbance {
    /// Starts to count; none where the system does not tell.
    pub fn start() -> Option<Self> {
        Some(Self {
            machine: machine()?,
            own: own()?,
        })
    }

    /// The share of all cores' time that went to others since the start.
    pub fn share(self) -> Option<f64> {
        let (machine, own) = (machine()?, own()?);
        let busy = machine.busy - self.machine.busy;
        let others = busy.saturating_sub(own - self.own);
        Some(others as f64 / (machine.all - self.machine.all).max(1) as f64)
    }
}

/// The first line of `/proc/stat`: user, nice, system, idle, waiting, and so on.
fn machine() -> Option<Ticks> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let ticks: Vec<u64> = stat
        .lines()
        .next()?
        .split_whitespace()
        .skip(1)
        .take(COUNTED)
        .filter_map(|ticks| ticks.parse().ok())
        .collect();
    let all = ticks.iter().sum();
    let idle: u64 = ticks.get(IDLE..=WAITING)?.iter().sum();
    Some(Ticks {
        busy: all - idle,
        all,
    })
}

/// This process's user and system time, counted from behind its name, which may hold spaces.
fn own() -> Option<u64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let user: u64 = fields.get(USER)?.parse().ok()?;
    let system: u64 = fields.get(USER + 1)?.parse().ok()?;
    Some(user + system)
}

/// Without the guests' time, which the first fields hold already.
const COUNTED: usize = 8;
const IDLE: usize = 3;
const WAITING: usize = 4;
/// Of the fields behind the name.
const USER: usize = 11;
