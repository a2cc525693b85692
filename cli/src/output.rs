//! What is printed, for people and for programs.

use std::fmt::Display;
use std::io::{IsTerminal, Write, stderr, stdout};
use std::time::{Duration, SystemTime};

use cloakroom::Record;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Map, Value, json};

use crate::failure::Failure;

/// Prints a line.
pub(crate) fn line(text: impl Display) -> Result<(), Failure> {
    writeln!(stdout().lock(), "{text}")?;
    Ok(())
}

/// Says what went wrong, in one line.
pub(crate) fn complain(what: impl Display) {
    // Where there is nowhere to complain, the exit status says it.
    let _ = writeln!(stderr().lock(), "cloakroom: {what}");
}

/// A bar on standard error that shows how far long work is; nothing where that is no terminal.
pub(crate) fn progress(total: u64, what: &'static str) -> ProgressBar {
    let target = if stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(total), target);
    match ProgressStyle::with_template("{msg} {wide_bar} {human_pos}/{human_len} {per_sec} {eta}") {
        Ok(style) => bar.with_style(style).with_message(what),
        Err(_) => bar.with_message(what),
    }
}

/// A session as an object for programs.
pub(crate) fn session_object(record: &Record) -> Result<Map<String, Value>, Failure> {
    let time = |instant: SystemTime| Value::String(rfc3339(instant));
    let mut object = Map::new();
    object.insert("handle".to_owned(), json!(record.handle.to_string()));
    object.insert("user".to_owned(), json!(record.user.as_deref()));
    object.insert("created".to_owned(), time(record.created.into()));
    object.insert("seen".to_owned(), time(record.seen.into()));
    object.insert("expires".to_owned(), time(record.expires().into()));
    object.insert("authenticated".to_owned(), record.authenticated_at()?.map_or(Value::Null, time));
    object.insert("bytes".to_owned(), json!(record.data.len()));
    Ok(object)
}

/// An instant to the second, UTC.
pub(crate) fn rfc3339(instant: SystemTime) -> String {
    humantime::format_rfc3339_seconds(instant).to_string()
}

/// How long ago or how far ahead an instant is, in its two largest units.
pub(crate) fn distance(from: SystemTime, to: SystemTime) -> String {
    let duration = to.duration_since(from).unwrap_or_else(|earlier| earlier.duration());
    let text = humantime::format_duration(Duration::from_secs(duration.as_secs())).to_string();
    text.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

/// What a stranger chose, made harmless for a terminal.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distance_has_two_units_at_most() {
        let start = SystemTime::UNIX_EPOCH;
        let after = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(distance(start, after(90_061)), "1day 1h");
        assert_eq!(distance(after(61), start), "1m 1s");
        assert_eq!(distance(start, start), "0s");
    }

    #[test]
    fn a_name_cannot_command_the_terminal() {
        assert_eq!(plain("ana\x1b[2J\n"), "ana\u{fffd}[2J\u{fffd}");
    }
}
