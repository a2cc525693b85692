//! Measures and wears out stores: `cargo run --release -p stress -- figures redis`.

mod redis_figures;

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

const USAGE: &str = "usage: stress figures redis [URL]
  figures redis    how long a read and a write take, beside the bare commands; on a server of its own, or that of the URL";

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    let result = match words[..] {
        ["figures", "redis"] => redis_figures::run(None),
        ["figures", "redis", url] => redis_figures::run(Some(url)),
        _ => Err(USAGE.into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

type Result<T = (), E = Box<dyn Error>> = std::result::Result<T, E>;

/// A line of the report.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
