//! Which write-ahead log belongs to which database.
//!
//! SQLite takes whatever lies beside a file under the name of its log for its log. A backup that was moved over the database
//! after a crash would have the log of the old one replayed onto it. So the database says which log it knows: the table
//! `log` holds the salts of the log that it was last written in (`salts`), those of the log before (`base`), and the
//! version of the schema, which SQLite changes in every copy that it makes itself. A log that begins anew has new salts, and
//! begins only when all of the log before is in the file. So the row in the file is the one in the log or its `base`.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::connection::{is_busy, wait_long};
use super::folder::beside;
use super::schema;

/// What tells a log from those before it and after it.
pub(super) type Salts = [u8; 8];

/// The beginning of a log (sqlite.org/fileformat2.html, section 4.1). No lock lies on the file of a log, so it may be opened
/// and closed without SQLite.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) salts: Salts,
    page: u64,
}

const HEADER: u64 = 32;
const FRAME_HEADER: u64 = 24;

impl Header {
    /// None where nothing was logged yet.
    pub(super) fn read(log: &Path) -> io::Result<Option<Self>> {
        let mut bytes = [0; HEADER as usize];
        match File::open(log).and_then(|mut log| log.read_exact(&mut bytes)) {
            Ok(()) => {}
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof) => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        }
        let [page, salts] = [8, 16].map(|at| &bytes[at..]);
        let mut header = Self { salts: [0; 8], page: 0 };
        header.salts.copy_from_slice(&salts[..8]);
        header.page = page[..4].iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        Ok(Some(header))
    }

    /// Whether the log holds this page.
    fn holds(&self, log: &Path, page: i64) -> io::Result<bool> {
        let mut log = File::open(log)?;
        let mut frame = [0; FRAME_HEADER as usize];
        let mut at = HEADER;
        loop {
            log.seek(SeekFrom::Start(at))?;
            match log.read_exact(&mut frame) {
                // What follows is left from the log before.
                Ok(()) if frame[8..16] != self.salts => return Ok(false),
                Ok(()) if i64::from(u32::from_be_bytes([frame[0], frame[1], frame[2], frame[3]])) == page => {
                    return Ok(true);
                }
                Ok(()) => at += FRAME_HEADER + self.page,
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether so many frames have room in a file of this size.
    pub(super) fn fits(frames: i64, page: i64, size: u64) -> bool {
        let frame = FRAME_HEADER + page.unsigned_abs();
        size >= HEADER + frames.unsigned_abs() * frame
    }
}

/// What the database says of its log.
struct Note {
    salts: Vec<u8>,
    base: Vec<u8>,
    /// `schema_version` when it was written.
    cookie: i64,
    /// The page that it is on.
    page: i64,
}

impl Note {
    fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let sql = "SELECT salts, base, cookie, (SELECT rootpage FROM sqlite_schema WHERE name = 'log') FROM log";
        connection.query_row(sql, [], |row| {
            Ok(Self { salts: row.get(0)?, base: row.get(1)?, cookie: row.get(2)?, page: row.get(3)? })
        })
    }
}

/// Notes in the database which log it is written in, after a write that may have begun one. If this very transaction begins
/// another, the next look at its salts says so.
pub(super) fn note(connection: &mut Connection, log: &Path, header: &Header) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let note = Note::read(&transaction)?;
    if note.salts == header.salts {
        return Ok(());
    }
    // A note that is in this log already was made for the one before, and knows the base of this one.
    let base = if header.holds(log, note.page).map_err(unreadable)? { &note.base } else { &note.salts };
    let cookie = cookie(&transaction)?;
    if cookie < note.cookie {
        // A copy that SQLite made begins to count anew. Copies of this one have to differ from it.
        transaction.pragma_update(None, "schema_version", note.cookie + 1)?;
    }
    let sql = "UPDATE log SET salts = ?1, base = ?2, cookie = (SELECT schema_version FROM pragma_schema_version)";
    transaction.execute(sql, (&header.salts[..], base))?;
    transaction.commit()
}

/// Makes a copy know no log, so that none is taken for its own.
pub(super) fn forget(connection: &Connection) -> rusqlite::Result<()> {
    let sql = "UPDATE log SET salts = randomblob(8), base = randomblob(8), \
               cookie = (SELECT schema_version FROM pragma_schema_version)";
    connection.execute(sql, []).map(drop)
}

/// Whether the log beside a database is that of another one.
pub(super) fn is_foreign(path: &Path) -> rusqlite::Result<bool> {
    let log = beside(path, "-wal");
    let Some(header) = Header::read(&log).map_err(unreadable)? else { return Ok(false) };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    #[allow(unused_mut, reason = "the busy handler takes it mutable in later versions of rusqlite")]
    let mut logged = Connection::open_with_flags(path, flags)?;
    // What is looked at may not get into the file.
    logged.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    logged.busy_handler(Some(wait_long))?;
    let raw = schema::without_log(path)?;
    // With the lock, so that nobody begins a log between the two looks.
    let begun = logged.execute_batch("BEGIN IMMEDIATE");
    let noted = begun.and_then(|()| Ok((Note::read(&logged)?, cookie(&logged)?)));
    let (note, newest) = match noted {
        Ok(noted) => noted,
        Err(error) if is_busy(&error) => return Err(error),
        Err(_) => return Ok(!is_whole(&logged) && is_whole(&raw)),
    };
    if !header.holds(&log, note.page).map_err(unreadable)? {
        // Cut off before the note, or written by another program. What does not fit together shows it.
        return Ok(!is_whole(&logged) && is_whole(&raw));
    }
    let Ok(kept) = Note::read(&raw) else { return Ok(!is_whole(&logged) && is_whole(&raw)) };
    let newest = if header.holds(&log, 1).map_err(unreadable)? { newest.max(note.cookie) } else { note.cookie };
    let fits = [&note.salts, &note.base].contains(&&kept.salts) && (note.cookie..=newest).contains(&cookie(&raw)?);
    Ok(!fits)
}

fn is_whole(connection: &Connection) -> bool {
    schema::check(connection).is_ok()
}

fn cookie(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "schema_version", |row| row.get(0))
}

fn unreadable(error: io::Error) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(Box::new(error))
}
