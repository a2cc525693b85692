//! What is asked of all records at once: how many there are, a page of them, and to remove those that expired.

use std::collections::{BTreeMap, HashSet};

use futures_util::future::join_all;

use super::page::Head;
use super::scan::Scan;
use super::script::EXPIRE;
use super::{RedisStore, instant, record};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::record::{Handle, Record};
use crate::store::{Announcement, BoxFuture, FindBy, Found, IndexPage, SessionIndex};
use crate::token::StoreKey;

impl RedisStore {
    async fn count_live(&self, now: Timestamp) -> Result<u64> {
        // A scan may show a name twice.
        let mut live = HashSet::new();
        let mut scan = Scan::new(&self.link, self.names.records()).await?;
        while let Some(names) = scan.next().await? {
            let heads = self.heads(&names).await?;
            live.extend(heads.into_iter().filter(|(_, head)| head.is_live(now)).map(|(key, _)| key));
        }
        Ok(live.len() as u64)
    }

    async fn list_live(&self, after: Option<StoreKey>, limit: usize, now: Timestamp) -> Result<Vec<Found>> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        // A scan has no order: of all that it shows, the first ones behind `after` are kept.
        let mut first = BTreeMap::new();
        let mut scan = Scan::new(&self.link, self.names.records()).await?;
        while let Some(names) = scan.next().await? {
            let last = if first.len() < limit { None } else { first.last_key_value().map(|(key, _)| *key) };
            let mut keys: Vec<_> = names.iter().filter_map(|name| self.names.read_record(name)).collect();
            keys.retain(|key| after.is_none_or(|after| *key > after) && last.is_none_or(|last| *key < last));
            let records = join_all(keys.iter().map(|key| self.read_readable(key, now)).collect::<Vec<_>>()).await;
            for (key, record) in keys.into_iter().zip(records) {
                if let Some(record) = record?.filter(|record| record.is_live(now)) {
                    first.insert(key, record);
                    if first.len() > limit {
                        first.pop_last();
                    }
                }
            }
        }
        Ok(first.into_iter().map(|(key, record)| Found::new(key, record)).collect())
    }

    async fn sweep_expired(&self, now: Timestamp) -> Result<u64> {
        let (mut swept, now) = (0, now.by_slowest_clock());
        let mut scan = Scan::new(&self.link, self.names.records()).await?;
        while let Some(names) = scan.next().await? {
            let mut heads = self.heads(&names).await?;
            heads.retain(|(_, head)| head.is_expired(now));
            for removed in join_all(heads.iter().map(|(key, _)| self.expire(key, now)).collect::<Vec<_>>()).await {
                swept += u64::from(removed?);
            }
        }
        for pattern in self.names.indexes() {
            let mut scan = Scan::new(&self.link, pattern).await?;
            while let Some(names) = scan.next().await? {
                for index in names.iter().filter_map(|name| std::str::from_utf8(name).ok()) {
                    if self.names.is_hash(index.as_bytes()) {
                        self.tidy(index).await?;
                    } else if self.names.is_first(index.as_bytes()) {
                        self.tidy_first(index).await?;
                    }
                }
            }
        }
        Ok(swept)
    }

    /// Removes a record that has expired; answers whether it was there.
    async fn expire(&self, key: &StoreKey, now: Timestamp) -> Result<bool> {
        let expire = EXPIRE.call(&self.names.record(key)).arg(&instant(now));
        let removed = record(self.link.call(&expire).await)?;
        if let Some(removed) = &removed {
            self.unnote(key, removed).await;
        }
        Ok(removed.is_some())
    }

    /// The columns of those names that are records of ours and can be read.
    async fn heads(&self, names: &[Vec<u8>]) -> Result<Vec<(StoreKey, Record)>> {
        let keys: Vec<_> = names.iter().filter_map(|name| self.names.read_record(name)).collect();
        let mut heads = Vec::with_capacity(keys.len());
        let answers = join_all(keys.iter().map(|key| self.head(key)).collect::<Vec<_>>()).await;
        for (key, head) in keys.into_iter().zip(answers) {
            if let Head::Columns(head) = head? {
                heads.push((key, head));
            }
        }
        Ok(heads)
    }
}

impl SessionIndex for RedisStore {
    fn count<'a>(&'a self, now: Timestamp) -> BoxFuture<'a, Result<u64>> {
        Box::pin(self.count_live(now))
    }

    fn list<'a>(&'a self, after: Option<StoreKey>, limit: usize, now: Timestamp) -> BoxFuture<'a, Result<Vec<Found>>> {
        Box::pin(self.list_live(after, limit, now))
    }

    fn find_by_user<'a>(&'a self, user: &'a str, now: Timestamp) -> BoxFuture<'a, Result<Vec<Found>>> {
        Box::pin(self.find(FindBy::User(user), now))
    }

    fn find_by_handle<'a>(&'a self, handle: Handle, now: Timestamp) -> BoxFuture<'a, Result<Vec<Found>>> {
        Box::pin(self.find(FindBy::Handle(handle), now))
    }

    fn find_page<'a>(
        &'a self,
        by: FindBy<'a>,
        from: Option<&'a [u8]>,
        limit: usize,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<IndexPage>> {
        Box::pin(self.find_entries(by, from, limit, now))
    }

    fn sweep<'a>(&'a self, now: Timestamp) -> BoxFuture<'a, Result<u64>> {
        Box::pin(self.sweep_expired(now))
    }

    fn announcements<'a>(
        &'a self,
        tell: &'a (dyn Fn(Announcement) + Send + Sync),
    ) -> Option<BoxFuture<'a, Result<()>>> {
        self.link.can_listen.then(|| -> BoxFuture<'a, _> { Box::pin(self.hear(tell)) })
    }
}
