//! Copies of a session file, and what takes its place again.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::connection::{failed, is_busy, pause, wait_long};
use super::filesystem::Journal;
use super::folder::{self, beside, refuse};
use super::{FileStore, log, schema};
use crate::error::ConfigError;
use crate::random::random;

/// Pages that are copied between two reports: a megabyte.
const STEP: i32 = 256;

impl FileStore {
    /// Copies the sessions of a file as they are at one moment, while servers use it. `progress` is told how many of how
    /// many pages are copied. The copy is a whole session file, for this user alone, and appears under its name once it is
    /// complete and on the disk.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if there is no session file, if there is something under the name of the copy, or if the disk fails.
    ///
    /// ```
    /// use cloakroom::FileStore;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let (path, copy) = (folder.path().join("session.db"), folder.path().join("backup.db"));
    /// # drop(FileStore::open(&path).await?);
    /// FileStore::backup(&path, &copy, |_pages, _of| {}).await?;
    /// assert!(copy.exists());
    /// # Ok(()) }
    /// ```
    pub async fn backup(
        path: impl AsRef<Path>,
        copy: impl AsRef<Path>,
        progress: impl Fn(u64, u64) + Send + 'static,
    ) -> Result<(), ConfigError> {
        let (path, copy) = (path.as_ref().to_owned(), copy.as_ref().to_owned());
        elsewhere(move || make(&folder::file_in(&path)?, &folder::file_in(&copy)?, &progress)).await
    }

    /// Puts a copy in the place of a session file that nobody uses. All that was in the file before is gone; sessions that
    /// were ended since the copy was made open again, unless they have expired.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if the copy is no session file, is damaged, or was written by a newer version, if a process has the
    /// file open, or if the disk fails. The file is left as it is.
    ///
    /// ```
    /// use cloakroom::FileStore;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let (path, copy) = (folder.path().join("session.db"), folder.path().join("backup.db"));
    /// # drop(FileStore::open(&path).await?);
    /// # FileStore::backup(&path, &copy, |_, _| {}).await?;
    /// FileStore::restore(&copy, &path, |_pages, _of| {}).await?;
    /// # Ok(()) }
    /// ```
    pub async fn restore(
        copy: impl AsRef<Path>,
        path: impl AsRef<Path>,
        progress: impl Fn(u64, u64) + Send + 'static,
    ) -> Result<(), ConfigError> {
        let (copy, path) = (copy.as_ref().to_owned(), path.as_ref().to_owned());
        elsewhere(move || put_back(&folder::file_in(&copy)?, &folder::file_in(&path)?, &progress)).await
    }
}

/// On a thread that may wait for a disk.
async fn elsewhere(work: impl FnOnce() -> Result<(), ConfigError> + Send + 'static) -> Result<(), ConfigError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(ConfigError::new("file", format!("copying the session file failed: {error}"))))
}

fn make(path: &Path, copy: &Path, progress: &dyn Fn(u64, u64)) -> Result<(), ConfigError> {
    if copy.exists() {
        return Err(refuse(copy, "is there already, and was left as it is; give the backup another name"));
    }
    let unfinished = Unfinished::copied(path, copy, progress)?;
    // It never takes the place of another file, whoever made that meanwhile.
    let linked = fs::hard_link(&unfinished.0, copy).or_else(|_| match copy.exists() {
        true => Err(std::io::ErrorKind::AlreadyExists.into()),
        false => fs::rename(&unfinished.0, copy),
    });
    linked.and_then(|()| write_through(copy)).map_err(|error| refuse(copy, &format!("cannot be created: {error}")))
}

fn put_back(copy: &Path, path: &Path, progress: &dyn Fn(u64, u64)) -> Result<(), ConfigError> {
    folder::create(path)?;
    let unfinished = Unfinished::copied(copy, path, progress)?;
    let _locked = folder::lock(path);
    // Kept until the file has its place, so that no server begins on the one that goes.
    let _alone = if path.exists() { alone(path)? } else { None };
    let moved = fs::rename(&unfinished.0, path).and_then(|()| {
        for end in ["-wal", "-shm", "-journal"] {
            folder::remove(&beside(path, end))?;
        }
        write_through(path)
    });
    moved.map_err(|error| refuse(path, &format!("cannot be replaced: {error}")))
}

/// A file under a name of its own, until it is complete. It is removed when this is dropped.
struct Unfinished(PathBuf);

impl Unfinished {
    /// A copy of a session file, for the place of another.
    fn copied(from: &Path, to: &Path, progress: &dyn Fn(u64, u64)) -> Result<Self, ConfigError> {
        if !from.is_file() {
            return Err(refuse(from, "is not there; give the path of a session file"));
        }
        schema::verify(from)?;
        let failure = |error: rusqlite::Error| match schema::is_damage(&error) {
            true => refuse(from, "is damaged, and was not copied; take another backup"),
            false => refuse(from, &format!("cannot be copied: {}", failed(error))),
        };
        let source = source(from).map_err(failure)?;
        let unfinished = Self(beside(to, &format!("-unfinished-{:016x}", u64::from_le_bytes(random()))));
        folder::create_file(&unfinished.0)
            .map_err(|error| refuse(&unfinished.0, &format!("cannot be created: {error}; is its folder writable?")))?;
        let mut target = Connection::open(&unfinished.0).map_err(failure)?;
        copy(&source, &mut target, progress).map_err(failure)?;
        drop(source);
        let whole = target.pragma_query_value(None, "quick_check", |row| row.get::<_, String>(0)).map_err(failure)?;
        if whole != "ok" {
            return Err(refuse(from, "is damaged, and was not copied; take another backup"));
        }
        // A file by itself, of the tables of this version, that knows no log.
        schema::prepare(&mut target, Journal::Rollback).map_err(|why| refuse(from, &why.to_string()))?;
        log::forget(&target).map_err(failure)?;
        drop(target);
        Ok(unfinished)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        for end in ["", "-wal", "-shm", "-journal"] {
            let _ = folder::remove(&beside(&self.0, end));
        }
    }
}

fn source(path: &Path) -> rusqlite::Result<Connection> {
    // Where there is no log, nothing has to be written beside it: a backup may lie where nobody may write.
    if !beside(path, "-wal").exists() && !beside(path, "-journal").exists() && !is_used_without_log(path)? {
        return schema::without_log(path);
    }
    if log::is_foreign(path)? {
        return Err(super::connection::moved());
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    #[allow(unused_mut, reason = "the busy handler takes it mutable in later versions of rusqlite")]
    let mut source = Connection::open_with_flags(path, flags)?;
    source.busy_handler(Some(wait_long))?;
    Ok(source)
}

/// Whether the file has no write-ahead log at any time, so that nothing beside it shows that it is in use.
fn is_used_without_log(path: &Path) -> rusqlite::Result<bool> {
    let journal: String = schema::without_log(path)?.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    Ok(journal != "wal")
}

/// Copies all pages as they are at one moment: one read goes on meanwhile, so that those who write do not make it begin
/// again.
fn copy(source: &Connection, target: &mut Connection, progress: &dyn Fn(u64, u64)) -> rusqlite::Result<()> {
    source.execute_batch("BEGIN")?;
    let _moment: i64 = source.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let backup = Backup::new(source, target)?;
    loop {
        let step = backup.step(STEP)?;
        let pages = backup.progress();
        let of = u64::try_from(pages.pagecount).unwrap_or(0);
        progress(of.saturating_sub(u64::try_from(pages.remaining).unwrap_or(0)), of);
        match step {
            StepResult::Done => return Ok(()),
            StepResult::More => {}
            _ => pause(),
        }
    }
}

/// A connection that is the only one to the file, and lets no other work on it. None where the file is too damaged for
/// anybody to work on it.
fn alone(path: &Path) -> Result<Option<Connection>, ConfigError> {
    let take = || {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.pragma_update_and_check(None, "locking_mode", "exclusive", |_| Ok(()))?;
        // To give up the log takes the file for oneself, which nobody gets who is not alone.
        connection.pragma_update_and_check(None, "journal_mode", "delete", |_| Ok(()))?;
        connection.execute_batch("BEGIN EXCLUSIVE")?;
        Ok(connection)
    };
    match take() {
        Ok(connection) => Ok(Some(connection)),
        Err(error) if is_busy(&error) => {
            Err(refuse(path, "is in use, and was left as it is; stop the servers that have it open, and restore again"))
        }
        Err(error) if schema::is_damage(&error) => Ok(None),
        Err(error) => Err(refuse(path, &format!("cannot be replaced: {}", failed(error)))),
    }
}

/// A name lasts once its folder is on the disk. The file itself was written through by SQLite.
fn write_through(path: &Path) -> std::io::Result<()> {
    match path.parent().filter(|_| cfg!(unix)) {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}
