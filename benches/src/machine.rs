//! What the figures were taken on, in one line.

use std::fs;
use std::thread;

pub fn describe() -> String {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let model = fs::read_to_string("/proc/cpuinfo").ok().and_then(|info| {
        let line = info.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    });
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let release = kernel
        .split(['.', '-'])
        .take(2)
        .collect::<Vec<_>>()
        .join(".");
    format!(
        "{cores} cores of {}, Linux {release}",
        model.as_deref().unwrap_or("an unknown kind")
    )
}
