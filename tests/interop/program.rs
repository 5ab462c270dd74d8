//! Builds the Go programs.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A release of CometBFT to compare with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Release {
    V0_38_25,
    V1_0_1,
}

impl Release {
    /// The program that drives this release's library; built by the first call.
    pub(crate) fn program(self) -> &'static Path {
        BUILT[self as usize].get_or_init(|| build(self.module(), "interop", "."))
    }

    /// The module that names this release and what it depends on.
    pub(crate) const fn module(self) -> &'static str {
        match self {
            Self::V0_38_25 => "v038",
            Self::V1_0_1 => "v1",
        }
    }
}

/// Builds a package, as seen from one of the modules here, for tests to run.
pub(crate) fn build(module: &str, name: &str, package: &str) -> PathBuf {
    let source = Path::new(crate::PROGRAMS).join(module);
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{module}"));
    let mut go = Command::new("go");
    go.arg("build")
        .arg("-o")
        .arg(&program)
        .arg(package)
        .current_dir(source)
        .env("CGO_ENABLED", "0");
    let output = match go.output() {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            panic!(
                "the Go toolchain is missing: programs are built with `go`, which is not in PATH"
            )
        }
        Err(error) => panic!("`go` cannot be run: {error}"),
    };
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "`go build {package}` in tests/interop/{module} failed:\n{errors}"
    );
    program
}

static BUILT: [OnceLock<PathBuf>; 2] = [const { OnceLock::new() }; 2];
