//! Writing: one thread for each store takes all that waits, commits it together, and then answers each.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::oneshot;

use super::connection::{Link, Place, failed, is_busy};
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
}

/// The most that goes into one transaction, so that nobody waits for too many others.
const MOST: usize = 256;

/// The thread and its queue.
pub(super) struct Writer {
    queue: Option<Sender<Verb>>,
    thread: Option<JoinHandle<()>>,
    place: Arc<Place>,
}

impl Writer {
    pub(super) fn start(place: Arc<Place>) -> Result<Self, ConfigError> {
        let (queue, verbs) = channel();
        let theirs = Arc::clone(&place);
        let thread =
            std::thread::Builder::new().name("cloakroom-file".to_owned()).spawn(move || serve(&theirs, &verbs));
        let thread = thread.map_err(|error| {
            folder::refuse(place.path(), &format!("takes a thread that cannot be started: {error}"))
        })?;
        Ok(Self { queue: Some(queue), thread: Some(thread), place })
    }

    /// Has a verb done, even if nobody waits for its answer any more.
    pub(super) async fn ask<T>(&self, verb: impl FnOnce(Reply<T>) -> Verb) -> Result<T> {
        self.place.check_process()?;
        let (to, answer) = oneshot::channel();
        if let Some(queue) = &self.queue {
            // A writer that is gone takes nothing, and the channel of the answer closes.
            let _ = queue.send(verb(Reply { to, value: None }));
        }
        answer.await.unwrap_or_else(|_| Err(Error::new(ErrorKind::Unavailable, "writing the session file failed")))
    }
}

impl Drop for Writer {
    /// Waits until all is written that was asked for.
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take().filter(|_| self.place.check_process().is_ok()) {
            let _ = thread.join();
        }
    }
}

fn serve(place: &Place, verbs: &Receiver<Verb>) {
    let mut open = None;
    while let Ok(first) = verbs.recv() {
        let mut batch = vec![first];
        batch.extend(verbs.try_iter().take(MOST - 1));
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
    if open.as_ref().is_none_or(|pen| !place.is_current(&pen.link)) {
        *open = None;
        *open = Some(Pen { link: place.connect_again().map_err(Failure::All)?, through: None });
    }
    let Some(pen) = open else { return Ok(()) };
    if let Err(error) = pen.commit(place, batch) {
        if is_busy(&error) {
            return Err(Failure::All(failed(error)));
        }
        let error = failed(error);
        let room = error.kind() == ErrorKind::Full && batch.len() == 1 && pen.make_room(&batch[0]);
        if !room {
            return Err(Failure::One(error));
        }
        pen.commit(place, batch).map_err(|error| Failure::One(failed(error)))?;
    }
    // What went into a file that nobody will find again is not kept.
    if place.is_current(&pen.link) {
        Ok(())
    } else {
        let text = "the session file was removed while it was written";
        Err(Failure::All(Error::new(ErrorKind::Unavailable, text)))
    }
}

impl Pen {
    fn commit(&mut self, place: &Place, batch: &mut [Verb]) -> rusqlite::Result<()> {
        let through = place.durability == Durability::PowerLoss && batch.iter().any(Verb::must_last);
        if self.through != Some(through) {
            self.link.connection.pragma_update(None, "synchronous", place.journal.synchronous(through))?;
            self.through = Some(through);
        }
        let transaction = self.link.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for verb in batch {
            verb.run(&transaction)?;
        }
        transaction.commit()
    }

    /// Deletes what has expired where a new record finds no room; answers whether that made any.
    fn make_room(&self, verb: &Verb) -> bool {
        let (Verb::Create(_, _, now, _) | Verb::Swap(_, _, _, now, _)) = verb else { return false };
        let most = index::STEP * 10;
        row::sweep(&self.link.connection, most, *now).is_ok_and(|deleted| deleted > 0)
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

    /// What SQLite makes of a batch that has to last, and of one that has not.
    fn levels(shared_folder: bool) -> [i64; 2] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut options = crate::store::FileStore::builder(folder.path());
        options.shared_folder = shared_folder;
        let place = Place::open(folder.path().join("session.db"), &options).expect("it opens");
        let mut pen = Pen { link: place.connect_again().expect("it opens"), through: None };
        let (now, key) = (Timestamp::now(), StoreKey::from_bytes([7; 32]));
        let last = Verb::Delete(key, now, Reply { to: oneshot::channel().0, value: None });
        let revision = Revision { counter: 1, tag: 1 };
        let not = Verb::Touch(key, revision, now, now, Reply { to: oneshot::channel().0, value: None });
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
