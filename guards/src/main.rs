//! What sessions add to a request, held against limits: on every store, and on both frameworks whose applications are
//! fastest.
//!
//!     cargo run --release -p guards                  # allocations, and instructions under valgrind
//!     cargo run --release -p guards -- --allocations # those alone
//!
//! Fails if a request costs more than it did by more than a stated tolerance (`figures.rs`). Times are no test on a busy
//! machine: those are measured beside the other libraries, in `bench/`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints a table")]

mod figures;
mod measure;
mod subject;

use std::process::ExitCode;

use figures::{MORE_ALLOCATIONS, MORE_INSTRUCTIONS};
use measure::Instructions;
use subject::Case;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        [] => check(true),
        ["--allocations"] => check(false),
        ["--loop", case, requests, redis] => run(case, requests, redis),
        _ => Err("usage: guards [--allocations]".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn check(with_instructions: bool) -> Result<(), String> {
    let redis = servers::Redis::start();
    let mut counter = Instructions::new(&redis.url());
    let mut too_much = Vec::new();
    println!(
        "{:27} {:>16} {:>22}",
        "added to a request",
        "allocations",
        if with_instructions { "instructions" } else { "" }
    );
    for (case, known) in figures::all() {
        let limit = known.allocations + MORE_ALLOCATIONS;
        let allocations = measure::added_allocations(case, &redis.url());
        print!("{case:27} {allocations:8.1} of {limit:4.1}", case = case.to_string());
        let mut within = allocations <= limit;
        if with_instructions {
            let limit = known.instructions * (1.0 + MORE_INSTRUCTIONS);
            let instructions = counter.added(case)?;
            print!("   {instructions:8.0} of {limit:8.0}");
            within &= instructions <= limit;
        }
        println!();
        if !within {
            too_much.push(case.to_string());
        }
    }
    if too_much.is_empty() { Ok(()) } else { Err(format!("more than it may: {}", too_much.join(", "))) }
}

/// What runs under callgrind.
fn run(case: &str, requests: &str, redis: &str) -> Result<(), String> {
    let case = Case::named(case).ok_or("no such case")?;
    case.subject(redis).run(requests.parse().map_err(|_| "no number of requests")?);
    Ok(())
}
