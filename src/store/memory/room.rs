//! How much the store holds, and what it gives up for what comes next.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::kept::size_of;
use super::{MemoryStore, Removed, SHARDS, Slot, find, lock};
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::record::{Handle, Record};
use crate::store::Removal;
use crate::token::StoreKey;

/// Sessions that a store holds unless it is told otherwise.
pub(super) const SESSIONS: usize = 1_000_000;

/// Bytes that it holds: for each session what small ones take, and at least 512 MiB.
const BYTES_EACH: usize = 512;
const LEAST_BYTES: usize = 512 * 1024 * 1024;

/// The part of the store that a user may hold before the user's own sessions make room: a sixteenth. It has to be more
/// than some sessions, so that a small store leaves users their devices.
const LARGE_SHARE: usize = 16;
const FEW_SESSIONS: usize = 16;

/// How many of a user's records are looked at to find the least recently used.
const SAMPLE: usize = 64;

/// How many records are looked at before others go on: some hundred microseconds.
const AT_A_TIME: usize = 4_096;

/// Which part of what was looked at is given up before more is looked at.
const BATCH: usize = 64;

/// How often a full store looks for what has expired.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// The limits, and what is held or reserved of them: records of all kinds.
#[derive(Debug)]
pub(super) struct Room {
    max_sessions: usize,
    max_bytes: usize,
    sessions: AtomicUsize,
    bytes: AtomicUsize,
}

/// Room that was taken and is not used yet; it is given back when it is dropped.
#[derive(Debug)]
pub(super) struct Reserved<'a> {
    room: &'a Room,
    sessions: usize,
    pub(super) bytes: usize,
}

/// What room is wanted for.
pub(super) struct Want<'a> {
    key: &'a StoreKey,
    handle: Handle,
    user: Option<&'a str>,
    sessions: usize,
    bytes: usize,
}

/// What a full store gives up next.
#[derive(Default)]
pub(super) struct Eviction {
    /// Those that were used least recently of what was looked at last, the oldest first.
    candidates: VecDeque<(Timestamp, StoreKey)>,
    /// The shard to look at next.
    shard: usize,
    /// How many shards have still to be swept, since when.
    unswept: usize,
    swept: Option<Timestamp>,
}

impl Room {
    pub(super) fn new(max_sessions: usize) -> Self {
        let max_bytes = max_sessions.saturating_mul(BYTES_EACH).max(LEAST_BYTES);
        Self { max_sessions, max_bytes, sessions: AtomicUsize::new(0), bytes: AtomicUsize::new(0) }
    }

    pub(super) fn limit_bytes(&mut self, bytes: usize) {
        self.max_bytes = bytes;
    }

    /// Nothing, to begin with.
    pub(super) fn nothing(&self) -> Reserved<'_> {
        Reserved { room: self, sessions: 0, bytes: 0 }
    }

    pub(super) fn give_back(&self, sessions: usize, bytes: usize) {
        self.sessions.fetch_sub(sessions, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn is_half_full(&self) -> bool {
        self.sessions.load(Ordering::Relaxed) >= self.max_sessions / 2
            || self.bytes.load(Ordering::Relaxed) >= self.max_bytes / 2
    }

    fn error(&self) -> Error {
        let (sessions, mebibytes) = (self.max_sessions, self.max_bytes / (1024 * 1024));
        let limits = format!("{sessions} sessions, {mebibytes} MiB");
        let text =
            format!("the memory store is full ({limits}), and all its sessions have a user; give it a larger limit");
        Error::new(ErrorKind::Full, text)
    }
}

impl Reserved<'_> {
    /// Takes more, if there is any.
    fn take(&mut self, sessions: usize, bytes: usize) -> bool {
        let take = |held: &AtomicUsize, more: usize, most: usize| {
            let fits = |held: usize| held.checked_add(more).filter(|held| *held <= most);
            more == 0 || held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok()
        };
        if !take(&self.room.bytes, bytes, self.room.max_bytes) {
            return false;
        }
        if !take(&self.room.sessions, sessions, self.room.max_sessions) {
            self.room.bytes.fetch_sub(bytes, Ordering::Relaxed);
            return false;
        }
        self.sessions += sessions;
        self.bytes += bytes;
        true
    }

    /// Takes more as long as the store is less than half full, when nobody has to make room.
    pub(super) fn take_plenty(&mut self, want: &Want<'_>) -> bool {
        !self.room.is_half_full() && self.take(want.sessions, want.bytes)
    }

    /// A new record uses it.
    pub(super) fn keep(&mut self) {
        (self.sessions, self.bytes) = (0, 0);
    }

    /// A record of another size takes the place of an old one.
    pub(super) fn exchange(&mut self, old: usize, new: usize) {
        let before = old + std::mem::take(&mut self.bytes);
        if new > before {
            self.room.bytes.fetch_add(new - before, Ordering::Relaxed);
        } else if before > new {
            self.room.bytes.fetch_sub(before - new, Ordering::Relaxed);
        }
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        if (self.sessions, self.bytes) != (0, 0) {
            self.room.give_back(self.sessions, self.bytes);
        }
    }
}

impl<'a> Want<'a> {
    /// Room for another record.
    pub(super) fn record(key: &'a StoreKey, record: &'a Record) -> Self {
        Self { key, handle: record.handle, user: record.user.as_deref(), sessions: 1, bytes: size_of(record) }
    }

    /// Room for a record that is there to grow by so much.
    pub(super) fn growth(key: &'a StoreKey, record: &'a Record, bytes: usize) -> Self {
        Self { key, handle: record.handle, user: record.user.as_deref(), sessions: 0, bytes }
    }

    /// Whether a record is of the session that wants room: a renewal must not give up what it moves.
    fn is_for(&self, slot: &Slot) -> bool {
        slot.kept.is_under(self.key) || slot.kept.handle() == self.handle
    }
}

impl MemoryStore {
    /// Takes room for more, and makes it if need be. Others go on in between.
    pub(super) async fn reserve(&self, reserved: &mut Reserved<'_>, want: Want<'_>, now: Timestamp) -> Result<()> {
        if want.bytes > self.room.max_bytes {
            return Err(self.room.error());
        }
        self.tell(&self.give_up_own(&want, now));
        let mut shards = SHARDS;
        loop {
            let mut removed = Removed::new();
            let made = self.make_room(reserved, &want, &mut shards, &mut removed, now);
            self.tell(&removed);
            match made {
                Some(made) => return made,
                None => tokio::task::yield_now().await,
            }
        }
    }

    /// Looks at a part of the store at most; none if more has to be looked at, of so many shards. It is full when nothing to
    /// give up is found in any of them.
    fn make_room(
        &self,
        reserved: &mut Reserved<'_>,
        want: &Want<'_>,
        shards: &mut usize,
        removed: &mut Removed,
        now: Timestamp,
    ) -> Option<Result<()>> {
        let mut looked = false;
        if reserved.take(want.sessions, want.bytes) {
            return Some(Ok(()));
        }
        let mut eviction = lock(&self.eviction);
        if eviction.unswept == 0 && eviction.swept.is_none_or(|swept| now.since(swept) >= SWEEP_EVERY) {
            (eviction.unswept, eviction.swept) = (SHARDS, Some(now));
        }
        while !reserved.take(want.sessions, want.bytes) {
            if !looked && eviction.unswept > 0 || eviction.candidates.is_empty() && *shards > 0 {
                if looked {
                    return None;
                }
                let seen = self.look(&mut eviction, want, removed, now);
                *shards = if eviction.candidates.is_empty() { shards.saturating_sub(seen) } else { SHARDS };
                looked = true;
                continue;
            }
            let Some((used, key)) = eviction.candidates.pop_front() else { return Some(Err(self.room.error())) };
            let mut shard = self.shard(&key);
            // By now it may be in use, or be what another request looked for room for.
            let is_unused = find(&mut shard, &key)
                .is_some_and(|slot| slot.is_evictable() && slot.used == used && !want.is_for(slot));
            if is_unused {
                removed.extend(self.remove(&mut shard, &key).map(|record| (Removal::Evicted, record)));
            }
        }
        Some(Ok(()))
    }

    /// Looks at some shards: sweeps them if it is time, and finds what could be given up. The keys are hashes, so the
    /// least recently used of a part are among the least recently used of all. Returns how many shards that were.
    fn look(&self, eviction: &mut Eviction, want: &Want<'_>, removed: &mut Removed, now: Timestamp) -> usize {
        let (mut oldest, mut shards, mut slots) = (Vec::new(), 0, 0);
        while shards < SHARDS && slots < AT_A_TIME {
            let mut shard = lock(&self.shards[eviction.shard]);
            eviction.shard = (eviction.shard + 1) % SHARDS;
            shards += 1;
            let sweeps = eviction.unswept > 0;
            if sweeps || shard.evictable > 0 {
                slots += shard.slots.len();
            }
            if sweeps {
                eviction.unswept -= 1;
                self.sweep_shard(&mut shard, removed, now);
            }
            if shard.evictable > 0 {
                let evictable = shard.iter().filter(|slot| slot.is_evictable() && !want.is_for(slot));
                oldest.extend(evictable.map(|slot| (slot.used, slot.kept.key())));
            }
        }
        let batch = (oldest.len() / BATCH).max(1).min(oldest.len());
        if batch < oldest.len() {
            oldest.select_nth_unstable(batch);
            oldest.truncate(batch);
        }
        oldest.sort_unstable();
        eviction.candidates = oldest.into();
        shards
    }

    /// Gives up sessions of the user who wants room, if the store is half full and that user holds a large share of it:
    /// as many as make room for what is wanted, the least recently used of some.
    fn give_up_own(&self, want: &Want<'_>, now: Timestamp) -> Removed {
        let mut removed = Removed::new();
        let Some(user) = want.user.filter(|_| self.room.is_half_full()) else { return removed };
        let (records, mut sample) = self.users.sample(user, want.key, SAMPLE);
        sample.retain(|key| key != want.key);
        let (mut bytes, mut live) = (0, Vec::with_capacity(sample.len()));
        for key in &sample {
            let mut shard = self.shard(key);
            let Some(slot) = find(&mut shard, key) else { continue };
            bytes += slot.kept.size();
            if slot.is_live() && !want.is_for(slot) {
                live.push((slot.used, *key, slot.kept.size()));
            }
        }
        let all_bytes = bytes.checked_div(sample.len()).unwrap_or(0).saturating_mul(records);
        if records <= (self.room.max_sessions / LARGE_SHARE).max(FEW_SESSIONS)
            && all_bytes <= self.room.max_bytes / LARGE_SHARE
        {
            return removed;
        }
        live.sort_unstable();
        let mut made = 0;
        for (used, key, size) in live {
            let mut shard = self.shard(&key);
            if find(&mut shard, &key).is_some_and(|slot| slot.is_live() && slot.used == used) {
                let why = |record: &Record| if record.is_expired(now) { Removal::Expired } else { Removal::Evicted };
                removed.extend(self.remove(&mut shard, &key).map(|record| (why(&record), record)));
                made += size;
            }
            if made >= want.bytes {
                break;
            }
        }
        removed
    }
}
