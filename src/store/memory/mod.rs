//! Sessions in the memory of this process.

mod index;
mod kept;
mod room;

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hashbrown::HashTable;
use index::{Handles, Users};
use kept::{Kept, hash};
use room::{Eviction, Reserved, Room, Want};

use super::{
    AT_ONCE, BoxFuture, Created, FindBy, Found, IndexEntry, IndexPage, Removal, RemovalListener, SessionIndex,
    SessionStore, Swap, Touched,
};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::record::{Handle, Record, RecordKind, Revision};
use crate::token::StoreKey;

/// Keeps sessions in the memory of this process: for a laptop, for tests, and for one process whose sessions may end
/// with it.
///
/// It holds the same bytes as every other store, so that changing the store changes no behaviour. It is bounded in
/// sessions and in bytes. When it is full it drops what has expired, then a session without a user that is among the
/// least recently used, and if there is none it refuses with [`Full`](crate::ErrorKind::Full). It looks at some four
/// thousand records at a time for that, and lets others go on in between.
///
/// It never gives up a session with a user for somebody else. But once it is half full, each login and each write that needs
/// more room, of a user who holds more than a sixteenth of its bytes, or of its sessions and more than sixteen, gives up
/// other sessions of the same user that are among the least recently used: so one user who fills it keeps nobody else out.
/// No session is given up for its own renewal.
///
/// ```
/// use cloakroom::{MemoryStore, SessionManager};
///
/// let sessions = SessionManager::new(MemoryStore::new());
/// let small = SessionManager::new(MemoryStore::with_limit(10_000).size_limit(64 * 1024 * 1024));
/// ```
pub struct MemoryStore {
    shards: Box<[Mutex<Shard>]>,
    users: Users,
    handles: Handles,
    room: Room,
    eviction: Mutex<Eviction>,
    listeners: Mutex<Vec<RemovalListener>>,
}

/// By the first byte of the key, so that a shard is short enough to be gone through, or to grow, in microseconds.
const SHARDS: usize = 256;

#[derive(Default)]
struct Shard {
    /// Of small slots, so that a table with room to grow into is small as well.
    slots: HashTable<Slot>,
    /// How many of them could be given up for anybody.
    evictable: usize,
}

impl Shard {
    fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter()
    }
}

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

    fn is_live(&self) -> bool {
        self.kept.columns().is_of_kind_live()
    }

    /// Whether it may be given up for anybody: one that is being renewed is somebody's as well.
    fn is_evictable(&self) -> bool {
        self.is_live() && self.kept.columns().user().is_none()
    }
}

fn find<'a>(shard: &'a mut Shard, key: &StoreKey) -> Option<&'a mut Slot> {
    shard.slots.find_mut(hash(key.as_bytes()), |slot| slot.kept.is_under(key))
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

impl MemoryStore {
    /// A store for up to a million sessions, and 512 MiB.
    ///
    /// ```
    /// let store = cloakroom::MemoryStore::new();
    /// ```
    pub fn new() -> Self {
        Self::with_limit(room::SESSIONS)
    }

    /// A store for up to `sessions` sessions, at least one. It takes half a kibibyte for each, which is what small ones
    /// need, and 512 MiB at least, unless [`size_limit`](MemoryStore::size_limit) says otherwise.
    ///
    /// ```
    /// let store = cloakroom::MemoryStore::with_limit(10_000);
    /// ```
    pub fn with_limit(sessions: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            users: Users::default(),
            handles: Handles::default(),
            room: Room::new(sessions.max(1)),
            eviction: Mutex::default(),
            listeners: Mutex::default(),
        }
    }

    /// Bounds the memory that all sessions take together, in bytes, of a mebibyte at least. A session takes the bytes
    /// of its values and some two hundred more.
    ///
    /// ```
    /// let store = cloakroom::MemoryStore::new().size_limit(64 * 1024 * 1024);
    /// ```
    #[must_use]
    pub fn size_limit(mut self, bytes: usize) -> Self {
        self.room.limit_bytes(bytes.max(1024 * 1024));
        self
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
        slot
    }

    /// Puts a record in the place of the one that is there under its key; whatever it takes more is reserved.
    fn replace(&self, shard: &mut Shard, key: &StoreKey, record: &Record, reserved: &mut Reserved<'_>, now: Timestamp) {
        let Some(place) = find(shard, key) else { return };
        let old = std::mem::replace(place, self.slot(key, record, now));
        let is_evictable = place.is_evictable();
        reserved.exchange(old.kept.size(), place.kept.size());
        shard.evictable = shard.evictable + usize::from(is_evictable) - usize::from(old.is_evictable());
        let columns = old.kept.columns();
        if columns.handle() != record.handle {
            self.handles.remove(columns.handle(), key);
        }
        if let Some(user) = columns.user().filter(|user| Some(*user) != record.user.as_deref()) {
            self.users.remove(user, key);
        }
    }

    fn remove(&self, shard: &mut Shard, key: &StoreKey) -> Option<Record> {
        let place = shard.slots.find_entry(hash(key.as_bytes()), |slot| slot.kept.is_under(key)).ok()?;
        let (slot, _) = place.remove();
        shard.evictable -= usize::from(slot.is_evictable());
        self.room.give_back(1, slot.kept.size());
        let columns = slot.kept.columns();
        self.handles.remove(columns.handle(), key);
        if let Some(user) = columns.user() {
            self.users.remove(user, key);
        }
        slot.kept.record().ok()
    }

    /// Removes what has expired from one shard, and adds it to `removed`.
    fn sweep_shard(&self, shard: &mut Shard, removed: &mut Removed, now: Timestamp) -> u64 {
        let expired: Vec<_> = shard.iter().filter(|slot| slot.is_expired(now)).map(|slot| slot.kept.key()).collect();
        for key in &expired {
            removed.extend(self.remove(shard, key).map(|record| (Removal::Expired, record)));
        }
        shrink(&mut shard.slots, Slot::hash);
        expired.len() as u64
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

    async fn create_now(&self, key: &StoreKey, record: &Record, now: Timestamp) -> Result<Created> {
        let mut reserved = self.room.nothing();
        {
            let mut shard = self.shard(key);
            // A key that is taken, or an expired record's place, costs no other session its place.
            if let Some(created) = self.create_over(&mut shard, key, record, now) {
                return Ok(created);
            }
            if reserved.take_plenty(&Want::record(key, record)) {
                return Ok(self.create_in(reserved, &mut shard, key, record, now));
            }
        }
        self.reserve(&mut reserved, Want::record(key, record), now).await?;
        let mut shard = self.shard(key);
        match self.create_over(&mut shard, key, record, now) {
            Some(created) => Ok(created),
            None => Ok(self.create_in(reserved, &mut shard, key, record, now)),
        }
    }

    /// Creates a record where there is none.
    fn create_in(
        &self,
        mut reserved: Reserved<'_>,
        shard: &mut Shard,
        key: &StoreKey,
        record: &Record,
        now: Timestamp,
    ) -> Created {
        let slot = self.slot(key, record, now);
        shard.evictable += usize::from(slot.is_evictable());
        shard.slots.insert_unique(hash(key.as_bytes()), slot, Slot::hash);
        reserved.keep();
        Created::Created
    }

    /// Creates a record where one is or was; none where there is nothing.
    fn create_over(&self, shard: &mut Shard, key: &StoreKey, record: &Record, now: Timestamp) -> Option<Created> {
        if !find(shard, key)?.is_expired(now) {
            return Some(Created::AlreadyExists);
        }
        self.replace(shard, key, record, &mut self.room.nothing(), now);
        Some(Created::Created)
    }

    async fn swap_now(&self, key: &StoreKey, expected: Revision, record: &Record, now: Timestamp) -> Result<Swap> {
        let mut reserved = self.room.nothing();
        loop {
            let growth = {
                let mut shard = self.shard(key);
                let Some(slot) = find_current(&mut shard, key, now) else { return Ok(Swap::Gone) };
                if slot.kept.columns().revision() != expected {
                    return slot.kept.record().map(Swap::Conflict);
                }
                let missing = kept::size_of(record).saturating_sub(slot.kept.size() + reserved.bytes);
                let growth = Want::growth(key, record, missing);
                if missing == 0 || reserved.take_plenty(&growth) {
                    self.replace(&mut shard, key, record, &mut reserved, now);
                    return Ok(Swap::Swapped);
                }
                growth
            };
            self.reserve(&mut reserved, growth, now).await?;
        }
    }

    fn touch_now(&self, key: &StoreKey, revision: Revision, deadline: Timestamp, now: Timestamp) -> Result<Touched> {
        let mut shard = self.shard(key);
        let Some(slot) = find_current(&mut shard, key, now) else { return Ok(Touched::Gone) };
        let mut record = slot.kept.record()?;
        if record.revision != revision || record.kind != RecordKind::Live {
            return Ok(Touched::Stale);
        }
        record.touch(deadline, now);
        self.replace(&mut shard, key, &record, &mut self.room.nothing(), now);
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
        f.debug_struct("MemoryStore").field("room", &self.room).finish_non_exhaustive()
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
        Box::pin(self.create_now(key, record, now))
    }

    fn swap<'a>(
        &'a self,
        key: &'a StoreKey,
        expected: Revision,
        record: &'a Record,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Swap>> {
        Box::pin(self.swap_now(key, expected, record, now))
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
                count += lock(shard).iter().filter(|slot| slot.is_live() && !slot.is_expired(now)).count() as u64;
                tokio::task::yield_now().await;
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
                tokio::task::yield_now().await;
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
            let (mut swept, now) = (0, now.by_slowest_clock());
            for shard in &self.shards {
                let mut removed = Removed::new();
                swept += self.sweep_shard(&mut lock(shard), &mut removed, now);
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
