//! Where records live: the contract of a store, and the stores of this crate.

mod entry;
#[cfg(feature = "file")]
mod file;
mod memory;
#[cfg(feature = "redis-1")]
mod redis;
mod url;

use std::fmt::Debug;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

pub use entry::{FindBy, IndexEntry, IndexPage};
#[cfg(feature = "file")]
pub use file::{Durability, FileStore, FileStoreBuilder};
pub use memory::MemoryStore;
#[cfg(feature = "redis-1")]
pub use redis::{RedisConnection, RedisStore, RedisStoreBuilder};
pub use url::store_from_url;
pub(crate) use url::{SCHEMES, is_store};

use crate::clock::Timestamp;
use crate::error::Result;
#[cfg(doc)]
use crate::record::RecordKind;
use crate::record::{Handle, Record, Revision};
use crate::token::StoreKey;

/// A boxed future, so that stores can be used as trait objects.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where records live.
///
/// A store keeps bytes and columns under keys that are hashes: it never sees a ticket, a key name or a value, and it
/// knows nothing of merging. Five verbs are all that the engine needs; what more a store can do is a [`SessionIndex`].
///
/// # The contract
///
/// - Each verb is atomic for its key, among all threads, processes and hosts that share the store. No verb touches two keys.
/// - An expired record is absent for every verb, whether or not it has been swept. At `now == expires()` it has expired.
/// - Every verb is told the time as `now`, by the clock of its host. What the store itself does about expiry is garbage
///   collection: it is [ten minutes](Timestamp::MAX_SKEW) late, because hosts whose clocks are behind still use the
///   record.
/// - Once a verb has answered, every later call sees its effect, whoever makes it.
/// - A failure is an error of the kind [`Unavailable`](crate::ErrorKind::Unavailable) or another one that fits, and never
///   an absent record. After one, the verb may have taken effect or not: the engine finds out by the revision.
/// - Futures may be dropped at any point and leave the record as it was or as it should become.
///
/// The laws are tests in `cloakroom::conformance`, which every store can run with a line.
///
/// # Example
///
/// A store that only passes everything on, as a start for one that measures:
///
/// ```
/// use cloakroom::{BoxFuture, Created, Record, Result, Revision, SessionStore, StoreKey, Swap, Timestamp, Touched};
///
/// #[derive(Debug)]
/// struct Passing<S>(S);
///
/// impl<S: SessionStore> SessionStore for Passing<S> {
///     fn load<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> BoxFuture<'a, Result<Option<Record>>> {
///         self.0.load(key, now)
///     }
///     fn create<'a>(&'a self, key: &'a StoreKey, record: &'a Record, now: Timestamp) -> BoxFuture<'a, Result<Created>> {
///         self.0.create(key, record, now)
///     }
///     fn swap<'a>(
///         &'a self, key: &'a StoreKey, expected: Revision, record: &'a Record, now: Timestamp,
///     ) -> BoxFuture<'a, Result<Swap>> {
///         self.0.swap(key, expected, record, now)
///     }
///     fn touch<'a>(
///         &'a self, key: &'a StoreKey, revision: Revision, idle_deadline: Timestamp, now: Timestamp,
///     ) -> BoxFuture<'a, Result<Touched>> {
///         self.0.touch(key, revision, idle_deadline, now)
///     }
///     fn delete<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> BoxFuture<'a, Result<Option<Record>>> {
///         self.0.delete(key, now)
///     }
/// }
/// ```
pub trait SessionStore: Debug + Send + Sync + 'static {
    /// The record under `key`, or none.
    fn load<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> BoxFuture<'a, Result<Option<Record>>>;

    /// [`load`](SessionStore::load) for a store that can answer at once, without waiting for anything: saves the hot path
    /// a box. `None` means that this store cannot, and `load` is asked.
    fn try_load(&self, key: &StoreKey, now: Timestamp) -> Option<Result<Option<Record>>> {
        let _ = (key, now);
        None
    }

    /// Keeps `record` under `key`, or changes nothing if the key is taken.
    fn create<'a>(&'a self, key: &'a StoreKey, record: &'a Record, now: Timestamp) -> BoxFuture<'a, Result<Created>>;

    /// Replaces the record under `key` if its revision is `expected`. Never creates one. A record of the kind
    /// [`Ended`](RecordKind::Ended) ends the session of the one that it replaces: a store with
    /// [`announcements`](SessionIndex::announcements) announces that as a delete, and one that is full may delete the record.
    fn swap<'a>(
        &'a self,
        key: &'a StoreKey,
        expected: Revision,
        record: &'a Record,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Swap>>;

    /// Notes activity: moves the idle deadline of a live record of this revision forward, never back and never beyond its
    /// absolute deadline, and sets [`seen`](Record::seen) to `now`. Data and revision stay as they are.
    /// [`Record::touch`] does it for a record in hand.
    fn touch<'a>(
        &'a self,
        key: &'a StoreKey,
        revision: Revision,
        idle_deadline: Timestamp,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Touched>>;

    /// Removes the record under `key`, at once, and answers what it removed.
    fn delete<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> BoxFuture<'a, Result<Option<Record>>>;

    /// Removes many records as an index found them, each as [`delete`](SessionStore::delete) does, and returns the keys of
    /// those that it removed, in any order. It is no single step: if it fails or is dropped, some may be gone. One call
    /// removes a page of an index.
    ///
    /// By default `delete` is called for each, 64 at a time. A store that can do better does it in few round trips, without
    /// reading the data, and keeps nobody waiting meanwhile.
    fn delete_many<'a>(&'a self, entries: &'a [IndexEntry], now: Timestamp) -> BoxFuture<'a, Result<Vec<StoreKey>>> {
        Box::pin(async move {
            let mut removed = Vec::with_capacity(entries.len());
            for entries in entries.chunks(AT_ONCE) {
                let deletes = entries.iter().map(|entry| -> BoxFuture<'a, _> {
                    Box::pin(async move { Ok(self.delete(&entry.key, now).await?.map(|_| entry.key)) })
                });
                removed.extend(all_of(deletes.collect()).await?.into_iter().flatten());
            }
            Ok(removed)
        })
    }

    /// Whether this store removes by itself what has expired. Then no task sweeps it; [`SessionIndex::sweep`] still does what
    /// it promises when it is asked.
    fn expires_by_itself(&self) -> bool {
        false
    }

    /// What more this store can do.
    fn index(&self) -> Option<&dyn SessionIndex> {
        None
    }
}

/// What more most stores can do: count, list, find and sweep.
///
/// Only live records are counted and listed. The finds return records of **every** kind, because a session that is being
/// renewed consists, for a moment, of no live record at all: whoever ends a user's sessions must not miss it. They return
/// records of an [unknown kind](RecordKind::Unknown) too, which a newer version wrote. A record that cannot be read at all
/// is left out of all answers, and fails none. Records of the kind [`Ended`](RecordKind::Ended) may be found, or not.
///
/// ```
/// use cloakroom::{Result, SessionStore, Timestamp};
///
/// /// How many sessions a store holds, if it can tell.
/// async fn size(store: &impl SessionStore) -> Result<Option<u64>> {
///     match store.index() {
///         Some(index) => index.count(Timestamp::now()).await.map(Some),
///         None => Ok(None),
///     }
/// }
/// ```
pub trait SessionIndex: Send + Sync {
    /// How many live records there are.
    fn count<'a>(&'a self, now: Timestamp) -> BoxFuture<'a, Result<u64>>;

    /// Live records in the order of their keys, at most `limit` of them, those after `after` only. A record that is there
    /// throughout is listed once; one that comes or goes meanwhile may be.
    fn list<'a>(&'a self, after: Option<StoreKey>, limit: usize, now: Timestamp) -> BoxFuture<'a, Result<Vec<Found>>>;

    /// All records of a user, of every kind, as of one instant. For a user who may have many,
    /// [`find_page`](SessionIndex::find_page) needs less.
    fn find_by_user<'a>(&'a self, user: &'a str, now: Timestamp) -> BoxFuture<'a, Result<Vec<Found>>>;

    /// All records of a handle, of every kind, as of one instant. More than one only while a session is being renewed.
    fn find_by_handle<'a>(&'a self, handle: Handle, now: Timestamp) -> BoxFuture<'a, Result<Vec<Found>>>;

    /// Records of a user or a handle, of every kind and without their data, a page at a time: from the beginning, or `from`
    /// where an earlier page says that the next one begins. A page has about `limit` records; it may have more, or fewer,
    /// even none.
    ///
    /// A page is as of one instant. All pages together have each record at least once that is there throughout, whatever is
    /// created and deleted meanwhile; a record may be in two of them. So one who ends sessions by it begins again until
    /// nothing is found.
    ///
    /// By default all records are found at once, by the two finds above.
    fn find_page<'a>(
        &'a self,
        by: FindBy<'a>,
        from: Option<&'a [u8]>,
        limit: usize,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<IndexPage>> {
        let _ = (from, limit);
        Box::pin(async move {
            let found = match by {
                FindBy::User(user) => self.find_by_user(user, now).await?,
                FindBy::Handle(handle) => self.find_by_handle(handle, now).await?,
            };
            Ok(IndexPage::new(found.into_iter().map(IndexEntry::from).collect(), None))
        })
    }

    /// Deletes what expired at least [ten minutes](Timestamp::MAX_SKEW) before `now`, in steps that keep nobody
    /// waiting, and returns how many records that were.
    ///
    /// A host whose clock is behind still uses what has expired by a clock that is ahead, so a sweep goes by the
    /// slowest clock that there may be ([`Timestamp::by_slowest_clock`]). It alone deletes what has expired: no other
    /// method forgets a record, or its entry in an index, as long as the record exists. All of them treat it as absent
    /// from its deadline on, by the `now` that they are told. The only exception is a full store that no other host
    /// shares, which may delete at once what has expired by the clock of its host.
    fn sweep<'a>(&'a self, now: Timestamp) -> BoxFuture<'a, Result<u64>>;

    /// When the sessions of these handles expire, as of one instant for each of them. Those that are over, or never were,
    /// are left out.
    ///
    /// A session has a live record, or for a moment of its renewal a marker and a pending record; neither of the two is a
    /// session alone. [`Found::expiry_of_session`] takes it from the records of one handle.
    ///
    /// For [`Session::ended`](crate::Session::ended), which asks for up to a thousand sessions at once, and again and again.
    /// Without an implementation of its own a store is asked with [`find_page`](SessionIndex::find_page), 64 at a time.
    fn expiries<'a>(
        &'a self,
        handles: &'a [Handle],
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Vec<(Handle, Timestamp)>>> {
        Box::pin(async move {
            let mut expiries = Vec::with_capacity(handles.len());
            for handles in handles.chunks(AT_ONCE) {
                let questions = handles.iter().map(|handle| -> BoxFuture<'a, _> {
                    Box::pin(async move {
                        let mut found = entries_of(self, *handle, now).await?;
                        loop {
                            let records = found.iter().map(|entry| (entry.kind, entry.expires()));
                            let expires = entry::expiry_of_session(records);
                            if expires.is_some() || found.is_empty() {
                                return Ok(expires.map(|expires| (*handle, expires)));
                            }
                            // A marker alone may be all that was found of a session that moved on meanwhile.
                            let again = entries_of(self, *handle, now).await?;
                            if again == found {
                                return Ok(None);
                            }
                            found = again;
                        }
                    })
                });
                expiries.extend(all_of(questions.collect()).await?.into_iter().flatten());
                // A store that answers at once would let nobody else go on.
                tokio::task::yield_now().await;
            }
            Ok(expiries)
        })
    }

    /// Tells `tell` of sessions that may have ended, whoever ended them, as it happens: of the handle of every record that
    /// is deleted, or replaced by one of the kind [`Ended`](RecordKind::Ended). A word too many costs a question. A word that was lost costs time, because the sessions that are waited
    /// for are asked for every half minute all the same.
    ///
    /// The future says [`Listening`](Announcement::Listening) first, once no delete can be missed any more; it goes on
    /// for as long as it hears of them, and fails when it does no longer, within three quarters of a second: a network
    /// may lose a connection without a word, so one that only listens has to be tried. Then it is begun again, and the
    /// store is asked meanwhile. A store that announces nothing, as by default, is asked more often instead.
    fn announcements<'a>(
        &'a self,
        tell: &'a (dyn Fn(Announcement) + Send + Sync),
    ) -> Option<BoxFuture<'a, Result<()>>> {
        let _ = tell;
        None
    }

    /// Takes note of who wants to know which live records the store removes by itself: those that a sweep finds expired,
    /// and those that it gives up for others. It tells of each once, and holds no lock meanwhile.
    ///
    /// A store that cannot tell, as one whose server forgets by itself, does nothing, as by default.
    fn on_removal(&self, tell: RemovalListener) {
        let _ = tell;
    }
}

/// What an index has of one session.
async fn entries_of<I: SessionIndex + ?Sized>(index: &I, handle: Handle, now: Timestamp) -> Result<Vec<IndexEntry>> {
    let (mut entries, mut from) = (Vec::new(), None);
    loop {
        // Of a session there are few records.
        let page = index.find_page(FindBy::Handle(handle), from.as_deref(), AT_ONCE, now).await?;
        entries.extend(page.entries);
        from = page.next;
        if from.is_none() {
            return Ok(entries);
        }
    }
}

/// How many questions are under way at once where a store has no answer for many.
pub(crate) const AT_ONCE: usize = 64;

/// Waits for all at once, and answers what they answered, in no order; an error ends it.
pub(crate) async fn all_of<T>(mut waiting: Vec<BoxFuture<'_, Result<T>>>) -> Result<Vec<T>> {
    let mut answers = Vec::with_capacity(waiting.len());
    poll_fn(|cx| {
        let mut at = 0;
        while let Some(future) = waiting.get_mut(at) {
            match future.as_mut().poll(cx) {
                Poll::Ready(Ok(answer)) => {
                    answers.push(answer);
                    drop(waiting.swap_remove(at));
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => at += 1,
            }
        }
        if waiting.is_empty() { Poll::Ready(Ok(())) } else { Poll::Pending }
    })
    .await?;
    Ok(answers)
}

/// What a store tells by itself: see [`SessionIndex::announcements`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Announcement {
    /// From here on no delete is missed.
    Listening,
    /// A record of this handle was deleted, or its session ended.
    Deleted(Handle),
}

/// Why a store removed a record by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Removal {
    /// It had expired.
    Expired,
    /// The store was full, and it was the one to give up.
    Evicted,
}

/// Who is told of records that a store removes by itself: see [`SessionIndex::on_removal`].
pub type RemovalListener = Arc<dyn Fn(Removal, &Record) + Send + Sync>;

/// A record and where it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Found {
    /// The key that it is kept under.
    pub key: StoreKey,
    /// The record.
    pub record: Record,
}

impl Found {
    /// A record and where it is kept.
    ///
    /// ```
    /// # fn example(key: cloakroom::StoreKey, record: cloakroom::Record) {
    /// let found = cloakroom::Found::new(key, record);
    /// # }
    /// ```
    pub fn new(key: StoreKey, record: Record) -> Self {
        Self { key, record }
    }

    /// When the session expires whose records these are, all of one handle and none of them expired; none if they are what
    /// is left of a session that is over.
    ///
    /// ```
    /// # async fn example(index: &dyn cloakroom::SessionIndex, handle: cloakroom::Handle) -> cloakroom::Result<()> {
    /// let found = index.find_by_handle(handle, cloakroom::Timestamp::now()).await?;
    /// let expires = cloakroom::Found::expiry_of_session(&found);
    /// # Ok(()) }
    /// ```
    pub fn expiry_of_session(found: &[Self]) -> Option<Timestamp> {
        entry::expiry_of_session(found.iter().map(|found| (found.record.kind, found.record.expires())))
    }
}

/// What [`SessionStore::create`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// The record is kept.
    Created,
    /// The key is taken; nothing changed.
    AlreadyExists,
}

/// What [`SessionStore::swap`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Swap {
    /// The record was replaced.
    Swapped,
    /// The record has another revision: here it is, unchanged.
    Conflict(Record),
    /// There is no such record; nothing was created.
    Gone,
}

/// What [`SessionStore::touch`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touched {
    /// The activity was noted.
    Touched,
    /// The record has another revision, or is not live; nothing changed.
    Stale,
    /// There is no such record.
    Gone,
}

impl<S: SessionStore + ?Sized> SessionStore for Arc<S> {
    fn load<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> BoxFuture<'a, Result<Option<Record>>> {
        (**self).load(key, now)
    }

    fn try_load(&self, key: &StoreKey, now: Timestamp) -> Option<Result<Option<Record>>> {
        (**self).try_load(key, now)
    }

    fn create<'a>(&'a self, key: &'a StoreKey, record: &'a Record, now: Timestamp) -> BoxFuture<'a, Result<Created>> {
        (**self).create(key, record, now)
    }

    fn swap<'a>(
        &'a self,
        key: &'a StoreKey,
        expected: Revision,
        record: &'a Record,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Swap>> {
        (**self).swap(key, expected, record, now)
    }

    fn touch<'a>(
        &'a self,
        key: &'a StoreKey,
        revision: Revision,
        idle_deadline: Timestamp,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Touched>> {
        (**self).touch(key, revision, idle_deadline, now)
    }

    fn delete<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> BoxFuture<'a, Result<Option<Record>>> {
        (**self).delete(key, now)
    }

    fn delete_many<'a>(&'a self, entries: &'a [IndexEntry], now: Timestamp) -> BoxFuture<'a, Result<Vec<StoreKey>>> {
        (**self).delete_many(entries, now)
    }

    fn expires_by_itself(&self) -> bool {
        (**self).expires_by_itself()
    }

    fn index(&self) -> Option<&dyn SessionIndex> {
        (**self).index()
    }
}
