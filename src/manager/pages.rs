//! What a user or a handle has, page by page: listed without its data, read a few at a time, and ended in batches. So a user
//! with very many sessions costs time, and neither memory nor the patience of others; and what was done is done, whatever
//! happens to the rest.

use std::collections::BTreeSet;

use super::{Patience, SessionManager};
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::record::{Handle, Record, RecordKind};
use crate::store::{BoxFuture, FindBy, IndexEntry, all_of};
use crate::token::StoreKey;

/// Records that are found, or deleted, in one step.
const PAGE: usize = 250;

/// Records that are read with their data at a time: each may have a megabyte of it.
const READ_AT_ONCE: usize = 8;

/// How often sessions are found, and ended, before their user is too quick for us.
const MOST_PASSES: usize = 100;

impl SessionManager {
    /// Ends all that is found and wanted, until a pass through all pages finds nothing: a session that is being renewed is
    /// always found somewhere. Returns whose sessions it ended.
    pub(super) async fn end_all(
        &self,
        patience: &Patience,
        by: FindBy<'_>,
        which: impl Fn(&IndexEntry) -> bool,
        revoked: impl Fn(&IndexEntry),
    ) -> Result<BTreeSet<Handle>> {
        // No hash table: one that grows among very many keeps others waiting.
        let mut ended = BTreeSet::new();
        for _ in 0..MOST_PASSES {
            if self.end_pass(patience, by, &which, &revoked, &mut ended).await? {
                continue;
            }
            let handles: Vec<_> = ended.iter().copied().collect();
            for handles in handles.chunks(PAGE) {
                handles.iter().for_each(|handle| self.0.endings.over(*handle));
                if handles.len() == PAGE {
                    tokio::task::yield_now().await;
                }
            }
            return Ok(ended);
        }
        Err(Error::new(ErrorKind::Conflict, "sessions are being created faster than they can be revoked"))
    }

    /// Ends what one pass finds; returns whether it found any.
    async fn end_pass(
        &self,
        patience: &Patience,
        by: FindBy<'_>,
        which: &impl Fn(&IndexEntry) -> bool,
        revoked: &impl Fn(&IndexEntry),
        ended: &mut BTreeSet<Handle>,
    ) -> Result<bool> {
        let mut pages = Pages::new(by);
        let (mut any, mut markers) = (false, Vec::new());
        while let Some(mut entries) = self.next_page(patience, &mut pages).await? {
            entries.retain(which);
            any |= !entries.is_empty();
            let (moved, sessions): (Vec<_>, Vec<_>) =
                entries.into_iter().partition(|entry| entry.kind == RecordKind::Moved);
            self.end_entries(patience, &sessions, revoked, ended).await?;
            markers.extend(moved);
        }
        // Last, when what they point to is gone, on whatever page it was: without its marker an old token leads nowhere.
        self.end_entries(patience, &markers, revoked, ended).await?;
        Ok(any)
    }

    /// Deletes records as they were found, and tells of the sessions that ended with them.
    pub(super) async fn end_entries(
        &self,
        patience: &Patience,
        entries: &[IndexEntry],
        revoked: &impl Fn(&IndexEntry),
        ended: &mut BTreeSet<Handle>,
    ) -> Result<()> {
        for entries in entries.chunks(PAGE) {
            patience.begin_step();
            let (now, mut batch, mut barred) = (self.now(), Vec::with_capacity(entries.len()), Vec::new());
            for entry in entries {
                if !self.may_begin_again(patience, entry, now).await? {
                    batch.push(entry.clone());
                } else if self.end_chain(patience, entry.key, entry.handle, now).await?.settled()? {
                    barred.push(entry.key);
                }
            }
            let removed = self.store()?.delete_many(patience, &batch, now.by_slowest_clock()).await?;
            // A marker that is left behind is no session, and what has expired here had ended.
            let sessions = entries.iter().filter(|entry| entry.kind != RecordKind::Moved && now < entry.expires());
            for entry in sessions.filter(|entry| removed.contains(&entry.key) || barred.contains(&entry.key)) {
                if ended.insert(entry.handle) {
                    revoked(entry);
                }
            }
        }
        Ok(())
    }

    /// Whether an attempt to create this record may arrive after its end, so that its key has to be barred, or is barred
    /// already. Only what was written a moment ago has to be read for that.
    async fn may_begin_again(&self, patience: &Patience, entry: &IndexEntry, now: Timestamp) -> Result<bool> {
        if now.by_slowest_clock() >= self.marker_deadline(entry.created.max(entry.seen)) {
            return Ok(false);
        }
        let record = self.store()?.load(patience, &entry.key, now.by_slowest_clock()).await;
        match record {
            // What is gone by now may be barred in a moment, and what bars it has another handle.
            Ok(record) => {
                Ok(record.is_none_or(|record| record.handle != entry.handle || self.may_come_again(&record, now)))
            }
            // What cannot be read opens nothing.
            Err(error) if error.kind() == ErrorKind::Decode => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The next page, perhaps an empty one; none after the last. What has expired by this clock, and may be live where one is
    /// behind, is on it too.
    pub(super) async fn next_page(
        &self,
        patience: &Patience,
        pages: &mut Pages<'_>,
    ) -> Result<Option<Vec<IndexEntry>>> {
        match pages.state {
            State::Over => return Ok(None),
            State::Begins => {}
            // A store that answers at once would have the worker to itself.
            State::GoesOn => tokio::task::yield_now().await,
        }
        patience.begin_step();
        let now = self.now().by_slowest_clock();
        let page = self.store()?.index()?.find_page(pages.by, pages.from.as_deref(), PAGE, now);
        let page = patience.wait(page).await?;
        pages.state = if page.next.is_some() { State::GoesOn } else { State::Over };
        pages.from = page.next;
        Ok(Some(page.entries))
    }

    /// What is under these keys by the slowest clock, in their order and a few at a time; what is made of each is kept, and
    /// not its data.
    pub(super) async fn read_each<T: Send>(
        &self,
        patience: &Patience,
        keys: &[StoreKey],
        read: impl Fn(Record) -> Option<T> + Sync,
    ) -> Result<Vec<T>> {
        let (store, now, read) = (self.store()?, self.now().by_slowest_clock(), &read);
        let mut all = Vec::with_capacity(keys.len());
        for keys in keys.chunks(READ_AT_ONCE) {
            patience.begin_step();
            let loads = keys.iter().enumerate().map(|(at, key)| -> BoxFuture<'_, _> {
                Box::pin(async move {
                    match store.load(patience, key, now).await {
                        // What cannot be read is no reason to hide the others.
                        Err(error) if error.kind() != ErrorKind::Decode => Err(error),
                        found => Ok((at, found.ok().flatten().and_then(read))),
                    }
                })
            });
            let mut found = all_of(loads.collect()).await?;
            found.sort_unstable_by_key(|(at, _)| *at);
            all.extend(found.into_iter().filter_map(|(_, found)| found));
            if keys.len() == READ_AT_ONCE {
                tokio::task::yield_now().await;
            }
        }
        Ok(all)
    }
}

/// A pass through all pages.
pub(super) struct Pages<'a> {
    by: FindBy<'a>,
    from: Option<Vec<u8>>,
    state: State,
}

#[derive(Clone, Copy)]
enum State {
    Begins,
    GoesOn,
    Over,
}

impl<'a> Pages<'a> {
    pub(super) fn new(by: FindBy<'a>) -> Self {
        Self { by, from: None, state: State::Begins }
    }
}
