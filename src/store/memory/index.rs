//! From users and handles to keys. Their locks are taken while a shard is locked, never the other way round.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::ops::{Bound, RangeBounds};
use std::sync::{Arc, Mutex, MutexGuard};

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::kept::{Kept, hash};
use super::{SHARDS, lock, shrink};
use crate::record::Handle;
use crate::token::StoreKey;

/// Which records have a handle: nearly always one, two while a session is being renewed.
pub(super) struct Handles(Box<[Mutex<HashTable<Kept>>]>);

impl Default for Handles {
    fn default() -> Self {
        Self((0..SHARDS).map(|_| Mutex::default()).collect())
    }
}

impl Handles {
    fn shard(&self, handle: Handle) -> MutexGuard<'_, HashTable<Kept>> {
        lock(&self.0[usize::from(handle.as_bytes()[0])])
    }

    /// Notes a record, in the place of the one that was under its key with the same handle.
    pub(super) fn add(&self, handle: Handle, key: &StoreKey, kept: Kept) {
        let mut shard = self.shard(handle);
        let known = |known: &Kept| known.is_under(key) && known.handle() == handle;
        match shard.entry(hash(handle.as_bytes()), known, |known| hash(known.handle().as_bytes())) {
            Entry::Occupied(mut known) => *known.get_mut() = kept,
            Entry::Vacant(place) => {
                place.insert(kept);
            }
        }
    }

    pub(super) fn remove(&self, handle: Handle, key: &StoreKey) {
        let mut shard = self.shard(handle);
        let place = shard.find_entry(hash(handle.as_bytes()), |known| known.is_under(key) && known.handle() == handle);
        if let Ok(place) = place {
            place.remove();
            shrink(&mut shard, |known| hash(known.handle().as_bytes()));
        }
    }

    /// A handle's keys in their order, those behind `after` only.
    pub(super) fn get(&self, handle: Handle, after: Option<StoreKey>, limit: usize) -> Vec<StoreKey> {
        let shard = self.shard(handle);
        let known = shard.iter_hash(hash(handle.as_bytes())).filter(|known| known.handle() == handle);
        let mut keys: Vec<_> = known.map(Kept::key).filter(|key| after.is_none_or(|after| *key > after)).collect();
        keys.sort_unstable();
        keys.truncate(limit);
        keys
    }
}

/// Which keys belong to a user.
pub(super) struct Users {
    hasher: RandomState,
    shards: Box<[Mutex<OfUsers>]>,
}

type OfUsers = HashMap<Arc<str>, Keys>;

/// Nearly always one.
enum Keys {
    One(StoreKey),
    Many(BTreeSet<StoreKey>),
}

impl Default for Users {
    fn default() -> Self {
        Self { hasher: RandomState::new(), shards: (0..64).map(|_| Mutex::default()).collect() }
    }
}

impl Users {
    fn shard(&self, name: &str) -> MutexGuard<'_, OfUsers> {
        let hash = usize::try_from(self.hasher.hash_one(name) % 64).unwrap_or_default();
        lock(&self.shards[hash])
    }

    pub(super) fn add(&self, name: &Arc<str>, key: StoreKey) {
        let mut shard = self.shard(name);
        match shard.get_mut(name) {
            None => {
                shard.insert(Arc::clone(name), Keys::One(key));
            }
            Some(Keys::One(known)) if *known == key => {}
            Some(Keys::Many(known)) => {
                known.insert(key);
            }
            Some(keys) => {
                if let Keys::One(known) = *keys {
                    *keys = Keys::Many(BTreeSet::from([known, key]));
                }
            }
        }
    }

    pub(super) fn remove(&self, name: &str, key: &StoreKey) {
        let mut shard = self.shard(name);
        let empty = match shard.get_mut(name) {
            None => false,
            Some(Keys::One(known)) => known == key,
            Some(Keys::Many(known)) => {
                known.remove(key);
                known.is_empty()
            }
        };
        if empty {
            shard.remove(name);
        }
    }

    /// How many records a user has, and some of them: those behind a key that was drawn at random are as good as drawn.
    pub(super) fn sample(&self, name: &str, behind: &StoreKey, most: usize) -> (usize, Vec<StoreKey>) {
        match self.shard(name).get(name) {
            None => (0, Vec::new()),
            Some(Keys::One(key)) => (1, vec![*key]),
            Some(Keys::Many(keys)) => {
                let around = keys.range(behind..).chain(keys.range(..behind));
                (keys.len(), around.take(most).copied().collect())
            }
        }
    }

    /// A user's keys in their order, those behind `after` only.
    pub(super) fn get(&self, name: &str, after: Option<StoreKey>, limit: usize) -> Vec<StoreKey> {
        let after = after.map_or(Bound::Unbounded, Bound::Excluded);
        match self.shard(name).get(name) {
            None => Vec::new(),
            Some(Keys::One(key)) => {
                Some(*key).filter(|key| (after, Bound::Unbounded).contains(key)).into_iter().collect()
            }
            Some(Keys::Many(keys)) => keys.range((after, Bound::Unbounded)).take(limit).copied().collect(),
        }
    }
}
