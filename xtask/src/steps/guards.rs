//! What sessions add to a request: allocations always, instructions where valgrind is.

use super::{Done, setup};
use crate::command::{self, Result, cargo};

pub(super) fn run() -> Result<Done> {
    match setup::valgrind() {
        Ok(()) => guard(&[]).map(|()| Done::Fully),
        Err(why) => guard(&["--allocations"]).map(|()| Done::Except(format!("instructions were not counted: {why}"))),
    }
}

fn guard(what: &[&str]) -> Result {
    command::run(cargo(&["run", "--quiet", "--release", "--package", "guards", "--"]).args(what))
}
