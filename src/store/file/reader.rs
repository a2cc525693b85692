//! Reading, on the thread that asks.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use super::connection::{Link, Patience, Place, failed, is_busy};
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

impl Readers {
    pub(super) fn new(place: Arc<Place>) -> Self {
        Self { place, idle: Mutex::default() }
    }

    /// Reads at once. None where another process keeps the file to itself, as it does for moments: then it is time to wait
    /// elsewhere.
    pub(super) fn try_read<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Option<Result<T>> {
        match self.attempt(read) {
            Err(Attempt::Busy) => None,
            Err(Attempt::Failed(error)) => Some(Err(error)),
            Ok(value) => Some(Ok(value)),
        }
    }

    /// Reads, and waits for other processes if need be: for a thread that serves no requests meanwhile.
    pub(super) fn read_patiently<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        self.place.check_process()?;
        let link = if self.place.is_there() {
            self.place.connect(Patience::Much).map_err(failed)?
        } else {
            self.place.connect_again()?
        };
        read(&link.connection).map_err(unreadable_or_failed)
    }

    fn attempt<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Attempt> {
        self.place.check_process()?;
        let link = self.take()?;
        let value = read(&link.connection)?;
        self.give_back(link);
        Ok(value)
    }

    /// A connection to the file that is there now.
    fn take(&self) -> Result<Link, Attempt> {
        while let Some(link) = self.idle().pop() {
            if self.place.is_current(&link) {
                return Ok(link);
            }
        }
        if self.place.is_there() {
            Ok(self.place.connect(Patience::Little)?)
        } else {
            Ok(self.place.connect_again()?)
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

enum Attempt {
    Busy,
    Failed(Error),
}

impl From<rusqlite::Error> for Attempt {
    fn from(error: rusqlite::Error) -> Self {
        if is_busy(&error) { Self::Busy } else { Self::Failed(unreadable_or_failed(error)) }
    }
}

impl From<Error> for Attempt {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// What is stored and cannot be read is no failure of the store.
fn unreadable_or_failed(error: rusqlite::Error) -> Error {
    if row::is_unreadable(&error) {
        return Error::new(ErrorKind::Decode, "a record in the session file cannot be read").caused_by(error);
    }
    failed(error)
}
