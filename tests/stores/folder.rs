//! File stores that take their folder with them.

use cloakroom::{
    BoxFuture, ConfigError, Created, FileStore, IndexEntry, Record, Result, Revision, SessionIndex, SessionStore,
    StoreKey, Swap, Timestamp, Touched,
};
use tempfile::TempDir;

/// A file store in a folder of its own, which is gone with it.
#[derive(Debug)]
pub(crate) struct InFolder {
    store: FileStore,
    _folder: TempDir,
}

impl InFolder {
    pub(crate) async fn new() -> Result<Self, ConfigError> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Ok(Self { store: FileStore::open(folder.path()).await?, _folder: folder })
    }

    /// As on a network, without a write-ahead log.
    pub(crate) async fn shared() -> Result<Self, ConfigError> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Ok(Self { store: FileStore::builder(folder.path()).shared_folder().open().await?, _folder: folder })
    }
}

impl SessionStore for InFolder {
    fn load<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> BoxFuture<'a, Result<Option<Record>>> {
        self.store.load(key, now)
    }

    fn try_load(&self, key: &StoreKey, now: Timestamp) -> Option<Result<Option<Record>>> {
        self.store.try_load(key, now)
    }

    fn create<'a>(&'a self, key: &'a StoreKey, record: &'a Record, now: Timestamp) -> BoxFuture<'a, Result<Created>> {
        self.store.create(key, record, now)
    }

    fn swap<'a>(
        &'a self,
        key: &'a StoreKey,
        expected: Revision,
        record: &'a Record,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Swap>> {
        self.store.swap(key, expected, record, now)
    }

    fn touch<'a>(
        &'a self,
        key: &'a StoreKey,
        revision: Revision,
        idle_deadline: Timestamp,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Touched>> {
        self.store.touch(key, revision, idle_deadline, now)
    }

    fn delete<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> BoxFuture<'a, Result<Option<Record>>> {
        self.store.delete(key, now)
    }

    fn delete_many<'a>(&'a self, entries: &'a [IndexEntry], now: Timestamp) -> BoxFuture<'a, Result<Vec<StoreKey>>> {
        self.store.delete_many(entries, now)
    }

    fn index(&self) -> Option<&dyn SessionIndex> {
        self.store.index()
    }
}
