//! Redis as a model: a server whose every command and script is one step, with keys that expire by its own clock, and the
//! host's side, which sends the same commands in the same order as the real store does (src/store/redis).
//!
//! A record has a key, the first record of a handle is noted in a string, all others in a hash, and those of a user in
//! another hash. That the model keeps the laws of a store is tested below; what real servers do, tests/redis_store tests.

use std::collections::BTreeMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use cloakroom::{
    BoxFuture, Clock, Created, FindBy, Found, Handle, IndexEntry, IndexPage, Record, RecordKind, Result, Revision,
    SessionIndex, SessionStore, StoreKey, Swap, Timestamp, Touched,
};

use crate::lock;
use crate::net::Net;
use crate::planted::Planted;

/// How much longer than their deadlines keys are kept.
const SLACK: Duration = Timestamp::MAX_SKEW;

/// What never ends is kept for so long after it was last written.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);

/// The name of a key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Name {
    Record(StoreKey),
    /// The first record of a handle.
    First(Handle),
    /// Its other records.
    Others(Handle),
    User(String),
}

#[derive(Debug)]
enum Value {
    Record(Record),
    /// The key of a record, and for how many milliseconds it was to be kept.
    First(StoreKey, u64),
    /// The keys of records, and when they were noted.
    Hash(BTreeMap<StoreKey, u64>),
}

/// What the server keeps under a name, and until when by its clock.
#[derive(Debug)]
struct Kept {
    value: Value,
    until: u64,
}

/// The server. Each of its methods is one step.
#[derive(Debug)]
pub(super) struct Server {
    clock: Box<dyn Clock>,
    keys: Mutex<BTreeMap<Name, Kept>>,
    /// Held by the command or script that runs: one at a time, as in Redis, also where the laws ask from several threads.
    turn: Mutex<()>,
}

/// What the script says that swaps a record.
enum Swapped {
    Done,
    Gone,
    /// The indexes must have it first.
    NeedsNote,
    Conflict(Record),
}

impl Server {
    pub(super) fn new(clock: impl Clock) -> Self {
        Self { clock: Box::new(clock), keys: Mutex::default(), turn: Mutex::default() }
    }

    /// Runs a whole command or script.
    fn run<T>(&self, command: impl FnOnce(&Self) -> T) -> T {
        let _turn = lock(&self.turn);
        command(self)
    }

    /// Runs a step on what has not expired.
    fn step<T>(&self, run: impl FnOnce(&mut BTreeMap<Name, Kept>, u64) -> T) -> T {
        let (mut keys, now) = (lock(&self.keys), self.clock.now().as_millis());
        keys.retain(|_, kept| now < kept.until);
        run(&mut keys, now)
    }

    pub(super) fn get(&self, key: &StoreKey) -> Option<Record> {
        self.step(|keys, _| record_of(keys, key).cloned())
    }

    fn records(&self) -> Vec<(StoreKey, Record)> {
        self.step(|keys, _| {
            let records = keys.iter().filter_map(|(name, kept)| match (name, &kept.value) {
                (Name::Record(key), Value::Record(record)) => Some((*key, record.clone())),
                _ => None,
            });
            records.collect()
        })
    }

    fn set(&self, key: &StoreKey, record: &Record, kept: u64) {
        self.step(|keys, now| put(keys, Name::Record(*key), Value::Record(record.clone()), now.saturating_add(kept)));
    }

    /// `SET … NX`.
    fn set_new(&self, key: &StoreKey, record: &Record, kept: u64) -> bool {
        let is_new = self.step(|keys, _| !keys.contains_key(&Name::Record(*key)));
        if is_new {
            self.set(key, record, kept);
        }
        is_new
    }

    /// `SET … NX` of the first record of a handle.
    fn note_first(&self, handle: Handle, key: StoreKey, kept: u64) -> bool {
        self.step(|keys, now| {
            let is_new = !keys.contains_key(&Name::First(handle));
            if is_new {
                put(keys, Name::First(handle), Value::First(key, kept), now.saturating_add(kept));
            }
            is_new
        })
    }

    /// create.lua
    fn create_over(&self, key: &StoreKey, record: &Record, kept: u64, now: Timestamp) -> bool {
        let is_free = self.get(key).is_none_or(|there| there.is_expired(now));
        if is_free {
            self.set(key, record, kept);
        }
        is_free
    }

    /// swap.lua
    fn swap(
        &self,
        key: &StoreKey,
        expected: Revision,
        new: &Record,
        kept: u64,
        now: Timestamp,
        noted: bool,
    ) -> Swapped {
        let Some(there) = self.get(key).filter(|there| !there.is_expired(now)) else { return Swapped::Gone };
        if there.revision != expected {
            return Swapped::Conflict(there);
        }
        let needs_note =
            there.handle != new.handle || there.user != new.user || there.absolute_deadline < new.absolute_deadline;
        if !noted && needs_note {
            return Swapped::NeedsNote;
        }
        self.set(key, new, kept);
        Swapped::Done
    }

    /// touch.lua
    fn touch(&self, key: &StoreKey, of: Revision, deadline: Timestamp, now: Timestamp, extends: bool) -> Touched {
        let Some(mut there) = self.get(key).filter(|there| !there.is_expired(now)) else { return Touched::Gone };
        if there.kind != RecordKind::Live || there.revision != of {
            return Touched::Stale;
        }
        there.touch(deadline, now);
        self.step(|keys, by_server| {
            if let Some(kept) = keys.get_mut(&Name::Record(*key)) {
                if extends {
                    kept.until = by_server.saturating_add(kept_for(there.expires(), now));
                }
                kept.value = Value::Record(there);
            }
        });
        Touched::Touched
    }

    /// `GETDEL`
    fn remove(&self, key: &StoreKey) -> Option<Record> {
        self.step(|keys, _| match keys.remove(&Name::Record(*key))?.value {
            Value::Record(record) => Some(record),
            _ => None,
        })
    }

    /// expire.lua
    fn expire(&self, key: &StoreKey, now: Timestamp) -> Option<Record> {
        self.get(key).filter(|there| there.is_expired(now))?;
        self.remove(key)
    }

    /// index.lua
    fn note(&self, name: Name, key: StoreKey, kept: u64) {
        self.step(|keys, now| {
            let until = now.saturating_add(kept);
            let hash = keys.entry(name).or_insert_with(|| Kept { value: Value::Hash(BTreeMap::new()), until });
            hash.until = hash.until.max(until);
            if let Value::Hash(noted) = &mut hash.value {
                noted.insert(key, now);
            }
        });
    }

    /// `HDEL`, of those that were noted at least so long ago: forget.lua
    fn forget(&self, name: &Name, stale: &[StoreKey], age: Duration) {
        self.step(|keys, now| {
            let Some(Kept { value: Value::Hash(noted), .. }) = keys.get_mut(name) else { return };
            let is_old = |at: &u64| now.saturating_sub(*at) >= millis(age);
            noted.retain(|key, at| !stale.contains(key) || !is_old(at));
            if noted.is_empty() {
                keys.remove(name);
            }
        });
    }

    /// release.lua
    fn release(&self, handle: Handle, key: &StoreKey, age: Duration) {
        self.step(|keys, now| {
            let name = Name::First(handle);
            let Some(Kept { value: Value::First(noted, kept), until }) = keys.get(&name) else { return };
            if noted == key && kept.saturating_sub(until.saturating_sub(now)) >= millis(age) {
                keys.remove(&name);
            }
        });
    }

    fn first(&self, handle: Handle) -> Option<StoreKey> {
        self.step(|keys, _| match keys.get(&Name::First(handle))?.value {
            Value::First(key, _) => Some(key),
            _ => None,
        })
    }

    /// `HSCAN`, in the order of the keys, and where to go on.
    fn scan(&self, name: &Name, from: Option<&[u8]>, limit: usize) -> (Vec<StoreKey>, Option<Vec<u8>>) {
        self.step(|keys, _| {
            let Some(Kept { value: Value::Hash(noted), .. }) = keys.get(name) else { return (Vec::new(), None) };
            let later = noted.keys().filter(|key| from.is_none_or(|from| key.as_bytes().as_slice() > from));
            let page: Vec<_> = later.clone().take(limit.max(1)).copied().collect();
            let next = page.last().filter(|_| later.count() > page.len()).map(|key| key.as_bytes().to_vec());
            (page, next)
        })
    }

    fn indexes(&self) -> Vec<Name> {
        self.step(|keys, _| keys.keys().filter(|name| !matches!(name, Name::Record(_))).cloned().collect())
    }
}

fn record_of<'a>(keys: &'a BTreeMap<Name, Kept>, key: &StoreKey) -> Option<&'a Record> {
    match &keys.get(&Name::Record(*key))?.value {
        Value::Record(record) => Some(record),
        _ => None,
    }
}

fn put(keys: &mut BTreeMap<Name, Kept>, name: Name, value: Value, until: u64) {
    keys.insert(name, Kept { value, until });
}

/// How many milliseconds a key is kept that must be there until then, counted from now by the host's clock.
fn kept_for(until: Timestamp, now: Timestamp) -> u64 {
    millis(until.since(now).min(LONGEST) + SLACK)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The store as a host has it. All clones have one server.
#[derive(Clone)]
pub(super) struct Redis {
    server: Arc<Server>,
    /// What lies between; nothing for whoever only looks.
    net: Option<Arc<Net>>,
    planted: Option<Planted>,
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("net", &self.net).finish_non_exhaustive()
    }
}

impl Redis {
    /// With a server that nothing lies before.
    pub(super) fn next_to(server: Arc<Server>) -> Self {
        Self { server, net: None, planted: None }
    }

    pub(super) fn behind(&self, net: Arc<Net>, planted: Option<Planted>) -> Self {
        Self { server: Arc::clone(&self.server), net: Some(net), planted }
    }

    fn is(&self, planted: Planted) -> bool {
        self.planted == Some(planted)
    }

    /// Has one step done.
    async fn send<T: Send + 'static>(
        &self,
        what: impl FnOnce() -> String,
        step: impl FnOnce(&Server) -> T + Send + 'static,
    ) -> Result<T> {
        let server = Arc::clone(&self.server);
        match &self.net {
            None => Ok(server.run(step)),
            Some(net) => net.send(what, move || server.run(step)).await,
        }
    }

    /// The same for a step that may write the record under this key.
    async fn write<T: Send + 'static>(
        &self,
        what: impl FnOnce() -> String,
        key: StoreKey,
        step: impl FnOnce(&Server) -> T + Send + 'static,
    ) -> Result<T> {
        let (server, net) = (Arc::clone(&self.server), self.net.clone());
        match &self.net {
            None => Ok(server.run(step)),
            Some(through) => {
                let effect = move || {
                    let answer = server.run(step);
                    net.iter().for_each(|net| net.world.wrote(key));
                    answer
                };
                through.send_write(what, effect).await
            }
        }
    }

    fn kept_for(&self, record: &Record, now: Timestamp) -> u64 {
        let kept = kept_for(record.expires(), now);
        if self.is(Planted::KeysForAMinute) { kept.min(60_000) } else { kept }
    }

    async fn note_in(&self, name: Name, key: StoreKey, kept: u64) -> Result<()> {
        let to = name.clone();
        self.send(|| format!("note {key:?} in {name:?}"), move |server| server.note(to, key, kept)).await
    }

    async fn note_of_user(&self, key: StoreKey, record: &Record, kept: u64) -> Result<()> {
        match &record.user {
            Some(user) => self.note_in(Name::User(user.to_string()), key, kept).await,
            None => Ok(()),
        }
    }

    async fn note(&self, key: StoreKey, record: &Record, now: Timestamp) -> Result<()> {
        if self.is(Planted::PendingUnnoted) && record.kind == RecordKind::Pending {
            return Ok(());
        }
        let kept = kept_for(record.absolute_deadline, now);
        let of_handle = self.note_in(Name::Others(record.handle), key, kept);
        let (of_user, of_handle) = join(self.note_of_user(key, record, kept), of_handle).await;
        of_user.and(of_handle)
    }

    async fn create_record(&self, key: StoreKey, record: &Record, now: Timestamp) -> Result<Created> {
        let (kept, new) = (self.kept_for(record, now), record.clone());
        let text = || format!("set {key:?} {:?} of {:?}, if it is new", record.kind, record.handle);
        let created = if record.kind == RecordKind::Live {
            let noted = kept_for(record.absolute_deadline, now);
            let both = self.write(text, key, move |server| {
                let is_new = server.set_new(&key, &new, kept);
                (is_new, server.note_first(new.handle, key, noted))
            });
            let (of_user, both) = join(self.note_of_user(key, record, noted), both).await;
            of_user?;
            let (is_new, is_first) = both?;
            if !is_first {
                self.note_in(Name::Others(record.handle), key, noted).await?;
            }
            is_new
        } else {
            let set = self.write(text, key, move |server| server.set_new(&key, &new, kept));
            let (noted, created) = join(self.note(key, record, now), set).await;
            noted?;
            created?
        };
        if created {
            return Ok(Created::Created);
        }
        let new = record.clone();
        let over = self.write(
            || format!("set {key:?}, if what is there has expired"),
            key,
            move |server| server.create_over(&key, &new, kept, now),
        );
        Ok(if over.await? { Created::Created } else { Created::AlreadyExists })
    }

    async fn swap_once(
        &self,
        key: StoreKey,
        expected: Revision,
        new: &Record,
        now: Timestamp,
        noted: bool,
    ) -> Result<Swapped> {
        let (kept, record) = (self.kept_for(new, now), new.clone());
        let text = || {
            let Record { kind, handle, revision, .. } = new;
            format!("swap {key:?} for {kind:?} of {handle:?}, revision {}, noted: {noted}", revision.counter)
        };
        self.write(text, key, move |server| server.swap(&key, expected, &record, kept, now, noted)).await
    }

    async fn swap_record(&self, key: StoreKey, expected: Revision, new: &Record, now: Timestamp) -> Result<Swap> {
        if self.is(Planted::SwapInTwoSteps) {
            return self.swap_in_two_steps(key, expected, new, now).await;
        }
        let mut swapped = self.swap_once(key, expected, new, now, false).await?;
        if matches!(swapped, Swapped::NeedsNote) {
            // Into the indexes first: whoever looks a user up may find too much, never too little.
            self.note(key, new, now).await?;
            swapped = self.swap_once(key, expected, new, now, true).await?;
        }
        Ok(match swapped {
            Swapped::Done => Swap::Swapped,
            Swapped::Conflict(current) => Swap::Conflict(current),
            Swapped::Gone | Swapped::NeedsNote => Swap::Gone,
        })
    }

    /// As somebody might write it who knows no scripts.
    async fn swap_in_two_steps(&self, key: StoreKey, expected: Revision, new: &Record, now: Timestamp) -> Result<Swap> {
        self.note(key, new, now).await?;
        let there = self.send(|| format!("get {key:?}"), move |server| server.get(&key)).await?;
        match there.filter(|there| !there.is_expired(now)) {
            None => Ok(Swap::Gone),
            Some(there) if there.revision != expected => Ok(Swap::Conflict(there)),
            Some(_) => {
                let (kept, record) = (self.kept_for(new, now), new.clone());
                self.write(|| format!("set {key:?}"), key, move |server| server.set(&key, &record, kept)).await?;
                Ok(Swap::Swapped)
            }
        }
    }

    /// Takes a deleted record out of its indexes; if that fails, it is found no more all the same.
    async fn unnote(&self, key: StoreKey, record: &Record) {
        let handle = record.handle;
        let user = async {
            if let Some(user) = &record.user {
                self.unnote_in(Name::User(user.to_string()), key).await;
            }
        };
        let release =
            self.send(|| format!("release {key:?}"), move |server| server.release(handle, &key, Duration::ZERO));
        let _ = join(join(user, release), self.unnote_in(Name::Others(handle), key)).await;
    }

    async fn unnote_in(&self, name: Name, key: StoreKey) {
        let from = name.clone();
        let text = || format!("forget {key:?} in {name:?}");
        let _ = self.send(text, move |server| server.forget(&from, &[key], Duration::ZERO)).await;
    }

    async fn named_page(&self, by: &FindIn, from: Option<&[u8]>, limit: usize) -> Result<(Vec<StoreKey>, Next)> {
        // One after the other: a renewal moves a session from the first place to another, and never back.
        let first = match by.first {
            Some(handle) if from.is_none() => {
                self.send(|| format!("first of {handle:?}"), move |server| server.first(handle)).await?
            }
            _ => None,
        };
        let (name, from) = (by.hash.clone(), from.map(<[u8]>::to_vec));
        let scan =
            self.send(|| format!("scan {:?}", by.hash), move |server| server.scan(&name, from.as_deref(), limit));
        let (mut keys, next) = scan.await?;
        keys.extend(first);
        keys.sort_unstable();
        keys.dedup();
        Ok((keys, next))
    }

    async fn find_entries(&self, by: FindBy<'_>, from: Option<&[u8]>, limit: usize, now: Timestamp) -> Result<Page> {
        let index = FindIn::new(by);
        let (mut known, mut next) = self.named_page(&index, from, limit).await?;
        loop {
            let (mut found, mut stale) = (Vec::with_capacity(known.len()), Vec::new());
            for key in known.iter().copied() {
                match self.send(|| format!("get {key:?}"), move |server| server.get(&key)).await? {
                    Some(record) if by.matches(&record) => {
                        found.extend((!record.is_expired(now)).then(|| Found::new(key, record)));
                    }
                    _ => stale.push(key),
                }
            }
            let has_marker = found.iter().any(|found| found.record.kind == RecordKind::Moved);
            if !stale.is_empty() || has_marker {
                // What is missing may have moved on, as a renewal does, to a place that was not named yet.
                let current = self.named_page(&index, from, limit).await?;
                if current.0 != known {
                    (known, next) = current;
                    continue;
                }
            }
            if !stale.is_empty() {
                let _ = self.forget_gone(&index, stale).await;
            }
            return Ok((found, next));
        }
    }

    /// Forgets those of these records that do not exist any more.
    async fn forget_gone(&self, index: &FindIn, keys: Vec<StoreKey>) -> Result<()> {
        let mut gone = Vec::new();
        for key in keys {
            if self.send(|| format!("get {key:?}"), move |server| server.get(&key)).await?.is_none() {
                gone.push(key);
            }
        }
        let age = if self.is(Planted::ForgetsTheYoung) { Duration::ZERO } else { SLACK };
        if let Some(handle) = index.first {
            for key in gone.clone() {
                self.send(|| format!("release {key:?}"), move |server| server.release(handle, &key, age)).await?;
            }
        }
        let name = index.hash.clone();
        self.send(|| format!("forget {gone:?} in {name:?}"), {
            let (name, gone) = (name.clone(), gone.clone());
            move |server| server.forget(&name, &gone, age)
        })
        .await
    }

    async fn all_of(&self, by: FindBy<'_>, now: Timestamp) -> Result<Vec<Found>> {
        let (mut all, mut from) = (Vec::new(), None);
        loop {
            let (found, next) = self.find_entries(by, from.as_deref(), usize::MAX, now).await?;
            all.extend(found);
            from = next;
            if from.is_none() {
                return Ok(all);
            }
        }
    }

    async fn live(&self, now: Timestamp) -> Result<Vec<Found>> {
        let all = self.send(|| "scan all".to_owned(), Server::records).await?;
        Ok(all
            .into_iter()
            .filter(|(_, record)| record.is_live(now))
            .map(|(key, record)| Found::new(key, record))
            .collect())
    }

    async fn sweep_expired(&self, now: Timestamp) -> Result<u64> {
        let (mut swept, now) = (0, now.by_slowest_clock());
        let all = self.send(|| "scan all".to_owned(), Server::records).await?;
        for (key, _) in all.into_iter().filter(|(_, record)| record.is_expired(now)) {
            let expired = self.write(|| format!("expire {key:?}"), key, move |server| server.expire(&key, now)).await?;
            if let Some(record) = expired {
                self.unnote(key, &record).await;
                swept += 1;
            }
        }
        for name in self.send(|| "scan all indexes".to_owned(), Server::indexes).await? {
            let index = match name {
                Name::First(handle) => FindIn::new(FindBy::Handle(handle)),
                hash => FindIn { first: None, hash },
            };
            let (keys, _) = self.named_page(&index, None, usize::MAX).await?;
            self.forget_gone(&index, keys).await?;
        }
        Ok(swept)
    }
}

type Next = Option<Vec<u8>>;
type Page = (Vec<Found>, Next);

/// Where the records are noted that are asked for.
struct FindIn {
    first: Option<Handle>,
    hash: Name,
}

impl FindIn {
    fn new(by: FindBy<'_>) -> Self {
        match by {
            FindBy::User(user) => Self { first: None, hash: Name::User(user.to_owned()) },
            FindBy::Handle(handle) => Self { first: Some(handle), hash: Name::Others(handle) },
            _ => unreachable!("the engine finds by nothing else"),
        }
    }
}

impl SessionStore for Redis {
    fn load<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> BoxFuture<'a, Result<Option<Record>>> {
        let key = *key;
        Box::pin(async move {
            let found = self.send(|| format!("get {key:?}"), move |server| server.get(&key)).await?;
            Ok(found.filter(|record| !record.is_expired(now)))
        })
    }

    fn create<'a>(&'a self, key: &'a StoreKey, record: &'a Record, now: Timestamp) -> BoxFuture<'a, Result<Created>> {
        Box::pin(self.create_record(*key, record, now))
    }

    fn swap<'a>(
        &'a self,
        key: &'a StoreKey,
        expected: Revision,
        record: &'a Record,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Swap>> {
        Box::pin(self.swap_record(*key, expected, record, now))
    }

    fn touch<'a>(
        &'a self,
        key: &'a StoreKey,
        revision: Revision,
        idle_deadline: Timestamp,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Touched>> {
        let (key, extends) = (*key, !self.is(Planted::TouchKeepsKeyTime));
        Box::pin(async move {
            let step = move |server: &Server| server.touch(&key, revision, idle_deadline, now, extends);
            self.write(|| format!("touch {key:?}"), key, step).await
        })
    }

    fn delete<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> BoxFuture<'a, Result<Option<Record>>> {
        let key = *key;
        Box::pin(async move {
            let removed = self.write(|| format!("delete {key:?}"), key, move |server| server.remove(&key)).await?;
            if let Some(removed) = &removed {
                self.unnote(key, removed).await;
            }
            Ok(removed.filter(|removed| !removed.is_expired(now)))
        })
    }

    fn delete_many<'a>(&'a self, entries: &'a [IndexEntry], now: Timestamp) -> BoxFuture<'a, Result<Vec<StoreKey>>> {
        Box::pin(async move {
            let (mut removed, mut there) = (Vec::new(), Vec::new());
            for entry in entries {
                let key = entry.key;
                let was = self.write(|| format!("delete {key:?}"), key, move |server| server.remove(&key)).await?;
                there.extend(was.map(|record| (key, record)));
                removed.extend(
                    there.last().filter(|(last, _)| *last == key && now < entry.expires()).map(|(key, _)| *key),
                );
            }
            for (key, record) in &there {
                self.unnote(*key, record).await;
            }
            Ok(removed)
        })
    }

    fn expires_by_itself(&self) -> bool {
        true
    }

    fn index(&self) -> Option<&dyn SessionIndex> {
        Some(self)
    }
}

impl SessionIndex for Redis {
    fn count<'a>(&'a self, now: Timestamp) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move { Ok(self.live(now).await?.len() as u64) })
    }

    fn list<'a>(&'a self, after: Option<StoreKey>, limit: usize, now: Timestamp) -> BoxFuture<'a, Result<Vec<Found>>> {
        Box::pin(async move {
            let mut live = self.live(now).await?;
            live.retain(|found| after.is_none_or(|after| found.key > after));
            live.truncate(limit);
            Ok(live)
        })
    }

    fn find_by_user<'a>(&'a self, user: &'a str, now: Timestamp) -> BoxFuture<'a, Result<Vec<Found>>> {
        Box::pin(self.all_of(FindBy::User(user), now))
    }

    fn find_by_handle<'a>(&'a self, handle: Handle, now: Timestamp) -> BoxFuture<'a, Result<Vec<Found>>> {
        Box::pin(self.all_of(FindBy::Handle(handle), now))
    }

    fn find_page<'a>(
        &'a self,
        by: FindBy<'a>,
        from: Option<&'a [u8]>,
        limit: usize,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<IndexPage>> {
        Box::pin(async move {
            let (found, next) = self.find_entries(by, from, limit, now).await?;
            Ok(IndexPage::new(found.into_iter().map(IndexEntry::from).collect(), next))
        })
    }

    fn sweep<'a>(&'a self, now: Timestamp) -> BoxFuture<'a, Result<u64>> {
        Box::pin(self.sweep_expired(now))
    }
}

/// Sends both at once, and waits for both.
async fn join<A: Future, B: Future>(first: A, second: B) -> (A::Output, B::Output) {
    let (mut first, mut second) = (pin!(first), pin!(second));
    let (mut one, mut other) = (None, None);
    poll_fn(|context| {
        if one.is_none()
            && let Poll::Ready(answer) = first.as_mut().poll(context)
        {
            one = Some(answer);
        }
        if other.is_none()
            && let Poll::Ready(answer) = second.as_mut().poll(context)
        {
            other = Some(answer);
        }
        match (one.take(), other.take()) {
            (Some(one), Some(other)) => Poll::Ready((one, other)),
            (first, second) => {
                (one, other) = (first, second);
                Poll::Pending
            }
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use cloakroom::SystemClock;
    use cloakroom::conformance::{index_laws, store_laws};

    use super::*;

    fn by_true_time() -> Redis {
        Redis::next_to(Arc::new(Server::new(SystemClock)))
    }

    store_laws!(model, || async { Ok::<_, cloakroom::Error>(by_true_time()) });
    index_laws!(model_index, || async { Ok::<_, cloakroom::Error>(by_true_time()) });
}
