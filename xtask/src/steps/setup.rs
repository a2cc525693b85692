//! What the other steps need; what is missing is installed where that can be done.

use std::path::Path;
use std::process::Command;

use super::Done;
use crate::command::{self, Failure, Result, cargo, succeeds};

pub(super) fn run() -> Result<Done> {
    components()?;
    let missing = [("the instruction guard", valgrind()), ("the fuzzers", cpp())];
    let missing =
        missing.into_iter().filter_map(|(what, there)| Some(format!("{what} will not run: {}", there.err()?)));
    let missing = missing.collect::<Vec<_>>().join("; ");
    Ok(if missing.is_empty() { Done::Fully } else { Done::Except(missing) })
}

/// rustfmt and clippy, without which nothing can be checked.
fn components() -> Result {
    let missing = || ["fmt", "clippy"].iter().any(|tool| !succeeds(&mut cargo(&[tool, "--version"])));
    if missing() && succeeds(Command::new("rustup").arg("--version")) {
        // A toolchain that takes no components says so itself.
        let _ = command::run(Command::new("rustup").args(["component", "add", "rustfmt", "clippy"]));
    }
    if missing() {
        return Err(Failure::new("rustfmt or clippy is missing: rustup component add rustfmt clippy"));
    }
    Ok(())
}

/// valgrind, which counts instructions.
pub(super) fn valgrind() -> Result {
    installed("valgrind", "valgrind")
}

/// A C++ compiler, which builds the fuzzer.
pub(crate) fn cpp() -> Result {
    installed("c++", "g++")
}

/// A program that may be missing, or else the Debian package that has it.
fn installed(program: &str, package: &str) -> Result {
    if succeeds(Command::new(program).arg("--version")) {
        return Ok(());
    }
    if !Path::new("/etc/debian_version").exists() || !is_root() {
        return Err(Failure::new(format!("{program} is missing, and installing it takes root on Debian")));
    }
    let apt = || {
        let mut apt = Command::new("apt-get");
        apt.env("DEBIAN_FRONTEND", "noninteractive");
        apt
    };
    let because = |failure| Failure::new(format!("{program} is missing, and {failure}"));
    command::run(apt().arg("update")).map_err(because)?;
    command::run(apt().args(["install", "-y", "--no-install-recommends", package])).map_err(because)?;
    if succeeds(Command::new(program).arg("--version")) {
        Ok(())
    } else {
        Err(Failure::new(format!("{package} was installed, and {program} cannot be run")))
    }
}

#[cfg(unix)]
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

#[cfg(not(unix))]
fn is_root() -> bool {
    false
}
