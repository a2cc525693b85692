//! Faults that are planted on purpose, to see that the search finds them: what a host believes of its store, and what its
//! store does, when one rule of the engine or of the store's contract is broken.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cloakroom::{
    Created, IndexEntry, Record, RecordKind, Result, Revision, SessionStore, StoreKey, Swap, Timestamp, Touched,
};

use crate::lock;
use crate::stores::{StoreKind, settle};

macro_rules! planted {
    ($($(#[doc = $about:literal])+ $name:ident = $text:literal in $store:ident,)+) => {
        /// A fault that is planted.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Planted {
            $($(#[doc = $about])+ $name,)+
        }

        impl Planted {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The kind of store in which it is planted.
            pub const fn store(self) -> StoreKind {
                match self {
                    $(Self::$name => StoreKind::$store,)+
                }
            }

            /// What it is called on the command line.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }
        }
    };
}

planted! {
    /// A renewal is acknowledged whose new record was never promoted.
    PromotionSkipped = "promotion-skipped" in Memory,
    /// A renewal does not cut the old token off.
    OldTokenStays = "old-token-stays" in Memory,
    /// A renewal is taken back while the new record can still be promoted.
    TakenBackUnstopped = "taken-back-unstopped" in Memory,
    /// A renewal is taken back as soon as somebody comes with the old token.
    TakenBackAtOnce = "taken-back-at-once" in Memory,
    /// Nobody knows what a marker is, so nobody follows one: no visitor, and no end.
    MarkersUnread = "markers-unread" in Memory,
    /// A write whose answer was lost is not recognised, and made again.
    OwnWriteUnknown = "own-write-unknown" in Memory,
    /// After a conflict the changes are made on what this host read before.
    ConflictShowsOld = "conflict-shows-old" in Memory,
    /// A failed load is taken for an absent session.
    OutageIsAbsence = "outage-is-absence" in Memory,
    /// Logins do not meet at one record.
    SlotsUncounted = "slots-uncounted" in Memory,
    /// A swap does not look at the revision.
    SwapIgnoresRevision = "swap-ignores-revision" in Memory,
    /// A swap creates what is not there.
    SwapCreates = "swap-creates" in Memory,
    /// One swap of eight is acknowledged and lost.
    SwapForgets = "swap-forgets" in Memory,
    /// A swap is acknowledged before it is made.
    SwapLater = "swap-later" in Memory,
    /// A create puts its record over what is there.
    CreateOverwrites = "create-overwrites" in Memory,
    /// A touch writes back what this host has read.
    TouchWritesOld = "touch-writes-old" in Memory,
    /// A touch brings back what is gone.
    TouchRevives = "touch-revives" in Memory,
    /// One end of four is acknowledged and not made.
    EndForgets = "end-forgets" in Memory,
    /// A host believes what it read for two seconds.
    LoadsFromCache = "loads-from-cache" in Memory,
    /// A load does not look at the deadlines.
    LoadsExpired = "loads-expired" in Memory,
    /// One load of sixteen finds what is under another key.
    LoadsAnother = "loads-another" in Memory,
    /// Who looks for a user's sessions finds live records only.
    FindsLiveOnly = "finds-live-only" in Memory,
    /// Who looks for a user's sessions misses the newest.
    FindMissesNewest = "find-misses-newest" in Memory,
    /// A host whose clock is a day ahead sweeps.
    SweepsAhead = "sweeps-ahead" in Memory,
    /// Redis keeps no record for longer than a minute after it was written.
    KeysForAMinute = "redis-keys-for-a-minute" in Redis,
    /// Redis swaps by a get and a set.
    SwapInTwoSteps = "redis-swap-in-two-steps" in Redis,
    /// Pending records are not noted in the indexes of Redis.
    PendingUnnoted = "redis-pending-unnoted" in Redis,
    /// A touch does not keep the key of its record for longer.
    TouchKeepsKeyTime = "redis-touch-keeps-key-time" in Redis,
    /// Who finds that a record is not there forgets it at once, though it is just being written.
    ForgetsTheYoung = "redis-forgets-the-young" in Redis,
}

impl fmt::Display for Planted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Planted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.iter().find(|planted| planted.name() == text);
        known.copied().ok_or_else(|| format!("{text:?} is no planted fault"))
    }
}

/// A store with the fault that is planted, if any, as one host has it. Its verbs take effect at once.
pub(crate) struct Faulty {
    store: Arc<dyn SessionStore>,
    planted: Option<Planted>,
    /// What this host has read, and when.
    read: Mutex<HashMap<StoreKey, (Timestamp, Record)>>,
    /// The key that this host created last.
    created: Mutex<Option<StoreKey>>,
    calls: Mutex<u32>,
}

impl Faulty {
    pub(crate) fn new(store: Arc<dyn SessionStore>, planted: Option<Planted>) -> Self {
        Self { store, planted, read: Mutex::default(), created: Mutex::default(), calls: Mutex::default() }
    }

    pub(crate) fn is(&self, planted: Planted) -> bool {
        self.planted == Some(planted)
    }

    /// Whether this call is one of so many.
    fn is_one_of(&self, many: u32) -> bool {
        let mut calls = lock(&self.calls);
        *calls += 1;
        calls.is_multiple_of(many)
    }

    fn has_read(&self, key: &StoreKey) -> Option<Record> {
        lock(&self.read).get(key).map(|(_, record)| record.clone())
    }

    pub(crate) fn load(&self, key: &StoreKey, now: Timestamp) -> Result<Option<Record>> {
        let (mut key, mut now) = (*key, now);
        match self.planted {
            Some(Planted::LoadsFromCache) => {
                let cached = lock(&self.read).get(&key).cloned();
                if let Some((at, record)) = cached.filter(|(at, _)| now.since(*at) < Duration::from_secs(2)) {
                    lock(&self.read).insert(key, (at, record.clone()));
                    return Ok(Some(record));
                }
            }
            Some(Planted::LoadsExpired) => now = Timestamp::from_millis(0),
            Some(Planted::LoadsAnother) if self.is_one_of(16) => key = lock(&self.created).unwrap_or(key),
            _ => {}
        }
        let mut record = settle(self.store.load(&key, now))?;
        if let Some(record) = &mut record {
            if self.is(Planted::MarkersUnread) && record.kind == RecordKind::Moved {
                record.kind = RecordKind::Pending;
            }
            lock(&self.read).insert(key, (now, record.clone()));
        }
        Ok(record)
    }

    pub(crate) fn create(&self, key: &StoreKey, record: &Record, now: Timestamp) -> Result<Created> {
        *lock(&self.created) = Some(*key);
        if self.is(Planted::CreateOverwrites) {
            settle(self.store.delete(key, now))?;
        }
        settle(self.store.create(key, record, now))
    }

    pub(crate) fn swap(&self, key: &StoreKey, expected: Revision, record: &Record, now: Timestamp) -> Result<Swap> {
        let (from, to) = (settle(self.store.load(key, now))?.map(|record| record.kind), record.kind);
        match (self.planted, from) {
            (Some(Planted::PromotionSkipped), Some(RecordKind::Pending)) if to == RecordKind::Live => {
                return Ok(Swap::Swapped);
            }
            (Some(Planted::OldTokenStays), Some(RecordKind::Live)) if to == RecordKind::Moved => {
                return Ok(Swap::Swapped);
            }
            (Some(Planted::TakenBackUnstopped), Some(RecordKind::Pending)) if to == RecordKind::Pending => {
                return Ok(Swap::Swapped);
            }
            (Some(Planted::SlotsUncounted), Some(RecordKind::Pending)) if is_slot(record) => return Ok(Swap::Swapped),
            (Some(Planted::SwapForgets), Some(_)) if self.is_one_of(8) => return Ok(Swap::Swapped),
            (Some(Planted::EndForgets), Some(_)) if to == RecordKind::Ended && self.is_one_of(4) => {
                return Ok(Swap::Swapped);
            }
            (Some(Planted::SwapCreates), None) => {
                return settle(self.store.create(key, record, now)).map(|_| Swap::Swapped);
            }
            (Some(Planted::SwapIgnoresRevision), Some(_)) => {
                let current = settle(self.store.load(key, now))?.map_or(expected, |record| record.revision);
                return settle(self.store.swap(key, current, record, now));
            }
            _ => {}
        }
        let swapped = settle(self.store.swap(key, expected, record, now))?;
        Ok(match swapped {
            Swap::Conflict(mut current) => {
                if self.is(Planted::OwnWriteUnknown) {
                    current.revision.tag = current.revision.tag.wrapping_add(u64::from(current == *record));
                } else if self.is(Planted::ConflictShowsOld)
                    && let Some(read) = self.has_read(key).filter(|read| read.kind == current.kind)
                {
                    current.data = read.data;
                }
                Swap::Conflict(current)
            }
            swapped => swapped,
        })
    }

    pub(crate) fn touch(&self, key: &StoreKey, of: Revision, deadline: Timestamp, now: Timestamp) -> Result<Touched> {
        let touched = settle(self.store.touch(key, of, deadline, now))?;
        let Some(read) = self.has_read(key) else { return Ok(touched) };
        match self.planted {
            Some(Planted::TouchWritesOld) if touched != Touched::Gone => {
                let current = settle(self.store.load(key, now))?.map_or(of, |record| record.revision);
                settle(self.store.swap(key, current, &read, now)).map(|_| Touched::Touched)
            }
            Some(Planted::TouchRevives) if touched == Touched::Gone => {
                settle(self.store.create(key, &read, now)).map(|_| Touched::Touched)
            }
            _ => Ok(touched),
        }
    }

    pub(crate) fn delete(&self, key: &StoreKey, now: Timestamp) -> Result<Option<Record>> {
        if self.is(Planted::EndForgets) && self.is_one_of(4) {
            return settle(self.store.load(key, now));
        }
        settle(self.store.delete(key, now))
    }

    /// Those that it removed, or says that it removed.
    pub(crate) fn delete_many(&self, entries: &[IndexEntry], now: Timestamp) -> Result<Vec<StoreKey>> {
        if self.is(Planted::EndForgets) && self.is_one_of(4) {
            return Ok(entries.iter().map(|entry| entry.key).collect());
        }
        settle(self.store.delete_many(entries, now))
    }

    /// What is found of what there is.
    pub(crate) fn finds(&self, mut found: Vec<IndexEntry>) -> Vec<IndexEntry> {
        match self.planted {
            Some(Planted::FindsLiveOnly) => found.retain(|found| found.kind == RecordKind::Live),
            Some(Planted::FindMissesNewest) => {
                found.sort_by_key(|found| found.created);
                found.pop();
            }
            _ => {}
        }
        found
    }

    pub(crate) fn sweep_at(&self, now: Timestamp) -> Timestamp {
        if self.is(Planted::SweepsAhead) { now + Duration::from_secs(86_400) } else { now }
    }
}

/// Whether it is the record where logins of one user meet: pending, and of nobody.
fn is_slot(record: &Record) -> bool {
    record.kind == RecordKind::Pending && record.user.is_none()
}
