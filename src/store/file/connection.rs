//! The place of a file store, and connections to it.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::filesystem::{Journal, journal_for};
use super::log::Header;
use super::options::{Durability, FileStoreBuilder};
use super::schema::Refused;
use super::{folder, log, schema};
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
    log: PathBuf,
    memory: PathBuf,
    /// Held while something else is found in the place.
    accepted: Mutex<Accepted>,
}

/// What was looked at and found to belong together.
#[derive(Debug, Default)]
struct Accepted {
    files: Files,
    /// A connection that does nothing but have them open, so that a log is not lost that somebody removes.
    keeper: Option<Link>,
}

/// A connection, and which files it is to.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) connection: Connection,
    files: Files,
}

/// Which files lie in the place at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Files {
    database: Identity,
    /// None, as the memory, where there is no write-ahead log.
    log: Identity,
    /// What processes share about the log.
    memory: Identity,
}

type Identity = Option<(u64, u64)>;

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
        let place = Self {
            journal: if options.shared_folder { Journal::Rollback } else { journal_for(&path) },
            durability: options.durability,
            size_limit: options.size_limit,
            process: std::process::id(),
            log: folder::beside(&path, "-wal"),
            memory: folder::beside(&path, "-shm"),
            accepted: Mutex::default(),
            path,
        };
        place.connect_first()?;
        Ok(place)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A connection to the file that is there now.
    pub(super) fn connect(&self, patience: Patience) -> rusqlite::Result<Link> {
        let database = folder::identity(&self.path);
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
        let mut link = Link { connection, files: Files { database, ..Files::default() } };
        self.settle(&mut link)?;
        Ok(link)
    }

    /// Has the connection open its log, and notes which one that is.
    fn settle(&self, link: &mut Link) -> rusqlite::Result<()> {
        if self.journal == Journal::Rollback {
            return Ok(());
        }
        let pages: i64 = link.connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
        link.files.log = folder::identity(&self.log);
        link.files.memory = folder::identity(&self.memory);
        if pages == 0 || link.files.log.is_none() {
            return Ok(());
        }
        // Others may have a log that is not here any more. Its frames are not in the file of this name.
        let page: i64 = link.connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
        let sql = "PRAGMA wal_checkpoint(NOOP)";
        let (frames, done): (i64, i64) = link.connection.query_row(sql, [], |row| Ok((row.get(1)?, row.get(2)?)))?;
        let size = std::fs::metadata(&self.log).map_or(0, |log| log.len());
        if frames > done && !Header::fits(frames, page, size) { Err(moved()) } else { Ok(()) }
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

    /// Whether a connection still leads to the files of this path.
    pub(super) fn is_current(&self, link: &Link) -> bool {
        link.files.database.is_some()
            && folder::identity(&self.path) == link.files.database
            && (self.journal == Journal::Rollback || folder::identity(&self.log) == link.files.log)
    }

    /// The same for one that writes, which also has to share memory with all others.
    pub(super) fn is_current_for_writing(&self, link: &Link) -> bool {
        let shares = self.journal == Journal::Rollback || folder::identity(&self.memory) == link.files.memory;
        shares && self.is_current(link)
    }

    /// Whether the files are those that were found to be in order.
    pub(super) fn is_accepted(&self) -> bool {
        let (now, accepted) = (self.files(), self.accepted().files);
        now.database.is_some() && now.database == accepted.database && now.log == accepted.log
    }

    /// A connection that has its tables; makes a new file where the old one was removed.
    pub(super) fn connect_again(&self) -> Result<Link> {
        self.connect_first().map_err(|error| Error::new(ErrorKind::Unavailable, error.to_string()))
    }

    fn connect_first(&self) -> Result<Link, ConfigError> {
        let refuse = |why: String| folder::refuse(&self.path, &why);
        let mut accepted = self.accepted();
        let _locked = folder::lock(&self.path);
        self.rescue(&accepted).map_err(|error| refuse(format!("has lost its log: {}", failed(error))))?;
        if folder::identity(&self.path).is_none() {
            if accepted.files.database.is_some() {
                crate::events::file_removed(&self.path);
            }
            folder::create_file(&self.path)
                .map_err(|error| refuse(format!("cannot be created: {error}; is its folder writable?")))?;
        }
        schema::verify(&self.path)?;
        self.separate(accepted.files)?;
        let mut link =
            self.connect(Patience::Much).map_err(|error| refuse(format!("cannot be opened: {}", failed(error))))?;
        self.prepare(&mut link).map_err(|why| refuse(why.to_string()))?;
        self.settle(&mut link).map_err(|error| refuse(format!("cannot be opened: {}", failed(error))))?;
        if accepted.keeper.is_none() || accepted.files != link.files {
            // The old one first: to whom it is the last, it is no reason to keep a log.
            *accepted = Accepted::default();
            let keeper = self.connect(Patience::Much);
            let keeper = keeper.map_err(|error| refuse(format!("cannot be opened: {}", failed(error))))?;
            *accepted = Accepted { files: link.files, keeper: Some(keeper) };
        }
        Ok(link)
    }

    /// Brings into the file what is only in a log that somebody removed, through the connection that has it open still.
    fn rescue(&self, accepted: &Accepted) -> rusqlite::Result<()> {
        let Some(keeper) = &accepted.keeper else { return Ok(()) };
        let now = self.files();
        let removed = now.database == accepted.files.database && now.log != accepted.files.log;
        // Where there is something in a new log, the rest of the old one was brought into the file before.
        if !removed || std::fs::metadata(&self.log).map_or(0, |log| log.len()) > 0 {
            return Ok(());
        }
        crate::events::log_removed(&self.log);
        let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
        let busy: i64 = keeper.connection.query_row(sql, [], |row| row.get(0))?;
        if busy == 0 { Ok(()) } else { Err(moved()) }
    }

    /// Puts the log of another database out of the way of this one.
    fn separate(&self, accepted: Files) -> Result<(), ConfigError> {
        let now = self.files();
        if self.journal == Journal::Rollback || now == accepted {
            return Ok(());
        }
        let replaced = accepted.database.is_some() && accepted.database != now.database;
        let foreign = now.log.is_some()
            && ((replaced && accepted.log == now.log)
                || log::is_foreign(&self.path).map_err(|error| {
                    folder::refuse(&self.path, &format!("cannot be held against its log: {}", failed(error)))
                })?);
        let put_away = || {
            if foreign {
                let aside = folder::beside(&self.path, "-wal-of-another");
                std::fs::rename(&self.log, &aside)?;
                crate::events::foreign_log(&self.path, &aside);
            }
            if foreign || (replaced && accepted.memory == now.memory) {
                folder::remove(&self.memory)?;
            }
            Ok(())
        };
        put_away().map_err(|error: std::io::Error| {
            folder::refuse(&self.log, &format!("is the log of another database and cannot be moved away: {error}"))
        })
    }

    /// Notes in the database which log it is written in, where that is another one than this.
    pub(super) fn note_log(&self, link: &mut Link, noted: &mut Option<log::Salts>) -> rusqlite::Result<()> {
        if self.journal == Journal::Rollback {
            return Ok(());
        }
        // One that cannot be read is found missing at once.
        if let Ok(Some(header)) = Header::read(&self.log)
            && *noted != Some(header.salts)
        {
            log::note(&mut link.connection, &self.path, &header)?;
            *noted = Some(header.salts);
        }
        Ok(())
    }

    fn files(&self) -> Files {
        let database = folder::identity(&self.path);
        if self.journal == Journal::Rollback {
            return Files { database, ..Files::default() };
        }
        Files { database, log: folder::identity(&self.log), memory: folder::identity(&self.memory) }
    }

    /// Whoever panicked with it has accepted nothing.
    fn accepted(&self) -> MutexGuard<'_, Accepted> {
        self.accepted.lock().unwrap_or_else(PoisonError::into_inner)
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

pub(super) fn wait_long(times: i32) -> bool {
    wait(times, 7_000)
}

fn wait(times: i32, most: i32) -> bool {
    let goes_on = times < most;
    if goes_on {
        pause();
    }
    goes_on
}

pub(super) fn pause() {
    let jitter = u64::from(u16::from_le_bytes(random())) * 900 / u64::from(u16::MAX);
    std::thread::sleep(Duration::from_micros(100 + jitter));
}

/// SQLite's own word for a database whose files are not those of its path any more.
pub(super) fn moved() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_READONLY_DBMOVED), None)
}

pub(super) fn is_moved(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| error.extended_code == rusqlite::ffi::SQLITE_READONLY_DBMOVED)
}

/// An error of SQLite as one of ours. None of them means that there is no session.
pub(super) fn failed(error: rusqlite::Error) -> Error {
    let (kind, text) = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => (ErrorKind::Full, "the session file has no room left"),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            (ErrorKind::Unavailable, "another process keeps the session file to itself")
        }
        _ if is_moved(&error) => (
            ErrorKind::Unavailable,
            "the session file, or its log, was removed or replaced while it is in use; leave session.db, -wal and -shm to \
             the server, and use `cloakroom restore` for backups",
        ),
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
