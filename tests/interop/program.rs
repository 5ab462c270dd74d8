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
        match self {
            Self::V0_38_25 => PROGRAMS[0].get_or_init(|| build("v038")),
            Self::V1_0_1 => PROGRAMS[1].get_or_init(|| build("v1")),
        }
    }
}

fn build(module: &str) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/interop")
        .join(module);
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("interop-{module}"));
    let mut go = Command::new("go");
    go.arg("build")
        .arg("-o")
        .arg(&program)
        .arg(".")
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
        "`go build` of tests/interop/{module} failed:\n{errors}"
    );
    program
}

static PROGRAMS: [OnceLock<PathBuf>; 2] = [const { OnceLock::new() }; 2];
