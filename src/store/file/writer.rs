//! Writing: one thread for each store takes all that waits, commits it together, and then answers each.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::connection::{Link, Place, failed, is_busy, is_moved, moved};
use super::filesystem::Journal;
use super::log::Salts;
use super::options::Durability;
use super::{folder, index, row};
use crate::clock::Timestamp;
use crate::error::{ConfigError, Error, ErrorKind, Result};
use crate::record::{Record, Revision};
use crate::store::{Created, Swap, Touched};
use crate::token::StoreKey;

/// What is asked of the writer.
pub(super) enum Verb {
    Create(StoreKey, Record, Timestamp, Reply<Created>),
    Swap(StoreKey, Revision, Record, Timestamp, Reply<Swap>),
    Touch(StoreKey, Revision, Timestamp, Timestamp, Reply<Touched>),
    Delete(StoreKey, Timestamp, Reply<Option<Record>>),
    DeleteMany(Vec<StoreKey>, Timestamp, Reply<index::Deleted>),
    Sweep(index::Sweeper, Timestamp, Reply<index::Step>),
}

/// Who asked, and what the answer will be once it is durable.
pub(super) struct Reply<T> {
    to: oneshot::Sender<Result<T>>,
    value: Option<T>,
    _room: OwnedSemaphorePermit,
}

/// The most that goes into one transaction, so that nobody waits for too many others.
const MOST: usize = 256;

/// The most bytes of verbs in the queue and in the batch that is being written. If the queue is full, callers wait outside
/// of it, in the order of arrival and within their own timeouts: a rush that the disk absorbs within moments fails no
/// request, and while another process holds the lock the memory of the queue does not grow.
const MOST_BYTES: u32 = 32 * 1024 * 1024;

/// The share of a verb without its record, which also bounds the number of verbs.
const VERB_BYTES: u32 = 1024;

/// How long dropping a store waits for its writer, which a disk may hold up.
const END: Duration = Duration::from_secs(5);

/// The thread and its queue.
pub(super) struct Writer {
    queue: Option<Sender<Verb>>,
    room: Arc<Semaphore>,
    /// Closed when the thread has ended.
    ended: Mutex<Receiver<()>>,
    place: Arc<Place>,
}

impl Writer {
    pub(super) fn start(place: Arc<Place>) -> Result<Self, ConfigError> {
        let (queue, verbs) = channel();
        let (ends, ended) = channel();
        let theirs = Arc::clone(&place);
        let thread = std::thread::Builder::new().name("cloakroom-file".to_owned());
        let started = thread.spawn(move || {
            let _ends: Sender<()> = ends;
            serve(&theirs, &verbs);
            drop(theirs);
        });
        started.map_err(|error| {
            folder::refuse(place.path(), &format!("takes a thread that cannot be started: {error}"))
        })?;
        Ok(Self {
            queue: Some(queue),
            room: Arc::new(Semaphore::new(MOST_BYTES as usize)),
            ended: Mutex::new(ended),
            place,
        })
    }

    /// Has a verb done that takes so many bytes along. If the future is dropped before the verb's transaction has begun, it
    /// is not done.
    pub(super) async fn ask<T>(&self, bytes: usize, verb: impl FnOnce(Reply<T>) -> Verb) -> Result<T> {
        self.place.check_process()?;
        let bytes = u32::try_from(bytes).unwrap_or(MOST_BYTES).saturating_add(VERB_BYTES).min(MOST_BYTES);
        let gone = || Error::new(ErrorKind::Unavailable, "writing the session file failed");
        // First without waiting, which takes nothing of what a task may do before it has to let others go on.
        let room = match Arc::clone(&self.room).try_acquire_many_owned(bytes) {
            Ok(room) => room,
            Err(_) => Arc::clone(&self.room).acquire_many_owned(bytes).await.map_err(|_| gone())?,
        };
        let (to, answer) = oneshot::channel();
        if let Some(queue) = &self.queue {
            // A writer that is gone takes nothing, and the channel of the answer closes.
            let _ = queue.send(verb(Reply { to, value: None, _room: room }));
        }
        answer.await.unwrap_or_else(|_| Err(gone()))
    }
}

impl Drop for Writer {
    /// Waits until the transaction that is under way has ended, and the file is closed.
    fn drop(&mut self) {
        self.queue = None;
        if self.place.check_process().is_ok() {
            let _ = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner).recv_timeout(END);
        }
    }
}

fn serve(place: &Place, verbs: &Receiver<Verb>) {
    let mut open = None;
    while let Ok(first) = verbs.recv() {
        let batch: Vec<_> =
            std::iter::once(first).chain(verbs.try_iter()).filter(|verb| !verb.is_abandoned()).take(MOST).collect();
        if batch.is_empty() {
            continue;
        }
        // Whoever waits is told by the closing of the channel.
        if catch_unwind(AssertUnwindSafe(|| write(place, &mut open, batch))).is_err() {
            open = None;
        }
    }
}

/// The connection of the writer.
struct Pen {
    link: Link,
    /// Whether commits are written through to the disk.
    through: Option<bool>,
    /// The log that the database knows of.
    noted: Option<Salts>,
}

/// Why a batch could not be written.
enum Failure {
    /// It would fail each of the batch.
    All(Error),
    /// It may be due to one of the batch.
    One(Error),
}

/// Writes a batch, and answers each of it.
fn write(place: &Place, open: &mut Option<Pen>, mut batch: Vec<Verb>) {
    match attempt(place, open, &mut batch) {
        Ok(()) => batch.into_iter().for_each(Verb::answer),
        Err(Failure::One(_)) if batch.len() > 1 => batch.into_iter().for_each(|verb| write(place, open, vec![verb])),
        Err(Failure::One(error) | Failure::All(error)) => {
            if error.kind() != ErrorKind::Full {
                *open = None;
            }
            batch.into_iter().for_each(|verb| verb.fail(&error));
        }
    }
}

fn attempt(place: &Place, open: &mut Option<Pen>, batch: &mut [Verb]) -> Result<(), Failure> {
    let mut written = ready(place, open)?.commit(place, batch);
    if written.as_ref().is_err_and(is_moved) {
        // Nothing was written: it has noticed that before.
        written = ready(place, open)?.commit(place, batch);
    }
    let Some(pen) = open else { return Ok(()) };
    if let Err(error) = written {
        if is_busy(&error) || is_moved(&error) {
            return Err(Failure::All(failed(error)));
        }
        let error = failed(error);
        let room = error.kind() == ErrorKind::Full && batch.len() == 1 && pen.make_room(place, &batch[0]);
        if !room {
            return Err(Failure::One(error));
        }
        pen.commit(place, batch).map_err(|error| Failure::One(failed(error)))?;
    }
    // What went into a file that nobody will find again is not kept.
    if pen.is_current(place) { Ok(()) } else { Err(Failure::All(failed(moved()))) }
}

/// The connection to the files that are there now.
fn ready<'a>(place: &Place, open: &'a mut Option<Pen>) -> Result<&'a mut Pen, Failure> {
    if open.as_ref().is_none_or(|pen| !pen.is_current(place)) {
        *open = None;
        *open = Some(Pen { link: place.connect_again().map_err(Failure::All)?, through: None, noted: None });
    }
    open.as_mut().ok_or_else(|| Failure::All(failed(moved())))
}

impl Pen {
    fn is_current(&self, place: &Place) -> bool {
        place.is_current_for_writing(&self.link)
    }

    fn commit(&mut self, place: &Place, batch: &mut [Verb]) -> rusqlite::Result<()> {
        let through = place.durability == Durability::PowerLoss && batch.iter().any(Verb::must_last);
        if self.through != Some(through) {
            self.link.connection.pragma_update(None, "synchronous", place.journal.synchronous(through))?;
            self.through = Some(through);
        }
        let transaction = Transaction::new_unchecked(&self.link.connection, TransactionBehavior::Immediate)?;
        // With the lock nobody else begins another log.
        if !place.is_current_for_writing(&self.link) {
            return Err(moved());
        }
        // Waiting for the lock may have taken longer than who asked had time.
        for verb in batch.iter_mut().filter(|verb| !verb.is_abandoned()) {
            verb.run(&transaction)?;
        }
        transaction.commit()?;
        // The batch is kept, whatever becomes of the note: the next one tries again.
        let _ = place.note_log(&mut self.link, &mut self.noted);
        Ok(())
    }

    /// Deletes what has expired where a new record finds no room; answers whether that made any. Processes that share
    /// memory are on one host, and have one clock.
    fn make_room(&self, place: &Place, verb: &Verb) -> bool {
        let (Verb::Create(_, _, now, _) | Verb::Swap(_, _, _, now, _)) = verb else { return false };
        let expired = if place.journal == Journal::WriteAhead { *now } else { now.by_slowest_clock() };
        let most = index::STEP * 10;
        row::sweep(&self.link.connection, most, expired).is_ok_and(|deleted| deleted > 0)
    }
}

impl Verb {
    fn run(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        match self {
            Self::Create(key, record, now, reply) => reply.value = Some(row::create(connection, key, record, *now)?),
            Self::Swap(key, expected, record, now, reply) => {
                reply.value = Some(row::swap(connection, key, *expected, record, *now)?);
            }
            Self::Touch(key, revision, deadline, now, reply) => {
                reply.value = Some(row::touch(connection, key, *revision, *deadline, *now)?);
            }
            Self::Delete(key, now, reply) => reply.value = Some(row::delete(connection, key, *now)?),
            Self::DeleteMany(keys, now, reply) => reply.value = Some(index::delete_some(connection, keys, *now)?),
            Self::Sweep(sweeper, now, reply) => reply.value = Some(index::step(connection, *sweeper, *now)?),
        }
        Ok(())
    }

    /// Whether nobody waits for its answer any more.
    fn is_abandoned(&self) -> bool {
        match self {
            Self::Create(.., reply) => reply.to.is_closed(),
            Self::Swap(.., reply) => reply.to.is_closed(),
            Self::Touch(.., reply) => reply.to.is_closed(),
            Self::Delete(.., reply) => reply.to.is_closed(),
            Self::DeleteMany(.., reply) => reply.to.is_closed(),
            Self::Sweep(.., reply) => reply.to.is_closed(),
        }
    }

    /// Whether a loss of power may not take it back, once it was acknowledged.
    fn must_last(&self) -> bool {
        match self {
            Self::Create(..) | Self::Swap(..) | Self::Delete(..) | Self::DeleteMany(..) => true,
            Self::Touch(..) | Self::Sweep(..) => false,
        }
    }

    fn answer(self) {
        match self {
            Self::Create(.., reply) => reply.send(),
            Self::Swap(.., reply) => reply.send(),
            Self::Touch(.., reply) => reply.send(),
            Self::Delete(.., reply) => reply.send(),
            Self::DeleteMany(.., reply) => reply.send(),
            Self::Sweep(.., reply) => reply.send(),
        }
    }

    fn fail(self, error: &Error) {
        match self {
            Self::Create(.., reply) => reply.fail(error),
            Self::Swap(.., reply) => reply.fail(error),
            Self::Touch(.., reply) => reply.fail(error),
            Self::Delete(.., reply) => reply.fail(error),
            Self::DeleteMany(.., reply) => reply.fail(error),
            Self::Sweep(.., reply) => reply.fail(error),
        }
    }
}

/// Whoever asked may be gone, and is not missed.
impl<T> Reply<T> {
    fn send(self) {
        if let Some(value) = self.value {
            let _ = self.to.send(Ok(value));
        }
    }

    fn fail(self, error: &Error) {
        let _ = self.to.send(Err(Error::new(error.kind(), error.to_string())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply<T>() -> (Reply<T>, oneshot::Receiver<Result<T>>) {
        let (to, answer) = oneshot::channel();
        let room = Arc::new(Semaphore::new(1)).try_acquire_owned().expect("there is room");
        (Reply { to, value: None, _room: room }, answer)
    }

    /// What SQLite makes of a batch that has to last, and of one that has not.
    fn levels(shared_folder: bool) -> [i64; 2] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut options = crate::store::FileStore::builder(folder.path());
        options.shared_folder = shared_folder;
        let place = Place::open(folder.path().join("session.db"), &options).expect("it opens");
        let mut pen = Pen { link: place.connect_again().expect("it opens"), through: None, noted: None };
        let (now, key) = (Timestamp::now(), StoreKey::from_bytes([7; 32]));
        let ((last, _answered), (not, _noted)) = (reply(), reply());
        let last = Verb::Delete(key, now, last);
        let not = Verb::Touch(key, Revision { counter: 1, tag: 1 }, now, now, not);
        [last, not].map(|verb| {
            pen.commit(&place, &mut [verb]).expect("is written");
            pen.link.connection.pragma_query_value(None, "synchronous", |row| row.get(0)).expect("it has a level")
        })
    }

    #[test]
    fn what_has_to_last_is_written_through_with_either_journal() {
        let [normal, full, extra] = [1, 2, 3];
        assert_eq!(levels(false), [full, normal]);
        assert_eq!(levels(true), [extra, full]);
    }
}
