//! What a user or a handle has, a page at a time and without its data; and deleting what was found so, many at a time.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use redis::{Cmd, Value};

use super::failure::{failed, unexpected};
use super::index::Index;
use super::scan::step;
use super::{RedisStore, record};
use crate::clock::Timestamp;
use crate::error::{ErrorKind, Result};
use crate::record::{MAX_USER_BYTES, Record, RecordKind};
use crate::store::{FindBy, IndexEntry, IndexPage};
use crate::token::StoreKey;

/// Records that are deleted in one message, so that the commands of others on the connection wait for moments.
const DELETES: usize = 64;

/// Where the data begins in the record with the longest user.
const LONGEST_HEAD: usize = 68 + MAX_USER_BYTES;

/// What is under the key of a record.
pub(super) enum Head {
    Gone,
    /// Nobody can say whose it is.
    Unreadable,
    Columns(Record),
}

/// Where a scan begins, and where it has come to an end.
const ENDS: &[u8] = b"0";

impl RedisStore {
    /// Where the records are noted that are asked for.
    pub(super) fn index_of(&self, by: FindBy<'_>) -> Index {
        match by {
            FindBy::User(user) => Index { first: None, hash: self.names.user(user) },
            FindBy::Handle(handle) => Index { first: Some(self.names.handle(handle)), hash: self.names.others(handle) },
        }
    }

    pub(super) async fn find_entries(
        &self,
        by: FindBy<'_>,
        from: Option<&[u8]>,
        limit: usize,
        now: Timestamp,
    ) -> Result<IndexPage> {
        let index = self.index_of(by);
        let (mut known, mut next) = self.named_page(&index, from, limit).await?;
        loop {
            let heads = join_all(known.iter().map(|key| self.head(key)).collect::<Vec<_>>()).await;
            let (mut entries, mut stale) = (Vec::with_capacity(known.len()), Vec::new());
            for (key, head) in known.iter().zip(heads) {
                match head? {
                    Head::Columns(record) if by.matches(&record) => {
                        entries.extend((!record.is_expired(now)).then(|| IndexEntry::new(*key, &record)));
                    }
                    Head::Unreadable => {}
                    Head::Columns(_) | Head::Gone => stale.push(*key),
                }
            }
            // What is missing, or is a marker by now, may have moved on, as a renewal does, to a place that was not named yet.
            if !stale.is_empty() || entries.iter().any(|entry: &IndexEntry| entry.kind == RecordKind::Moved) {
                let current = self.named_page(&index, from, limit).await?;
                if current.0 != known {
                    (known, next) = current;
                    continue;
                }
            }
            if !stale.is_empty() {
                // To forget is no part of finding: if it fails, it is done another time.
                let _ = self.forget_gone(&index, &stale).await;
            }
            return Ok(IndexPage::new(entries, next));
        }
    }

    /// The keys of some records that an index names, in their order, and where to go on. On the first page is the first
    /// record of a handle.
    async fn named_page(
        &self,
        index: &Index,
        from: Option<&[u8]>,
        limit: usize,
    ) -> Result<(Vec<StoreKey>, Option<Vec<u8>>)> {
        // One after the other: a renewal moves a session from the first place to another, and never back.
        let first = match &index.first {
            Some(first) if from.is_none() => self.named_first(first).await?,
            _ => None,
        };
        let (mut keys, next) = self.scan_hash(&index.hash, from, limit).await?;
        keys.extend(first);
        keys.sort_unstable();
        keys.dedup();
        Ok((keys, next))
    }

    /// Some of the keys that a hash names. Those that are there throughout a scan are shown at least once.
    pub(super) async fn scan_hash(
        &self,
        hash: &str,
        from: Option<&[u8]>,
        limit: usize,
    ) -> Result<(Vec<StoreKey>, Option<Vec<u8>>)> {
        let mut scan = Cmd::new();
        scan.arg("HSCAN").arg(hash).arg(from.unwrap_or(ENDS)).arg("COUNT").arg(limit.max(1));
        let (next, fields) = step(self.link.again(&scan).await.map_err(failed)?)?;
        // Each is followed by when it was noted.
        let keys = fields.into_iter().step_by(2).filter_map(|field| field.try_into().ok().map(StoreKey::from_bytes));
        Ok((keys.collect(), Some(next).filter(|next| next != ENDS)))
    }

    /// The columns of a record, without its data.
    pub(super) async fn head(&self, key: &StoreKey) -> Result<Head> {
        let mut head = Cmd::new();
        head.arg("GETRANGE").arg(self.names.record(key)).arg(0).arg(LONGEST_HEAD - 1);
        match self.link.again(&head).await {
            // What is not there is an empty one here.
            Ok(Value::BulkString(bytes)) if bytes.is_empty() => Ok(Head::Gone),
            answer => match record(answer) {
                Ok(Some(record)) => Ok(Head::Columns(record)),
                Ok(None) => Ok(Head::Gone),
                Err(error) if error.kind() == ErrorKind::Decode => Ok(Head::Unreadable),
                Err(error) => Err(error),
            },
        }
    }

    /// Deletes records as they were found, and says so.
    pub(super) async fn delete_found(&self, entries: &[IndexEntry], now: Timestamp) -> Result<Vec<StoreKey>> {
        let mut removed = Vec::with_capacity(entries.len());
        for entries in entries.chunks(DELETES) {
            let deletes = entries.iter().map(|entry| command("DEL", &self.names.record(&entry.key))).collect();
            let mut there = Vec::with_capacity(entries.len());
            for (entry, answer) in entries.iter().zip(self.link.many(deletes).await.map_err(failed)?) {
                match answer {
                    Value::Int(0) => {}
                    Value::Int(_) => there.push(entry),
                    _ => return Err(unexpected()),
                }
            }
            self.follow_up(entries, &there).await;
            removed.extend(there.into_iter().filter(|entry| now < entry.expires()).map(|entry| entry.key));
        }
        Ok(removed)
    }

    /// Takes deleted records out of their indexes, and says that they were deleted. If that fails, they are found no more all
    /// the same, and whoever waits for their end finds out by asking.
    async fn follow_up(&self, entries: &[IndexEntry], removed: &[&IndexEntry]) {
        let (mut hashes, channel) = (BTreeMap::new(), self.names.deleted());
        for entry in entries {
            for hash in entry.user.iter().map(|user| self.names.user(user)).chain([self.names.others(entry.handle)]) {
                let forget: &mut Cmd = hashes.entry(hash).or_insert_with_key(|hash| command("HDEL", hash));
                forget.arg(entry.key.as_bytes());
            }
        }
        let announcements = removed.iter().map(|entry| {
            let mut publish = command("PUBLISH", &channel);
            publish.arg(entry.handle.as_bytes());
            publish
        });
        let releases = entries.iter().map(|entry| self.release_call(entry.handle, &entry.key).cmd);
        let commands = hashes.into_values().chain(announcements).chain(releases).collect();
        if self.link.many(commands).await.is_err_and(|error| error.code() == Some("NOSCRIPT")) {
            // The server has forgotten the script of the releases; all else is done.
            let releases = entries.iter().map(|entry| self.release_first(entry.handle, &entry.key));
            join_all(releases.collect::<Vec<_>>()).await;
        }
    }
}

fn command(name: &str, key: &str) -> Cmd {
    let mut command = Cmd::new();
    command.arg(name).arg(key);
    command
}
