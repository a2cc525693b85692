//! What the other steps need; what is missing is installed where that can be done.

use std::path::Path;
use std::process::Command;

use super::Done;
use crate::command::{self, Failure, Result, cargo, succeeds};

pub(super) fn run() -> Result<Done> {
    components()?;
    Ok(match valgrind() {
        Ok(()) => Done::Fully,
        Err(why) => Done::Except(format!("the instruction guard will not run: {why}")),
    })
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

/// valgrind, which counts instructions. It is the only thing that may be missing.
pub(super) fn valgrind() -> Result {
    if succeeds(Command::new("valgrind").arg("--version")) {
        return Ok(());
    }
    if !Path::new("/etc/debian_version").exists() || !is_root() {
        return Err(Failure::new("valgrind is missing, and installing it takes root on Debian"));
    }
    let apt = || {
        let mut apt = Command::new("apt-get");
        apt.env("DEBIAN_FRONTEND", "noninteractive");
        apt
    };
    let because = |failure| Failure::new(format!("valgrind is missing, and {failure}"));
    command::run(apt().arg("update")).map_err(because)?;
    command::run(apt().args(["install", "-y", "--no-install-recommends", "valgrind"])).map_err(because)?;
    if succeeds(Command::new("valgrind").arg("--version")) {
        Ok(())
    } else {
        Err(Failure::new("valgrind was installed and cannot be run"))
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
