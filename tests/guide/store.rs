use std::collections::HashMap;
use std::future::ready;
use std::sync::{Mutex, MutexGuard, PoisonError};

use cloakroom::{
    BoxFuture, Created, Record, RecordKind, Result, Revision, SessionStore, StoreKey, Swap, Timestamp, Touched,
};

/// A store in a map. One lock makes every verb atomic.
#[derive(Debug, Default)]
pub struct MapStore {
    records: Mutex<HashMap<StoreKey, Record>>,
}

impl MapStore {
    fn lock(&self) -> MutexGuard<'_, HashMap<StoreKey, Record>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The record under a key; none if it has expired.
fn find<'a>(records: &'a mut HashMap<StoreKey, Record>, key: &StoreKey, now: Timestamp) -> Option<&'a mut Record> {
    records.get_mut(key).filter(|record| !record.is_expired(now))
}

impl SessionStore for MapStore {
    fn load<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> BoxFuture<'a, Result<Option<Record>>> {
        Box::pin(ready(Ok(find(&mut self.lock(), key, now).cloned())))
    }

    fn create<'a>(&'a self, key: &'a StoreKey, record: &'a Record, now: Timestamp) -> BoxFuture<'a, Result<Created>> {
        let mut records = self.lock();
        let created = if find(&mut records, key, now).is_some() {
            Created::AlreadyExists
        } else {
            // So that the map does not grow for ever: what has expired for all hosts.
            records.retain(|_, record| !record.is_expired(now.by_slowest_clock()));
            records.insert(*key, record.clone());
            Created::Created
        };
        Box::pin(ready(Ok(created)))
    }

    fn swap<'a>(
        &'a self,
        key: &'a StoreKey,
        expected: Revision,
        record: &'a Record,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Swap>> {
        let swap = match find(&mut self.lock(), key, now) {
            None => Swap::Gone,
            Some(current) if current.revision != expected => Swap::Conflict(current.clone()),
            Some(current) => {
                *current = record.clone();
                Swap::Swapped
            }
        };
        Box::pin(ready(Ok(swap)))
    }

    fn touch<'a>(
        &'a self,
        key: &'a StoreKey,
        revision: Revision,
        idle_deadline: Timestamp,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Touched>> {
        let touched = match find(&mut self.lock(), key, now) {
            None => Touched::Gone,
            Some(current) if current.revision != revision || current.kind != RecordKind::Live => Touched::Stale,
            Some(current) => {
                current.touch(idle_deadline, now);
                Touched::Touched
            }
        };
        Box::pin(ready(Ok(touched)))
    }

    fn delete<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> BoxFuture<'a, Result<Option<Record>>> {
        Box::pin(ready(Ok(self.lock().remove(key).filter(|record| !record.is_expired(now)))))
    }
}
