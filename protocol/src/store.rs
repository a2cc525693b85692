//! The store: a few keys with a record each, and verbs that are atomic for one key.

use std::fmt;

use crate::design::{Design, Fault};

/// A token, and the key that is its hash: whoever has one has the other.
pub type Key = u8;
/// A session's public name.
pub type Handle = u8;
/// The name of a user.
pub type User = u8;
/// So many steps of the clock.
pub type Time = u8;

/// Later than every clock.
pub const NEVER: Time = Time::MAX;
/// How many keys there are.
pub const KEYS: usize = 12;
/// The key of the slot record, which no token has.
pub const SLOTS: Key = 11;

/// A counter, and a tag that no other attempt to write draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Revision {
    /// How often the record was written.
    pub counter: u8,
    /// Who wrote it.
    pub tag: u8,
}

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Opens a session.
    Live,
    /// Opens nothing yet.
    Pending,
    /// Says where the session went.
    Moved(Moved),
}

/// What a marker says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Moved {
    /// Where the session went.
    pub to: Key,
    /// Whether the holder of the old token can derive the new one.
    pub periodic: bool,
    /// When.
    pub at: Time,
    /// When the session expires.
    pub session_expires: Time,
}

/// What the store keeps under a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Record {
    /// What it is.
    pub kind: Kind,
    /// Which version of it.
    pub revision: Revision,
    /// Of which session.
    pub handle: Handle,
    /// Whose.
    pub user: Option<User>,
    /// From when on it is absent.
    pub expires: Time,
    /// In the slot record: the pending logins, a bit for each handle.
    pub logins: u16,
}

impl Record {
    /// The live record of a session that begins.
    pub fn first(handle: Handle, user: Option<User>, tag: u8, expires: Time) -> Self {
        Self { kind: Kind::Live, revision: Revision { counter: 1, tag }, handle, user, expires, logins: 0 }
    }

    /// Whether it is live at this time.
    pub fn is_live(&self, now: Time) -> bool {
        self.kind == Kind::Live && now < self.expires
    }

    /// What it says of where the session went.
    pub fn moved(&self) -> Option<Moved> {
        match self.kind {
            Kind::Moved(moved) => Some(moved),
            Kind::Live | Kind::Pending => None,
        }
    }
}

/// A call of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Call {
    /// What is to be done.
    pub verb: Verb,
    /// The time that the caller states; by the clock as it is when the store does it, if none.
    pub now: Option<Time>,
}

/// What a store can be asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// The record of a key.
    Load(Key),
    /// Keeps a record under a key that has none.
    Create(Key, Record),
    /// Keeps a record in place of the one with this revision.
    Swap(Key, Revision, Record),
    /// Removes a record.
    Delete(Key),
    /// All records of a user, of every kind.
    FindByUser(User),
    /// All records of a session, of every kind.
    FindByHandle(Handle),
}

/// What the store returns.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Answer {
    /// The record, if there is one.
    Loaded(Option<Record>),
    /// Whether the key was free.
    Created(bool),
    /// What became of a swap.
    Swapped(Swap),
    /// What was removed.
    Deleted(Option<Record>),
    /// What was found, in the order of the keys.
    Found(Vec<(Key, Record)>),
}

/// What became of a swap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Swap {
    /// The new record is there.
    Swapped,
    /// Another one is there.
    Conflict(Record),
    /// None is there.
    Gone,
}

/// All records; those too that have expired, because no sweep has to come at once.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Store([Option<Record>; KEYS]);

impl Store {
    /// Carries out a call at this time.
    pub fn carry_out(&mut self, call: Call, clock: Time, design: &Design) -> Answer {
        let now = call.now.unwrap_or(clock);
        match call.verb {
            Verb::Load(key) => Answer::Loaded(self.get(key, now)),
            Verb::Create(key, record) => {
                let free = self.get(key, now).is_none();
                if free {
                    self.put(key, record);
                }
                Answer::Created(free)
            }
            Verb::Swap(key, expected, record) => Answer::Swapped(match self.get(key, now) {
                Some(current) if current.revision != expected && !design.has(Fault::SwapIgnoresRevision) => {
                    Swap::Conflict(current)
                }
                None if !design.has(Fault::SwapCreates) => Swap::Gone,
                _ => {
                    self.put(key, record);
                    Swap::Swapped
                }
            }),
            Verb::Delete(key) => {
                let removed = self.get(key, now);
                self.0[usize::from(key)] = None;
                Answer::Deleted(removed)
            }
            Verb::FindByUser(user) => Answer::Found(self.find(now, design, |record| record.user == Some(user))),
            Verb::FindByHandle(handle) => Answer::Found(self.find(now, design, |record| record.handle == handle)),
        }
    }

    /// The record of a key at this time.
    pub fn get(&self, key: Key, now: Time) -> Option<Record> {
        self.raw(key).filter(|record| now < record.expires)
    }

    /// The record of a key, expired or not.
    pub fn raw(&self, key: Key) -> Option<Record> {
        self.0[usize::from(key)]
    }

    /// Puts a record under a key.
    pub fn put(&mut self, key: Key, record: Record) {
        self.0[usize::from(key)] = Some(record);
    }

    /// All records that have not expired, with their keys.
    pub fn records(&self, now: Time) -> impl Iterator<Item = (Key, Record)> {
        (0..).zip(&self.0).filter_map(move |(key, record)| Some((key, record.filter(|record| now < record.expires)?)))
    }

    fn find(&self, now: Time, design: &Design, which: impl Fn(&Record) -> bool) -> Vec<(Key, Record)> {
        let known = |record: &Record| record.kind == Kind::Live || !design.has(Fault::FindsLiveOnly);
        self.records(now).filter(|(key, record)| *key != SLOTS && known(record) && which(record)).collect()
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Live => write!(f, "live")?,
            Kind::Pending => write!(f, "pending")?,
            Kind::Moved(Moved { to, periodic, .. }) => {
                write!(f, "{} marker to key {to}", if periodic { "periodic" } else { "explicit" })?;
            }
        }
        write!(f, " of session {}", self.handle)?;
        if let Some(user) = self.user {
            write!(f, " of user {user}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Load(key) => write!(f, "load key {key}"),
            Self::Create(key, record) => write!(f, "create key {key}: {record}"),
            Self::Swap(key, _, record) => write!(f, "swap key {key} for {record}"),
            Self::Delete(key) => write!(f, "delete key {key}"),
            Self::FindByUser(user) => write!(f, "find by user {user}"),
            Self::FindByHandle(handle) => write!(f, "find by handle {handle}"),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loaded(Some(record)) | Self::Deleted(Some(record)) => write!(f, "{record}"),
            Self::Loaded(None) | Self::Deleted(None) => write!(f, "none"),
            Self::Created(true) => write!(f, "created"),
            Self::Created(false) => write!(f, "already exists"),
            Self::Swapped(Swap::Swapped) => write!(f, "swapped"),
            Self::Swapped(Swap::Conflict(current)) => write!(f, "conflict with {current}"),
            Self::Swapped(Swap::Gone) => write!(f, "gone"),
            Self::Found(found) => {
                let keys: Vec<String> = found.iter().map(|(key, _)| key.to_string()).collect();
                write!(f, "keys [{}]", keys.join(", "))
            }
        }
    }
}
