//! What the other steps need; what is missing is installed where that can be done.

use std::path::Path;
use std::process::Command;

use super::Done;
use crate::command::{self, Failure, Result, cargo, succeeds};

/// A program that some step runs, and the Debian package that has it.
struct Tool {
    program: &'static str,
    package: &'static str,
    /// What cannot be done without it.
    purpose: &'static str,
}

/// Counts instructions. It may be missing.
const VALGRIND: Tool = Tool { program: "valgrind", package: "valgrind", purpose: "instructions are counted under it" };

/// Builds the fuzzer. It may be missing too.
const CPP: Tool = Tool { program: "c++", package: "g++", purpose: "the fuzzer is written in C++" };

/// Without these the tests fail.
const REQUIRED: &[Tool] = &[
    Tool { program: "chromium", package: "chromium", purpose: "a test leads a browser through an example" },
    Tool { program: "redis-server", package: "redis-server", purpose: "tests keep sessions in it" },
    Tool { program: "kill", package: "procps", purpose: "tests stop and end servers with it" },
    Tool { program: "openssl", package: "openssl", purpose: "tests make certificates with it" },
    Tool { program: "tmux", package: "tmux", purpose: "a test runs the command line tool in a terminal" },
    Tool { program: "chromedriver", package: "chromium-driver", purpose: "a test leads a browser through an example" },
];

pub(super) fn run() -> Result<Done> {
    components()?;
    let tools: Vec<&Tool> = REQUIRED.iter().chain([&VALGRIND, &CPP]).collect();
    let installed = install(&tools);
    // What was asked for together may have been installed in part.
    if let Some(failure) = REQUIRED.iter().find_map(|tool| tool.missing(&installed)) {
        return Err(failure);
    }
    let missing = [("the instruction guard", &VALGRIND), ("the fuzzer", &CPP)]
        .into_iter()
        .filter_map(|(what, tool)| Some(format!("{what} will not run: {}", tool.missing(&installed)?)));
    let missing = missing.collect::<Vec<_>>().join("; ");
    Ok(if missing.is_empty() { Done::Fully } else { Done::Except(missing) })
}

/// The same for valgrind alone, for the step that uses it.
pub(super) fn valgrind() -> Result {
    let installed = install(&[&VALGRIND]);
    VALGRIND.missing(&installed).map_or(Ok(()), Err)
}

/// The same for a C++ compiler.
pub(crate) fn cpp() -> Result {
    let installed = install(&[&CPP]);
    CPP.missing(&installed).map_or(Ok(()), Err)
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

impl Tool {
    fn works(&self) -> bool {
        // Most know the first; tmux and older versions of openssl have words of their own.
        ["--version", "-V", "version"].iter().any(|version| succeeds(Command::new(self.program).arg(version)))
    }

    /// If it still does not work after an installation: why, and what to do.
    fn missing(&self, installed: &Result) -> Option<Failure> {
        let Self { program, package, purpose } = self;
        (!self.works()).then(|| {
            let why = match installed {
                Ok(()) => format!("its package {package} was installed and it cannot be run"),
                Err(why) => format!("{why}; on Debian: apt-get install {package}"),
            };
            Failure::new(format!("{program} is missing ({purpose}), and {why}"))
        })
    }
}

/// Installs those of the tools that do not work, all at once.
fn install(tools: &[&Tool]) -> Result {
    let packages: Vec<_> = tools.iter().filter(|tool| !tool.works()).map(|tool| tool.package).collect();
    if packages.is_empty() {
        return Ok(());
    }
    if !Path::new("/etc/debian_version").exists() || !is_root() {
        return Err(Failure::new("installing it takes root on Debian"));
    }
    let apt = || {
        let mut apt = Command::new("apt-get");
        apt.env("DEBIAN_FRONTEND", "noninteractive");
        apt
    };
    command::run(apt().arg("update"))?;
    command::run(apt().args(["install", "-y", "--no-install-recommends"]).args(packages))
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

#[cfg(test)]
mod tests {
    use super::*;

    const NOWHERE: Tool = Tool { program: "there-is-no-such-program", package: "none", purpose: "nobody needs it" };

    #[test]
    fn what_is_missing_says_why_and_what_to_do() {
        let said = |installed| NOWHERE.missing(&installed).map(|failure| failure.to_string());
        assert_eq!(
            said(Err(Failure::new("installing it takes root on Debian"))).as_deref(),
            Some(
                "there-is-no-such-program is missing (nobody needs it), and installing it takes root on Debian; \
                 on Debian: apt-get install none"
            )
        );
        assert_eq!(
            said(Ok(())).as_deref(),
            Some(
                "there-is-no-such-program is missing (nobody needs it), and its package none was installed and it \
                 cannot be run"
            )
        );
    }

    #[test]
    fn what_works_is_neither_installed_nor_missing() {
        let cargo = Tool { program: "cargo", package: "none", purpose: "this test runs in it" };
        assert!(install(&[&cargo]).is_ok());
        assert!(cargo.missing(&Err(Failure::new("no matter"))).is_none());
    }
}
