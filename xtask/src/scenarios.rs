//! The scenarios of the testbed, and the table of what holds that their run makes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;

use crate::command::{self, Failure, Result, cargo};
use crate::workspace;

/// What a run of the scenarios is told. A scenario mostly waits for deadlines to pass, so that many more run at once than
/// there are cores. Those that wear a session out by many requests at once, or a store, need more of the machine: a change
/// that others keep from being saved for two seconds is refused, and rightly.
const RUNS: [&[&str]; 2] = [
    &[
        "matrix::",
        "--test-threads=20",
        "--skip=::concurrency::",
        "--skip=::shared::",
        "--skip=::redis::",
        "--skip=at_once",
    ],
    &["::concurrency::", "::shared::", "::redis::", "at_once", "--test-threads=6"],
];

/// Where the table is, from the root of the workspace.
const PAGE: &str = "docs/frameworks.md";
const BEGIN: &str = "<!-- What follows is written by `cargo xtask table`. -->\n";

/// Runs all scenarios, and fails if the table in the documentation does not say what held.
pub(crate) fn check() -> Result {
    let (old, new) = (read_page()?, page()?);
    if old == new {
        Ok(())
    } else {
        Err(Failure::new(format!("{PAGE} does not say what the scenarios came to: `cargo xtask table` mends it")))
    }
}

/// Runs all scenarios, and writes the table.
pub(crate) fn write() -> Result {
    let new = page()?;
    fs::write(workspace::root().join(PAGE), new).map_err(|error| Failure::new(format!("{PAGE}: {error}")))
}

fn read_page() -> Result<String> {
    fs::read_to_string(workspace::root().join(PAGE)).map_err(|error| Failure::new(format!("{PAGE}: {error}")))
}

/// The page with the table of a run that is made now.
fn page() -> Result<String> {
    let old = read_page()?;
    let Some((prose, _)) = old.split_once(BEGIN) else {
        return Err(Failure::new(format!("{PAGE} has no line that says {}", BEGIN.trim())));
    };
    Ok(format!("{prose}{BEGIN}{}", Held::parse(&run()?)?.tables()))
}

/// What the scenarios of a run wrote down.
fn run() -> Result<String> {
    let results = workspace::root().join("target").join("scenario-results");
    let unreadable = |error| Failure::new(format!("{}: {error}", results.display()));
    fs::write(&results, "").map_err(unreadable)?;
    for arguments in RUNS {
        let mut test = cargo(&["test", "--workspace", "--all-features", "--test", "scenarios", "--"]);
        command::run(test.args(arguments).env("SCENARIO_RESULTS", &results))?;
    }
    fs::read_to_string(&results).map_err(unreadable)
}

/// What held: for each store, group of scenarios and framework.
#[derive(Debug, Default)]
struct Held<'a> {
    stores: BTreeMap<&'a str, BTreeMap<&'a str, BTreeMap<&'a str, Cell<'a>>>>,
    frameworks: BTreeSet<&'a str>,
}

#[derive(Debug, Default)]
struct Cell<'a> {
    held: usize,
    /// How many do not, for which reason.
    refused: BTreeMap<&'a str, usize>,
}

impl<'a> Held<'a> {
    fn parse(results: &'a str) -> Result<Self> {
        let mut all = Self::default();
        for line in results.lines() {
            let [framework, store, group, _, reason] = line.split('\t').collect::<Vec<_>>()[..] else {
                return Err(Failure::new(format!("the scenarios wrote {line:?}")));
            };
            all.frameworks.insert(framework);
            let cell = all.stores.entry(store).or_default().entry(group).or_default().entry(framework).or_default();
            if reason.is_empty() {
                cell.held += 1;
            } else {
                *cell.refused.entry(reason).or_default() += 1;
            }
        }
        Ok(all)
    }

    fn tables(&self) -> String {
        let mut reasons: Vec<&str> = Vec::new();
        let mut text = String::new();
        for (store, groups) in &self.stores {
            let _ = write!(text, "\n## On `{store}`\n\n| scenarios |");
            self.frameworks.iter().for_each(|framework| _ = write!(text, " {framework} |"));
            let _ = write!(text, "\n|---|{}\n", "---|".repeat(self.frameworks.len()));
            for (group, cells) in groups {
                let _ = write!(text, "| {group} |");
                for framework in &self.frameworks {
                    let _ = write!(
                        text,
                        " {} |",
                        cells.get(framework).map_or("-".to_owned(), |cell| cell.text(&mut reasons))
                    );
                }
                text.push('\n');
            }
        }
        if !reasons.is_empty() {
            text.push_str("\n## What does not hold, and why\n\n");
        }
        for (index, reason) in reasons.iter().enumerate() {
            let _ = writeln!(text, "{}. {reason}", index + 1);
        }
        text
    }
}

impl<'a> Cell<'a> {
    fn text(&self, reasons: &mut Vec<&'a str>) -> String {
        let mut text = self.held.to_string();
        for (reason, count) in &self.refused {
            let number = reasons.iter().position(|known| known == reason).unwrap_or_else(|| {
                reasons.push(reason);
                reasons.len() - 1
            });
            let _ = write!(text, ", not {count} ({})", number + 1);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_held_becomes_a_table_whatever_its_order() {
        let results = "tide\tmemory\tlogout\ttwo\t\naxum\tmemory\tlogout\tone\t\ntide\tcookie\tvalues\tx\tNo bodies.\n\
                       axum\tmemory\tlogout\ttwo\t\ntide\tmemory\tlogout\tone\tNo bodies.\naxum\tcookie\tvalues\tx\t\n";
        let expected = "
## On `cookie`

| scenarios | axum | tide |
|---|---|---|
| values | 1 | 0, not 1 (1) |

## On `memory`

| scenarios | axum | tide |
|---|---|---|
| logout | 2 | 1, not 1 (1) |

## What does not hold, and why

1. No bodies.
";
        assert_eq!(Held::parse(results).expect("it is well formed").tables(), expected);
        let turned: Vec<_> = results.lines().rev().collect();
        assert_eq!(Held::parse(&turned.join("\n")).expect("it is well formed").tables(), expected);
        assert!(Held::parse("tide memory").is_err());
    }
}
