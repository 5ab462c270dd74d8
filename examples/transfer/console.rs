//! What the user sees: lines, and on a terminal progress bars and live lines below them.

use std::fmt::Display;
use std::io::{self, Write};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};

/// Standard output, shared by everything that reports.
#[derive(Clone, Debug)]
pub(crate) struct Console {
    bars: MultiProgress,
    is_quiet: bool,
}

impl Console {
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
        let bar = ProgressBar::new(size)
            .with_style(style(FILE_BAR))
            .with_finish(ProgressFinish::AndClear);
        self.bars.add(bar.with_prefix(name.to_owned()))
    }

    /// A line that is rewritten in place on a terminal, and printed now and then elsewhere.
    pub(crate) fn live_line(&self) -> LiveLine<'_> {
        let bar = ProgressBar::new_spinner()
            .with_style(style(LIVE_LINE))
            .with_finish(ProgressFinish::AndClear);
        LiveLine {
            console: self,
            bar: self.bars.add(bar),
        }
    }
}

/// One line about something that changes.
pub(crate) struct LiveLine<'a> {
    console: &'a Console,
    bar: ProgressBar,
}

impl LiveLine<'_> {
    /// How often it is worth a new text.
    pub(crate) fn period(&self) -> Duration {
        if self.bar.is_hidden() {
            PLAIN_PERIOD
        } else {
            TERMINAL_PERIOD
        }
    }

    pub(crate) fn show(&self, text: String) {
        if self.bar.is_hidden() {
            self.console.say(text);
        } else {
            self.bar.set_message(text);
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

const FILE_BAR: &str = "{prefix} [{wide_bar}] {decimal_bytes} of {decimal_total_bytes}, {eta} left";
const LIVE_LINE: &str = "{wide_msg}";

/// Fast enough to look alive, slow enough to be read.
const TERMINAL_PERIOD: Duration = Duration::from_millis(250);

/// A log of a long transfer stays short.
const PLAIN_PERIOD: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_are_understood() {
        for template in [FILE_BAR, LIVE_LINE] {
            assert!(ProgressStyle::with_template(template).is_ok());
        }
    }
}
