//! An urgent message of 200 B beside saturated bulk of 1 MiB messages: how late, and what the bulk keeps.

use std::io;
use std::num::NonZeroU64;
use std::time::Duration;

use crate::contender::{Contender, Effort, Floor, Line};
use mconn_benches::contender::Contender as _;
use mconn_benches::flow::{Flow, RAW_WRITE, Seen, Window};
use mconn_benches::line::{Bound, Unit};
use mconn_benches::quantile::percentile;
use mconn_benches::relay::Link;

/// As fast as loopback goes, with the sockets as each stack's user would have them, or all tuned as mconn's are.
pub(crate) fn unlimited(effort: Effort, tuned: bool) -> io::Result<Vec<Line>> {
    let flow = Flow {
        tuned,
        ..flow(Duration::from_millis(2), vec![effort.window(0.5, 2.0)])
    };
    let results = effort.interleave(Contender::COLUMNS, |of| run(of, &flow))?;
    let lateness = |share| {
        (
            Floor::at_most(Contender::H2, share),
            Floor::at_most(Contender::Yamux, share),
        )
    };
    let work = titled("urgent 200 B beside 1 MiB bulk", tuned);
    Ok(vec![
        late(
            &results,
            0,
            50,
            format!("{work}, median"),
            pair(lateness(1.0), tuned),
        ),
        late(
            &results,
            0,
            99,
            format!("{work}, p99"),
            pair(lateness(1.2), tuned),
        ),
        Line {
            work: format!("{work}, its bulk"),
            unit: Unit::BytesPerSecond,
            figures: each(&results, 0, Seen::rate),
            floors: vec![Floor::at_least(Contender::Raw, 0.45)],
        },
    ])
}

/// Through a link of 20 Mbit/s with 20 ms one way.
pub(crate) fn through_link(effort: Effort, tuned: bool) -> io::Result<Vec<Line>> {
    let link = Link {
        bytes_per_second: LINK,
        delay: Duration::from_millis(20),
    };
    let flow = Flow {
        tuned,
        link: Some(link),
        ..flow(SELDOM, vec![effort.window(2.0, 8.0)])
    };
    let results = effort.interleave(Contender::COLUMNS, |of| run(of, &flow))?;
    let floors = (
        Floor::at_most(Contender::H2, 0.5),
        Floor::at_most(Contender::Yamux, 0.5),
    );
    let work = titled("the same through 20 Mbit/s, 20 ms", tuned);
    Ok(vec![
        late(
            &results,
            0,
            50,
            format!("{work}, median"),
            pair(floors, tuned),
        ),
        late(&results, 0, 99, format!("{work}, p99"), pair(floors, tuned)),
        Line {
            work: format!("{work}, bulk's share of the link"),
            unit: Unit::Share,
            figures: each(&results, 0, |seen| seen.rate() / LINK as f64),
            floors: vec![Floor::alone(Bound::AtLeast(0.95))],
        },
    ])
}

/// Under mconn's own limit at both ends, at first and after 30 s of saturation. The others have no limit to set.
pub(crate) fn limited(
    effort: Effort,
    rate: NonZeroU64,
    title: &str,
    most: f64,
) -> io::Result<Vec<Line>> {
    let windows = vec![effort.window(0.0, 5.0), effort.window(30.0, 5.0)];
    let flow = Flow {
        rate: Some(rate),
        ..flow(SELDOM, windows)
    };
    let once = Effort {
        rounds: 1,
        ..effort
    };
    let results = once.interleave(&[Contender::Mconn], |of| run(of, &flow))?;
    let floor = vec![Floor::alone(Bound::AtMost(most))];
    let work = format!("urgent 200 B beside bulk at {title}");
    let share = |index, work| Line {
        work,
        unit: Unit::Share,
        figures: each(&results, index, |seen| seen.rate() / rate.get() as f64),
        floors: Vec::new(),
    };
    Ok(vec![
        late(
            &results,
            0,
            50,
            format!("{work}, median at first"),
            floor.clone(),
        ),
        late(&results, 0, 99, format!("{work}, p99 at first"), Vec::new()),
        late(&results, 1, 50, format!("{work}, median after 30 s"), floor),
        late(
            &results,
            1,
            99,
            format!("{work}, p99 after 30 s"),
            Vec::new(),
        ),
        share(1, format!("{work}, bulk's share of the limit")),
    ])
}

type Results = [(Contender, Vec<Vec<Seen>>)];

/// Plain TCP has no second channel: it shows what the bulk alone would get.
fn run(of: Contender, flow: &Flow) -> io::Result<Vec<Seen>> {
    if of != Contender::Raw {
        return of.flow(flow);
    }
    of.flow(&Flow {
        messages: vec![RAW_WRITE],
        urgent: None,
        ..flow.clone()
    })
}

fn flow(urgent: Duration, windows: Vec<Window>) -> Flow {
    Flow {
        urgent: Some(urgent),
        ..Flow::saturated(vec![1 << 20], windows)
    }
}

fn titled(work: &str, tuned: bool) -> String {
    if tuned {
        format!("{work}, all sockets tuned")
    } else {
        work.to_owned()
    }
}

/// The floors stand for sockets as they come; with all of them tuned the figures speak for themselves.
fn pair((h2, yamux): (Floor, Floor), tuned: bool) -> Vec<Floor> {
    if tuned { Vec::new() } else { vec![h2, yamux] }
}

fn late(
    results: &Results,
    window: usize,
    percent: usize,
    work: String,
    floors: Vec<Floor>,
) -> Line {
    let figures = each(results, window, |seen| percentile(&seen.latencies, percent));
    Line {
        work,
        unit: Unit::Milliseconds,
        figures,
        floors,
    }
}

/// A figure of one window of every round.
fn each(
    results: &Results,
    window: usize,
    figure: impl Fn(&Seen) -> f64,
) -> Vec<(Contender, Vec<f64>)> {
    let figures = |rounds: &Vec<Vec<Seen>>| {
        rounds
            .iter()
            .filter_map(|seen| seen.get(window))
            .map(&figure)
            .collect()
    };
    results
        .iter()
        .map(|(of, rounds)| (*of, figures(rounds)))
        .collect()
}

/// 20 Mbit/s.
const LINK: u64 = 2_500_000;
/// Urgent messages that are a hundredth of the slowest rate.
const SELDOM: Duration = Duration::from_millis(40);
