//! The place of a file store, and connections to it.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::filesystem::{Journal, journal_for};
use super::options::{Durability, FileStoreBuilder};
use super::schema::Refused;
use super::{folder, schema};
use crate::error::{ConfigError, Error, ErrorKind, Result};
use crate::random::random;

/// A file, and how it is used. Whoever uses it asks first whether it is still the same file.
#[derive(Debug)]
pub(super) struct Place {
    path: PathBuf,
    pub(super) journal: Journal,
    pub(super) durability: Durability,
    size_limit: Option<u64>,
    process: u32,
    /// Held while a file is created in the place of one that was removed.
    creating: Mutex<()>,
}

/// A connection, and which file it is to.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) connection: Connection,
    identity: Option<(u64, u64)>,
}

/// What is done while another process holds a lock.
#[derive(Debug, Clone, Copy)]
pub(super) enum Patience {
    /// On a thread that serves requests: give up within some milliseconds.
    Little,
    /// On a thread of one's own: as long as a request may wait, and a bit less.
    Much,
}

/// Statements kept ready for each connection; there are fewer.
const STATEMENTS: usize = 32;

/// What the log may keep of the disk after a rush, in bytes.
const LOG_LIMIT: i64 = 32 * 1024 * 1024;

/// How long is tried to make the tables of a file while others do the same.
const PREPARING: Duration = Duration::from_secs(4);

impl Place {
    /// Verifies or creates the file.
    pub(super) fn open(path: PathBuf, options: &FileStoreBuilder) -> Result<Self, ConfigError> {
        folder::create(&path)?;
        schema::verify(&path)?;
        let place = Self {
            journal: if options.shared_folder { Journal::Rollback } else { journal_for(&path) },
            durability: options.durability,
            size_limit: options.size_limit,
            process: std::process::id(),
            creating: Mutex::new(()),
            path,
        };
        let link = place.connect(Patience::Much);
        let mut link = link.map_err(|error| folder::refuse(&place.path, &format!("cannot be opened: {error}")))?;
        place.prepare(&mut link).map_err(|why| folder::refuse(&place.path, &why.to_string()))?;
        Ok(place)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A connection to the file that is there now.
    pub(super) fn connect(&self, patience: Patience) -> rusqlite::Result<Link> {
        let identity = folder::identity(&self.path);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        #[allow(unused_mut, reason = "the busy handler takes it mutable in later versions of rusqlite")]
        let mut connection = Connection::open_with_flags(&self.path, flags)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        connection.busy_handler(Some(match patience {
            Patience::Little => wait_a_little,
            Patience::Much => wait_long,
        }))?;
        connection.pragma_update(None, "journal_size_limit", LOG_LIMIT)?;
        // What is sorted or deleted stays in memory, so that no value of a session gets into a temporary file.
        connection.pragma_update(None, "temp_store", "memory")?;
        if let Some(limit) = self.size_limit {
            let page: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
            let pages = i64::try_from(limit).unwrap_or(i64::MAX) / page.max(1);
            connection.pragma_update(None, "max_page_count", pages)?;
        }
        Ok(Link { connection, identity })
    }

    /// Whether this process opened the place: a connection does not survive a fork.
    pub(super) fn check_process(&self) -> Result<()> {
        if std::process::id() == self.process {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Unavailable,
            "the session file was opened before a fork; open it in the process that uses it",
        ))
    }

    /// Whether there is a file with tables: one that another process has just made is empty, until it has them all at once.
    pub(super) fn is_there(&self) -> bool {
        std::fs::metadata(&self.path).is_ok_and(|file| file.len() > 0)
    }

    /// Whether a connection still leads to the file of this path.
    pub(super) fn is_current(&self, link: &Link) -> bool {
        link.identity.is_some() && folder::identity(&self.path) == link.identity
    }

    /// A connection that has its tables; makes a new file where the old one was removed.
    pub(super) fn connect_again(&self) -> Result<Link> {
        let _one_at_a_time = self.creating.lock();
        if folder::identity(&self.path).is_none() {
            crate::events::file_removed(&self.path);
            folder::create_file(&self.path)
                .map_err(|error| Error::new(ErrorKind::Unavailable, "the session file is gone").caused_by(error))?;
        }
        schema::verify(&self.path).map_err(|error| Error::new(ErrorKind::Unavailable, error.to_string()))?;
        let mut link = self.connect(Patience::Much).map_err(failed)?;
        self.prepare(&mut link).map_err(|why| Error::new(ErrorKind::Unavailable, why.to_string()))?;
        Ok(link)
    }

    /// Has its tables made. Where two processes change the journal at once, SQLite asks no handler: it tells one of them at
    /// once that it is busy.
    fn prepare(&self, link: &mut Link) -> Result<(), Refused> {
        let start = Instant::now();
        loop {
            match schema::prepare(&mut link.connection, self.journal) {
                Err(Refused::Failed(error)) if is_busy(&error) && start.elapsed() < PREPARING => pause(),
                result => return result,
            }
        }
    }
}

/// SQLite's own handler starves one of several processes, which then wait in step. These wait between a tenth of a
/// millisecond and one, at random.
fn wait_a_little(times: i32) -> bool {
    wait(times, 10)
}

fn wait_long(times: i32) -> bool {
    wait(times, 7_000)
}

fn wait(times: i32, most: i32) -> bool {
    let goes_on = times < most;
    if goes_on {
        pause();
    }
    goes_on
}

fn pause() {
    let jitter = u64::from(u16::from_le_bytes(random())) * 900 / u64::from(u16::MAX);
    std::thread::sleep(Duration::from_micros(100 + jitter));
}

/// An error of SQLite as one of ours. None of them means that there is no session.
pub(super) fn failed(error: rusqlite::Error) -> Error {
    let (kind, text) = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => (ErrorKind::Full, "the session file has no room left"),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            (ErrorKind::Unavailable, "another process keeps the session file to itself")
        }
        Some(ErrorCode::ReadOnly) => (ErrorKind::Unavailable, "the session file cannot be written"),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            (ErrorKind::Unavailable, "the session file is damaged")
        }
        _ => (ErrorKind::Unavailable, "the session file fails"),
    };
    // What SQLite says for itself would tell a user of locks.
    if is_busy(&error) { Error::new(kind, text) } else { Error::new(kind, text).caused_by(error) }
}

pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}
