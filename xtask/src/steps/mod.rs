//! The steps of the test command.

mod checks;
mod features;
mod fuzz;
mod guards;
mod msrv;
pub(crate) mod setup;

use crate::command::Result;

/// One step of the test command.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    /// What it does, in a few words.
    pub(crate) about: &'static str,
    pub(crate) run: fn() -> Result<Done>,
}

/// What a step that did not fail came to.
#[derive(Debug)]
pub(crate) enum Done {
    Fully,
    /// All that had to be done, but for something that is said in the summary.
    Except(String),
}

/// All steps, in their order: what is quick and what fails most often comes first. A new step is a line here.
const STEPS: &[Step] = &[
    Step { name: "setup", about: "what the other steps need", run: setup::run },
    Step { name: "format", about: "rustfmt has nothing to change", run: checks::format },
    Step { name: "clippy", about: "no warnings, on all targets with all features", run: checks::clippy },
    Step { name: "features", about: "no warnings with each feature alone, with none, with all", run: features::run },
    Step { name: "msrv", about: "no dependency needs a newer Rust than is declared", run: msrv::run },
    Step { name: "docs", about: "the documentation builds without warnings", run: checks::docs },
    Step { name: "tests", about: "unit tests, integration tests, examples in the documentation", run: checks::tests },
    Step {
        name: "scenarios",
        about: "what holds over HTTP, on every framework and store, and that the documentation says so",
        run: checks::scenarios,
    },
    Step {
        name: "protocol",
        about: "renewal, ending and user limits hold in all states of a few small sizes",
        run: checks::protocol,
    },
    Step {
        name: "simulation",
        about: "hosts and visitors from 50,000 seeds, and faults that have to be found",
        run: checks::simulation,
    },
    Step { name: "guards", about: "a request costs no more than it may", run: guards::run },
    Step {
        name: "fuzz",
        about: "made-up cookies and records for a minute each, and all that were found before",
        run: fuzz::run,
    },
];

/// The steps of these names, in the order of the table; all where none is named. Answers a name that no step has.
pub(crate) fn select<'a>(names: &[&'a str]) -> std::result::Result<Vec<&'static Step>, &'a str> {
    match names.iter().find(|name| STEPS.iter().all(|step| step.name != **name)) {
        Some(unknown) => Err(unknown),
        None => Ok(STEPS.iter().filter(|step| names.is_empty() || names.contains(&step.name)).collect()),
    }
}

/// A line for each step.
pub(crate) fn list() -> String {
    STEPS.iter().map(|step| format!("  {:<12}{}\n", step.name, step.about)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(steps: &[&Step]) -> Vec<&'static str> {
        steps.iter().map(|step| step.name).collect()
    }

    #[test]
    fn no_name_means_all_steps() {
        assert_eq!(select(&[]).map(|steps| steps.len()).ok(), Some(STEPS.len()));
    }

    #[test]
    fn named_steps_keep_the_order_of_the_table() {
        let steps = select(&["tests", "format"]);
        assert_eq!(steps.map(|steps| names(&steps)).ok(), Some(vec!["format", "tests"]));
    }

    #[test]
    fn an_unknown_name_is_refused() {
        assert_eq!(select(&["format", "fromat"]).map(|steps| names(&steps)), Err("fromat"));
    }

    #[test]
    fn every_step_has_a_name_of_its_own_and_is_listed() {
        let list = list();
        for (index, step) in STEPS.iter().enumerate() {
            assert!(STEPS[..index].iter().all(|other| other.name != step.name), "{}", step.name);
            assert!(list.contains(step.name));
        }
    }
}
