//! What sessions add to a request: allocations always, instructions where valgrind is.

use super::{Done, setup};
use crate::command::{self, Result, cargo};

pub(super) fn run() -> Result<Done> {
    guard("--check")?;
    match setup::valgrind() {
        Ok(()) => guard("--instructions").map(|()| Done::Fully),
        Err(why) => Ok(Done::Except(format!("instructions were not counted: {why}"))),
    }
}

fn guard(what: &str) -> Result {
    command::run(&mut cargo(&["run", "--quiet", "--release", "--package", "guards", "--", what]))
}
