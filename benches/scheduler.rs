//! The scheduler beside CometBFT's rule: what a pick costs, what shares and waits come out, and a picture of it.

use std::error::Error;
use std::hint::black_box;
use std::time::Duration;
use std::{env, fs};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion};
use mconn::mux::scheduler::Scheduler;

use mconn_benches::fairness::Outcome;
use mconn_benches::go_rule::GoRule;
use mconn_benches::rule::{LARGEST, Rule};
use mconn_benches::scenes::{self, STOCK, Scene};
use mconn_benches::table::Table;
use mconn_benches::{picture, readme};

fn main() -> Result<(), Box<dyn Error>> {
    let (waits, shares) = (waits(), shares());
    println!("{}\n{}", waits.aligned(), shares.aligned());
    if env::var_os(README_VARIABLE).is_some() {
        readme::replace(
            "scheduler",
            &format!("{}\n{}", waits.markdown(), shares.markdown()),
        )?;
        fs::write(PICTURE, picture::draw(&picture::scenes()))?;
    }
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("scheduler::pick");
    group
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    for (channels, pending, shown) in LOADS {
        pick::<Scheduler>(&mut group, "mconn", channels, pending, shown);
        pick::<GoRule>(&mut group, "go", channels, pending, shown);
    }
    group.finish();
    criterion.final_summary();
    Ok(())
}

/// One pick and the account of its packet, with so many of the channels pending all the time.
fn pick<R: Rule>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    rule: &str,
    channels: u16,
    pending: u16,
    shown: &str,
) {
    let name = format!("rule={rule}/channels={channels}/pending={shown}");
    let priorities: Vec<u16> = (0..channels).map(|index| 1 + index % 10).collect();
    let mut rule = R::new(&priorities);
    for channel in 0..pending {
        rule.on_pending(usize::from(channel), LARGEST);
    }
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            let picked = black_box(rule.pick());
            rule.on_sent(LARGEST, Some(LARGEST));
            picked
        });
    });
}

/// How many packets go first.
fn waits() -> Table {
    let scenes = [
        scenes::one_wakes(),
        scenes::nine_wake(),
        scenes::sparse_among(9, "sparse priority 10 among nine saturated of priority 1"),
        scenes::sparse_among(255, "sparse priority 10 among 255 saturated of priority 1"),
        scenes::sparse_when_many_wake(),
        scenes::votes(),
    ];
    let mut table = Table::new(&[
        "packets that go first",
        "Go, longest",
        "Go, mean",
        "mconn, longest",
        "mconn, mean",
    ]);
    for scene in scenes {
        let (go, ours) = (
            Outcome::of::<GoRule>(&scene),
            Outcome::of::<Scheduler>(&scene),
        );
        table.push(vec![
            scene.title.to_owned(),
            go.longest_wait().to_string(),
            format!("{:.2}", go.mean_wait()),
            ours.longest_wait().to_string(),
            format!("{:.2}", ours.mean_wait()),
        ]);
    }
    table
}

/// How far the worst served channel is from its share.
fn shares() -> Table {
    let many: Vec<u16> = (1..=256).collect();
    let full = [LARGEST];
    let mixed = [LARGEST, 30, 212, LARGEST, 700, 14];
    let scene = |title, priorities: &[u16], sizes: &[usize], rate| {
        scenes::all_saturated(title, priorities, sizes, rate)
    };
    let scenes: [Scene; 6] = [
        scene("the stock node's ten, 1 kB/s", &STOCK, &full, 1_000),
        scene("the stock node's ten, 512 kB/s", &STOCK, &full, 512_000),
        scene("the stock node's ten, 1 GB/s", &STOCK, &full, 1_000_000_000),
        scene(
            "the stock node's ten, mixed packets, 512 kB/s",
            &STOCK,
            &mixed,
            512_000,
        ),
        scene("100 : 1, 512 kB/s", &[100, 1], &full, 512_000),
        scene(
            "256 channels of priority 1 to 256, 5.12 MB/s",
            &many,
            &full,
            5_120_000,
        ),
    ];
    let mut table = Table::new(&[
        "all saturated: the worst channel is off its share by",
        "Go",
        "mconn",
    ]);
    for scene in scenes {
        let percent = |outcome: Outcome| format!("{:.2} %", outcome.worst_share() * 100.0);
        let go = percent(Outcome::of::<GoRule>(&scene));
        table.push(vec![
            scene.title.to_owned(),
            go,
            percent(Outcome::of::<Scheduler>(&scene)),
        ]);
    }
    table
}

/// How many channels, how many of them pending, and how that is shown.
const LOADS: [(u16, u16, &str); 7] = [
    (1, 1, "all"),
    (8, 1, "one"),
    (8, 8, "all"),
    (64, 1, "one"),
    (64, 64, "all"),
    (256, 1, "one"),
    (256, 256, "all"),
];
const PICTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fairness.svg");
/// Set it to put the tables into `benches/README.md` and to draw the picture anew.
const README_VARIABLE: &str = "MCONN_BENCH_README";
