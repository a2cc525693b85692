//! Checks the protocol of renewal, ending and user limits, in all states of a few small sizes:
//!
//!     cargo run --release -p protocol            # what must hold, and the faults that must be found
//!     cargo run --release -p protocol -- --trace # with the way to each fault
//!     cargo run --release -p protocol -- Marker  # only those whose names contain this

#![allow(clippy::print_stdout, reason = "a program that prints a table")]

use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Instant;

use protocol::configurations::{self, Expected, Search};
use protocol::explore::{Report, explore};

/// How many searches run beside each other.
const THREADS: usize = 2;

fn main() -> ExitCode {
    let (options, names): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|argument| argument.starts_with("--"));
    let tells_traces = options.contains(&"--trace".to_owned());
    let start = Instant::now();
    let mut searches = [configurations::complete(), configurations::planted()].concat();
    searches.retain(|search| names.is_empty() || names.iter().any(|name| search.name.contains(name)));
    assert!(!searches.is_empty(), "no search has such a name");
    let (mut states, mut wrong) = (0, 0);
    println!("{:52} {:>9} {:>9} {:>8}", "", "states", "steps", "seconds");
    for_each(&searches, |search, report| {
        states += report.states;
        let verdict = judge(search, report);
        wrong += usize::from(verdict.is_err());
        let (Ok(verdict) | Err(verdict)) = &verdict;
        let seconds = report.time.as_secs_f32();
        println!("{:52} {:9} {:9} {seconds:8.1}  {verdict}", search.name, report.states, report.steps);
        if let Some(violation) = &report.violation
            && (tells_traces || search.expected != Expected::Fails)
        {
            println!("{violation}");
        }
    });
    let seconds = start.elapsed().as_secs_f32();
    println!("{} searches, {states} states, {seconds:.0} s: {wrong} not as they must be", searches.len());
    if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Whether a search came to what it must, and what it came to.
fn judge(search: &Search, report: &Report) -> Result<String, String> {
    match (search.expected, &report.violation) {
        (Expected::Holds(at_least), None) if report.states < at_least => {
            Err(format!("SUSPICIOUSLY FEW STATES, there were {at_least} at least"))
        }
        (Expected::Holds(_), None) => Ok("holds".to_owned()),
        (Expected::Holds(_), Some(_)) => Err("DOES NOT HOLD".to_owned()),
        (Expected::Fails, None) => Err("NOT FOUND".to_owned()),
        (Expected::Fails, Some(violation)) => Ok(format!("found: {}", violation.what)),
    }
}

/// Runs searches beside each other, and hands over what they came to in their order.
fn for_each(searches: &[Search], mut done: impl FnMut(&Search, &Report)) {
    let (to_do, reports) = (std::sync::atomic::AtomicUsize::new(0), mpsc::channel());
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            let (to_do, sender) = (&to_do, reports.0.clone());
            scope.spawn(move || {
                loop {
                    let index = to_do.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    let Some(search) = searches.get(index) else { break };
                    if sender.send((index, explore(&search.world))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(reports.0);
        let mut waiting = std::collections::BTreeMap::new();
        let mut next = 0;
        for (index, report) in reports.1 {
            waiting.insert(index, report);
            while let Some(report) = waiting.remove(&next) {
                done(&searches[next], &report);
                next += 1;
            }
        }
    });
}
