//! Which sealed sessions are live, in a store beside the cookies: so that they end on the server.
//!
//! A session has one record there, without its values, under a key made of its handle and its user. A login moves it to
//! another key, as a renewal does in a store: the new record is created as pending, the old one becomes a marker, the new
//! one is promoted. So a cookie from before a login opens nothing after it, and whoever ends sessions ends these as any.

use std::collections::HashSet;

use super::backend::Keeper;
use super::commit::{Work, ended, taken};
use super::open::moved;
use super::patience::Retry;
use super::sealed::Made;
use super::{Patience, SessionManager};
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::events::RenewalReason;
use crate::record::{Flashes, Record, RecordKind, Revision, Space, Values};
use crate::session::state::{Attempt, Held};
use crate::store::{Created, Swap};
use crate::token::StoreKey;

/// What the register knows of a cookie.
pub(super) enum Entry {
    Live,
    /// A login has replaced it a moment ago; the visitor's next request brings the new one.
    Replaced,
    None,
}

impl SessionManager {
    pub(super) fn has_register(&self) -> bool {
        matches!(self.0.keeper, Keeper::Sealed(_, Some(_)))
    }

    /// Whether a sealed session is live. Without a register all are.
    pub(super) async fn entry(&self, patience: &Patience, sealed: &Record, now: Timestamp) -> Result<Entry> {
        if !self.has_register() {
            return Ok(Entry::Live);
        }
        let key = key_of(sealed);
        let Some(entry) = self.store()?.load(patience, &key, now).await? else { return Ok(Entry::None) };
        let moved = match entry.kind {
            RecordKind::Live => return Ok(Entry::Live),
            RecordKind::Pending | RecordKind::Ended | RecordKind::Unknown(_) => return Ok(Entry::None),
            RecordKind::Moved => moved(&entry)?,
        };
        if self.take_back(patience, &key, &entry, &moved, now).await?.is_some() {
            return Ok(Entry::Live);
        }
        let replaced = now < moved.at + self.settings().grace || self.is_undecided(patience, &moved, now).await?;
        Ok(if replaced { Entry::Replaced } else { Entry::None })
    }

    /// Registers what a request made of its session, and strikes out what it ended. Answers whether it ended any that was
    /// still there.
    pub(super) async fn register_made(&self, patience: &Patience, work: &mut Work, made: &Made) -> Result<bool> {
        if !self.has_register() {
            let ended = self.end_destroyed(patience, work, self.now()).await?;
            self.tell_made(work, made);
            return Ok(ended == Some(true));
        }
        let now = self.now();
        let base = work.held.as_ref().map(Held::record);
        let ended = match (base, made) {
            (None, Made::Changed(record)) => return Box::pin(self.register_new(patience, work, record, now)).await,
            (_, Made::Nothing) | (None, Made::Seen(_)) => false,
            (Some(base), Made::Changed(record)) if base.user != record.user => {
                Box::pin(self.move_entry(patience, base, record, now)).await?;
                false
            }
            (Some(_), Made::Changed(record) | Made::Seen(record)) => {
                Box::pin(self.update_entry(patience, record, now)).await?;
                false
            }
        };
        self.tell_made(work, made);
        Ok(Box::pin(self.end_destroyed(patience, work, now)).await? == Some(true) || ended)
    }

    async fn register_new(
        &self,
        patience: &Patience,
        work: &mut Work,
        record: &Record,
        now: Timestamp,
    ) -> Result<bool> {
        self.0.sweeper.start(self);
        let (key, live) = (key_of(record), self.entry_of(record)?);
        if !self.needs_place(None, record.user.as_deref()) {
            let ended = self.end_destroyed(patience, work, now).await? == Some(true);
            return match self.store()?.create(patience, &key, &live, now).await {
                Ok(Created::Created) => {
                    self.events().created(record);
                    Ok(ended)
                }
                Ok(Created::AlreadyExists) => Err(taken()),
                Err(error) => Err(work.changes.may_have(error, || Attempt::Register(key, record.handle))),
            };
        }
        // Before anything is ended: a login that is refused leaves the visitor's session as it was.
        let reserved = self.reserve(patience, key, live, work.leaving(), None).await?;
        match self.end_destroyed(patience, work, now).await {
            Ok(ended) => {
                let taken_up = self.take_up(patience, &key, reserved.pending.revision, &reserved.live).await;
                taken_up.map_err(|error| work.changes.may_have(error, || Attempt::Register(key, record.handle)))?;
                self.events().created(record);
                Ok(ended == Some(true))
            }
            Err(error) => {
                self.give_up(patience, reserved).await;
                Err(error)
            }
        }
    }

    async fn update_entry(&self, patience: &Patience, record: &Record, now: Timestamp) -> Result<()> {
        let (store, key, entry) = (self.store()?, key_of(record), self.entry_of(record)?);
        let mut retry = Retry::new();
        loop {
            let Some(known) = store.load(patience, &key, now).await?.filter(|known| known.kind == RecordKind::Live)
            else {
                return Err(ended());
            };
            let mut next = Record { revision: known.revision.next_by(self.random()), ..entry.clone() };
            if known.absolute_deadline == entry.absolute_deadline {
                // Another request with the same cookie may be ahead; a new lifetime counts from now in any case.
                next.seen = entry.seen.max(known.seen);
                next.idle_deadline = entry.idle_deadline.max(known.idle_deadline);
            }
            if next == (Record { revision: next.revision, ..known.clone() }) {
                return Ok(());
            }
            match store.swap(patience, &key, known.revision, &next, now).await? {
                Swap::Swapped => return Ok(()),
                Swap::Gone => return Err(ended()),
                Swap::Conflict(_) => retry.next(patience).await?,
            }
        }
    }

    /// A login: from the key of the visitor to that of the user.
    async fn move_entry(&self, patience: &Patience, base: &Record, record: &Record, now: Timestamp) -> Result<()> {
        let store = self.store()?;
        let (from, to, mut live) = (key_of(base), key_of(record), self.entry_of(record)?);
        // What is written under a key was last seen when it was created, or later: a tombstone goes by that.
        live.seen = live.seen.max(now);
        let over = match store.load(patience, &to, now).await? {
            None => None,
            // Left behind by a process that died: by now, whoever is alive has given up.
            Some(left) if left.kind == RecordKind::Pending && now >= left.seen + self.store_timeout() => {
                Some(left.revision)
            }
            Some(other) if other.kind == RecordKind::Pending => {
                return Err(Error::new(ErrorKind::Conflict, "another request is about to log this visitor in"));
            }
            Some(_) => return Err(ended()),
        };
        let reserved = self.reserve(patience, to, live.clone(), HashSet::new(), over).await?;
        let mut retry = Retry::new();
        loop {
            let known = store.load(patience, &from, now).await?.filter(|known| known.kind == RecordKind::Live);
            let swapped = match known {
                None => Swap::Gone,
                Some(known) => {
                    let marker = self.marker(&known, &live, to, None, now)?;
                    store.swap(patience, &from, known.revision, &marker, now).await?
                }
            };
            match swapped {
                Swap::Swapped => {
                    return self.take_up(patience, &to, reserved.pending.revision, &reserved.live).await;
                }
                Swap::Conflict(_) => retry.next(patience).await?,
                Swap::Gone => {
                    self.give_up(patience, reserved).await;
                    return Err(ended());
                }
            }
        }
    }

    fn tell_made(&self, work: &Work, made: &Made) {
        match (&work.held, made) {
            (_, Made::Nothing) => {}
            (_, Made::Seen(record)) => self.events().touched(record),
            (None, Made::Changed(record)) => self.events().created(record),
            (Some(_), Made::Changed(record)) if work.renewal.is_some() => {
                self.events().renewed(record, RenewalReason::Asked);
            }
            (Some(_), Made::Changed(record)) => self.events().saved(record),
        }
    }

    /// A record without what the visitor left in it.
    fn entry_of(&self, sealed: &Record) -> Result<Record> {
        let mut values = Values::from_stored(sealed.data.clone())?;
        values.clear(Space::Application);
        values.remove_own::<Flashes>();
        Ok(Record { revision: Revision::first_by(self.random()), data: values.to_data(), ..sealed.clone() })
    }

    /// Where a store knows of a sealed session, if one does.
    pub(crate) fn registered_at(&self, sealed: &Record) -> Option<StoreKey> {
        self.has_register().then(|| key_of(sealed))
    }
}

fn key_of(sealed: &Record) -> StoreKey {
    StoreKey::of_sealed(sealed.handle, sealed.user.as_deref())
}
