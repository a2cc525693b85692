//! The steps that are one command each.

use super::Done;
use crate::command::{Result, cargo, run};
use crate::{fuzz, scenarios as matrix};

pub(super) fn format() -> Result<Done> {
    run(&mut cargo(&["fmt", "--all", "--check"]))?;
    // Workspaces of their own.
    for manifest in [fuzz::MANIFEST, "bench/Cargo.toml"] {
        run(&mut cargo(&["fmt", "--manifest-path", manifest, "--check"]))?;
    }
    Ok(Done::Fully)
}

pub(super) fn clippy() -> Result<Done> {
    let arguments = ["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"];
    run(&mut cargo(&arguments)).map(|()| Done::Fully)
}

pub(super) fn docs() -> Result<Done> {
    // What the caller has set is kept.
    let flags = match std::env::var("RUSTDOCFLAGS") {
        Ok(given) if !given.is_empty() => format!("{given} -D warnings"),
        _ => "-D warnings".to_owned(),
    };
    let arguments = ["doc", "--workspace", "--no-deps", "--all-features"];
    run(cargo(&arguments).env("RUSTDOCFLAGS", flags)).map(|()| Done::Fully)
}

pub(super) fn tests() -> Result<Done> {
    // The matrix has a step of its own.
    run(&mut cargo(&["test", "--workspace", "--all-features", "--", "--skip", "matrix::"])).map(|()| Done::Fully)
}

pub(super) fn scenarios() -> Result<Done> {
    matrix::check().map(|()| Done::Fully)
}

pub(super) fn protocol() -> Result<Done> {
    run(&mut cargo(&["run", "--quiet", "--release", "--package", "protocol"])).map(|()| Done::Fully)
}

pub(super) fn simulation() -> Result<Done> {
    run(&mut cargo(&["run", "--quiet", "--release", "--package", "sim", "--", "--check"])).map(|()| Done::Fully)
}
