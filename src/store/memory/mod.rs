//! Sessions in the memory of this process.

mod index;
mod kept;

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use index::{Handles, Users};
use kept::{Kept, hash};

use super::{
    AT_ONCE, BoxFuture, Created, FindBy, Found, IndexEntry, IndexPage, Removal, RemovalListener, SessionIndex,
    SessionStore, Swap, Touched,
};
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::record::{Handle, Record, RecordKind, Revision};
use crate::token::StoreKey;

/// Keeps sessions in the memory of this process: for a laptop, for tests, and for one process whose sessions may end
/// with it.
///
/// It holds the same bytes as every other store, so that changing the store changes no behaviour. It is bounded: when it
/// is full it drops what has expired, then the least recently used session without a user, and if there is none it
/// refuses with [`Full`](ErrorKind::Full). It never gives up a session with a user for a new one. While it is full it looks
/// for what has expired once a second at most, so that a flood of new sessions does not keep it busy.
///
/// ```
/// use cloakroom::{MemoryStore, SessionManager};
///
/// let sessions = SessionManager::new(MemoryStore::new());
/// let small = SessionManager::new(MemoryStore::with_limit(10_000));
/// ```
pub struct MemoryStore {
    shards: Box<[Mutex<Shard>]>,
    users: Users,
    handles: Handles,
    limit: usize,
    /// Records of all kinds, those included that are about to be inserted.
    used: AtomicUsize,
    /// Live records without a user: what could be given up.
    evictable: AtomicUsize,
    eviction: Mutex<Eviction>,
    listeners: Mutex<Vec<RemovalListener>>,
}

/// Sessions that a store holds unless it is told otherwise: half a gigabyte of small ones.
const DEFAULT_LIMIT: usize = 1_000_000;

/// By the first byte of the key, so that a shard is short enough to be gone through, or to grow, in microseconds.
const SHARDS: usize = 256;

/// Of small slots, so that a table with room to grow into is small as well.
type Shard = HashTable<Slot>;

struct Slot {
    kept: Kept,
    used: Timestamp,
}

impl Slot {
    fn hash(&self) -> u64 {
        hash(self.kept.key().as_bytes())
    }

    fn is_expired(&self, now: Timestamp) -> bool {
        now >= self.kept.columns().expires()
    }

    fn is_evictable(&self) -> bool {
        let columns = self.kept.columns();
        columns.is_of_kind_live() && columns.user().is_none()
    }
}

fn find<'a>(shard: &'a mut Shard, key: &StoreKey) -> Option<&'a mut Slot> {
    shard.find_mut(hash(key.as_bytes()), |slot| slot.kept.is_under(key))
}

fn entry<'a>(shard: &'a mut Shard, key: &StoreKey) -> Entry<'a, Slot> {
    shard.entry(hash(key.as_bytes()), |slot| slot.kept.is_under(key), Slot::hash)
}

/// What is there and has not expired.
fn find_current<'a>(shard: &'a mut Shard, key: &StoreKey, now: Timestamp) -> Option<&'a mut Slot> {
    find(shard, key).filter(|slot| !slot.is_expired(now))
}

/// Gives back room that a table has grown out of use.
fn shrink<T>(table: &mut HashTable<T>, hash: impl Fn(&T) -> u64) {
    if table.capacity() > 64 && table.len() < table.capacity() / 8 {
        table.shrink_to(table.len() * 2, hash);
    }
}

#[derive(Default)]
struct Eviction {
    /// The least recently used at the last scan, the oldest first.
    candidates: VecDeque<(Timestamp, StoreKey)>,
    scanned: Option<Timestamp>,
}

impl MemoryStore {
    /// A store for up to a million sessions.
    ///
    /// ```
    /// let store = cloakroom::MemoryStore::new();
    /// ```
    pub fn new() -> Self {
        Self::with_limit(DEFAULT_LIMIT)
    }

    /// A store for up to `sessions` sessions, at least one.
    ///
    /// ```
    /// let store = cloakroom::MemoryStore::with_limit(10_000);
    /// ```
    pub fn with_limit(sessions: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            users: Users::default(),
            handles: Handles::default(),
            limit: sessions.max(1),
            used: AtomicUsize::new(0),
            evictable: AtomicUsize::new(0),
            eviction: Mutex::default(),
            listeners: Mutex::default(),
        }
    }

    fn shard(&self, key: &StoreKey) -> MutexGuard<'_, Shard> {
        lock(&self.shards[usize::from(key.as_bytes()[0])])
    }

    /// A slot for a record that the indexes know of: before the record is in its place, for whoever looks a user up may find
    /// too much, never too little.
    fn slot(&self, key: &StoreKey, record: &Record, now: Timestamp) -> Slot {
        let slot = Slot { kept: Kept::new(key, record), used: now };
        self.handles.add(record.handle, key, slot.kept.clone());
        if let Some(user) = &record.user {
            self.users.add(user, *key);
        }
        self.evictable.fetch_add(usize::from(slot.is_evictable()), Ordering::Relaxed);
        slot
    }

    /// Puts a record in the place of the one that was there under its key.
    fn replace(&self, place: &mut Slot, key: &StoreKey, record: &Record, now: Timestamp) {
        let old = std::mem::replace(place, self.slot(key, record, now));
        self.evictable.fetch_sub(usize::from(old.is_evictable()), Ordering::Relaxed);
        let columns = old.kept.columns();
        if columns.handle() != record.handle {
            self.handles.remove(columns.handle(), key);
        }
        if let Some(user) = columns.user().filter(|user| Some(*user) != record.user.as_deref()) {
            self.users.remove(user, key);
        }
    }

    fn remove(&self, shard: &mut Shard, key: &StoreKey) -> Option<Record> {
        let place = shard.find_entry(hash(key.as_bytes()), |slot| slot.kept.is_under(key)).ok()?;
        let (slot, _) = place.remove();
        self.used.fetch_sub(1, Ordering::Relaxed);
        self.evictable.fetch_sub(usize::from(slot.is_evictable()), Ordering::Relaxed);
        let columns = slot.kept.columns();
        self.handles.remove(columns.handle(), key);
        if let Some(user) = columns.user() {
            self.users.remove(user, key);
        }
        slot.kept.record().ok()
    }

    /// Removes what has expired from one shard, and adds it to `removed`.
    fn sweep_shard(&self, shard: &Mutex<Shard>, removed: &mut Removed, now: Timestamp) -> u64 {
        let mut shard = lock(shard);
        let expired: Vec<_> = shard.iter().filter(|slot| slot.is_expired(now)).map(|slot| slot.kept.key()).collect();
        for key in &expired {
            removed.extend(self.remove(&mut shard, key).map(|record| (Removal::Expired, record)));
        }
        shrink(&mut shard, Slot::hash);
        expired.len() as u64
    }

    fn make_room(&self, removed: &mut Removed, now: Timestamp) -> Result<()> {
        let mut eviction = lock(&self.eviction);
        // One scan serves many: it sweeps, and it finds the next sessions to give up in the order of their last use.
        let due = eviction.scanned.is_none_or(|scanned| now.since(scanned) >= Duration::from_secs(1));
        if due {
            self.scan(&mut eviction, removed, now);
        }
        while self.used.load(Ordering::Relaxed) > self.limit {
            if eviction.candidates.is_empty() && self.evictable.load(Ordering::Relaxed) > 0 {
                self.scan(&mut eviction, removed, now);
            }
            let Some((used, key)) = eviction.candidates.pop_front() else {
                self.used.fetch_sub(1, Ordering::Relaxed);
                return Err(Error::new(
                    ErrorKind::Full,
                    format!("the memory store holds its {} sessions, and all of them have a user", self.limit),
                ));
            };
            let mut shard = self.shard(&key);
            if find(&mut shard, &key).is_some_and(|slot| slot.is_evictable() && slot.used == used) {
                removed.extend(self.remove(&mut shard, &key).map(|record| (Removal::Evicted, record)));
            }
        }
        Ok(())
    }

    /// Tells of the live records that went, by whoever holds no lock.
    fn tell(&self, removed: &[(Removal, Record)]) {
        if removed.is_empty() {
            return;
        }
        let listeners = lock(&self.listeners).clone();
        for (why, record) in removed.iter().filter(|(_, record)| record.kind == RecordKind::Live) {
            listeners.iter().for_each(|tell| tell(*why, record));
        }
    }

    fn scan(&self, eviction: &mut Eviction, removed: &mut Removed, now: Timestamp) {
        let mut oldest = Vec::new();
        for shard in &self.shards {
            self.sweep_shard(shard, removed, now);
            let shard = lock(shard);
            let evictable = shard.iter().filter(|slot| slot.is_evictable());
            oldest.extend(evictable.map(|slot| (slot.used, slot.kept.key())));
        }
        let batch = (self.limit / 64).clamp(1, 65_536).min(oldest.len());
        if batch < oldest.len() {
            oldest.select_nth_unstable(batch);
            oldest.truncate(batch);
        }
        oldest.sort_unstable();
        eviction.candidates = oldest.into();
        eviction.scanned = Some(now);
    }

    /// Records behind a key, in the order of their keys, and the last key that was looked at if there may be more.
    fn find(
        &self,
        by: FindBy<'_>,
        after: Option<StoreKey>,
        limit: usize,
        now: Timestamp,
    ) -> (Vec<Found>, Option<StoreKey>) {
        let keys = || match by {
            FindBy::User(user) => self.users.get(user, after, limit),
            FindBy::Handle(handle) => self.handles.get(handle, after, limit),
        };
        let mut known = keys();
        loop {
            let records = known.iter().filter_map(|key| Some(Found::new(*key, self.peek(key, now)?)));
            let found: Vec<_> = records.filter(|found| by.matches(&found.record)).collect();
            // What is missing may have moved on, as a renewal does, to a place that the index did not know yet.
            let current =
                if found.len() == known.len() { None } else { Some(keys()).filter(|current| *current != known) };
            let Some(current) = current else {
                return (found, known.last().copied().filter(|_| known.len() >= limit));
            };
            known = current;
        }
    }

    fn find_all(&self, by: FindBy<'_>, now: Timestamp) -> Vec<Found> {
        self.find(by, None, usize::MAX, now).0
    }

    /// Reads without counting as a use.
    fn peek(&self, key: &StoreKey, now: Timestamp) -> Option<Record> {
        find_current(&mut self.shard(key), key, now)?.kept.record().ok()
    }

    fn load_now(&self, key: &StoreKey, now: Timestamp) -> Result<Option<Record>> {
        let kept = {
            let mut shard = self.shard(key);
            let Some(slot) = find_current(&mut shard, key, now) else { return Ok(None) };
            slot.used = now;
            slot.kept.clone()
        };
        kept.record().map(Some)
    }

    fn create_now(&self, key: &StoreKey, record: &Record, now: Timestamp) -> Result<Created> {
        // A key that is taken, or an expired record's place, costs no other session its place.
        match entry(&mut self.shard(key), key) {
            Entry::Occupied(place) => return Ok(self.create_over(place.into_mut(), key, record, now)),
            Entry::Vacant(place) if self.used.fetch_add(1, Ordering::Relaxed) < self.limit => {
                place.insert(self.slot(key, record, now));
                return Ok(Created::Created);
            }
            // Counted all the same: room is made for it, or that counts it off.
            Entry::Vacant(_) => {}
        }
        let mut removed = Removed::new();
        let room = self.make_room(&mut removed, now);
        self.tell(&removed);
        room?;
        match entry(&mut self.shard(key), key) {
            Entry::Occupied(place) => {
                self.used.fetch_sub(1, Ordering::Relaxed);
                Ok(self.create_over(place.into_mut(), key, record, now))
            }
            Entry::Vacant(place) => {
                place.insert(self.slot(key, record, now));
                Ok(Created::Created)
            }
        }
    }

    /// Creates a record where one is or was.
    fn create_over(&self, place: &mut Slot, key: &StoreKey, record: &Record, now: Timestamp) -> Created {
        if !place.is_expired(now) {
            return Created::AlreadyExists;
        }
        self.replace(place, key, record, now);
        Created::Created
    }

    fn swap_now(&self, key: &StoreKey, expected: Revision, record: &Record, now: Timestamp) -> Result<Swap> {
        let mut shard = self.shard(key);
        let Some(slot) = find_current(&mut shard, key, now) else { return Ok(Swap::Gone) };
        if slot.kept.columns().revision() != expected {
            return slot.kept.record().map(Swap::Conflict);
        }
        self.replace(slot, key, record, now);
        Ok(Swap::Swapped)
    }

    fn touch_now(&self, key: &StoreKey, revision: Revision, deadline: Timestamp, now: Timestamp) -> Result<Touched> {
        let mut shard = self.shard(key);
        let Some(slot) = find_current(&mut shard, key, now) else { return Ok(Touched::Gone) };
        let mut record = slot.kept.record()?;
        if record.revision != revision || record.kind != RecordKind::Live {
            return Ok(Touched::Stale);
        }
        record.touch(deadline, now);
        self.replace(slot, key, &record, now);
        Ok(Touched::Touched)
    }

    fn delete_now(&self, key: &StoreKey, now: Timestamp) -> Option<Record> {
        let record = self.remove(&mut self.shard(key), key)?;
        if record.is_expired(now) {
            self.tell(&[(Removal::Expired, record)]);
            return None;
        }
        Some(record)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("records", &self.used.load(Ordering::Relaxed))
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

impl SessionStore for MemoryStore {
    fn load<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> BoxFuture<'a, Result<Option<Record>>> {
        Box::pin(async move { self.load_now(key, now) })
    }

    fn try_load(&self, key: &StoreKey, now: Timestamp) -> Option<Result<Option<Record>>> {
        Some(self.load_now(key, now))
    }

    fn create<'a>(&'a self, key: &'a StoreKey, record: &'a Record, now: Timestamp) -> BoxFuture<'a, Result<Created>> {
        Box::pin(async move { self.create_now(key, record, now) })
    }

    fn swap<'a>(
        &'a self,
        key: &'a StoreKey,
        expected: Revision,
        record: &'a Record,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Swap>> {
        Box::pin(async move { self.swap_now(key, expected, record, now) })
    }

    fn touch<'a>(
        &'a self,
        key: &'a StoreKey,
        revision: Revision,
        idle_deadline: Timestamp,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Touched>> {
        Box::pin(async move { self.touch_now(key, revision, idle_deadline, now) })
    }

    fn delete<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> BoxFuture<'a, Result<Option<Record>>> {
        Box::pin(async move { Ok(self.delete_now(key, now)) })
    }

    fn delete_many<'a>(&'a self, entries: &'a [IndexEntry], now: Timestamp) -> BoxFuture<'a, Result<Vec<StoreKey>>> {
        Box::pin(async move {
            let mut removed = Vec::with_capacity(entries.len());
            for entries in entries.chunks(AT_ONCE) {
                let there = entries.iter().filter(|entry| self.delete_now(&entry.key, now).is_some());
                removed.extend(there.map(|entry| entry.key));
                tokio::task::yield_now().await;
            }
            Ok(removed)
        })
    }

    fn index(&self) -> Option<&dyn SessionIndex> {
        Some(self)
    }
}

impl SessionIndex for MemoryStore {
    fn count<'a>(&'a self, now: Timestamp) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            let mut count = 0;
            for shard in &self.shards {
                let shard = lock(shard);
                let live = shard.iter().filter(|slot| slot.kept.columns().is_of_kind_live() && !slot.is_expired(now));
                count += live.count() as u64;
            }
            Ok(count)
        })
    }

    fn list<'a>(&'a self, after: Option<StoreKey>, limit: usize, now: Timestamp) -> BoxFuture<'a, Result<Vec<Found>>> {
        Box::pin(async move {
            let first = after.map_or(0, |key| usize::from(key.as_bytes()[0]));
            let mut found = Vec::new();
            for shard in &self.shards[first..] {
                let start = found.len();
                for kept in lock(shard).iter().map(|slot| &slot.kept) {
                    let key = kept.key();
                    if after.is_some_and(|after| key <= after) {
                        continue;
                    }
                    // What cannot be read is no reason to hide the others.
                    if let Some(record) = kept.record().ok().filter(|record| record.is_live(now)) {
                        found.push(Found::new(key, record));
                    }
                }
                found[start..].sort_unstable_by_key(|found| found.key);
                if found.len() >= limit {
                    break;
                }
            }
            found.truncate(limit);
            Ok(found)
        })
    }

    fn find_by_user<'a>(&'a self, user: &'a str, now: Timestamp) -> BoxFuture<'a, Result<Vec<Found>>> {
        Box::pin(async move { Ok(self.find_all(FindBy::User(user), now)) })
    }

    fn find_by_handle<'a>(&'a self, handle: Handle, now: Timestamp) -> BoxFuture<'a, Result<Vec<Found>>> {
        Box::pin(async move { Ok(self.find_all(FindBy::Handle(handle), now)) })
    }

    fn find_page<'a>(
        &'a self,
        by: FindBy<'a>,
        from: Option<&'a [u8]>,
        limit: usize,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<IndexPage>> {
        Box::pin(async move {
            let after = from.and_then(|from| from.try_into().ok()).map(StoreKey::from_bytes);
            let (found, next) = self.find(by, after, limit.max(1), now);
            let next = next.map(|last| last.as_bytes().to_vec());
            Ok(IndexPage::new(found.into_iter().map(IndexEntry::from).collect(), next))
        })
    }

    fn sweep<'a>(&'a self, now: Timestamp) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            let mut swept = 0;
            for shard in &self.shards {
                let mut removed = Removed::new();
                swept += self.sweep_shard(shard, &mut removed, now);
                self.tell(&removed);
                tokio::task::yield_now().await;
            }
            Ok(swept)
        })
    }

    fn on_removal(&self, tell: RemovalListener) {
        lock(&self.listeners).push(tell);
    }
}

/// What the store removed by itself.
type Removed = Vec<(Removal, Record)>;

/// No lock is held while foreign code runs, so a poisoned one guards whole data.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
