//! `cargo xtask test`: all that must hold before a change is merged, in one command.
//!
//! [`steps`] is the table of what it does; a new step is a line there and a function.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command speaks to whoever called it")]

mod command;
mod fuzz;
mod runner;
mod scenarios;
mod steps;
mod workspace;

use std::process::ExitCode;

const USAGE: &str = "\
Usage: cargo xtask test [NAME]...
       cargo xtask test --list
       cargo xtask table
       cargo xtask fuzz [TARGET]... [--seconds N]
       cargo xtask fuzz TARGET INPUT

`test` runs the steps of the test command in their order, or only those that are
named, and stops at the first that fails.
`table` runs the scenarios, and writes what held into the documentation.
`fuzz` lets a fuzzer look for what a target cannot take, each for 60 seconds or as
long as is said; or repeats an input that it found.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["test", "--list"] => {
            print!("{}", steps::list());
            ExitCode::SUCCESS
        }
        ["--help" | "-h" | "help"] | ["test", "--help" | "-h"] => {
            println!("{USAGE}\n\nSteps:\n{}", steps::list());
            ExitCode::SUCCESS
        }
        ["test", ref names @ ..] => match steps::select(names) {
            Ok(steps) => runner::run(&steps),
            Err(unknown) => refuse(&format!("there is no step `{unknown}`; the steps are:\n{}", steps::list())),
        },
        ["table"] => finish(scenarios::write()),
        ["fuzz", ref arguments @ ..] => match fuzz::Plan::parse(arguments) {
            Ok(plan) => finish(plan.carry_out()),
            Err(why) => refuse(&format!("{why}\n\n{USAGE}")),
        },
        [] => refuse(USAGE),
        [unknown, ..] => refuse(&format!("there is no command `{unknown}`\n\n{USAGE}")),
    }
}

fn finish(result: command::Result) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn refuse(why: &str) -> ExitCode {
    eprintln!("{}", why.trim_end());
    ExitCode::from(2)
}
