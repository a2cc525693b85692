//! Counting, listing, finding, and sweeping.

use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::writer::Verb;
use super::{FileStore, row};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::random::random;
use crate::record::{Handle, Record, RecordKind};
use crate::store::{BoxFuture, FindBy, Found, IndexPage, Removal, RemovalListener, SessionIndex};
use crate::token::StoreKey;

/// Records that are deleted in one step, so that nobody waits for a sweep.
pub(super) const STEP: i64 = 200;

/// How long a step may take before another process sweeps in its place.
const LEASE: Duration = Duration::from_secs(10);

/// What one step of a sweep did.
#[derive(Debug, Default)]
pub(super) struct Step {
    deleted: u64,
    goes_on: bool,
    /// The records, if anybody wants to know.
    removed: Vec<Record>,
}

/// Who sweeps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sweeper {
    /// Tells its lease from those of others.
    holder: i64,
    /// Whether anybody wants to know what is removed.
    tells: bool,
}

impl SessionIndex for FileStore {
    fn count<'a>(&'a self, now: Timestamp) -> BoxFuture<'a, Result<u64>> {
        Box::pin(self.scan(move |connection| row::count(connection, now)))
    }

    fn list<'a>(&'a self, after: Option<StoreKey>, limit: usize, now: Timestamp) -> BoxFuture<'a, Result<Vec<Found>>> {
        Box::pin(self.scan(move |connection| row::list(connection, after, limit, now)))
    }

    fn find_by_user<'a>(&'a self, user: &'a str, now: Timestamp) -> BoxFuture<'a, Result<Vec<Found>>> {
        let user = user.to_owned();
        Box::pin(self.scan(move |connection| row::find(connection, FindBy::User(&user), now)))
    }

    fn find_by_handle<'a>(&'a self, handle: Handle, now: Timestamp) -> BoxFuture<'a, Result<Vec<Found>>> {
        Box::pin(self.scan(move |connection| row::find(connection, FindBy::Handle(handle), now)))
    }

    fn find_page<'a>(
        &'a self,
        by: FindBy<'a>,
        from: Option<&'a [u8]>,
        limit: usize,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<IndexPage>> {
        let after = from.and_then(|from| from.try_into().ok()).map_or(i64::MIN, i64::from_le_bytes);
        let user = if let FindBy::User(user) = by { user.to_owned() } else { String::new() };
        Box::pin(async move {
            let handle = if let FindBy::Handle(handle) = by { Some(handle) } else { None };
            let read = self.scan(move |connection| {
                let by = handle.map_or(FindBy::User(&user), FindBy::Handle);
                row::find_page(connection, by, after, limit.max(1), now)
            });
            let (entries, next) = read.await?;
            Ok(IndexPage::new(entries, next.map(|last| last.to_le_bytes().to_vec())))
        })
    }

    fn sweep<'a>(&'a self, now: Timestamp) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            let listeners = self.listeners().clone();
            let sweeper = Sweeper { holder: i64::from_le_bytes(random()), tells: !listeners.is_empty() };
            let mut swept = 0;
            loop {
                // Between two steps the writer does what others ask of it.
                let step = self.0.writer.ask(0, |reply| Verb::Sweep(sweeper, now, reply)).await?;
                swept += step.deleted;
                for record in step.removed.iter().filter(|record| record.kind == RecordKind::Live) {
                    listeners.iter().for_each(|tell| tell(Removal::Expired, record));
                }
                if !step.goes_on {
                    return Ok(swept);
                }
            }
        })
    }

    fn expiries<'a>(
        &'a self,
        handles: &'a [Handle],
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Vec<(Handle, Timestamp)>>> {
        let handles = handles.to_vec();
        Box::pin(self.scan(move |connection| {
            let mut expiries = Vec::with_capacity(handles.len());
            for handle in &handles {
                expiries.extend(row::expiry(connection, *handle, now)?.map(|expires| (*handle, expires)));
            }
            Ok(expiries)
        }))
    }

    fn on_removal(&self, tell: RemovalListener) {
        self.listeners().push(tell);
    }
}

/// Deletes some of what has expired for every host, unless another process is about it; then gives room back to the
/// disk, where much is free.
pub(super) fn step(connection: &Connection, sweeper: Sweeper, now: Timestamp) -> rusqlite::Result<Step> {
    const NAME: &str = "sweep";
    let Sweeper { holder, tells } = sweeper;
    if !row::lease(connection, NAME, holder, now, now + LEASE)? {
        return Ok(Step::default());
    }
    let (mut step, expired) = (Step::default(), now.by_slowest_clock());
    if tells {
        let removed = row::sweep_and_tell(connection, STEP, expired)?;
        step.deleted = removed.len() as u64;
        step.removed = removed.into_iter().flatten().collect();
    } else {
        step.deleted = row::sweep(connection, STEP, expired)?;
    }
    step.goes_on = step.deleted > 0 || shrink(connection)?;
    if !step.goes_on {
        row::lease(connection, NAME, holder, now, now)?;
    }
    Ok(step)
}

/// What one step of deleting many records did.
#[derive(Debug)]
pub(super) struct Deleted {
    /// Those that were there.
    pub(super) removed: Vec<StoreKey>,
    /// Those that another step has to delete.
    pub(super) left: Vec<StoreKey>,
}

/// How long a step may keep other verbs waiting: a record of a megabyte takes milliseconds to delete.
const STEP_TIME: Duration = Duration::from_millis(5);

/// Deletes some of these records, at least one.
pub(super) fn delete_some(connection: &Connection, keys: &[StoreKey], now: Timestamp) -> rusqlite::Result<Deleted> {
    let start = Instant::now();
    let mut removed = Vec::new();
    for (at, key) in keys.iter().enumerate() {
        if at > 0 && start.elapsed() >= STEP_TIME {
            return Ok(Deleted { removed, left: keys[at..].to_vec() });
        }
        if row::delete_unread(connection, key, now)? {
            removed.push(*key);
        }
    }
    Ok(Deleted { removed, left: Vec::new() })
}

/// Gives some pages back to the disk if a quarter of the file is free and worth it; answers whether there is more to do.
/// What is free otherwise is used again.
fn shrink(connection: &Connection) -> rusqlite::Result<bool> {
    const WORTH_IT: i64 = 1_024;
    let pages = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let free = pages("freelist_count")?;
    if free < WORTH_IT || free < pages("page_count")? / 4 {
        return Ok(false);
    }
    connection.execute_batch(&format!("PRAGMA incremental_vacuum({STEP})"))?;
    Ok(true)
}
