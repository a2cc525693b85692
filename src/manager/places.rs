//! How many sessions a user may have: logins of one user meet at one record, and take their places one after another.
//!
//! A session holds a place if its record is live; if it is being renewed, which a marker that points to its pending record
//! shows; or if its pending record is there and its handle stands in the record that logins meet at. So a login first
//! creates its pending record, which opens nothing and counts for nothing, then takes a place by swapping that record, and
//! then goes on. Whoever is slower finds the record changed, and counts again. What crashes in between holds its place for
//! no longer than its pending record lives, and what sleeps in between finds that record gone.
//!
//! The record has a key that no token has, opens nothing, is neither counted nor listed, and is no longer needed when all
//! that stand in it are live or gone.

use std::collections::{BTreeMap, HashSet};

use super::commit::{ended, taken};
use super::patience::Retry;
use super::{LimitPolicy, Patience, SessionManager};
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::events::Event;
use crate::record::{Arriving, AuthenticatedAt, Handle, Moved, Own, Record, RecordKind, Revision, Values};
use crate::session::state::Ticket;
use crate::store::{Created, Found, Swap};
use crate::token::{StoreKey, Token};

/// A pending record that has taken its place, and what it is to become.
pub(super) struct Reserved {
    pub(super) key: StoreKey,
    pub(super) pending: Record,
    pub(super) live: Record,
}

impl Reserved {
    /// What it is to become under its token, and what that is to replace.
    pub(super) fn ticket(self, token: Token) -> (Ticket, Revision) {
        (Ticket { token, key: self.key, record: self.live }, self.pending.revision)
    }
}

impl SessionManager {
    /// Whether a session that becomes this user's needs a place among those of the user.
    pub(super) fn needs_place(&self, was: Option<&str>, user: Option<&str>) -> bool {
        self.settings().user_limit.is_some() && user.is_some() && was != user
    }

    /// Creates a pending record for what is to be `live`, or puts it over one that was left behind, and takes its place if
    /// it needs one. Those that are about to end hold none.
    pub(super) async fn reserve(
        &self,
        patience: &Patience,
        key: StoreKey,
        mut live: Record,
        leaving: HashSet<Handle>,
        over: Option<Revision>,
    ) -> Result<Reserved> {
        let now = self.now();
        let mut pending = live.clone();
        pending.kind = RecordKind::Pending;
        pending.seen = now;
        pending.revision = over.map_or(pending.revision, |over| over.next_by(self.random()));
        let deadline = self.pending_deadline(now);
        (pending.idle_deadline, pending.absolute_deadline) = (deadline, deadline);
        let store = self.store()?;
        let there = match over {
            None => store.create(patience, &key, &mut pending, now).await? == Created::Created,
            Some(left) => store.swap(patience, &key, left, &pending, now).await? == Swap::Swapped,
        };
        if !there {
            return Err(taken());
        }
        self.promotes(&pending, &mut live)?;
        let reserved = Reserved { key, pending, live };
        if self.needs_place(None, reserved.pending.user.as_deref())
            && let Err(refused) = self.take_place(patience, &reserved.pending, leaving).await
        {
            self.give_up(patience, reserved).await;
            return Err(refused);
        }
        Ok(reserved)
    }

    /// Makes the pending record live.
    pub(super) async fn take_up(
        &self,
        patience: &Patience,
        key: &StoreKey,
        pending: Revision,
        live: &Record,
    ) -> Result<()> {
        // By the clock as it is now: a process that slept for too long finds that its place has gone.
        match self.store()?.swap(patience, key, pending, live, self.now()).await? {
            Swap::Swapped => Ok(()),
            // Revoked, or ended for another login, in between.
            Swap::Conflict(_) | Swap::Gone => Err(ended()),
        }
    }

    /// Gives the place back; where the store fails, it is back when the pending record has expired.
    pub(super) async fn give_up(&self, patience: &Patience, reserved: Reserved) {
        if let Ok(store) = self.store() {
            let _ = store.delete(patience, &reserved.key, self.now()).await;
        }
    }

    /// Takes a place among the sessions of its user for a pending record.
    pub(super) async fn take_place(
        &self,
        patience: &Patience,
        pending: &Record,
        mut leaving: HashSet<Handle>,
    ) -> Result<()> {
        let (Some((limit, policy)), Some(user)) = (self.settings().user_limit, &pending.user) else { return Ok(()) };
        let store = self.store()?;
        let key = StoreKey::of_user(user);
        leaving.insert(pending.handle);
        let mut retry = Retry::new();
        loop {
            let now = self.now();
            // Where the clock is behind, what has expired here still holds its place.
            let slowest = now.by_slowest_clock();
            let meeting = store.load(patience, &key, slowest).await?;
            let arriving = match &meeting {
                Some(record) => own(record).unwrap_or_default(),
                None => Arriving::default(),
            };
            let found = patience.wait(store.index()?.find_by_user(user, slowest)).await?;
            let mut holders = holders(&found, &arriving, now);
            holders.retain(|handle, _| !leaving.contains(handle));
            if holders.len() >= limit {
                let oldest = holders.iter().min_by_key(|(handle, since)| (**since, **handle));
                // What a clock that is ahead has written opens nothing, and keeps nobody out.
                let closed = holders.iter().find(|(_, since)| since.is_ahead_of(now));
                match (policy, closed, oldest) {
                    (_, Some((&gone, _)), _) | (LimitPolicy::EndOldest, None, Some((&gone, _))) => {
                        self.end_handle(patience, gone, now, |record| self.evicted(record)).await?;
                        continue;
                    }
                    _ => {
                        return Err(Error::new(
                            ErrorKind::TooManySessions,
                            format!("the user has {limit} sessions, and may not have more"),
                        ));
                    }
                }
            }
            let still = |handle: &Handle| *handle != pending.handle && holders.contains_key(handle);
            let mut next: Vec<Handle> = arriving.0.iter().copied().filter(still).collect();
            next.push(pending.handle);
            let mut next = self.meeting(meeting.as_ref(), &Arriving(next), now)?;
            let taken = match &meeting {
                None => store.create(patience, &key, &mut next, slowest).await? == Created::Created,
                Some(meeting) => store.swap(patience, &key, meeting.revision, &next, slowest).await? == Swap::Swapped,
            };
            if taken {
                return Ok(());
            }
            retry.next(patience).await?;
        }
    }

    pub(super) fn evicted(&self, record: &Record) {
        self.events().tell(Event::Evicted { handle: record.handle, user: record.user.as_deref() });
    }

    /// The record that the logins of a user meet at. It lives as long as any pending record of now does, and names nobody.
    fn meeting(&self, known: Option<&Record>, arriving: &Arriving, now: Timestamp) -> Result<Record> {
        let mut values = Values::EMPTY;
        values.set_own(arriving, usize::MAX)?;
        let deadline = self.pending_deadline(now);
        Ok(Record {
            kind: RecordKind::Pending,
            revision: match known {
                Some(known) => known.revision.next_by(self.random()),
                None => Revision::first_by(self.random()),
            },
            handle: known.map_or_else(|| Handle::random_by(self.random()), |known| known.handle),
            created: now,
            seen: now,
            idle_deadline: deadline,
            absolute_deadline: deadline,
            user: None,
            data: values.to_data(),
        })
    }
}

/// A field of ours in a record. What cannot be read says nothing, and keeps nobody from logging in.
fn own<T: Own>(record: &Record) -> Option<T> {
    Values::from_stored(record.data.clone()).ok()?.own().ok()?
}

/// The sessions that hold a place, and when their user logged in.
fn holders(found: &[Found], arriving: &Arriving, now: Timestamp) -> BTreeMap<Handle, Timestamp> {
    let markers = found.iter().filter(|found| found.record.kind == RecordKind::Moved);
    let pointed_to: HashSet<StoreKey> =
        markers.filter_map(|marker| own::<Moved>(&marker.record)).map(|moved| moved.to).collect();
    let mut holders = BTreeMap::new();
    for Found { key, record } in found {
        let holds = match record.kind {
            RecordKind::Live => !record.is_expired(now),
            RecordKind::Pending => arriving.0.contains(&record.handle) || pointed_to.contains(key),
            // What it points to is pending, live, or another marker; if it is gone, the session has ended.
            RecordKind::Moved => false,
        };
        if holds {
            let since = own::<AuthenticatedAt>(record).map_or(record.created, |at| at.0);
            holders.insert(record.handle, since);
        }
    }
    holders
}
