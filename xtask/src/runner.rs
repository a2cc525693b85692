//! Runs steps one after another, and says how each went.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::command::Result;
use crate::steps::{Done, Step};

/// Runs the steps up to the first that fails.
pub(crate) fn run(steps: &[&Step]) -> ExitCode {
    let start = Instant::now();
    let mut ran = Vec::with_capacity(steps.len());
    for step in steps {
        println!("==> {}: {}", step.name, step.about);
        let start = Instant::now();
        let result = (step.run)();
        let took = start.elapsed();
        let failed = result.is_err();
        println!("<== {} {} after {}", step.name, if failed { "FAILED" } else { "ok" }, seconds(took));
        ran.push((took, result));
        if failed {
            break;
        }
    }
    println!("\n{}", summary(steps, &ran, start.elapsed()));
    match (ran.last(), steps.get(ran.len().saturating_sub(1))) {
        (Some((_, Err(failure))), Some(step)) => {
            let name = step.name;
            eprintln!("step `{name}` failed: {failure}; to repeat it alone: cargo xtask test {name}");
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

fn summary(steps: &[&Step], ran: &[(Duration, Result<Done>)], took: Duration) -> String {
    let mut text = String::new();
    for (index, step) in steps.iter().enumerate() {
        let (time, result) = match ran.get(index) {
            Some((took, Ok(Done::Fully))) => (seconds(*took), "ok".to_owned()),
            Some((took, Ok(Done::Except(what)))) => (seconds(*took), format!("ok, but {what}")),
            Some((took, Err(_))) => (seconds(*took), "FAILED".to_owned()),
            None => ("-".to_owned(), "not run".to_owned()),
        };
        text += &format!("{:<10}{time:>10}  {result}\n", step.name);
    }
    text + &format!("{:<10}{:>10}", "in all", seconds(took))
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Failure;

    #[test]
    fn the_summary_has_a_line_for_each_step() {
        let step = |name| Step { name, about: "", run: || Ok(Done::Fully) };
        let steps = [step("setup"), step("clippy"), step("tests")];
        let ran = [
            (Duration::from_millis(120), Ok(Done::Except("no guard".to_owned()))),
            (Duration::from_secs(75), Err(Failure::new("x"))),
        ];
        let summary = summary(&steps.each_ref(), &ran, Duration::from_secs(76));
        let lines: Vec<&str> = summary.lines().collect();
        assert_eq!(
            lines,
            [
                "setup          0.1 s  ok, but no guard",
                "clippy        75.0 s  FAILED",
                "tests              -  not run",
                "in all        76.0 s",
            ]
        );
    }

    #[test]
    fn nothing_runs_after_a_failure() {
        let fails = Step { name: "fails", about: "", run: || Err(Failure::new("on purpose")) };
        let never = Step { name: "never", about: "", run: || panic!("must not run") };
        assert_eq!(run(&[&fails, &never]), ExitCode::FAILURE);
    }
}
