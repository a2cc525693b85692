//! `cargo xtask fuzz`: builds the fuzzer, and runs targets side by side.
//!
//! The fuzzer is libFuzzer, which guides what it makes up by the code that it reaches. The compiler's own pass counts
//! that; a stable toolchain has it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use crate::command::{self, Failure, Result, cargo};
use crate::workspace;

/// Where the package of the targets is.
pub(crate) const MANIFEST: &str = "fuzz/Cargo.toml";

/// How long a target is fuzzed unless somebody says otherwise.
pub(crate) const SECONDS: u64 = 60;

/// What counts the reached code, and shows to the fuzzer what is compared with what. A comparison of a few bytes is to be
/// a call that the fuzzer sees, and not unrolled.
const FLAGS: [&str; 6] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cllvm-args=-max-loads-per-memcmp=0",
];

/// How often a running target says how far it is.
const PROGRESS: Duration = Duration::from_secs(20);

/// What to fuzz, or to repeat.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) targets: Vec<String>,
    pub(crate) seconds: u64,
    /// An input to run a target on, instead of a fuzzer.
    pub(crate) input: Option<PathBuf>,
}

impl Plan {
    /// Reads the arguments of the command; the error says what is wrong with them.
    pub(crate) fn parse(arguments: &[&str]) -> std::result::Result<Self, String> {
        let known = targets().map_err(|failure| failure.to_string())?;
        let mut plan = Self { targets: Vec::new(), seconds: SECONDS, input: None };
        let mut arguments = arguments.iter();
        while let Some(&argument) = arguments.next() {
            if argument == "--seconds" {
                let seconds = arguments.next().and_then(|number| number.parse().ok());
                plan.seconds = seconds.ok_or("`--seconds` takes a number")?;
            } else if known.iter().any(|name| name == argument) {
                plan.targets.push(argument.to_owned());
            } else if plan.targets.len() == 1 && Path::new(argument).is_file() {
                plan.input = Some(argument.into());
            } else {
                return Err(format!("there is no target `{argument}`; there are: {}", known.join(", ")));
            }
        }
        if plan.targets.is_empty() {
            plan.targets = known;
        }
        Ok(plan)
    }

    pub(crate) fn carry_out(&self) -> Result {
        if let (Some(input), [target]) = (&self.input, &*self.targets) {
            let input = fs::canonicalize(input).map_err(|error| cannot("read", input, &error))?;
            return command::run(ordinary("run")?.args(["--", target]).arg(input));
        }
        crate::steps::setup::cpp()?;
        let place = place()?;
        let fuzzer = build(&place)?;
        let waiting = Mutex::new(self.targets.iter());
        let failures = Mutex::new(Vec::new());
        let next = || lock(&waiting).next();
        thread::scope(|scope| {
            for _ in 0..thread::available_parallelism().map_or(1, usize::from).min(self.targets.len()) {
                scope.spawn(|| {
                    while let Some(target) = next() {
                        if let Err(failure) = fuzz(target, self.seconds, &fuzzer, &place) {
                            eprintln!("    {failure}");
                            lock(&failures).push(target.as_str());
                        }
                    }
                });
            }
        });
        let failures = std::mem::take(&mut *lock(&failures));
        if failures.is_empty() {
            return Ok(());
        }
        Err(Failure::new(format!(
            "the fuzzer found something with {}; see above how to repeat it",
            failures.join(", ")
        )))
    }
}

/// The names of all targets: each has a corpus.
pub(crate) fn targets() -> Result<Vec<String>> {
    let corpus = workspace::root().join("fuzz/corpus");
    let entries = fs::read_dir(&corpus).map_err(|error| cannot("read", &corpus, &error))?;
    let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    Ok(names)
}

/// A command of cargo on the package of the targets, without a fuzzer.
pub(crate) fn ordinary(name: &str) -> Result<Command> {
    let mut command = cargo(&[name, "--quiet", "--manifest-path", MANIFEST, "--target-dir"]);
    command.arg(place()?);
    Ok(command)
}

/// Where all goes that is made here.
fn place() -> Result<PathBuf> {
    let metadata = workspace::metadata(&["--no-deps"])?;
    let target = metadata["target_directory"].as_str();
    Ok(Path::new(target.ok_or_else(|| Failure::new("`cargo metadata` names no target directory"))?).join("fuzz"))
}

/// Builds the fuzzer, and answers where it is.
fn build(place: &Path) -> Result<PathBuf> {
    let version = command::read(Command::new("rustc").arg("-vV"))?;
    let version = String::from_utf8_lossy(&version);
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.ok_or_else(|| Failure::new("`rustc -vV` names no host"))?;
    // With a target named, the flags leave build scripts and macros alone.
    let mut build = cargo(&["build", "--release", "--manifest-path", MANIFEST, "--bin", "fuzz"]);
    build.args(["--features", "libfuzzer", "--target", host, "--target-dir"]).arg(place);
    command::run(build.env("RUSTFLAGS", FLAGS.join(" ")).env_remove("CARGO_ENCODED_RUSTFLAGS"))?;
    Ok(place.join(host).join("release/fuzz"))
}

/// Fuzzes one target; what the fuzzer says goes to a file, and the gist of it is shown.
fn fuzz(target: &str, seconds: u64, fuzzer: &Path, place: &Path) -> Result {
    let found = place.join("artifacts").join(target);
    let grown = place.join("corpus").join(target);
    for directory in [&found, &grown] {
        fs::create_dir_all(directory).map_err(|error| cannot("create", directory, &error))?;
    }
    let log = place.join(format!("{target}.log"));
    let output = File::create(&log).map_err(|error| cannot("create", &log, &error))?;
    let mut command = Command::new(fuzzer);
    command.env("FUZZ_TARGET", target).env("RUST_BACKTRACE", "1");
    // What takes ten seconds or two gigabytes is as bad as a panic.
    command.args(["-timeout=10", "-rss_limit_mb=2048", "-max_len=16384", "-print_final_stats=1"]);
    command.arg(format!("-max_total_time={seconds}")).arg(format!("-artifact_prefix={}/", found.display()));
    command.arg(&grown).arg(workspace::root().join("fuzz/corpus").join(target));
    println!("    {target}: for {seconds} seconds");
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(output)
        .spawn()
        .map_err(|error| cannot("start", fuzzer, &error))?;
    let status = wait(&mut child, || {
        if let Some(progress) = progress(&read(&log)) {
            println!("    {target}: {progress}");
        }
    })?;
    let said = read(&log);
    if status {
        println!("    {target}: nothing found; {}", progress(&said).unwrap_or_default());
        return Ok(());
    }
    let why: Vec<&str> = said.lines().skip_while(|line| !is_alarm(line)).take(12).collect();
    let what = match said.lines().find_map(|line| line.split_once("Test unit written to ")) {
        Some((_, input)) => format!("{target}: found {input}\n    to repeat it: cargo xtask fuzz {target} {input}"),
        None => format!("{target}: the fuzzer ended, and wrote no input; see {}", log.display()),
    };
    Err(Failure::new(format!("{}\n    {what}", why.join("\n"))))
}

/// Waits for the end of a program, and says something now and then; answers whether it succeeded.
fn wait(child: &mut Child, mut say: impl FnMut()) -> Result<bool> {
    let mut said = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status.success()),
            Ok(None) => thread::sleep(Duration::from_millis(100)),
            Err(error) => return Err(Failure::new(format!("the fuzzer cannot be waited for: {error}"))),
        }
        if said.elapsed() >= PROGRESS {
            said = Instant::now();
            say();
        }
    }
}

/// The gist of what the fuzzer said last, of a line as `#4096 NEW cov: 12 ft: 15 corp: 3/9b … exec/s: 100 …`.
fn progress(said: &str) -> Option<String> {
    said.lines().rev().find_map(|line| {
        let mut words = line.strip_prefix('#')?.split_whitespace();
        let runs = words.next()?;
        let words: Vec<_> = words.collect();
        let after = |name| words.iter().position(|word| *word == name).and_then(|index| words.get(index + 1));
        let inputs = after("corp:")?.split('/').next()?;
        Some(format!("{runs} runs, {} a second, {} edges, {inputs} inputs", after("exec/s:")?, after("cov:")?))
    })
}

fn is_alarm(line: &str) -> bool {
    line.starts_with("thread '") || line.contains("ERROR: libFuzzer")
}

fn read(log: &Path) -> String {
    fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

fn cannot(what: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("cannot {what} {}: {error}", path.display()))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_targets_are_fuzzed_unless_some_are_named() {
        let all = Plan::parse(&[]).expect("no argument is needed");
        assert_eq!((all.targets, all.seconds), (targets().expect("there are some"), SECONDS));
        let one = Plan::parse(&["record", "--seconds", "7"]).expect("a target");
        assert_eq!(one, Plan { targets: vec!["record".to_owned()], seconds: 7, input: None });
        let input = Plan::parse(&["record", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")]).expect("a file");
        assert!(input.input.is_some());
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for bad in [&["there-is-none"][..], &["record", "there-is-none"], &["--seconds"], &["--seconds", "x"]] {
            assert!(Plan::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn progress_is_the_last_line_that_tells() {
        let said = "INFO: Seed: 1\n#2\tINITED cov: 7 ft: 8 corp: 1/1b exec/s: 0 rss: 27Mb\n\
                    #61\tNEW    cov: 8 ft: 9 corp: 2/5b lim: 4 exec/s: 30 rss: 27Mb L: 4/4\nDone\n";
        assert_eq!(progress(said).as_deref(), Some("61 runs, 30 a second, 8 edges, 2 inputs"));
        assert_eq!(progress("INFO: Seed: 1"), None);
    }
}
