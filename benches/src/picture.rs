//! `benches/fairness.svg`: each channel's share of the link over time, under both rules.

use std::fmt::Write;
use std::time::Duration;

use mconn::mux::scheduler::Scheduler;

use super::fairness::Outcome;
use super::go_rule::GoRule;
use super::scenes::{self, SHOWN, Scene};

/// The scenes of the picture that is committed.
pub fn scenes() -> [Scene; 3] {
    [
        scenes::one_wakes(),
        scenes::nine_wake(),
        scenes::on_and_off(),
    ]
}

/// One row a scene, CometBFT's rule to the left and mconn's to the right.
pub fn draw(scenes: &[Scene]) -> String {
    let height = TOP + scenes.len() * ROW + BOTTOM;
    let mut svg = String::new();
    let _ = writeln!(
        svg,
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="13" fill="#222">"##
    );
    let _ = writeln!(
        svg,
        r##"<rect width="{WIDTH}" height="{height}" fill="#fff"/>"##
    );
    for (column, rule) in ["CometBFT’s rule", "mconn"].into_iter().enumerate() {
        let x = left(column) + PANEL_WIDTH / 2;
        let _ = writeln!(
            svg,
            r#"<text x="{x}" y="24" text-anchor="middle" font-size="17" font-weight="bold">{rule}</text>"#
        );
    }
    for (row, scene) in scenes.iter().enumerate() {
        let y = TOP + row * ROW;
        let _ = writeln!(
            svg,
            r#"<text x="{LEFT}" y="{}" font-size="14">{}</text>"#,
            y + 10,
            scene.title
        );
        panel(
            &mut svg,
            scene,
            &Outcome::of::<GoRule>(scene),
            left(0),
            y + TITLE,
        );
        panel(
            &mut svg,
            scene,
            &Outcome::of::<Scheduler>(scene),
            left(1),
            y + TITLE,
        );
    }
    legend(&mut svg, TOP + scenes.len() * ROW + 16);
    svg.push_str("</svg>\n");
    svg
}

/// The shares of the channels on top of each other, with axes, and how long the first one had nothing.
fn panel(svg: &mut String, scene: &Scene, outcome: &Outcome, x: usize, y: usize) {
    let bins: Vec<Vec<f64>> = (0..BINS)
        .map(|bin| outcome.shares(time(bin), time(bin + 1)))
        .collect();
    let mut below = vec![0.0; bins.len()];
    for channel in 0..scene.sources.len() {
        let above: Vec<f64> = below
            .iter()
            .zip(&bins)
            .map(|(below, shares)| below + shares[channel])
            .collect();
        let colour = colour(channel);
        let _ = writeln!(
            svg,
            r##"<path d="{}" fill="{colour}" stroke="#fff" stroke-width="0.4"/>"##,
            area(&below, &above, x, y)
        );
        below = above;
    }
    axes(svg, x, y);
    let silence = outcome.longest_silence().as_secs_f64();
    let told = if silence >= 0.1 {
        format!("up to {silence:.1} s")
    } else {
        format!("up to {:.1} ms", silence * 1e3)
    };
    let bottom = y + PANEL_HEIGHT;
    for (text, at, size) in [
        ("priority 10 waits", bottom - 34, 13),
        (&told, bottom - 12, 18),
    ] {
        let _ = writeln!(
            svg,
            r##"<text x="{}" y="{at}" font-size="{size}" fill="#fff">{text}</text>"##,
            x + 10
        );
    }
}

/// The outline between two stacked steps: along the upper one, back along the lower one.
fn area(below: &[f64], above: &[f64], x: usize, y: usize) -> String {
    let mut outline = steps(above, x, y);
    let mut back = steps(below, x, y);
    back.reverse();
    outline.append(&mut back);
    format!("M{}Z", outline.join("L"))
}

/// The corners of a line of steps, to half a pixel; steps of equal height are one.
fn steps(shares: &[f64], x: usize, y: usize) -> Vec<String> {
    let height = |share: f64| ((1.0 - share) * 2.0 * PANEL_HEIGHT as f64).round() / 2.0;
    let across = |bin: usize| x as f64 + bin as f64 * PANEL_WIDTH as f64 / BINS as f64;
    let mut corners = Vec::new();
    let mut bin = 0;
    for step in shares.chunk_by(|one, next| height(*one) == height(*next)) {
        let down = y as f64 + height(step[0]);
        corners.push(format!("{:.1} {down}", across(bin)));
        bin += step.len();
        corners.push(format!("{:.1} {down}", across(bin)));
    }
    corners
}

fn axes(svg: &mut String, x: usize, y: usize) {
    let _ = writeln!(
        svg,
        r##"<rect x="{x}" y="{y}" width="{PANEL_WIDTH}" height="{PANEL_HEIGHT}" fill="none" stroke="#222"/>"##
    );
    for percent in [0, 50, 100] {
        let at = y + PANEL_HEIGHT - PANEL_HEIGHT * percent / 100;
        let _ = writeln!(
            svg,
            r#"<text x="{}" y="{}" text-anchor="end">{percent} %</text>"#,
            x - 6,
            at + 5
        );
    }
    let (from, to) = (SHOWN.0.as_secs(), SHOWN.1.as_secs());
    for second in (from..=to).step_by(6) {
        let at = x as f64 + (second - from) as f64 * PANEL_WIDTH as f64 / (to - from) as f64;
        let _ = writeln!(
            svg,
            r#"<text x="{at:.1}" y="{}" text-anchor="middle">{second} s</text>"#,
            y + PANEL_HEIGHT + 20
        );
    }
}

fn legend(svg: &mut String, y: usize) {
    let texts = [
        (colour(0), "saturated channel of priority 10"),
        (colour(1), "the channels that wake"),
    ];
    let mut x = LEFT;
    for (colour, text) in texts {
        let _ = writeln!(
            svg,
            r#"<rect x="{x}" y="{}" width="14" height="14" fill="{colour}"/>"#,
            y - 11
        );
        let _ = writeln!(svg, r#"<text x="{}" y="{y}">{text}</text>"#, x + 20);
        x += 260;
    }
    let _ = writeln!(
        svg,
        r#"<text x="{}" y="{y}" text-anchor="end">share of a link of 5.12 MB/s, in steps of 100 ms (simulated)</text>"#,
        WIDTH - RIGHT
    );
}

fn time(bin: usize) -> Duration {
    let (from, to) = SHOWN;
    from + (to - from).mul_f64(bin as f64 / BINS as f64)
}

const fn left(column: usize) -> usize {
    LEFT + column * (PANEL_WIDTH + GAP)
}

const fn colour(channel: usize) -> &'static str {
    match channel {
        0 => "#1d4e79",
        channel if channel % 2 == 1 => "#e9873a",
        _ => "#f3b27a",
    }
}

/// Of 100 ms each.
const BINS: usize = 180;
const WIDTH: usize = LEFT + 2 * PANEL_WIDTH + GAP + RIGHT;
const LEFT: usize = 56;
const RIGHT: usize = 24;
const GAP: usize = 64;
const PANEL_WIDTH: usize = 420;
const PANEL_HEIGHT: usize = 130;
const TITLE: usize = 24;
const TOP: usize = 44;
const ROW: usize = TITLE + PANEL_HEIGHT + 42;
const BOTTOM: usize = 32;
