//! Users and handles. An index is a hash from records' keys to when they were noted, apart from the records because no
//! step on a cluster touches two keys: what it names is verified by reading it, and what is stale is forgotten then. Most
//! sessions have one record all their life, so the first one of a handle has a string of its own, which takes no script.

use std::time::Duration;

use futures_util::future::{join, join_all, join3};
use redis::{Cmd, Value};

use super::failure::{failed, unexpected};
use super::scan::STEP;
use super::script::{Call, FORGET, INDEX, RELEASE};
use super::{OPTIONS, RedisStore, SLACK, kept_for, millis};
use crate::clock::Timestamp;
use crate::error::{ErrorKind, Result};
use crate::record::{Handle, Record, RecordKind};
use crate::store::{Announcement, FindBy, Found};
use crate::token::StoreKey;

/// From so many records on, an index is tidied whenever their number has doubled: to remove what expired sessions left
/// there costs no more than it cost to write them.
const TIDY: i64 = 64;

/// Where the keys of records are noted: a hash, and for a handle a string besides, which its first record has.
pub(super) struct Index {
    pub(super) first: Option<String>,
    pub(super) hash: String,
}

impl RedisStore {
    /// Puts a record into the indexes of its user and its handle, until its absolute deadline, so that no touch has to
    /// move it.
    pub(super) async fn note(&self, key: &StoreKey, record: &Record, now: Timestamp) -> Result<()> {
        let kept = kept_for(record.absolute_deadline, now);
        let others = self.names.others(record.handle);
        let (of_user, of_handle) = join(self.note_of_user(key, record, kept), self.note_in(&others, key, kept)).await;
        of_user.and(of_handle)
    }

    async fn note_of_user(&self, key: &StoreKey, record: &Record, kept: u64) -> Result<()> {
        match &record.user {
            Some(user) => self.note_in(&self.names.user(user), key, kept).await,
            None => Ok(()),
        }
    }

    /// Sends what creates the record of a session that begins, and puts it into the indexes in the same message. What is
    /// noted ends with how long it is kept, so that the time that is left tells its age.
    pub(super) async fn note_first(
        &self,
        create: Cmd,
        key: &StoreKey,
        record: &Record,
        now: Timestamp,
    ) -> Result<Value> {
        let kept = kept_for(record.absolute_deadline, now);
        let mut noted = [0; 40];
        noted[..32].copy_from_slice(key.as_bytes());
        noted[32..].copy_from_slice(&kept.to_le_bytes());
        let name = self.names.handle(record.handle);
        let mut note = Cmd::with_capacity(6, name.len() + noted.len() + OPTIONS);
        note.arg("SET").arg(name).arg(&noted).arg("PX").arg(kept).arg("NX");
        let (of_user, both) = join(self.note_of_user(key, record, kept), self.link.both([create, note])).await;
        of_user?;
        match both.map_err(failed)? {
            [created, Value::Okay] => Ok(created),
            // The handle has a first record already.
            [created, Value::Nil] => {
                self.note_in(&self.names.others(record.handle), key, kept).await?;
                Ok(created)
            }
            _ => Err(unexpected()),
        }
    }

    async fn note_in(&self, hash: &str, key: &StoreKey, kept: u64) -> Result<()> {
        let call = INDEX.call(hash).arg(key.as_bytes()).arg(kept);
        let Value::Int(records) = self.link.call(&call).await.map_err(failed)? else { return Err(unexpected()) };
        if records >= TIDY && records.count_ones() == 1 {
            // What cannot be tidied now is tidied another time.
            let _ = self.tidy(hash).await;
        }
        Ok(())
    }

    /// Takes a deleted record out of its indexes. If that fails, it is found no more all the same, because it is not there.
    pub(super) async fn unnote(&self, key: &StoreKey, record: &Record) {
        let of_user = async {
            if let Some(user) = &record.user {
                self.unnote_in(&self.names.user(user), key).await;
            }
        };
        let others = self.names.others(record.handle);
        join3(of_user, self.release_first(record.handle, key), self.unnote_in(&others, key)).await;
    }

    /// Says that a record was deleted. If that fails, whoever waits for it finds out by asking.
    pub(super) async fn announce(&self, removed: &Record) {
        let mut publish = Cmd::new();
        publish.arg("PUBLISH").arg(self.names.deleted()).arg(removed.handle.as_bytes());
        let _ = self.link.once(&publish).await;
    }

    /// Hears what others delete, on a connection of its own.
    pub(super) async fn hear(&self, tell: &(dyn Fn(Announcement) + Send + Sync)) -> Result<()> {
        let heard = |message: &[u8]| {
            if let Ok(handle) = message.try_into() {
                tell(Announcement::Deleted(Handle::from_bytes(handle)));
            }
        };
        self.link.listen(&self.names.deleted(), || tell(Announcement::Listening), heard).await.map_err(failed)
    }

    async fn unnote_in(&self, hash: &str, key: &StoreKey) {
        let mut remove = Cmd::new();
        remove.arg("HDEL").arg(hash).arg(key.as_bytes());
        let _ = self.link.once(&remove).await;
    }

    /// All records that an index names and that are what it says, as of one instant.
    pub(super) async fn find(&self, by: FindBy<'_>, now: Timestamp) -> Result<Vec<Found>> {
        let index = &self.index_of(by);
        let mut known = self.named(index).await?;
        loop {
            let records = join_all(known.iter().map(|key| self.read_readable(key, now)).collect::<Vec<_>>()).await;
            let (mut found, mut stale) = (Vec::with_capacity(known.len()), Vec::new());
            for (key, record) in known.iter().zip(records) {
                match record? {
                    Some(record) if by.matches(&record) => found.push(Found::new(*key, record)),
                    _ => stale.push(*key),
                }
            }
            if stale.is_empty() && found.iter().all(|found: &Found| found.record.kind != RecordKind::Moved) {
                return Ok(found);
            }
            // What is missing, or is a marker by now, may have moved on, as a renewal does, to a place that the index did
            // not name yet.
            let current = self.named(index).await?;
            if current == known {
                // To forget is no part of finding: if it fails, it is done another time.
                let _ = self.forget_gone(index, &stale).await;
                return Ok(found);
            }
            known = current;
        }
    }

    /// The record under a key; one that nobody can read is none, for whose it is cannot be read either.
    pub(super) async fn read_readable(&self, key: &StoreKey, now: Timestamp) -> Result<Option<Record>> {
        match self.read(key, now).await {
            Err(error) if error.kind() == ErrorKind::Decode => Ok(None),
            answer => answer,
        }
    }

    /// The keys of records that an index names, in their order.
    async fn named(&self, index: &Index) -> Result<Vec<StoreKey>> {
        // One after the other: a renewal moves a session from the first place to another, and never back.
        let first = match &index.first {
            Some(first) => self.named_first(first).await?,
            None => None,
        };
        let mut keys = self.named_in(&index.hash).await?;
        keys.extend(first);
        keys.sort_unstable();
        keys.dedup();
        Ok(keys)
    }

    pub(super) async fn named_first(&self, first: &str) -> Result<Option<StoreKey>> {
        let mut get = Cmd::new();
        get.arg("GET").arg(first);
        match self.link.again(&get).await.map_err(failed)? {
            Value::Nil => Ok(None),
            Value::BulkString(noted) => Ok(noted.first_chunk().copied().map(StoreKey::from_bytes)),
            _ => Err(unexpected()),
        }
    }

    async fn named_in(&self, hash: &str) -> Result<Vec<StoreKey>> {
        let mut keys = Cmd::new();
        keys.arg("HKEYS").arg(hash);
        let (Value::Array(keys) | Value::Set(keys)) = self.link.again(&keys).await.map_err(failed)? else {
            return Err(unexpected());
        };
        Ok(keys.iter().filter_map(store_key).collect())
    }

    /// Forgets what a hash names and is not there any more.
    pub(super) async fn tidy(&self, hash: &str) -> Result<()> {
        let mut from = None;
        loop {
            let (keys, next) = self.scan_hash(hash, from.as_deref(), STEP).await?;
            self.forget_in(hash, &self.gone(&keys).await?).await?;
            from = next;
            if from.is_none() {
                return Ok(());
            }
        }
    }

    /// Those of these records that the server does not have: one that has expired by our clock may be live by
    /// another's.
    async fn gone(&self, keys: &[StoreKey]) -> Result<Vec<StoreKey>> {
        let there = join_all(keys.iter().map(|key| self.is_there(key)).collect::<Vec<_>>()).await;
        let mut gone = Vec::new();
        for (key, there) in keys.iter().zip(there) {
            if !there? {
                gone.push(*key);
            }
        }
        Ok(gone)
    }

    /// The same for the first record of a handle.
    pub(super) async fn tidy_first(&self, first: &str) -> Result<()> {
        match self.named_first(first).await? {
            Some(key) if !self.is_there(&key).await? => self.release(first, &key, SLACK).await,
            _ => Ok(()),
        }
    }

    async fn is_there(&self, key: &StoreKey) -> Result<bool> {
        let mut exists = Cmd::new();
        exists.arg("EXISTS").arg(self.names.record(key));
        Ok(self.link.again(&exists).await.map_err(failed)? != Value::Int(0))
    }

    /// Forgets those of these records that do not exist any more.
    pub(super) async fn forget_gone(&self, index: &Index, keys: &[StoreKey]) -> Result<()> {
        let gone = self.gone(keys).await?;
        if let Some(first) = &index.first {
            for key in &gone {
                self.release(first, key, SLACK).await?;
            }
        }
        self.forget_in(&index.hash, &gone).await
    }

    /// Forgets this record as the first of its handle, if it is that; it was deleted.
    pub(super) async fn release_first(&self, handle: Handle, key: &StoreKey) {
        let _ = self.link.call_again(&self.release_call(handle, key)).await;
    }

    pub(super) fn release_call(&self, handle: Handle, key: &StoreKey) -> Call {
        RELEASE.call(&self.names.handle(handle)).arg(key.as_bytes()).arg(0)
    }

    /// Forgets the first record of a handle, if it is this one and was noted at least so long ago.
    async fn release(&self, first: &str, key: &StoreKey, age: Duration) -> Result<()> {
        let release = RELEASE.call(first).arg(key.as_bytes()).arg(millis(age));
        self.link.call_again(&release).await.map_err(failed).map(drop)
    }

    async fn forget_in(&self, hash: &str, stale: &[StoreKey]) -> Result<()> {
        for stale in stale.chunks(STEP) {
            let mut forget = FORGET.call(hash).arg(millis(SLACK));
            for key in stale {
                forget = forget.arg(key.as_bytes());
            }
            self.link.call_again(&forget).await.map_err(failed)?;
        }
        Ok(())
    }
}

fn store_key(value: &Value) -> Option<StoreKey> {
    match value {
        Value::BulkString(bytes) => bytes.as_slice().try_into().ok().map(StoreKey::from_bytes),
        _ => None,
    }
}
