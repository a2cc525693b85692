//! Hosts and visitors from seeds, and the faults that are planted to see that the search finds them.

use super::Done;
use crate::command::{Result, cargo, run};

pub(super) fn simulate() -> Result<Done> {
    run(&mut cargo(&["run", "--quiet", "--release", "--package", "sim", "--", "--check"])).map(|()| Done::Fully)
}
