//! Features are additive, so the library builds with each of them alone, with none, and with all.

use super::Done;
use crate::command::{self, Failure, Result, cargo};
use crate::workspace::{LIBRARY, library, metadata};

pub(super) fn run() -> Result<Done> {
    let metadata = metadata(&["--no-deps"])?;
    let features = library(&metadata)?["features"]
        .as_object()
        .ok_or_else(|| Failure::new(format!("`{LIBRARY}` has no table of features")))?;
    check(&["--no-default-features"])?;
    for feature in features.keys() {
        check(&["--no-default-features", "--features", feature])?;
    }
    check(&["--all-features"])?;
    Ok(Done::Fully)
}

fn check(options: &[&str]) -> Result {
    let mut clippy = cargo(&["clippy", "-p", LIBRARY, "--lib"]);
    command::run(clippy.args(options).args(["--", "-D", "warnings"]))
}
