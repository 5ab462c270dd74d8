//! What the user sees: lines, and on a terminal progress bars below them.

use std::fmt::Display;
use std::io::{self, Write};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};

/// Standard output, shared by everything that reports.
#[derive(Clone, Debug)]
pub(crate) struct Screen {
    bars: MultiProgress,
    is_quiet: bool,
}

impl Screen {
    /// Bars where standard output is a terminal, plain lines alone where it is not.
    pub(crate) fn stdout() -> Self {
        Self {
            bars: MultiProgress::with_draw_target(ProgressDrawTarget::stdout()),
            is_quiet: false,
        }
    }

    /// Shows nothing.
    pub(crate) fn quiet() -> Self {
        Self {
            bars: MultiProgress::with_draw_target(ProgressDrawTarget::hidden()),
            is_quiet: true,
        }
    }

    /// Prints a line above the bars. A closed standard output is no reason to stop a transfer.
    pub(crate) fn say(&self, line: impl Display) {
        if !self.is_quiet {
            self.bars.suspend(|| writeln!(io::stdout(), "{line}").ok());
        }
    }

    /// A bar for a file, which goes away when it is dropped.
    pub(crate) fn file_bar(&self, name: &str, size: u64) -> ProgressBar {
        let style = ProgressStyle::with_template(FILE_BAR);
        let bar = ProgressBar::new(size)
            .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
            .with_finish(ProgressFinish::AndClear);
        self.bars.add(bar.with_prefix(name.to_owned()))
    }
}

const FILE_BAR: &str = "{prefix} [{wide_bar}] {decimal_bytes} of {decimal_total_bytes}, {decimal_bytes_per_sec}, {eta} left";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_is_understood() {
        assert!(ProgressStyle::with_template(FILE_BAR).is_ok());
    }
}
