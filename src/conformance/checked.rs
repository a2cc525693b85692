//! What the laws are written with: a store whose failures are panics, records to put into it, and tasks that race.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Barrier;
use tokio::task::JoinHandle;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::random::random;
use crate::record::{Data, Handle, Record, RecordKind, Revision};
use crate::store::{
    BoxFuture, Created, FindBy, Found, IndexEntry, IndexPage, SessionIndex, SessionStore, Swap, Touched,
};
use crate::token::StoreKey;

pub(super) const MINUTE: Duration = Duration::from_secs(60);
pub(super) const HOUR: Duration = Duration::from_secs(60 * 60);
pub(super) const DAY: Duration = Duration::from_secs(24 * 60 * 60);
pub(super) const SKEW: Duration = Timestamp::MAX_SKEW;
pub(super) const MILLISECOND: Duration = Duration::from_millis(1);

/// How often a race is run: often enough that threads meet, seldom enough for a store on a disk.
pub(super) const ROUNDS: usize = 30;

/// More pages than any law asks for.
const MOST_PAGES: usize = 10_000;

/// A store that nobody troubles, so that each failure of it breaks a law.
#[derive(Clone)]
pub(super) struct Checked(Arc<dyn SessionStore>);

impl Checked {
    pub(super) fn new(store: Arc<dyn SessionStore>) -> Self {
        Self(store)
    }

    pub(super) async fn load(&self, key: StoreKey, now: Timestamp) -> Option<Record> {
        sound("load", self.0.load(&key, now).await)
    }

    pub(super) fn try_load(&self, key: StoreKey, now: Timestamp) -> Option<Option<Record>> {
        self.0.try_load(&key, now).map(|answer| sound("try_load", answer))
    }

    pub(super) async fn create(&self, key: StoreKey, record: &Record, now: Timestamp) -> Created {
        sound("create", self.0.create(&key, record, now).await)
    }

    pub(super) async fn swap(&self, key: StoreKey, expected: Revision, record: &Record, now: Timestamp) -> Swap {
        sound("swap", self.0.swap(&key, expected, record, now).await)
    }

    pub(super) async fn touch(&self, key: StoreKey, of: &Record, idle_deadline: Timestamp, now: Timestamp) -> Touched {
        sound("touch", self.0.touch(&key, of.revision, idle_deadline, now).await)
    }

    pub(super) async fn delete(&self, key: StoreKey, now: Timestamp) -> Option<Record> {
        sound("delete", self.0.delete(&key, now).await)
    }

    /// Creates a record under a key that is free.
    pub(super) async fn put(&self, key: StoreKey, record: &Record, now: Timestamp) {
        assert_eq!(self.create(key, record, now).await, Created::Created, "create keeps a record under a free key");
    }

    /// Creates a record under a key of its own.
    pub(super) async fn put_new(&self, record: &Record, now: Timestamp) -> StoreKey {
        let key = new_key();
        self.put(key, record, now).await;
        key
    }

    /// Replaces a record that is there as it was written.
    pub(super) async fn replace(&self, key: StoreKey, old: &Record, new: &Record, now: Timestamp) {
        let answer = self.swap(key, old.revision, new, now).await;
        assert_eq!(answer, Swap::Swapped, "swap replaces a record of the expected revision");
    }

    pub(super) async fn count(&self, now: Timestamp) -> u64 {
        sound("count", self.index().count(now).await)
    }

    pub(super) async fn list(&self, after: Option<StoreKey>, limit: usize, now: Timestamp) -> Vec<Found> {
        sound("list", self.index().list(after, limit, now).await)
    }

    pub(super) async fn find_by_user(&self, user: &str, now: Timestamp) -> Vec<Found> {
        in_order(sound("find_by_user", self.index().find_by_user(user, now).await))
    }

    pub(super) async fn find_by_handle(&self, handle: Handle, now: Timestamp) -> Vec<Found> {
        in_order(sound("find_by_handle", self.index().find_by_handle(handle, now).await))
    }

    pub(super) async fn find_page(
        &self,
        by: FindBy<'_>,
        from: Option<Vec<u8>>,
        limit: usize,
        now: Timestamp,
    ) -> IndexPage {
        sound("find_page", self.index().find_page(by, from.as_deref(), limit, now).await)
    }

    /// What all pages have, each record once and in the order of the keys.
    pub(super) async fn all_pages(&self, by: FindBy<'_>, limit: usize, now: Timestamp) -> Vec<IndexEntry> {
        let (mut all, mut from) = (Vec::new(), None);
        for _ in 0..MOST_PAGES {
            let page = self.find_page(by, from, limit, now).await;
            all.extend(page.entries);
            from = page.next;
            if from.is_none() {
                return unique(all);
            }
        }
        panic!("the pages of a few records have no end");
    }

    /// In the order of the keys.
    pub(super) async fn delete_many(&self, entries: &[IndexEntry], now: Timestamp) -> Vec<StoreKey> {
        let mut removed = sound("delete_many", self.0.delete_many(entries, now).await);
        removed.sort_unstable();
        removed
    }

    pub(super) async fn sweep(&self, now: Timestamp) -> u64 {
        sound("sweep", self.index().sweep(now).await)
    }

    /// In the order of the handles.
    pub(super) async fn expiries(&self, handles: &[Handle], now: Timestamp) -> Vec<(Handle, Timestamp)> {
        let mut expiries = sound("expiries", self.index().expiries(handles, now).await);
        expiries.sort_unstable();
        expiries
    }

    fn index(&self) -> &dyn SessionIndex {
        match self.0.index() {
            Some(index) => index,
            None => panic!("the store has no index: it has laws for `store_laws!` only"),
        }
    }
}

fn sound<T>(verb: &str, answer: Result<T>) -> T {
    match answer {
        Ok(answer) => answer,
        Err(error) => panic!("{verb} failed, and nothing gave it reason to: {error}"),
    }
}

/// The order of what is found is the store's affair.
fn in_order(mut found: Vec<Found>) -> Vec<Found> {
    found.sort_unstable_by_key(|found| found.key);
    found
}

/// What `found` should be, in the order of the keys.
pub(super) fn all<const N: usize>(records: [(StoreKey, &Record); N]) -> Vec<Found> {
    in_order(records.into_iter().map(|(key, record)| Found::new(key, record.clone())).collect())
}

/// What an index should tell of a record.
pub(super) fn entry_of(key: StoreKey, record: &Record) -> IndexEntry {
    IndexEntry::new(key, record)
}

/// Each once, in the order of the keys.
pub(super) fn unique(entries: impl IntoIterator<Item = IndexEntry>) -> Vec<IndexEntry> {
    let mut entries: Vec<_> = entries.into_iter().collect();
    entries.sort_by_key(|entry| entry.key);
    entries.dedup();
    entries
}

/// Creates many records, many at once.
pub(super) async fn create_all(store: &Checked, records: &[(StoreKey, Record)], now: Timestamp) {
    let records: Arc<[_]> = records.into();
    const TASKS: usize = 20;
    together(TASKS, |task| {
        let (store, records) = (store.clone(), Arc::clone(&records));
        Box::pin(async move {
            for (key, record) in records.iter().skip(task).step_by(TASKS) {
                store.put(*key, record, now).await;
            }
        })
    })
    .await;
}

pub(super) fn new_key() -> StoreKey {
    StoreKey::from_bytes(random())
}

/// A live record of a user: created now, idle after an hour, over after a day.
pub(super) fn live(now: Timestamp) -> Record {
    Record {
        kind: RecordKind::Live,
        revision: Revision::first(),
        handle: Handle::random(),
        created: now,
        seen: now,
        idle_deadline: now + HOUR,
        absolute_deadline: now + DAY,
        user: Some("ana@example.org".into()),
        data: new_data(),
    }
}

pub(super) fn of_kind(kind: RecordKind, now: Timestamp) -> Record {
    Record { kind, ..live(now) }
}

pub(super) fn of_user(user: &str, now: Timestamp) -> Record {
    Record { user: Some(user.into()), ..live(now) }
}

pub(super) fn endless(now: Timestamp) -> Record {
    Record { idle_deadline: Timestamp::NEVER, absolute_deadline: Timestamp::NEVER, ..live(now) }
}

/// A record that expires so long after `now`, by both deadlines.
pub(super) fn lasting(duration: Duration, now: Timestamp) -> Record {
    Record { idle_deadline: now + duration, absolute_deadline: now + duration, ..live(now) }
}

/// The record as a request writes it again.
pub(super) fn rewritten(record: &Record) -> Record {
    Record { revision: record.revision.next(), data: new_data(), ..record.clone() }
}

pub(super) fn new_data() -> Data {
    Data::from(&random::<40>()[..])
}

/// One of them as a newer version may write it.
pub(super) const KINDS: [RecordKind; 4] =
    [RecordKind::Live, RecordKind::Pending, RecordKind::Moved, RecordKind::Unknown(200)];

/// Runs `count` tasks that start at the same time, and answers what they answered.
pub(super) async fn together<T: Send + 'static>(count: usize, task: impl Fn(usize) -> BoxFuture<'static, T>) -> Vec<T> {
    let start = Arc::new(Barrier::new(count));
    let tasks: Vec<_> = (0..count)
        .map(|number| {
            let (start, task) = (Arc::clone(&start), task(number));
            tokio::spawn(started(start, false, task))
        })
        .collect();
    let mut answers = Vec::with_capacity(count);
    for task in tasks {
        answers.push(joined(task).await);
    }
    answers
}

/// Runs two things at the same time; who comes a moment later changes from round to round.
pub(super) async fn both<A: Send + 'static, B: Send + 'static>(
    round: usize,
    one: impl Future<Output = A> + Send + 'static,
    other: impl Future<Output = B> + Send + 'static,
) -> (A, B) {
    let start = Arc::new(Barrier::new(2));
    let one = tokio::spawn(started(Arc::clone(&start), round % 3 == 1, one));
    let other = tokio::spawn(started(start, round % 3 == 2, other));
    (joined(one).await, joined(other).await)
}

async fn started<T>(start: Arc<Barrier>, late: bool, work: impl Future<Output = T>) -> T {
    start.wait().await;
    if late {
        tokio::task::yield_now().await;
    }
    work.await
}

async fn joined<T>(task: JoinHandle<T>) -> T {
    match task.await {
        Ok(answer) => answer,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => panic!("a task of the law was stopped: {error}"),
        },
    }
}
