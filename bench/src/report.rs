//! Tables for reading, and the file that keeps them.

use std::fmt;
use std::fs;
use std::path::Path;

use crate::contenders::{Contender, STORES};
use crate::plot::Scale;
use crate::work::Operation;
use crate::{Result, machine, plot};

/// What one measure found.
pub(crate) struct Section {
    pub(crate) title: &'static str,
    /// How to read it.
    pub(crate) note: String,
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
    /// Each figure as JSON.
    pub(crate) lines: Vec<String>,
    /// Names of files, and what they show as SVG.
    pub(crate) plots: Vec<(String, String)>,
}

/// A plot for each store of what its contenders did with a session.
pub(crate) fn by_store(
    file: &str,
    (title, unit, scale): (&str, &str, Scale),
    contenders: &[Contender],
    values: &[Vec<f64>],
) -> Vec<(String, String)> {
    let names = Operation::ALL.map(Operation::name);
    let plot = |store: &&'static str| {
        let of_store = contenders.iter().zip(values).filter(|(contender, _)| contender.store == *store);
        let series: Vec<_> = of_store.map(|(contender, values)| (contender.who, values.clone())).collect();
        let title = format!("{title}, {store}");
        (!series.is_empty()).then(|| (format!("{file}-{store}.svg"), plot::bars(&title, unit, scale, &names, &series)))
    };
    STORES.iter().filter_map(plot).collect()
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: usize| {
            let cells = self.rows.iter().map(|row| &row[column]).chain([&self.columns[column]]);
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        let row = |f: &mut fmt::Formatter<'_>, cells: &[String]| {
            f.write_str("|")?;
            for (index, (cell, width)) in cells.iter().zip(&widths).enumerate() {
                if index == 0 { write!(f, " {cell:width$} |")? } else { write!(f, " {cell:>width$} |")? }
            }
            writeln!(f)
        };
        writeln!(f, "## {}\n\n{}\n", self.title, self.note)?;
        row(f, &self.columns)?;
        f.write_str("|")?;
        for (index, width) in widths.iter().enumerate() {
            let side = if index == 0 { "" } else { ":" };
            write!(f, "{}{side}|", "-".repeat(width + 2 - side.len()))?;
        }
        writeln!(f)?;
        self.rows.iter().try_for_each(|cells| row(f, cells))
    }
}

const PLOTS: &str = "plots";

/// Writes `RESULTS.md`, and the plots into a folder beside it.
pub(crate) fn write(sections: &[Section], full: bool) -> Result<()> {
    let place = Path::new(env!("CARGO_MANIFEST_DIR"));
    let flags = if full { " -- --full" } else { "" };
    let mut text = format!(
        "# cloakroom beside its peers\n\nMade by `cargo run --release --manifest-path bench/Cargo.toml{flags}`, on {}.\n\n{}\n",
        machine::description(),
        versions(),
    );
    fs::create_dir_all(place.join(PLOTS))?;
    for section in sections {
        text.push_str(&format!("\n{section}"));
        for (name, svg) in &section.plots {
            fs::write(place.join(PLOTS).join(name), svg)?;
            text.push_str(&format!("\n![{}]({PLOTS}/{name})\n", section.title));
        }
    }
    fs::write(place.join("RESULTS.md"), text)?;
    Ok(())
}

/// The versions of those compared, as the lock file has them.
fn versions() -> String {
    const COMPARED: [&str; 10] = [
        "actix-session",
        "actix-web",
        "axum",
        "axum_session",
        "axum_session_redispool",
        "cloakroom",
        "tokio",
        "tower-sessions",
        "tower-sessions-redis-store",
        "tower-sessions-rusqlite-store",
    ];
    let lock = include_str!("../Cargo.lock");
    let mut found = Vec::new();
    let mut lines = lock.lines();
    while let Some(line) = lines.next() {
        let name = line.strip_prefix("name = \"").and_then(|rest| rest.strip_suffix('"'));
        if let Some(name) = name.filter(|name| COMPARED.contains(name)) {
            let version = lines.next().and_then(|line| line.strip_prefix("version = ")).unwrap_or("?");
            found.push(format!("{name} {}", version.trim_matches('"')));
        }
    }
    format!(
        "Versions: {}. Each peer is in its newest version that a published store works with: that of tower-sessions for \
         Redis takes 0.14. The store of axum_session for SQLite is built on another binding than that of tower-sessions, \
         and no program can have both. Sessions in a file are SQLite's with a write-ahead log, and every write is durable \
         before it is answered.",
        found.join(", ")
    )
}

/// A number for reading, with a comma for thousands.
pub(crate) fn number(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0.0 && digits != "0" { format!("-{text}") } else { text }
}
