//! The plainest store there is, which breaks one promise if it is told to.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cloakroom::{
    Announcement, BoxFuture, Created, Data, Error, ErrorKind, FindBy, Found, Handle, IndexEntry, IndexPage, Record,
    RecordKind, Removal, RemovalListener, Result, Revision, SessionIndex, SessionStore, StoreKey, Swap, Timestamp,
    Touched,
};
use tokio::sync::broadcast;

/// A promise that is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    ExpiresAMomentLate,
    ExpiresByTheIdleDeadlineOnly,
    RoundsDeadlinesToSeconds,
    TakesNeverForALongTime,
    KeepsSignedNumbers,
    KeepsOnlySmallData,
    KeepsUsersInLowerCase,
    CutsLongUsers,
    ForgetsPendingRecords,
    CutsKeys,
    MakesARecordOfAnUnknownKey,
    TouchesWhenItLoads,
    AnswersNothingAtOnce,
    CreateOverwrites,
    CreateChecksThenWrites,
    CreateRefusesDeletedKeys,
    SwapCreates,
    SwapIgnoresTheTag,
    SwapIgnoresTheRevision,
    SwapKeepsTheUser,
    SwapKeepsTheDeadline,
    SwapKeepsTheKind,
    SwapDrawsARevisionOfItsOwn,
    SwapTellsOfNoEnd,
    SwapChecksThenWrites,
    ConflictAnswersTheWrongRecord,
    TouchMovesBack,
    TouchPassesTheAbsoluteDeadline,
    TouchDoesNothing,
    TouchForgetsWhenItWas,
    TouchMakesARevision,
    TouchIgnoresTheRevision,
    TouchProlongsMarkers,
    TouchCreates,
    TouchChecksThenWrites,
    DeleteAnswersNone,
    DeleteRemovesNothing,
    DeleteAnswersTheFirstVersion,
    DeleteFailsIfThereIsNothing,
    DeleteChecksThenRemoves,
    CountsEveryKind,
    ListsEveryKind,
    ListsInNoOrder,
    ListsWithoutLimit,
    ListsTheKeyItself,
    FindMissesPending,
    FindAnswersLiveOnly,
    FindsByPrefix,
    FindAnswersTheExpired,
    FindForgetsTheExpired,
    FindsByOldNames,
    FindFailsOnUnknownKinds,
    TakesUnknownKindsForLive,
    PagesMissPending,
    PagesShowLiveOnly,
    PagesShowTheExpired,
    PagesEndTooSoon,
    PagesCountFromTheStart,
    PagesFindByPrefix,
    PagesAsOfTheFirstVersion,
    DeleteManyRemovesSome,
    DeleteManyReturnsAll,
    DeleteManyKeepsMarkers,
    DeleteManySkipsWhatChanged,
    DeleteManyTellsNobody,
    LoadForgetsTheExpired,
    CreateForgetsTheExpired,
    DeleteKeepsTheExpired,
    SweepRemovesLive,
    SweepGoesByOneClock,
    SweepAnswersZero,
    SweepGoesByADefault,
    ExpiriesGoByTheIdleDeadline,
    ExpiriesAnswerSomeOnly,
    ExpiriesAnswerTheExpired,
    ExpiriesTakeEveryKind,
    ExpiriesTakeLiveOnly,
    ExpiriesAsOfTheFirstVersion,
    AnnouncesLiveRecordsOnly,
    AnnouncesWithoutListening,
    TellsOfMarkers,
    TellsOfASweepTwice,
    TellsOfOneOnly,
}

/// Records in a map.
pub(crate) struct Plain {
    flaw: Option<Flaw>,
    kept: Mutex<Kept>,
    turn: tokio::sync::Mutex<()>,
    deleted: broadcast::Sender<Handle>,
    listeners: Mutex<Vec<RemovalListener>>,
}

impl fmt::Debug for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plain").field("flaw", &self.flaw).finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct Kept {
    records: BTreeMap<StoreKey, Record>,
    first_versions: BTreeMap<StoreKey, Record>,
    deleted: BTreeSet<StoreKey>,
    /// Who ever had a record under a key.
    users: BTreeSet<(StoreKey, Arc<str>)>,
}

impl Plain {
    pub(crate) fn new(flaw: Option<Flaw>) -> Self {
        let deleted = broadcast::Sender::new(64);
        Self { flaw, kept: Mutex::default(), turn: tokio::sync::Mutex::default(), deleted, listeners: Mutex::default() }
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets one verb at a time in, or all of them and a while later, if that is the flaw.
    async fn turn(&self, flaw: Flaw) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        if self.has(flaw) { None } else { Some(self.turn.lock().await) }
    }

    async fn gap(&self, flaw: Flaw) {
        if self.has(flaw) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    fn key(&self, key: &StoreKey) -> StoreKey {
        let mut bytes = *key.as_bytes();
        if self.has(Flaw::CutsKeys) {
            bytes[31] = 0;
        }
        StoreKey::from_bytes(bytes)
    }

    fn expired(&self, record: &Record, now: Timestamp) -> bool {
        if self.has(Flaw::ExpiresAMomentLate) {
            return now > record.expires();
        }
        if self.has(Flaw::ExpiresByTheIdleDeadlineOnly) {
            return now >= record.idle_deadline;
        }
        record.is_expired(now)
    }

    fn get(&self, key: &StoreKey, now: Timestamp) -> Option<Record> {
        self.kept().records.get(&self.key(key)).filter(|record| !self.expired(record, now)).cloned()
    }

    /// What a store must not do unless it sweeps.
    fn forget_expired(&self, flaw: Flaw, now: Timestamp) {
        if self.has(flaw) {
            self.kept().records.retain(|_, record| !record.is_expired(now));
        }
    }

    fn put(&self, key: &StoreKey, record: &Record) {
        let mut record = record.clone();
        let round = |at: Timestamp| Timestamp::from_millis(at.as_millis() / 1000 * 1000);
        let some_day = Timestamp::from_millis(253_402_300_800_000);
        match self.flaw {
            Some(Flaw::RoundsDeadlinesToSeconds) => {
                record.idle_deadline = round(record.idle_deadline);
                record.absolute_deadline = round(record.absolute_deadline);
            }
            Some(Flaw::TakesNeverForALongTime) => {
                record.idle_deadline = record.idle_deadline.min(some_day);
                record.absolute_deadline = record.absolute_deadline.min(some_day);
            }
            Some(Flaw::KeepsSignedNumbers) => record.revision.tag = record.revision.tag.min(i64::MAX as u64),
            Some(Flaw::KeepsOnlySmallData) => record.data = Data::from(&record.data[..record.data.len().min(65_535)]),
            Some(Flaw::KeepsUsersInLowerCase) => record.user = record.user.map(|user| user.to_lowercase().into()),
            Some(Flaw::CutsLongUsers) => {
                record.user = record.user.map(|user| user.chars().take(255).collect::<String>().into())
            }
            Some(Flaw::TakesUnknownKindsForLive) if matches!(record.kind, RecordKind::Unknown(_)) => {
                record.kind = RecordKind::Live;
            }
            Some(Flaw::ForgetsPendingRecords) if record.kind == RecordKind::Pending => return,
            _ => {}
        }
        let mut kept = self.kept();
        kept.records.insert(self.key(key), record.clone());
        kept.users.extend(record.user.clone().map(|user| (*key, user)));
        kept.first_versions.entry(*key).or_insert(record);
    }

    fn remove(&self, key: &StoreKey) -> Option<Record> {
        let mut kept = self.kept();
        kept.deleted.insert(*key);
        kept.records.remove(&self.key(key))
    }

    fn all(&self, now: Timestamp) -> Vec<Found> {
        let expired = |record: &Record| self.expired(record, now) && !self.has(Flaw::FindAnswersTheExpired);
        let kept = self.kept();
        let records = kept.records.iter().filter(|(_, record)| !expired(record));
        records.map(|(key, record)| Found::new(*key, record.clone())).collect()
    }

    fn find(&self, now: Timestamp, wanted: impl Fn(&Found) -> bool) -> Result<Vec<Found>> {
        self.forget_expired(Flaw::FindForgetsTheExpired, now);
        let mut found = self.all(now);
        found.retain(wanted);
        match self.flaw {
            Some(Flaw::FindMissesPending) => found.retain(|found| found.record.kind != RecordKind::Pending),
            Some(Flaw::FindAnswersLiveOnly) => found.retain(|found| found.record.kind == RecordKind::Live),
            Some(Flaw::FindFailsOnUnknownKinds) => {
                let unknown = |found: &Found| matches!(found.record.kind, RecordKind::Unknown(_));
                if found.iter().any(unknown) {
                    return Err(Error::new(ErrorKind::Decode, "a record has an unknown kind"));
                }
            }
            _ => {}
        }
        Ok(found)
    }
}

impl SessionStore for Plain {
    fn load<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> BoxFuture<'a, Result<Option<Record>>> {
        Box::pin(async move {
            self.forget_expired(Flaw::LoadForgetsTheExpired, now);
            let mut found = self.get(key, now);
            if self.has(Flaw::MakesARecordOfAnUnknownKey) && found.is_none() {
                found = self.kept().records.values().next().cloned();
            }
            if let Some(record) = found.as_mut().filter(|_| self.has(Flaw::TouchesWhenItLoads)) {
                record.touch(now + Duration::from_secs(3600), now);
                self.put(key, record);
            }
            Ok(found)
        })
    }

    fn try_load(&self, key: &StoreKey, now: Timestamp) -> Option<Result<Option<Record>>> {
        Some(Ok(self.get(key, now).filter(|_| !self.has(Flaw::AnswersNothingAtOnce))))
    }

    fn create<'a>(&'a self, key: &'a StoreKey, record: &'a Record, now: Timestamp) -> BoxFuture<'a, Result<Created>> {
        Box::pin(async move {
            let _turn = self.turn(Flaw::CreateChecksThenWrites).await;
            let refused = self.has(Flaw::CreateRefusesDeletedKeys) && self.kept().deleted.contains(key);
            let taken = self.get(key, now).is_some() && !self.has(Flaw::CreateOverwrites);
            if refused || taken {
                return Ok(Created::AlreadyExists);
            }
            self.gap(Flaw::CreateChecksThenWrites).await;
            self.forget_expired(Flaw::CreateForgetsTheExpired, now);
            self.put(key, record);
            Ok(Created::Created)
        })
    }

    fn swap<'a>(
        &'a self,
        key: &'a StoreKey,
        expected: Revision,
        record: &'a Record,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Swap>> {
        Box::pin(async move {
            let _turn = self.turn(Flaw::SwapChecksThenWrites).await;
            let Some(current) = self.get(key, now) else {
                if self.has(Flaw::SwapCreates) {
                    self.put(key, record);
                }
                return Ok(Swap::Gone);
            };
            let fits = match self.flaw {
                Some(Flaw::SwapIgnoresTheRevision) => true,
                Some(Flaw::SwapIgnoresTheTag) => current.revision.counter == expected.counter,
                _ => current.revision == expected,
            };
            if !fits {
                let wrong = self.has(Flaw::ConflictAnswersTheWrongRecord);
                return Ok(Swap::Conflict(if wrong { record.clone() } else { current }));
            }
            self.gap(Flaw::SwapChecksThenWrites).await;
            let mut record = record.clone();
            match self.flaw {
                Some(Flaw::SwapKeepsTheUser) => record.user = current.user,
                Some(Flaw::SwapKeepsTheDeadline) => record.idle_deadline = current.idle_deadline,
                Some(Flaw::SwapKeepsTheKind) => record.kind = current.kind,
                Some(Flaw::SwapDrawsARevisionOfItsOwn) => record.revision = current.revision.next(),
                _ => {}
            }
            self.put(key, &record);
            if record.kind == RecordKind::Ended && !self.has(Flaw::SwapTellsOfNoEnd) {
                let _ = self.deleted.send(record.handle);
            }
            Ok(Swap::Swapped)
        })
    }

    fn touch<'a>(
        &'a self,
        key: &'a StoreKey,
        revision: Revision,
        idle_deadline: Timestamp,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Touched>> {
        Box::pin(async move {
            let _turn = self.turn(Flaw::TouchChecksThenWrites).await;
            let Some(mut record) = self.get(key, now) else {
                let first = self.kept().first_versions.get(key).cloned();
                if let Some(mut first) = first.filter(|_| self.has(Flaw::TouchCreates)) {
                    first.touch(idle_deadline, now);
                    self.put(key, &first);
                }
                return Ok(Touched::Gone);
            };
            let another = record.revision != revision && !self.has(Flaw::TouchIgnoresTheRevision);
            let not_live = record.kind != RecordKind::Live && !self.has(Flaw::TouchProlongsMarkers);
            if another || not_live {
                return Ok(Touched::Stale);
            }
            self.gap(Flaw::TouchChecksThenWrites).await;
            let before = record.clone();
            record.touch(idle_deadline, now);
            match self.flaw {
                Some(Flaw::TouchMovesBack) => record.idle_deadline = idle_deadline.min(record.absolute_deadline),
                Some(Flaw::TouchPassesTheAbsoluteDeadline) => {
                    record.idle_deadline = idle_deadline.max(before.idle_deadline);
                }
                Some(Flaw::TouchDoesNothing) => record = before,
                Some(Flaw::TouchForgetsWhenItWas) => record.seen = before.seen,
                Some(Flaw::TouchMakesARevision) => record.revision = record.revision.next(),
                _ => {}
            }
            self.put(key, &record);
            Ok(Touched::Touched)
        })
    }

    fn delete<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> BoxFuture<'a, Result<Option<Record>>> {
        Box::pin(async move {
            let _turn = self.turn(Flaw::DeleteChecksThenRemoves).await;
            let Some(record) = self.get(key, now) else {
                if !self.has(Flaw::DeleteKeepsTheExpired) {
                    self.remove(key);
                }
                let fails = self.has(Flaw::DeleteFailsIfThereIsNothing);
                return if fails { Err(Error::new(ErrorKind::Unavailable, "not found")) } else { Ok(None) };
            };
            self.gap(Flaw::DeleteChecksThenRemoves).await;
            if !self.has(Flaw::DeleteRemovesNothing) {
                self.remove(key);
            }
            if record.kind == RecordKind::Live || !self.has(Flaw::AnnouncesLiveRecordsOnly) {
                // Nobody may listen.
                let _ = self.deleted.send(record.handle);
            }
            Ok(match self.flaw {
                Some(Flaw::DeleteAnswersNone) => None,
                Some(Flaw::DeleteAnswersTheFirstVersion) => self.kept().first_versions.get(key).cloned(),
                _ => Some(record),
            })
        })
    }

    fn delete_many<'a>(&'a self, entries: &'a [IndexEntry], now: Timestamp) -> BoxFuture<'a, Result<Vec<StoreKey>>> {
        Box::pin(async move {
            let most = if self.has(Flaw::DeleteManyRemovesSome) { 1_000 } else { usize::MAX };
            let mut removed = Vec::new();
            for entry in entries.iter().take(most) {
                let current = self.kept().records.get(&self.key(&entry.key)).cloned();
                let Some(current) = current else { continue };
                let changed = current.revision.counter != 1;
                if self.has(Flaw::DeleteManySkipsWhatChanged) && changed
                    || self.has(Flaw::DeleteManyKeepsMarkers) && entry.kind == RecordKind::Moved
                {
                    continue;
                }
                self.remove(&entry.key);
                if !self.has(Flaw::DeleteManyTellsNobody) {
                    let _ = self.deleted.send(current.handle);
                }
                if !self.expired(&current, now) {
                    removed.push(entry.key);
                }
            }
            if self.has(Flaw::DeleteManyReturnsAll) {
                removed = entries.iter().map(|entry| entry.key).collect();
            }
            Ok(removed)
        })
    }

    fn index(&self) -> Option<&dyn SessionIndex> {
        Some(self)
    }
}

impl SessionIndex for Plain {
    fn count<'a>(&'a self, now: Timestamp) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            let counted = |found: &&Found| found.record.kind == RecordKind::Live || self.has(Flaw::CountsEveryKind);
            Ok(self.all(now).iter().filter(counted).count() as u64)
        })
    }

    fn list<'a>(&'a self, after: Option<StoreKey>, limit: usize, now: Timestamp) -> BoxFuture<'a, Result<Vec<Found>>> {
        Box::pin(async move {
            let mut found = self.all(now);
            found.retain(|found| found.record.kind == RecordKind::Live || self.has(Flaw::ListsEveryKind));
            if let Some(after) = after {
                found.retain(|found| found.key > after || self.has(Flaw::ListsTheKeyItself) && found.key == after);
            }
            if self.has(Flaw::ListsInNoOrder) {
                found.reverse();
            }
            if !self.has(Flaw::ListsWithoutLimit) {
                found.truncate(limit);
            }
            Ok(found)
        })
    }

    fn find_by_user<'a>(&'a self, user: &'a str, now: Timestamp) -> BoxFuture<'a, Result<Vec<Found>>> {
        Box::pin(async move {
            if self.has(Flaw::FindsByOldNames) {
                let users = self.kept().users.clone();
                return self.find(now, |found| users.contains(&(found.key, user.into())));
            }
            self.find(now, |found| match &found.record.user {
                Some(known) if self.has(Flaw::FindsByPrefix) => known.starts_with(user),
                Some(known) => **known == *user,
                None => false,
            })
        })
    }

    fn find_by_handle<'a>(&'a self, handle: Handle, now: Timestamp) -> BoxFuture<'a, Result<Vec<Found>>> {
        Box::pin(async move { self.find(now, |found| found.record.handle == handle) })
    }

    fn find_page<'a>(
        &'a self,
        by: FindBy<'a>,
        from: Option<&'a [u8]>,
        limit: usize,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<IndexPage>> {
        Box::pin(async move {
            let now = if self.has(Flaw::PagesShowTheExpired) { Timestamp::from_millis(0) } else { now };
            let mut all = self.all(now);
            if self.has(Flaw::PagesAsOfTheFirstVersion) {
                let first = self.kept().first_versions.clone();
                all.iter_mut().for_each(|found| found.record = first[&found.key].clone());
            }
            all.retain(|found| match by {
                FindBy::User(user) if self.has(Flaw::PagesFindByPrefix) => {
                    found.record.user.as_ref().is_some_and(|known| known.starts_with(user))
                }
                by => by.matches(&found.record),
            });
            if self.has(Flaw::PagesMissPending) {
                all.retain(|found| found.record.kind != RecordKind::Pending);
            }
            if self.has(Flaw::PagesShowLiveOnly) {
                all.retain(|found| found.record.kind == RecordKind::Live);
            }
            if self.has(Flaw::PagesCountFromTheStart) {
                let start = from.map_or(0, |from| usize::from_le_bytes(from.try_into().expect("ours")));
                let page: Vec<_> = all.into_iter().skip(start).take(limit).map(IndexEntry::from).collect();
                let next = (page.len() == limit).then(|| (start + limit).to_le_bytes().to_vec());
                return Ok(IndexPage::new(page, next));
            }
            let after = from.map(|from| StoreKey::from_bytes(from.try_into().expect("ours")));
            all.retain(|found| after.is_none_or(|after| found.key > after));
            let more = all.len() > limit && !self.has(Flaw::PagesEndTooSoon);
            all.truncate(limit);
            let next = all.last().filter(|_| more).map(|last| last.key.as_bytes().to_vec());
            Ok(IndexPage::new(all.into_iter().map(IndexEntry::from).collect(), next))
        })
    }

    fn sweep<'a>(&'a self, now: Timestamp) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            let hour = Duration::from_secs(3600);
            let swept: Vec<Record> = {
                let mut swept = Vec::new();
                self.kept().records.retain(|_, record| {
                    let goes = match self.flaw {
                        Some(Flaw::SweepRemovesLive) => self.expired(record, now + hour),
                        Some(Flaw::SweepGoesByADefault) => now.by_slowest_clock() >= record.created + hour,
                        Some(Flaw::SweepGoesByOneClock) => self.expired(record, now),
                        _ => self.expired(record, now.by_slowest_clock()),
                    };
                    if goes {
                        swept.push(record.clone());
                    }
                    !goes
                });
                swept
            };
            let live = |record: &&Record| record.kind == RecordKind::Live || self.has(Flaw::TellsOfMarkers);
            let told = if self.has(Flaw::TellsOfOneOnly) { 1 } else { usize::MAX };
            for record in swept.iter().filter(live).take(told) {
                for tell in self.listeners.lock().unwrap_or_else(PoisonError::into_inner).iter() {
                    tell(Removal::Expired, record);
                    if self.has(Flaw::TellsOfASweepTwice) {
                        tell(Removal::Expired, record);
                    }
                }
            }
            Ok(if self.has(Flaw::SweepAnswersZero) { 0 } else { swept.len() as u64 })
        })
    }

    fn expiries<'a>(
        &'a self,
        handles: &'a [Handle],
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Vec<(Handle, Timestamp)>>> {
        Box::pin(async move {
            let asked = if self.has(Flaw::ExpiriesAnswerSomeOnly) { handles.len().min(500) } else { handles.len() };
            let now = if self.has(Flaw::ExpiriesAnswerTheExpired) { Timestamp::from_millis(0) } else { now };
            let mut all = self.all(now);
            if self.has(Flaw::ExpiriesAsOfTheFirstVersion) {
                let first = self.kept().first_versions.clone();
                all.iter_mut().for_each(|found| found.record = first[&found.key].clone());
            }
            let mut expiries = Vec::new();
            for handle in &handles[..asked] {
                let found: Vec<_> = all.iter().filter(|found| found.record.handle == *handle).cloned().collect();
                let expires = match self.flaw {
                    Some(Flaw::ExpiriesTakeEveryKind) => found.first().map(|found| found.record.expires()),
                    Some(Flaw::ExpiriesTakeLiveOnly) => {
                        let mut live = found.iter().filter(|found| found.record.kind == RecordKind::Live);
                        live.next().map(|found| found.record.expires())
                    }
                    Some(Flaw::ExpiriesGoByTheIdleDeadline) => found.first().map(|found| found.record.idle_deadline),
                    _ => Found::expiry_of_session(&found),
                };
                expiries.extend(expires.map(|expires| (*handle, expires)));
            }
            Ok(expiries)
        })
    }

    fn announcements<'a>(
        &'a self,
        tell: &'a (dyn Fn(Announcement) + Send + Sync),
    ) -> Option<BoxFuture<'a, Result<()>>> {
        let mut deleted = self.deleted.subscribe();
        Some(Box::pin(async move {
            if !self.has(Flaw::AnnouncesWithoutListening) {
                tell(Announcement::Listening);
            }
            while let Ok(handle) = deleted.recv().await {
                tell(Announcement::Deleted(handle));
            }
            Err(Error::new(ErrorKind::Unavailable, "nobody speaks any more"))
        }))
    }

    fn on_removal(&self, tell: RemovalListener) {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(tell);
    }
}
