//! Reading, on the thread that asks or on one that may wait.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::connection::{Link, Patience, Place, failed, is_busy};
use super::inline::Inline;
use super::row;
use crate::error::{Error, ErrorKind, Result};

/// Connections that only read. Each is used by one thread at a time, and holds no lock in between, so that it never keeps
/// the log from being written back.
#[derive(Debug)]
pub(super) struct Readers {
    place: Arc<Place>,
    idle: Mutex<Vec<Link>>,
}

/// Connections that are kept for the next reader: more threads than that do not read at once for long.
const MOST_IDLE: usize = 32;

/// How long a read waits for a process that keeps the file to itself: a bit less than a request may wait.
const WAIT: Duration = Duration::from_secs(4);

impl Readers {
    pub(super) fn new(place: Arc<Place>) -> Self {
        Self { place, idle: Mutex::default() }
    }

    /// Reads at once, on a connection that there is already. None where it is time to wait elsewhere: another process keeps
    /// the file to itself, as it does for moments, or nobody knows how long the disk takes.
    pub(super) fn try_read<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Option<Result<T>> {
        if let Err(error) = self.place.check_process() {
            return Some(Err(error));
        }
        let _inline = Inline::begin()?;
        let link = self.idle().pop()?;
        let value = if self.place.is_current(&link) { Some(read(&link.connection)) } else { None };
        match value {
            Some(Err(error)) if !is_busy(&error) => Some(Err(unreadable_or_failed(error))),
            // One that leads elsewhere is closed where that may take its time.
            value => {
                self.give_back(link);
                value?.ok().map(Ok)
            }
        }
    }

    /// Reads, and waits for other processes if need be: for a thread that serves no requests meanwhile.
    pub(super) fn read_patiently<T>(&self, read: impl Fn(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        let start = Instant::now();
        loop {
            let link = self.take()?;
            match read(&link.connection) {
                Ok(value) => {
                    self.give_back(link);
                    return Ok(value);
                }
                // The connection has paused already.
                Err(error) if is_busy(&error) && start.elapsed() < WAIT => self.give_back(link),
                Err(error) => return Err(unreadable_or_failed(error)),
            }
        }
    }

    /// A connection to the file that is there now.
    fn take(&self) -> Result<Link> {
        loop {
            let link = self.idle().pop();
            match link {
                Some(link) if self.place.is_current(&link) => return Ok(link),
                Some(_) => {}
                None if self.place.is_there() && self.place.is_accepted() => {
                    return self.place.connect(Patience::Little).map_err(failed);
                }
                None => return self.place.connect_again(),
            }
        }
    }

    fn give_back(&self, link: Link) {
        let mut idle = self.idle();
        if idle.len() < MOST_IDLE {
            idle.push(link);
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Link>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is stored and cannot be read is no failure of the store.
fn unreadable_or_failed(error: rusqlite::Error) -> Error {
    if row::is_unreadable(&error) {
        return Error::new(ErrorKind::Decode, "a record in the session file cannot be read").caused_by(error);
    }
    failed(error)
}

#[cfg(test)]
mod tests {
    use std::future::ready;
    use std::path::Path;
    use std::sync::mpsc::channel;

    use super::super::FileStore;
    use super::*;
    use crate::clock::Timestamp;
    use crate::store::SessionStore;
    use crate::token::StoreKey;

    async fn store(folder: &Path) -> FileStore {
        let store = FileStore::builder(folder).open().await.expect("it opens");
        // Its connection is the one that the next read finds.
        store.load(&StoreKey::from_bytes([7; 32]), Timestamp::now()).await.expect("it answers");
        store
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn reads_that_stand_still_leave_a_worker_and_end_in_time_for_their_callers() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Arc::new(store(folder.path()).await);
        let (stands, standing) = channel();
        let (go_on, waits) = channel::<()>();
        let first = tokio::spawn({
            let store = Arc::clone(&store);
            async move {
                store.0.readers.try_read(|_| {
                    stands.send(()).expect("somebody waits");
                    let _ = waits.recv();
                    Ok(())
                })
            }
        });
        tokio::task::yield_now().await;
        standing.recv().expect("it reads on a worker");
        std::thread::sleep(Duration::from_millis(5));
        // Every other read is done elsewhere, whoever asks.
        for _ in 0..4 {
            let store = Arc::clone(&store);
            let inline = tokio::spawn(async move { store.0.readers.try_read(|_| Ok(())).is_some() });
            assert!(!inline.await.expect("it ends"), "it joins one that stands");
        }
        // Those elsewhere stand, too: their callers wait no longer than they want to, and the worker that is left serves.
        let (release, held) = channel::<()>();
        let held = Arc::new(Mutex::new(held));
        for _ in 0..8 {
            let (held, readers) = (Arc::clone(&held), Arc::clone(&store.0.readers));
            let stand = move || {
                readers.read_patiently(|_| {
                    let _ = held.lock().map(|held| held.recv());
                    Ok(())
                })
            };
            let waiting = store.0.loads.run(stand);
            let given_up = tokio::spawn(tokio::time::timeout(Duration::from_millis(10), ready(())));
            assert!(tokio::time::timeout(Duration::from_millis(10), waiting).await.is_err(), "it did not stand");
            given_up.await.expect("a worker is left").expect("in time");
        }
        drop((go_on, release));
        assert!(first.await.expect("it ends").is_some_and(|read| read.is_ok()));
        let key = StoreKey::from_bytes([7; 32]);
        assert_eq!(store.load(&key, Timestamp::now()).await.ok(), Some(None), "it goes on");
    }
}
