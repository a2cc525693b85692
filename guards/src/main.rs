//! What sessions add to a request, held against limits.
//!
//!     cargo run --release -p guards                   # time and allocations, for reading
//!     cargo run --release -p guards -- --check        # fails if a request allocates more than it may
//!     cargo run --release -p guards -- --instructions # the same for instructions, under valgrind

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints a table")]

mod app;
mod measure;

use std::process::ExitCode;

use app::Operation;

/// The most that sessions in memory may add to a request over the same handler behind a layer that does nothing.
struct Limit {
    operation: Operation,
    /// Nanoseconds: a goal that is shown; times on a busy machine are no test.
    nanoseconds: f64,
    allocations: f64,
    /// Instructions as callgrind counts them, with a tenth to spare: they repeat for one build, and vary a little with the
    /// toolchain. Its processor has no instructions for SHA-256, so that a look-up costs some 4,000 more than in reality.
    instructions: f64,
}

const LIMITS: [Limit; 4] = [
    Limit { operation: Operation::Untouched, nanoseconds: 150.0, allocations: 2.0, instructions: 2_700.0 },
    Limit { operation: Operation::Read, nanoseconds: 500.0, allocations: 6.0, instructions: 15_300.0 },
    Limit { operation: Operation::Write, nanoseconds: 1_000.0, allocations: 14.0, instructions: 26_300.0 },
    Limit { operation: Operation::New, nanoseconds: 1_100.0, allocations: 16.0, instructions: 26_100.0 },
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
    println!("{:10} {:>18} {:>22}", "", "allocations", if timed { "nanoseconds" } else { "" });
    for limit in &LIMITS {
        let allocations = measure::added_allocations(limit.operation);
        within &= allocations <= limit.allocations;
        let time = if timed {
            let nanoseconds = measure::added_nanoseconds(limit.operation);
            format!("{nanoseconds:10.0} of {:6.0}", limit.nanoseconds)
        } else {
            String::new()
        };
        println!("{:10} {allocations:8.1} of {:4.0} {time:>24}", limit.operation.name(), limit.allocations);
    }
    verdict(within)
}

fn instructions() -> ExitCode {
    let mut within = true;
    for limit in &LIMITS {
        match measure::added_instructions(limit.operation) {
            Ok(instructions) => {
                within &= instructions <= limit.instructions;
                println!("{:10} {instructions:8.0} of {:6.0} instructions", limit.operation.name(), limit.instructions);
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
