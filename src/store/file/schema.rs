//! The tables, their version, and whose file it is.

use std::fmt;
use std::path::Path;

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, TransactionBehavior};

use super::connection::is_busy;
use super::filesystem::Journal;
use super::folder;
use crate::error::ConfigError;

/// Tells our files from those of others: "CLOK".
const APPLICATION: i32 = 0x434c_4f4b;

/// The version that this program writes.
pub(super) const VERSION: i64 = 2;

/// What each version adds to the one before. A step is never changed once it was released.
///
/// `oldest_reader` is the oldest program that can work on a file of this version: a step that only adds leaves it as it is,
/// so that the processes before and after a deployment work side by side.
const STEPS: [Step; VERSION as usize] = [
    Step {
        oldest_reader: 1,
        sql: "
        CREATE TABLE sessions (
            id INTEGER PRIMARY KEY,
            key BLOB NOT NULL,
            kind INTEGER NOT NULL,
            counter INTEGER NOT NULL,
            tag INTEGER NOT NULL,
            handle BLOB NOT NULL,
            created INTEGER NOT NULL,
            seen INTEGER NOT NULL,
            idle_deadline INTEGER NOT NULL,
            absolute_deadline INTEGER NOT NULL,
            expires INTEGER NOT NULL GENERATED ALWAYS AS (min(idle_deadline, absolute_deadline)) VIRTUAL,
            user TEXT,
            data BLOB NOT NULL
        ) STRICT;
        CREATE UNIQUE INDEX sessions_key ON sessions (key);
        CREATE INDEX sessions_expires ON sessions (expires, kind);
        CREATE INDEX sessions_handle ON sessions (handle);
        CREATE INDEX sessions_user ON sessions (user) WHERE user IS NOT NULL;
        CREATE TABLE leases (name TEXT PRIMARY KEY, holder INTEGER NOT NULL, until INTEGER NOT NULL) STRICT;
        CREATE TABLE versions (oldest_reader INTEGER NOT NULL) STRICT;
    ",
    },
    // Which log the file is written in: see `log`. Random at first, so that no two new files are taken for each other.
    Step {
        oldest_reader: 1,
        sql: "
        CREATE TABLE log (salts BLOB NOT NULL, base BLOB NOT NULL, cookie INTEGER NOT NULL) STRICT;
        INSERT INTO log VALUES (randomblob(8), randomblob(8), 0);
    ",
    },
];

struct Step {
    oldest_reader: i64,
    sql: &'static str,
}

/// Why a file is not used.
#[derive(Debug)]
pub(super) enum Refused {
    Newer { version: i64, oldest_reader: i64 },
    Damaged,
    Failed(rusqlite::Error),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Newer { version, oldest_reader } => write!(
                f,
                "was written by a newer version of cloakroom (its tables have version {version}, and take a program of \
                 version {oldest_reader}; this one has {VERSION}); update this program, or give it another file"
            ),
            Self::Damaged => f.write_str(
                "is damaged, and was left as it is; restore it from a backup, or give the sessions another file",
            ),
            Self::Failed(error) if is_busy(error) => f.write_str("is kept by another process to itself; try again"),
            Self::Failed(error) => write!(f, "cannot be prepared: {error}"),
        }
    }
}

impl From<rusqlite::Error> for Refused {
    fn from(error: rusqlite::Error) -> Self {
        if is_damage(&error) { Self::Damaged } else { Self::Failed(error) }
    }
}

/// The header of a database (sqlite.org/fileformat2.html, section 1.3).
const HEADER: u64 = 100;

/// Refuses a file that is not ours, before a connection that may write opens it: that might change it already.
///
/// The bytes are read by SQLite, which takes no lock for this and looks at no log. A file of the standard library would
/// release, when it is closed, all locks that other connections of this process hold on the database, because POSIX locks
/// belong to a process; SQLite delays the closing until there are none.
pub(super) fn verify(path: &Path) -> Result<(), ConfigError> {
    let size = std::fs::metadata(path).map(|file| file.len());
    match size.map_err(|error| folder::refuse(path, &format!("cannot be read: {error}")))? {
        0 => return Ok(()),
        1..HEADER => return Err(foreign(path)),
        _ => {}
    }
    let application =
        without_log(path).and_then(|raw| raw.pragma_query_value(None, "application_id", |row| row.get(0)));
    match application {
        Ok(APPLICATION) => Ok(()),
        Ok(_) => Err(folder::refuse(
            path,
            "is a database of another program, and was left as it is; give the sessions a file of their own",
        )),
        Err(error) if is_damage(&error) => Err(foreign(path)),
        Err(error) => Err(folder::refuse(path, &format!("cannot be read: {error}"))),
    }
}

fn foreign(path: &Path) -> ConfigError {
    folder::refuse(
        path,
        "is no session file, or is damaged, and was left as it is; give the sessions a file of their own, or restore it \
         from a backup",
    )
}

/// A connection to the bytes of the file as they are, without those of its log.
pub(super) fn without_log(path: &Path) -> rusqlite::Result<Connection> {
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'-' | b'.' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => uri.push(char::from(*byte)),
            // A drive and its folders.
            b'\\' if cfg!(windows) => uri.push('/'),
            b':' if cfg!(windows) => uri.push(':'),
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri.push_str("?immutable=1");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(uri, flags)
}

pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// Creates the tables of a new file, and brings those of an older version up to date.
pub(super) fn prepare(connection: &mut Connection, journal: Journal) -> Result<(), Refused> {
    let version = version(connection)?;
    if version > VERSION {
        let oldest_reader = oldest_reader(connection)?;
        if oldest_reader > VERSION {
            return Err(Refused::Newer { version, oldest_reader });
        }
    }
    check(connection)?;
    // Before the log is switched on, so that the header of the file says from the first moment whose it is.
    if version < VERSION {
        upgrade(connection)?;
    }
    let name = match journal {
        Journal::WriteAhead => "wal",
        Journal::Rollback => "delete",
    };
    connection.pragma_update_and_check(None, "journal_mode", name, |_| Ok(()))?;
    Ok(())
}

/// Whole files this small are checked page by page when they are opened; of larger ones, what every use touches.
const CHECKED_PAGES: i64 = 4_096;

fn check(connection: &Connection) -> Result<(), Refused> {
    let pages: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
    if pages <= CHECKED_PAGES { check_each_page(connection) } else { Ok(()) }
}

pub(super) fn check_each_page(connection: &Connection) -> Result<(), Refused> {
    let found: String = connection.pragma_query_value(None, "quick_check", |row| row.get(0))?;
    if found == "ok" { Ok(()) } else { Err(Refused::Damaged) }
}

fn upgrade(connection: &mut Connection) -> Result<(), Refused> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
    // In the same transaction, so that no other process sees a file without an owner. It has to come before the first page
    // is made, which it does itself: it writes, and so takes the lock.
    transaction.pragma_update(None, "auto_vacuum", "incremental")?;
    // Another process may have been quicker.
    let known = version(&transaction)?;
    for (number, step) in (1..).zip(&STEPS).filter(|(number, _)| *number > known) {
        transaction.execute_batch(step.sql)?;
        transaction.execute("DELETE FROM versions", [])?;
        transaction.execute("INSERT INTO versions (oldest_reader) VALUES (?1)", [step.oldest_reader])?;
        transaction.pragma_update(None, "user_version", number)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.commit()?;
    Ok(())
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn oldest_reader(connection: &Connection) -> rusqlite::Result<i64> {
    let found = connection.query_row("SELECT max(oldest_reader) FROM versions", [], |row| row.get(0)).optional()?;
    Ok(found.unwrap_or(i64::MAX))
}
