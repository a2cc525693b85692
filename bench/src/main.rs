//! cloakroom beside its peers: the same handlers, values and machine, in one run.
//!
//!     cargo run --release --manifest-path bench/Cargo.toml             # the table, and RESULTS.md
//!     cargo run --release --manifest-path bench/Cargo.toml -- --quick  # in process only, in less than a minute
//!     cargo run --release --manifest-path bench/Cargo.toml -- --full   # and what takes long: millions of sessions
//!
//! `--json` prints one line for each figure instead of tables.

mod allocations;
mod check;
mod client;
mod contenders;
mod machine;
mod measures;
mod plot;
mod progress;
mod report;
mod subject;
mod work;

use std::process::{Command, ExitCode};

use contenders::Contender;
use measures::{expiry, file, holding, in_process, redis, sockets, writers};
use report::Section;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const USAGE: &str = "\
usage: bench [--quick | --full] [--json] [--only NAME]
  --quick  in process only
  --full   and what takes long: up to 5,000,000 sessions, and a million that expire
  --json   a line for each figure instead of tables
  --only   those alone whose name or store has this in it, as in --only cloakroom-axum";

/// What was asked for.
struct Options {
    extent: Extent,
    json: bool,
    /// A part of the names of those who take part.
    only: Option<String>,
}

/// How much is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    Quick,
    Usual,
    Full,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        // What this program starts itself as.
        ["--serve", who, store] => named(who, store).and_then(|contender| sockets::serve(&contender)),
        ["--hold", who, store, ref counts @ ..] => {
            named(who, store).and_then(|contender| holding::hold(&contender, counts))
        }
        ["--write", path] => file::write_along(path),
        ref flags => match Options::parse(flags) {
            Some(_) if std::env::var_os(contenders::REDIS).is_none() && has_redis() => {
                return with_redis().unwrap_or(ExitCode::FAILURE);
            }
            Some(options) => run(&options),
            None => {
                eprintln!("{USAGE}");
                return ExitCode::from(2);
            }
        },
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

impl Options {
    fn parse(flags: &[&str]) -> Option<Self> {
        let mut options = Self { extent: Extent::Usual, json: false, only: None };
        let mut flags = flags.iter();
        while let Some(flag) = flags.next() {
            match *flag {
                "--quick" => options.extent = Extent::Quick,
                "--full" => options.extent = Extent::Full,
                "--json" => options.json = true,
                "--only" => options.only = Some((*flags.next()?).to_owned()),
                _ => return None,
            }
        }
        Some(options)
    }

    /// Whether a contender takes part: those without sessions always do.
    fn includes(&self, contender: &Contender) -> bool {
        contender.is_base() || self.only.as_ref().is_none_or(|part| contender.label().contains(part))
    }
}

fn named(who: &str, store: &str) -> Result<Contender> {
    let found = contenders::all().into_iter().find(|contender| contender.is_named(who, store));
    found.ok_or_else(|| format!("there is no contender {who} with {store}").into())
}

/// Begins anew with a Redis server for those on it, if there is one: this process and those that it starts find it in the
/// environment, which no program can change for itself once it runs.
fn with_redis() -> Result<ExitCode> {
    let redis = servers::Redis::start();
    let status = Command::new(std::env::current_exe()?)
        .args(std::env::args().skip(1))
        .env(contenders::REDIS, redis.url())
        .status()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn has_redis() -> bool {
    Command::new("redis-server").arg("--version").output().is_ok_and(|output| output.status.success())
}

fn run(options: &Options) -> Result<()> {
    let Options { extent, json, .. } = *options;
    let contenders: Vec<_> = contenders::all().into_iter().filter(|contender| options.includes(contender)).collect();
    let mut sections = Vec::new();
    let mut add = |section: Section| {
        if json {
            section.lines.iter().for_each(|line| println!("{line}"));
        } else {
            println!("{section}");
        }
        sections.push(section);
    };
    add(in_process::measure(&contenders)?);
    if extent != Extent::Quick {
        add(sockets::measure(&contenders)?);
        add(writers::measure(&contenders)?);
        add(holding::measure(&contenders, extent == Extent::Full)?);
    }
    if extent != Extent::Quick && options.only.is_none() {
        add(file::measure()?);
        redis::measure()?.into_iter().for_each(&mut add);
    }
    if extent == Extent::Full {
        add(expiry::measure()?);
    }
    let _ = std::fs::remove_dir_all(machine::folder());
    // The file has the whole comparison or nothing.
    if extent != Extent::Quick && !json && options.only.is_none() {
        report::write(&sections, extent == Extent::Full)?;
    }
    Ok(())
}
