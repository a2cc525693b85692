//! Sessions in one SQLite file, which many processes share.

mod backup;
mod connection;
mod filesystem;
mod folder;
mod index;
mod inline;
mod log;
mod options;
mod pool;
mod reader;
mod row;
mod schema;
mod writer;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use options::{Durability, FileStoreBuilder};

use super::{BoxFuture, Created, IndexEntry, RemovalListener, SessionIndex, SessionStore, Swap, Touched};
use crate::clock::Timestamp;
use crate::error::{ConfigError, Result};
use crate::record::{Record, Revision};
use crate::token::StoreKey;
use connection::Place;
use pool::Pool;
use reader::Readers;
use writer::{Verb, Writer};

/// Keeps sessions in a file that survives restarts: one SQLite database, which all processes of a host share.
///
/// Reads run on the worker that asks, in a few microseconds, as long as another one is free; other reads, and all of a server
/// with one worker, run on threads of the store, so that a disk that stands still leaves a worker to requests that do not use
/// their session. Writes of many requests go to the disk together, and
/// each is answered when it is durable: what was acknowledged survives a crash of the process, of the system, and a loss
/// of power. Several processes may use the file at once: workers, the old and the new process of a deployment, the command
/// line tool; what one ends is ended for all. The file is created with mode 0600, and its folder, if it is missing, with
/// 0700. Anybody who may read it can look into it with `sqlite3`.
///
/// ```
/// use cloakroom::{FileStore, SessionManager};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("session.db");
/// let sessions = SessionManager::new(FileStore::open(path).await?);
/// # Ok(()) }
/// ```
///
/// Open it in the process that uses it: a store that was opened before a `fork` answers
/// [`Unavailable`](crate::ErrorKind::Unavailable).
pub struct FileStore(Arc<Inner>);

struct Inner {
    readers: Arc<Readers>,
    /// For reads by key that have to wait.
    loads: Pool,
    /// For those that go through many records, so that no load waits for them.
    scans: Pool,
    /// Ends when the store is dropped.
    writer: Writer,
    place: Arc<Place>,
    /// Who wants to know what expired.
    listeners: Mutex<Vec<RemovalListener>>,
}

impl FileStore {
    /// Opens the store in this file, or in `session.db` if it is a folder; creates what is missing.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if the file cannot be opened or created, is damaged, belongs to something else, or was written by a
    /// newer version that this one does not understand. Such a file is left as it is.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path();
    /// let store = cloakroom::FileStore::open(path).await?;
    /// # assert!(path.join("session.db").exists());
    /// # Ok(()) }
    /// ```
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        Self::builder(path).open().await
    }

    /// A store with options of its own.
    ///
    /// ```
    /// use cloakroom::FileStore;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path();
    /// let store = FileStore::builder(path).size_limit(256 * 1024 * 1024).open().await?;
    /// # Ok(()) }
    /// ```
    pub fn builder(path: impl AsRef<Path>) -> FileStoreBuilder {
        FileStoreBuilder::new(path.as_ref())
    }

    /// The file that the sessions are in.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path();
    /// let store = cloakroom::FileStore::open(path).await?;
    /// assert_eq!(store.path(), path.join("session.db"));
    /// # Ok(()) }
    /// ```
    pub fn path(&self) -> PathBuf {
        self.0.place.path().to_owned()
    }

    fn new(place: Place) -> Result<Self, ConfigError> {
        let place = Arc::new(place);
        let writer = Writer::start(Arc::clone(&place))?;
        let readers = Arc::new(Readers::new(Arc::clone(&place)));
        let (loads, scans) = (Pool::new("cloakroom-load", 4), Pool::new("cloakroom-scan", 2));
        Ok(Self(Arc::new(Inner { readers, loads, scans, writer, place, listeners: Mutex::default() })))
    }

    /// No code of others runs while it is locked, so a poisoned lock guards a whole list.
    fn listeners(&self) -> MutexGuard<'_, Vec<RemovalListener>> {
        self.0.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads on a thread of these.
    async fn read<T: Send + 'static>(
        &self,
        pool: &Pool,
        read: impl Fn(&rusqlite::Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        self.0.place.check_process()?;
        let readers = Arc::clone(&self.0.readers);
        pool.run(move || readers.read_patiently(read)).await
    }

    async fn scan<T: Send + 'static>(
        &self,
        read: impl Fn(&rusqlite::Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        self.read(&self.0.scans, read).await
    }
}

impl fmt::Debug for FileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileStore").field("path", &self.0.place.path()).finish_non_exhaustive()
    }
}

impl SessionStore for FileStore {
    fn load<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> BoxFuture<'a, Result<Option<Record>>> {
        Box::pin(async move {
            let key = *key;
            self.read(&self.0.loads, move |connection| row::load(connection, &key, now)).await
        })
    }

    fn try_load(&self, key: &StoreKey, now: Timestamp) -> Option<Result<Option<Record>>> {
        self.0.readers.try_read(|connection| row::load(connection, key, now))
    }

    fn create<'a>(&'a self, key: &'a StoreKey, record: &'a Record, now: Timestamp) -> BoxFuture<'a, Result<Created>> {
        Box::pin(self.0.writer.ask(record.data.len(), move |reply| Verb::Create(*key, record.clone(), now, reply)))
    }

    fn swap<'a>(
        &'a self,
        key: &'a StoreKey,
        expected: Revision,
        record: &'a Record,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Swap>> {
        Box::pin(
            self.0.writer.ask(record.data.len(), move |reply| Verb::Swap(*key, expected, record.clone(), now, reply)),
        )
    }

    fn touch<'a>(
        &'a self,
        key: &'a StoreKey,
        revision: Revision,
        idle_deadline: Timestamp,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Touched>> {
        Box::pin(self.0.writer.ask(0, move |reply| Verb::Touch(*key, revision, idle_deadline, now, reply)))
    }

    fn delete<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> BoxFuture<'a, Result<Option<Record>>> {
        Box::pin(self.0.writer.ask(0, move |reply| Verb::Delete(*key, now, reply)))
    }

    fn delete_many<'a>(&'a self, entries: &'a [IndexEntry], now: Timestamp) -> BoxFuture<'a, Result<Vec<StoreKey>>> {
        Box::pin(async move {
            let mut left: Vec<_> = entries.iter().map(|entry| entry.key).collect();
            let mut removed = Vec::with_capacity(left.len());
            // Between two steps the writer does what others ask of it.
            while !left.is_empty() {
                let bytes = left.len() * size_of::<StoreKey>();
                let step = self.0.writer.ask(bytes, move |reply| Verb::DeleteMany(left, now, reply)).await?;
                removed.extend(step.removed);
                left = step.left;
            }
            Ok(removed)
        })
    }

    fn index(&self) -> Option<&dyn SessionIndex> {
        Some(self)
    }
}
