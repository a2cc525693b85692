//! Measuring one operation with and without sessions.

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use crate::app::{Kept, Operation, Subject};

/// Heap allocations that sessions add to a request, on average of many.
pub(crate) fn added_allocations(kept: Kept, operation: Operation) -> f64 {
    let count = |kept| {
        let mut subject = Subject::new(kept, operation);
        subject.run(1_000);
        const REQUESTS: usize = 2_000;
        let allocations = allocation_counter::measure(|| subject.run(REQUESTS)).count_total;
        allocations as f64 / REQUESTS as f64
    };
    count(kept) - count(Kept::Nowhere)
}

/// Nanoseconds that sessions add to a request: the difference of the quickest of many short runs, the two sides in turn.
/// What else the machine does only ever makes a run slower.
pub(crate) fn added_nanoseconds(kept: Kept, operation: Operation) -> f64 {
    let (mut with, mut without) = (Subject::new(kept, operation), Subject::new(Kept::Nowhere, operation));
    const REQUESTS: usize = 500;
    let time = |subject: &mut Subject| -> Duration {
        let start = Instant::now();
        subject.run(REQUESTS);
        start.elapsed()
    };
    let (mut base, mut all) = (Duration::MAX, Duration::MAX);
    for _ in 0..400 {
        base = base.min(time(&mut without));
        all = all.min(time(&mut with));
    }
    (all.as_secs_f64() - base.as_secs_f64()) * 1e9 / REQUESTS as f64
}

/// Instructions that sessions add to a request, counted by callgrind in runs of two lengths, so that the start of the
/// program does not count.
pub(crate) fn added_instructions(kept: Kept, operation: Operation) -> Result<f64, String> {
    let each = |kept| -> Result<f64, String> {
        let (short, long) = (200, 1_200);
        let difference = collected(kept, operation, long)? - collected(kept, operation, short)?;
        Ok(difference / f64::from(long - short))
    };
    Ok(each(kept)? - each(Kept::Nowhere)?)
}

fn collected(kept: Kept, operation: Operation, requests: u32) -> Result<f64, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(["--loop", kept.name(), operation.name(), &requests.to_string()])
        .output()
        .map_err(|error| format!("valgrind: {error}"))?;
    let log = String::from_utf8_lossy(&output.stderr);
    let line = log.lines().find_map(|line| line.split_once("Collected :")).ok_or_else(|| log.clone().into_owned())?;
    line.1.trim().parse().map_err(|error| format!("{error}: {log}"))
}

/// What runs under callgrind.
pub(crate) fn run_loop(kept: &str, operation: &str, requests: &str) -> ExitCode {
    let kept = Kept::ALL.into_iter().find(|known| known.name() == kept);
    let operation = Operation::ALL.into_iter().find(|known| known.name() == operation);
    match (kept, operation, requests.parse()) {
        (Some(kept), Some(operation), Ok(requests)) => {
            Subject::new(kept, operation).run(requests);
            ExitCode::SUCCESS
        }
        _ => ExitCode::from(2),
    }
}
