//! The command line of the simulation.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use sim::plan::Plan;
use sim::{Planted, Search, StoreKind, run_seed, shrink, tell};

const HELP: &str = "\
Plays hosts, visitors and everything that can go wrong between them, from seeds.

    cargo run --release -p sim -- [OPTIONS]

    --seeds N        how many seeds are played; 100000 by default
    --first N        the first of them; 0 by default
    --minutes N      ends the search after this long
    --store NAME     memory, or file; memory by default
    --seed N         plays this seed, cuts it down if it goes wrong, and tells its story
    --as-it-is       tells the story of --seed without cutting it down
    --planted NAME   plants a fault; `--planted list` names them
    --go-on          goes on when a rule was broken, and counts which
    --any            does not ask whether the search met all that it should
";

/// What the command line asks for.
struct Options {
    search: Search,
    seed: Option<u64>,
    as_it_is: bool,
    any: bool,
}

fn main() -> ExitCode {
    let mut out = io::stdout();
    let result = options().and_then(|options| match options {
        None => write!(out, "{HELP}").map(|()| true).map_err(|error| error.to_string()),
        Some(options) => run(&options, &mut out).map_err(|error| error.to_string()),
    });
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            let _ = writeln!(io::stderr(), "sim: {why}");
            ExitCode::from(2)
        }
    }
}

fn options() -> Result<Option<Options>, String> {
    let mut search = Search {
        first: 0,
        seeds: 100_000,
        at_most: None,
        store: StoreKind::Memory,
        planted: None,
        goes_on: false,
        progress: |played| {
            if played % 20_000 == 0 {
                let _ = writeln!(io::stderr(), "{played} seeds");
            }
        },
    };
    let (mut seed, mut as_it_is, mut any) = (None, false, false);
    let mut arguments = std::env::args().skip(1);
    while let Some(option) = arguments.next() {
        let mut number = || {
            let text = arguments.next().ok_or_else(|| format!("{option} needs a value"))?;
            text.parse::<u64>().map_err(|_| format!("{text:?} is no number"))
        };
        match &*option {
            "--seeds" => search.seeds = number()?,
            "--first" => search.first = number()?,
            "--minutes" => (search.at_most, search.seeds) = (Some(Duration::from_secs(60 * number()?)), u64::MAX),
            "--seed" => seed = Some(number()?),
            "--store" => search.store = arguments.next().unwrap_or_default().parse()?,
            "--planted" => match arguments.next().unwrap_or_default() {
                list if list == "list" => return Err(Planted::ALL.iter().map(|one| format!("\n  {one}")).collect()),
                name => search.planted = Some(name.parse()?),
            },
            "--as-it-is" => as_it_is = true,
            "--go-on" => search.goes_on = true,
            "--any" => any = true,
            "--help" | "-h" => return Ok(None),
            unknown => return Err(format!("{unknown:?} is no option; `--help` names them")),
        }
    }
    Ok(Some(Options { search, seed, as_it_is, any }))
}

/// Returns whether all was well.
fn run(options: &Options, out: &mut impl Write) -> io::Result<bool> {
    let Search { store, planted, .. } = options.search;
    if let Some(seed) = options.seed {
        let found = run_seed(seed, store, planted);
        let mut plan = Plan::draw(seed, store);
        if let Some(found) = found.as_ref().filter(|_| !options.as_it_is) {
            plan = shrink(plan, found.rule, planted);
        }
        for line in tell(plan, planted) {
            writeln!(out, "{line}")?;
        }
        return Ok(found.is_none());
    }
    let begun = Instant::now();
    let found = options.search.run();
    writeln!(
        out,
        "{} seeds on the {store} store in {:.1} s:\n{}",
        found.played,
        begun.elapsed().as_secs_f64(),
        found.met
    )?;
    let plant = planted.map(|planted| format!(" --planted {planted}")).unwrap_or_default();
    for (seed, why, times) in found.violations.values() {
        writeln!(out, "seed {seed}, and {} more: {why}", times - 1)?;
        writeln!(out, "again: cargo run --release -p sim -- --store {store} --seed {seed}{plant}")?;
    }
    if !found.violations.is_empty() {
        return Ok(false);
    }
    let missing = found.met.missing();
    if !missing.is_empty() && !options.any {
        writeln!(out, "the search never met: {}", missing.join("; "))?;
        return Ok(false);
    }
    Ok(true)
}
