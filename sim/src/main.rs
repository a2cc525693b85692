//! The command line of the simulation.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use sim::plan::Plan;
use sim::{Finding, Planted, Search, StoreKind, run_seed, shrink, tell};

const HELP: &str = "\
Plays hosts, visitors and everything that can go wrong between them, from seeds.

    cargo run --release -p sim -- [OPTIONS]

    --check          what the test command runs: seeds on every store, and all planted faults
    --seeds N        how many seeds are played; 100000 by default
    --first N        the first of them; 0 by default
    --minutes N      ends the search after this long, however many seeds that takes
    --store NAME     memory, file or redis; memory by default
    --go-on          goes on when a rule was broken, and counts which
    --any            does not ask whether the search met all that it should
    --seed N         plays this seed, cuts it down if it breaks a rule, and tells its story
    --as-it-is       tells the story of --seed without cutting it down
    --planted NAME   plants a fault; `--planted list` names them
";

/// How many seeds `--check` plays on each store.
const CHECKED: [(StoreKind, u64); 3] =
    [(StoreKind::Memory, 100_000), (StoreKind::File, 500), (StoreKind::Redis, 30_000)];

/// Planted faults are searched for from here on, for at most so many seeds each.
const PLANTED: (u64, u64) = (1_000_000, 20_000);

/// Planted faults that the search does not find yet. A key of Redis outlives its record by ten minutes, so a touch that does
/// not keep it for longer shows only after an hour of visits that write nothing; and an index forgets what is just being
/// written only if somebody looks between two messages of one write, and nobody notes it again.
const NOT_FOUND_YET: [Planted; 2] = [Planted::TouchKeepsKeyTime, Planted::ForgetsTheYoung];

/// What the command line asks for.
struct Options {
    search: Search,
    seed: Option<u64>,
    as_it_is: bool,
    any: bool,
    check: bool,
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
    let mut options = Options {
        search: Search {
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
        },
        seed: None,
        as_it_is: false,
        any: false,
        check: false,
    };
    let search = &mut options.search;
    let mut arguments = std::env::args().skip(1);
    while let Some(option) = arguments.next() {
        let mut text = || arguments.next().ok_or_else(|| format!("{option} needs a value"));
        let number = |text: String| text.parse::<u64>().map_err(|_| format!("{text:?} is no number"));
        match &*option {
            "--check" => options.check = true,
            "--seeds" => search.seeds = number(text()?)?,
            "--first" => search.first = number(text()?)?,
            "--minutes" => {
                (search.at_most, search.seeds) = (Some(Duration::from_secs(60 * number(text()?)?)), u64::MAX);
            }
            "--store" => search.store = text()?.parse()?,
            "--go-on" => search.goes_on = true,
            "--any" => options.any = true,
            "--seed" => options.seed = Some(number(text()?)?),
            "--as-it-is" => options.as_it_is = true,
            "--planted" => match &*text()? {
                "list" => return Err(Planted::ALL.iter().map(|one| format!("\n  {one}")).collect()),
                name => {
                    let planted: Planted = name.parse()?;
                    (search.planted, search.store) = (Some(planted), planted.store());
                }
            },
            "--help" | "-h" => return Ok(None),
            unknown => return Err(format!("{unknown:?} is no option; `--help` names them")),
        }
    }
    Ok(Some(options))
}

/// Returns whether all was well.
fn run(options: &Options, out: &mut impl Write) -> io::Result<bool> {
    match options.seed {
        _ if options.check => check(&options.search, out),
        Some(seed) => tell_story(seed, options, out),
        None => {
            let found = searched(&options.search, out)?;
            Ok(found.violations.is_empty() && (options.any || meets_all(&found, out)?))
        }
    }
}

/// Plays one seed and tells what happened.
fn tell_story(seed: u64, options: &Options, out: &mut impl Write) -> io::Result<bool> {
    let Search { store, planted, .. } = options.search;
    let mut plan = Plan::draw(seed, store);
    let found = run_seed(seed, store, planted);
    if let Some(found) = found.as_ref().filter(|_| !options.as_it_is) {
        plan = shrink(plan, found.rule, planted);
    }
    tell(plan, planted).iter().try_for_each(|line| writeln!(out, "{line}"))?;
    Ok(found.is_none())
}

/// Searches, and says what was found.
fn searched(search: &Search, out: &mut impl Write) -> io::Result<Finding> {
    let (begun, store) = (Instant::now(), search.store);
    let found = search.run();
    let seconds = begun.elapsed().as_secs_f64();
    writeln!(out, "{} seeds on the {store} store in {seconds:.1} s:\n{}", found.played, found.met)?;
    let planted = search.planted.map(|planted| format!(" --planted {planted}")).unwrap_or_default();
    for (seed, why, times) in found.violations.values() {
        writeln!(out, "seed {seed}, and {} more: {why}", times - 1)?;
        writeln!(out, "again: cargo run --release -p sim -- --store {store} --seed {seed}{planted}")?;
    }
    Ok(found)
}

/// Whether a search met all that it should.
fn meets_all(found: &Finding, out: &mut impl Write) -> io::Result<bool> {
    let missing = found.met.missing();
    if !missing.is_empty() {
        writeln!(out, "the search never met: {}", missing.join("; "))?;
    }
    Ok(missing.is_empty())
}

/// What the test command runs.
fn check(search: &Search, out: &mut impl Write) -> io::Result<bool> {
    let (mut passed, mut failed) = (0, 0);
    let mut count = |well: bool| *(if well { &mut passed } else { &mut failed }) += 1;
    for (store, seeds) in CHECKED {
        let found = searched(&Search { store, seeds, ..search.clone() }, out)?;
        // What is required is what memory can do; files are too slow for the rarest things.
        count(found.violations.is_empty() && (store != StoreKind::Memory || meets_all(&found, out)?));
    }
    let (first, seeds) = PLANTED;
    for planted in NOT_FOUND_YET {
        writeln!(out, "planted {planted}: not searched for, as it is not found yet")?;
    }
    for planted in Planted::ALL.iter().filter(|planted| !NOT_FOUND_YET.contains(planted)) {
        let found = Search { first, seeds, planted: Some(*planted), store: planted.store(), ..search.clone() }.run();
        match found.violations.values().next() {
            Some((_, why, _)) => writeln!(out, "planted {planted}: found in {} seeds, {:?}", found.played, why.rule)?,
            None => writeln!(out, "planted {planted}: NOT FOUND in {} seeds", found.played)?,
        }
        count(!found.violations.is_empty());
    }
    writeln!(out, "{passed} passed, {failed} failed")?;
    Ok(failed == 0)
}
