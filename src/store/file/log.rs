//! Which write-ahead log belongs to which database.
//!
//! SQLite takes whatever lies beside a file under the name of its log for its log. A backup that was moved over the database
//! after a crash would have the log of the old one replayed onto it. So the table `log` says, once for each log and in that log,
//! what it begins from: the salts of the log (`salts`), and what the file itself, without its log, says of its own salts
//! (`base`) and of its schema's version (`cookie`), which SQLite changes in every copy that it makes.
//!
//! From then on the file gets these two pages only from this log: what it says is what it said then, or is in one of the
//! log's frames. Everything else is another file. The comparison is exact, because a log that is taken for a foreign one
//! while others write in it would be lost to them.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::connection::{is_busy, wait_long};
use super::folder::beside;
use super::schema::{self, Refused};

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
        let mut header = Self { salts: [0; 8], page: u64::from(number(&bytes[8..12])) };
        header.salts.copy_from_slice(&bytes[16..24]);
        Ok(Some(header))
    }

    /// The images of a page that the log holds, from the first to the last.
    fn images(&self, log: &Path, page: u32) -> io::Result<Vec<Vec<u8>>> {
        let mut images = Vec::new();
        let mut log = BufReader::new(File::open(log)?);
        let mut frame = [0; FRAME_HEADER as usize];
        let mut image = vec![0; usize::try_from(self.page).unwrap_or_default()];
        log.seek(SeekFrom::Start(HEADER))?;
        while read_whole(&mut log, &mut frame)? && frame[8..16] == self.salts && read_whole(&mut log, &mut image)? {
            if number(&frame[..4]) == page {
                images.push(image.clone());
            }
        }
        Ok(images)
    }

    /// Whether so many frames have room in a file of this size.
    pub(super) fn fits(frames: i64, page: i64, size: u64) -> bool {
        let frame = FRAME_HEADER + page.unsigned_abs();
        size >= HEADER + frames.unsigned_abs() * frame
    }
}

/// Whether there was as much; what follows it may be cut off.
fn read_whole(log: &mut impl Read, bytes: &mut [u8]) -> io::Result<bool> {
    match log.read_exact(bytes) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

fn number(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

/// The row of the table `log`.
struct Note {
    salts: Vec<u8>,
    base: Vec<u8>,
    cookie: i64,
    /// The page that it is on.
    page: u32,
}

impl Note {
    fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let sql = "SELECT salts, base, cookie, (SELECT rootpage FROM sqlite_schema WHERE name = 'log') FROM log";
        connection.query_row(sql, [], |row| {
            Ok(Self { salts: row.get(0)?, base: row.get(1)?, cookie: row.get(2)?, page: row.get(3)? })
        })
    }
}

/// Notes in the database which log it is written in and what that began from, after a write that may have begun one. If this
/// very transaction begins another, the next look at its salts says so.
pub(super) fn note(connection: &mut Connection, path: &Path, header: &Header) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let noted = Note::read(&transaction)?;
    if noted.salts == header.salts {
        return Ok(());
    }
    // Some of this log may be in the file already. It does not matter: that is in its frames.
    let raw = schema::without_log(path)?;
    let (base, begun_from) = (Note::read(&raw)?.salts, cookie(&raw)?);
    if cookie(&transaction)? < noted.cookie {
        // A copy that SQLite made begins to count anew. Copies of this one have to differ from it.
        transaction.pragma_update(None, "schema_version", noted.cookie + 1)?;
    }
    transaction.execute("UPDATE log SET salts = ?1, base = ?2, cookie = ?3", (&header.salts[..], base, begun_from))?;
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
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    #[allow(unused_mut, reason = "the busy handler takes it mutable in later versions of rusqlite")]
    let mut logged = Connection::open_with_flags(path, flags)?;
    // What is looked at may not get into the file.
    logged.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    logged.busy_handler(Some(wait_long))?;
    let raw = schema::without_log(path)?;
    // With the lock, so that nobody begins a log meanwhile; the one that is there may get into the file at any moment.
    let noted = logged.execute_batch("BEGIN IMMEDIATE").and_then(|()| Note::read(&logged));
    let Some(header) = Header::read(&log).map_err(unreadable)? else { return Ok(false) };
    let noted = match noted {
        Ok(noted) if noted.salts == header.salts => noted,
        Err(error) if is_busy(&error) => return Err(error),
        // Cut off before the note, or written by another program. What does not fit together shows it.
        _ => return Ok(is_damaged(&logged)? && !is_damaged(&raw)?),
    };
    let (Ok(kept), Ok(kept_cookie)) = (Note::read(&raw), cookie(&raw)) else {
        return Ok(is_damaged(&logged)? && !is_damaged(&raw)?);
    };
    let notes = header.images(&log, noted.page).map_err(unreadable)?;
    let is_known = kept.salts == noted.base || notes.iter().any(|page| holds(page, &kept.salts));
    let heads = header.images(&log, 1).map_err(unreadable)?;
    let has_cookie = |page: &Vec<u8>| page.get(COOKIE).is_some_and(|cookie| i64::from(number(cookie)) == kept_cookie);
    Ok(!(is_known && (kept_cookie == noted.cookie || heads.iter().any(has_cookie))))
}

/// Where the first page has the version of the schema (sqlite.org/fileformat2.html, section 1.3).
const COOKIE: std::ops::Range<usize> = 40..44;

fn holds(page: &[u8], salts: &[u8]) -> bool {
    page.windows(salts.len().max(1)).any(|bytes| bytes == salts)
}

/// Looks at every page, of large files too: it is rare that it has to. No other failure of a look is a reason to move anything.
fn is_damaged(connection: &Connection) -> rusqlite::Result<bool> {
    match schema::check_each_page(connection) {
        Ok(()) => Ok(false),
        Err(Refused::Failed(error)) => Err(error),
        Err(_) => Ok(true),
    }
}

fn cookie(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "schema_version", |row| row.get(0))
}

fn unreadable(error: io::Error) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(Box::new(error))
}
