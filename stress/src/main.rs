//! Wears out stores: `cargo run --release -p stress` says how.

mod arguments;
mod churn;
mod deploy;
mod increments;
mod kills;
mod place;
mod reads;
mod records;
mod soak;
mod visitors;
mod worker;

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use arguments::Arguments;

/// What can be asked for. A new one is a file, and a line here.
const COMMANDS: &[Command] = &[
    Command {
        name: "increments",
        usage: "[PATH]",
        about: "four processes count in the same sessions of a file, and none of 40,000 increments is lost",
        run: increments::run,
    },
    Command {
        name: "reopened",
        usage: "[PATH]",
        about: "the same on a shared folder, with 4,000 increments, while each process opens the file again and again",
        run: increments::run_reopened,
    },
    Command {
        name: "kills",
        usage: "[PATH] [--rounds 100]",
        about: "processes that write are killed, and all that was acknowledged is there",
        run: kills::run,
    },
    Command {
        name: "deploy",
        usage: "[PATH]",
        about: "this version and the next work on one file, and neither loses what is the other's",
        run: deploy::run,
    },
    Command {
        name: "churn",
        usage: "[PATH] [--sessions 1000000]",
        about: "very many sessions with short lives do not make the file grow",
        run: churn::run,
    },
    Command {
        name: "reads",
        usage: "[PATH]",
        about: "how long a read takes on a worker of a runtime, on the only one, and elsewhere",
        run: reads::run,
    },
    Command {
        name: "soak",
        usage: "file:PATH [--minutes 10]",
        about: "everything at once for long, with flat memory and file, and nothing lost",
        run: soak::run,
    },
];

/// What the processes do that these commands start.
const WORKERS: &[(&str, Run)] =
    &[("increments", increments::work), ("changes", kills::work), ("next-version", deploy::work), ("soak", soak::work)];

struct Command {
    name: &'static str,
    usage: &'static str,
    about: &'static str,
    run: Run,
}

type Run = fn(&mut Arguments) -> Result;

type Result<T = (), E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

fn main() -> ExitCode {
    let mut arguments = Arguments::new(std::env::args().skip(1));
    let command = COMMANDS.iter().find(|command| arguments.take_words(command.name)).map(|command| command.run);
    let worker = || {
        let (_, work) = WORKERS.iter().find(|(name, _)| arguments.take_words(&format!("worker {name}")))?;
        Some(*work)
    };
    let result = match command.or_else(worker) {
        Some(run) => run(&mut arguments),
        None => Err(usage().into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

fn usage() -> String {
    let line = |command: &Command| format!("  {} {}\n      {}\n", command.name, command.usage, command.about);
    format!("usage: stress COMMAND\n{}", COMMANDS.iter().map(line).collect::<String>())
}

/// A line of the report.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
