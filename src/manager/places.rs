//! How many sessions a user may have: logins of one user meet at one record, and take their places one after another.
//!
//! A session holds a place if its record is live; if it is being renewed, which a marker that points to its pending record
//! shows; or if its pending record is there and its handle stands in the record that logins meet at. So a login first
//! creates its pending record, which opens nothing and counts for nothing, then takes a place by swapping that record, and
//! then goes on. Whoever is slower finds the record changed, and counts again. What sleeps in between for too long finds that
//! its pending record is gone.
//!
//! What crashes in between holds its place until its pending record has expired by every clock that there may be, some twelve
//! minutes by default. Where the oldest session makes room, such a login goes before any session does, as soon as its record
//! has expired by the clock of whoever needs room.
//!
//! The record has a key that no token has, opens nothing, is neither counted nor listed, and is no longer needed when all
//! that stand in it are live or gone.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::commit::{ended, taken};
use super::pages::{Pages, READ_AT_ONCE};
use super::patience::Retry;
use super::{LimitPolicy, Patience, SessionManager};
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::events::Event;
use crate::record::{Arriving, AuthenticatedAt, Handle, Moved, Own, Record, RecordKind, Revision, Values};
use crate::session::state::Ticket;
use crate::store::{Created, FindBy, IndexEntry, Swap};
use crate::token::{StoreKey, Token};

/// Sessions that a login ends at most.
const MOST_ENDED: usize = 1_000;

/// Sessions that a login ends one after another, by when their users logged in, which is in their data. Of more than that
/// those go that began first, in batches.
const MOST_ENDED_IN_TURN: usize = 16;

/// Records of its user that a login looks at, so that it ends in time whatever their number.
const MOST_COUNTED: usize = 20_000;

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
            None => store.create(patience, &key, &pending, now).await? == Created::Created,
            Some(left) => store.swap(patience, &key, left, &pending, now).await? == Swap::Swapped,
        };
        if !there {
            return Err(taken());
        }
        self.promotes(&pending, &mut live);
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
            // Where the clock is behind, a login may yet succeed whose pending record has expired here.
            let slowest = now.by_slowest_clock();
            let meeting = store.load(patience, &key, slowest).await?;
            let arriving = match &meeting {
                Some(record) => field(record).unwrap_or_default(),
                None => Arriving::default(),
            };
            let mut found = self.records_of(patience, user).await?;
            self.follow_markers(patience, user, &mut found).await?;
            let mut holders = self.holders(patience, &found, &arriving, now).await?;
            holders.retain(|handle, _| !leaving.contains(handle));
            let surplus = (holders.len() + 1).saturating_sub(limit);
            if surplus > 0 {
                let most = surplus.min(MOST_ENDED);
                // What a clock that is ahead has written opens nothing, and keeps nobody out.
                let closed = holders.values().filter(|entry| entry.created.max(entry.seen).is_ahead_of(now));
                let mut gone: BTreeSet<_> = closed.map(|entry| entry.handle).take(most).collect();
                if gone.is_empty() && policy == LimitPolicy::EndOldest {
                    gone = dead_logins(&found, &arriving, now)
                        .filter(|login| holders.contains_key(login))
                        .take(most)
                        .collect();
                }
                if gone.is_empty() && policy == LimitPolicy::EndOldest {
                    gone = self.oldest(patience, &holders, most).await?;
                }
                if gone.is_empty() {
                    return Err(Error::new(
                        ErrorKind::TooManySessions,
                        format!("the user has {limit} sessions, and may not have more"),
                    ));
                }
                self.end_holders(patience, &found, &gone).await?;
                if surplus <= MOST_ENDED || policy == LimitPolicy::Refuse {
                    continue;
                }
                // By far too many, as where the limit is new: each login ends some, and none is refused for it.
                holders.retain(|handle, _| !gone.contains(handle));
            }
            let still = |handle: &Handle| *handle != pending.handle && holders.contains_key(handle);
            let mut next: Vec<Handle> = arriving.0.iter().copied().filter(still).collect();
            next.push(pending.handle);
            let next = self.meeting(meeting.as_ref(), &Arriving(next), now)?;
            let taken = match &meeting {
                None => store.create(patience, &key, &next, slowest).await? == Created::Created,
                Some(meeting) => store.swap(patience, &key, meeting.revision, &next, slowest).await? == Swap::Swapped,
            };
            if taken {
                return Ok(());
            }
            retry.next(patience).await?;
        }
    }

    /// What a user has, without its data.
    async fn records_of(&self, patience: &Patience, user: &str) -> Result<Vec<IndexEntry>> {
        let (mut found, mut pages) = (Vec::new(), Pages::new(FindBy::User(user)));
        while let Some(entries) = self.next_page(patience, &mut pages).await? {
            found.extend(entries);
            if found.len() >= MOST_COUNTED {
                break;
            }
        }
        Ok(found)
    }

    /// Adds the records of sessions of which only markers were found: they were renewed while their records were found.
    async fn follow_markers(&self, patience: &Patience, user: &str, found: &mut Vec<IndexEntry>) -> Result<()> {
        let others = found.iter().filter(|entry| entry.kind != RecordKind::Moved);
        let others: HashSet<_> = others.map(|entry| entry.handle).collect();
        let markers = found.iter().filter(|entry| entry.kind == RecordKind::Moved && !others.contains(&entry.handle));
        let (markers, handles): (Vec<_>, HashSet<_>) = markers.map(|marker| (marker.key, marker.handle)).unzip();
        let mut next =
            self.read_each(patience, &markers, |marker| field::<Moved>(&marker).map(|moved| moved.to)).await?;
        let mut known: HashSet<_> = markers.into_iter().collect();
        while !next.is_empty() {
            next.retain(|to| known.insert(*to));
            let read = |key, record: Record| {
                let to = if record.kind == RecordKind::Moved { field::<Moved>(&record) } else { None };
                Some((IndexEntry::new(key, &record), to.map(|moved| moved.to)))
            };
            let there = self.read_each_at(patience, &next, read).await?;
            next = there.iter().filter_map(|(_, to)| *to).collect();
            // What bars the key of a session that has ended is of another handle.
            let is_theirs = |entry: &IndexEntry| handles.contains(&entry.handle) && entry.user.as_deref() == Some(user);
            found.extend(there.into_iter().map(|(entry, _)| entry).filter(is_theirs));
        }
        Ok(())
    }

    /// The sessions that hold a place, each with the record that says so.
    async fn holders<'a>(
        &self,
        patience: &Patience,
        found: &'a [IndexEntry],
        arriving: &Arriving,
        now: Timestamp,
    ) -> Result<BTreeMap<Handle, &'a IndexEntry>> {
        let of_kind = |kind| found.iter().filter(move |entry| entry.kind == kind);
        let live = found.iter().filter(|entry| entry.is_live(now));
        let arrived = of_kind(RecordKind::Pending).filter(|entry| arriving.0.contains(&entry.handle));
        let mut holders: BTreeMap<_, _> = live.chain(arrived).map(|entry| (entry.handle, entry)).collect();
        // A marker holds none: what it points to does. If that is gone, the session has ended.
        let pending: HashMap<_, _> = of_kind(RecordKind::Pending).map(|entry| (entry.key, entry)).collect();
        let renewed: HashSet<_> = pending.values().map(|entry| entry.handle).collect();
        let markers = of_kind(RecordKind::Moved).filter(|marker| renewed.contains(&marker.handle));
        let markers: Vec<_> = markers.map(|marker| marker.key).collect();
        for to in self.read_each(patience, &markers, |marker| field::<Moved>(&marker).map(|moved| moved.to)).await? {
            holders.extend(pending.get(&to).map(|entry| (entry.handle, *entry)));
        }
        Ok(holders)
    }

    /// So many of the sessions that hold a place: those of the oldest logins.
    async fn oldest(
        &self,
        patience: &Patience,
        holders: &BTreeMap<Handle, &IndexEntry>,
        count: usize,
    ) -> Result<BTreeSet<Handle>> {
        let mut begun: Vec<_> = holders.values().copied().collect();
        begun.sort_unstable_by_key(|entry| (entry.created, entry.handle));
        if count > MOST_ENDED_IN_TURN {
            return Ok(begun.into_iter().take(count).map(|entry| entry.handle).collect());
        }
        let mut oldest: Vec<(Timestamp, Handle)> = Vec::new();
        for entries in begun.chunks(READ_AT_ONCE) {
            // Nobody logs in before the session begins: the others are no older.
            if oldest.len() == count && oldest.last().is_some_and(|(since, _)| *since <= entries[0].created) {
                break;
            }
            let live = entries.iter().filter(|entry| entry.kind == RecordKind::Live);
            let keys: Vec<_> = live.map(|entry| entry.key).collect();
            let login = |record: Record| field::<AuthenticatedAt>(&record).map(|at| (record.handle, at.0));
            let logins: HashMap<_, _> = self.read_each(patience, &keys, login).await?.into_iter().collect();
            let since = |entry: &IndexEntry| logins.get(&entry.handle).copied().unwrap_or(entry.created);
            oldest.extend(entries.iter().map(|entry| (since(entry), entry.handle)));
            oldest.sort_unstable();
            oldest.truncate(count);
        }
        Ok(oldest.into_iter().map(|(_, handle)| handle).collect())
    }

    /// Ends sessions that hold a place: a few wherever they went meanwhile, many as they were found.
    async fn end_holders(&self, patience: &Patience, found: &[IndexEntry], gone: &BTreeSet<Handle>) -> Result<()> {
        let evicted = |entry: &IndexEntry| self.evicted(entry);
        if gone.len() <= MOST_ENDED_IN_TURN {
            for handle in gone {
                self.end_handle(patience, *handle, evicted).await?;
            }
            return Ok(());
        }
        let ending = found.iter().filter(|entry| gone.contains(&entry.handle)).cloned();
        let (markers, sessions): (Vec<_>, Vec<_>) = ending.partition(|entry| entry.kind == RecordKind::Moved);
        let mut ended = BTreeSet::new();
        self.end_entries(patience, &sessions, &evicted, &mut ended).await?;
        self.end_entries(patience, &markers, &evicted, &mut ended).await?;
        ended.iter().for_each(|handle| self.0.endings.over(*handle));
        Ok(())
    }

    pub(super) fn evicted(&self, entry: &IndexEntry) {
        self.events().tell(Event::Evicted { handle: entry.handle, user: entry.user.as_deref() });
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

/// The logins that took a place and died: of each there is but a pending record, and that has expired by this clock. A
/// session that is being renewed has a marker as well.
fn dead_logins<'a>(found: &[IndexEntry], arriving: &'a Arriving, now: Timestamp) -> impl Iterator<Item = Handle> + 'a {
    let others = found.iter().filter(|entry| entry.kind != RecordKind::Pending || now < entry.expires());
    let others: HashSet<_> = others.map(|entry| entry.handle).collect();
    arriving.0.iter().copied().filter(move |login| !others.contains(login))
}

/// A field of ours in a record. What cannot be read says nothing, and keeps nobody from logging in.
fn field<T: Own>(record: &Record) -> Option<T> {
    record.own().ok()?
}
