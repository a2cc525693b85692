//! All fuzz targets: what was found before in the ordinary build, then a fuzzer for a while.

use super::{Done, setup};
use crate::command::{self, Failure, Result};
use crate::fuzz::{self, Plan};

/// How long each target is fuzzed, in seconds.
const SECONDS: &str = "FUZZ_SECONDS";

pub(super) fn run() -> Result<Done> {
    let seconds = match std::env::var(SECONDS) {
        Ok(text) => text.parse().map_err(|_| Failure::new(format!("{SECONDS} is {text:?}, and no number")))?,
        Err(_) => fuzz::SECONDS,
    };
    command::run(fuzz::ordinary("clippy")?.args(["--all-targets", "--", "-D", "warnings"]))?;
    command::run(&mut fuzz::ordinary("test")?)?;
    match setup::cpp() {
        Ok(()) => Plan { targets: fuzz::targets()?, seconds, input: None }.carry_out().map(|()| Done::Fully),
        Err(why) => Ok(Done::Except(format!("nothing new was made up: {why}"))),
    }
}
