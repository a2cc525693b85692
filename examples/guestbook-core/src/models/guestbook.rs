//! What a visitor wrote. It is kept in the session, so that each sees their own lines only, and gone with it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cloakroom::{Key, Result, Session};
use serde::{Deserialize, Serialize};

use crate::words;

const ENTRIES: Key<Vec<Entry>> = Key::new("entries");

/// The newest of them are kept: few enough for a session that is all in its cookie.
const MOST_ENTRIES: usize = 10;
/// In letters.
pub const LONGEST_ENTRY: usize = 280;

/// A line as the session keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Entry {
    text: String,
    /// Seconds since 1970.
    written: u64,
}

/// A line as it is shown.
#[derive(Debug, Serialize)]
pub struct Shown {
    text: String,
    written: String,
}

/// The newest first.
///
/// # Errors
///
/// Those of the session.
pub fn entries() -> Result<Vec<Shown>> {
    let entries = Session::current()?.get(ENTRIES)?.unwrap_or_default();
    let shown =
        |entry: Entry| Shown { text: entry.text, written: words::ago(UNIX_EPOCH + Duration::from_secs(entry.written)) };
    Ok(entries.into_iter().rev().map(shown).collect())
}

/// Adds a line, whatever another tab adds meanwhile.
///
/// # Errors
///
/// Those of the session.
pub fn write(text: &str) -> Result<()> {
    let written = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let entry = Entry { text: text.to_owned(), written };
    Session::current()?.update(ENTRIES, move |entries| {
        let mut entries = entries.unwrap_or_default();
        entries.push(entry.clone());
        entries.drain(..entries.len().saturating_sub(MOST_ENTRIES));
        entries
    })?;
    Ok(())
}
