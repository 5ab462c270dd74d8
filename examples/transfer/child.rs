//! The program in a process of its own, for tests of what a signal does to it.
//!
//! The process is this test binary again, with the one test that is the program.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a panic is how a test fails"
)]

use std::env;
use std::process::{ExitStatus, Stdio};

use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// A running program, which is killed when this is dropped.
pub(crate) struct Program {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Program {
    /// Starts the test `name` of this binary with the command line that [`arguments`] gives it.
    pub(crate) fn start(name: &str, arguments: &[&str]) -> Self {
        let mut process = Command::new(env::current_exe().unwrap())
            .args(["--exact", "--ignored", "--nocapture", name])
            .env(ARGUMENTS, arguments.join("\n"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, lines }
    }

    /// The next line with `text` in it.
    pub(crate) async fn says(&mut self, text: &str) -> String {
        while let Some(line) = self.lines.next_line().await.unwrap() {
            if line.contains(text) {
                return line;
            }
        }
        panic!("it ended without saying {text:?}");
    }

    pub(crate) async fn terminate(&self) {
        let id = self.process.id().expect("it runs").to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status().await;
        assert!(sent.unwrap().success());
    }

    pub(crate) async fn end(mut self) -> ExitStatus {
        while self.lines.next_line().await.unwrap().is_some() {}
        self.process.wait().await.unwrap()
    }
}

/// The command line that this process was started with, if it was by [`Program::start`].
pub(crate) fn arguments() -> Option<Vec<String>> {
    let arguments = env::var(ARGUMENTS).ok()?;
    Some(arguments.split('\n').map(str::to_owned).collect())
}

const ARGUMENTS: &str = "MCONN_EXAMPLE_ARGUMENTS";
