//! From users and handles to keys.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Mutex, MutexGuard};

use super::lock;
use crate::token::StoreKey;

/// Which keys belong to a user or a handle. Its locks are taken while a shard is locked, never the other way round.
pub(super) struct Index<K> {
    hasher: RandomState,
    shards: Box<[Mutex<HashMap<K, Keys>>]>,
}

/// Nearly always one; two while a session is being renewed.
enum Keys {
    One(StoreKey),
    Many(Vec<StoreKey>),
}

impl<K> Default for Index<K> {
    fn default() -> Self {
        Self { hasher: RandomState::new(), shards: (0..64).map(|_| Mutex::default()).collect() }
    }
}

impl<K: Hash + Eq + Clone> Index<K> {
    fn shard<Q: Hash + ?Sized>(&self, name: &Q) -> MutexGuard<'_, HashMap<K, Keys>> {
        let hash = usize::try_from(self.hasher.hash_one(name) % 64).unwrap_or_default();
        lock(&self.shards[hash])
    }

    pub(super) fn add(&self, name: &K, key: StoreKey) {
        let mut shard = self.shard(name);
        match shard.get_mut(name) {
            None => {
                shard.insert(name.clone(), Keys::One(key));
            }
            Some(Keys::One(known)) if *known == key => {}
            Some(Keys::Many(known)) if known.contains(&key) => {}
            Some(Keys::Many(known)) => known.push(key),
            Some(keys) => {
                if let Keys::One(known) = *keys {
                    *keys = Keys::Many(vec![known, key]);
                }
            }
        }
    }

    pub(super) fn remove(&self, name: &K, key: &StoreKey) {
        let mut shard = self.shard(name);
        let empty = match shard.get_mut(name) {
            None => false,
            Some(Keys::One(known)) => known == key,
            Some(Keys::Many(known)) => {
                known.retain(|known| known != key);
                known.is_empty()
            }
        };
        if empty {
            shard.remove(name);
        }
    }

    pub(super) fn get<Q: Hash + Eq + ?Sized>(&self, name: &Q) -> Vec<StoreKey>
    where
        K: Borrow<Q>,
    {
        match self.shard(name).get(name) {
            None => Vec::new(),
            Some(Keys::One(key)) => vec![*key],
            Some(Keys::Many(keys)) => keys.clone(),
        }
    }
}
