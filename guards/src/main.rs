//! What sessions add to a request, held against limits.
//!
//!     cargo run --release -p guards                   # time and allocations, for reading
//!     cargo run --release -p guards -- --check        # fails if a request allocates more than it may
//!     cargo run --release -p guards -- --instructions # the same for instructions, under valgrind

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints a table")]

mod app;
mod measure;

use std::process::ExitCode;

use app::{Kept, Operation};

/// The most that sessions may add to a request over the same handler behind a layer that does nothing.
struct Limit {
    kept: Kept,
    operation: Operation,
    /// Nanoseconds: a goal that is shown; times on a busy machine are no test.
    nanoseconds: f64,
    allocations: f64,
    /// Instructions as callgrind counts them, with a tenth to spare: they repeat for one build, and vary a little with the
    /// toolchain. Its processor has no instructions for SHA-256, so that a look-up costs some 4,000 more than in reality.
    instructions: f64,
}

impl Limit {
    fn name(&self) -> String {
        format!("{} {}", self.kept.name(), self.operation.name())
    }
}

const fn limit(kept: Kept, operation: Operation, nanoseconds: f64, allocations: f64, instructions: f64) -> Limit {
    Limit { kept, operation, nanoseconds, allocations, instructions }
}

const LIMITS: [Limit; 8] = [
    limit(Kept::Memory, Operation::Untouched, 150.0, 2.0, 2_700.0),
    limit(Kept::Memory, Operation::Read, 500.0, 6.0, 13_800.0),
    limit(Kept::Memory, Operation::Write, 1_000.0, 14.0, 22_600.0),
    limit(Kept::Memory, Operation::New, 1_100.0, 16.0, 32_600.0),
    limit(Kept::Cookie, Operation::Untouched, 150.0, 2.0, 2_700.0),
    limit(Kept::Cookie, Operation::Read, 900.0, 10.0, 25_900.0),
    limit(Kept::Cookie, Operation::Write, 1_600.0, 18.0, 54_700.0),
    limit(Kept::Cookie, Operation::New, 1_500.0, 16.0, 43_100.0),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => table(true),
        ["--check"] => table(false),
        ["--instructions"] => instructions(),
        ["--loop", side, operation, requests] => measure::run_loop(side, operation, requests),
        _ => {
            eprintln!("usage: guards [--check | --instructions]");
            ExitCode::from(2)
        }
    }
}

fn table(timed: bool) -> ExitCode {
    let mut within = true;
    println!("{:17} {:>18} {:>22}", "", "allocations", if timed { "nanoseconds" } else { "" });
    for limit in &LIMITS {
        let allocations = measure::added_allocations(limit.kept, limit.operation);
        within &= allocations <= limit.allocations;
        let time = if timed {
            let nanoseconds = measure::added_nanoseconds(limit.kept, limit.operation);
            format!("{nanoseconds:10.0} of {:6.0}", limit.nanoseconds)
        } else {
            String::new()
        };
        println!("{:17} {allocations:8.1} of {:4.0} {time:>24}", limit.name(), limit.allocations);
    }
    verdict(within)
}

fn instructions() -> ExitCode {
    let mut within = true;
    for limit in &LIMITS {
        match measure::added_instructions(limit.kept, limit.operation) {
            Ok(instructions) => {
                within &= instructions <= limit.instructions;
                println!("{:17} {instructions:8.0} of {:6.0} instructions", limit.name(), limit.instructions);
            }
            Err(error) => {
                eprintln!("instructions cannot be counted: {error}; install valgrind (apt-get install valgrind)");
                return ExitCode::FAILURE;
            }
        }
    }
    verdict(within)
}

fn verdict(within: bool) -> ExitCode {
    if within {
        ExitCode::SUCCESS
    } else {
        eprintln!("a request costs more than it may");
        ExitCode::FAILURE
    }
}
