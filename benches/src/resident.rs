//! Resident memory, as the system counts it.

use std::{fs, io};

/// The resident bytes of this process.
pub fn resident() -> io::Result<usize> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| {
        line.trim()
            .trim_end_matches("kB")
            .trim()
            .parse::<usize>()
            .ok()
    });
    Ok(kib.ok_or(io::ErrorKind::InvalidData)? * 1024)
}
