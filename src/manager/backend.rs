//! The store as the engine uses it: every wait bounded, and an answer that got lost found again.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use super::Patience;
use super::commit::ended;
use super::unresolved::not_known;
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::events::Events;
use crate::record::{Record, RecordKind, Revision};
use crate::sealed::{CookieStore, Sealer};
use crate::store::{AT_ONCE, BoxFuture, Created, IndexEntry, SessionIndex, SessionStore, Swap, Touched, all_of};
use crate::token::StoreKey;

/// Where a manager keeps its sessions: any [`SessionStore`], or the visitors' cookies by a [`CookieStore`].
///
/// ```
/// use cloakroom::{Backend, CookieStore, MemoryStore, Secrets, SessionManager};
///
/// let backend: Backend = if std::env::args().any(|argument| argument == "--cookies") {
///     CookieStore::new(Secrets::random_for_development()).into()
/// } else {
///     MemoryStore::new().into()
/// };
/// let sessions = SessionManager::new(backend);
/// ```
#[derive(Debug, Clone)]
pub struct Backend(pub(super) Kind);

#[derive(Debug, Clone)]
pub(super) enum Kind {
    Store(Arc<dyn SessionStore>),
    Sealed(CookieStore),
}

impl<S: SessionStore> From<S> for Backend {
    fn from(store: S) -> Self {
        Self(Kind::Store(Arc::new(store)))
    }
}

impl From<CookieStore> for Backend {
    fn from(store: CookieStore) -> Self {
        Self(Kind::Sealed(store))
    }
}

/// A backend with its configuration.
#[derive(Debug)]
pub(super) enum Keeper {
    Store(BoundedStore),
    /// With the store that knows which sealed sessions are live, where the application chose one.
    Sealed(Box<Sealer>, Option<BoundedStore>),
}

/// A store whose every verb is bounded in time.
#[derive(Debug)]
pub(super) struct BoundedStore {
    pub(super) store: Arc<dyn SessionStore>,
    pub(super) events: Events,
}

/// What became of a swap that may have been tried before.
pub(super) enum Repeated {
    Swap(Swap),
    /// Somebody wrote after us, or after the record that we meant to replace, which nobody will ever know: the record as it
    /// is now. To make the change again might make it twice.
    Unknown(Record),
}

impl Repeated {
    fn of(swapped: Swap, record: &Record, is_repeated: bool) -> Self {
        match swapped {
            Swap::Conflict(current) if current.revision == record.revision => Self::Swap(Swap::Swapped),
            Swap::Conflict(current) if current.kind == RecordKind::Ended => Self::Swap(Swap::Gone),
            // Nobody writes over the record of a session that has ended.
            Swap::Conflict(current)
                if is_repeated
                    && record.kind != RecordKind::Ended
                    && current.revision.counter > record.revision.counter =>
            {
                Self::Unknown(current)
            }
            swapped => Self::Swap(swapped),
        }
    }
}

/// How often a verb is tried that failed without saying whether it took effect.
const TRIES: u32 = 3;

impl BoundedStore {
    pub(super) fn index(&self) -> Result<&dyn SessionIndex> {
        self.store
            .index()
            .ok_or_else(|| Error::new(ErrorKind::Unsupported, "this store can neither list nor find sessions"))
    }

    pub(super) fn has_index(&self) -> bool {
        self.store.index().is_some()
    }

    pub(super) fn wants_sweeping(&self) -> bool {
        self.has_index() && !self.store.expires_by_itself()
    }

    /// Loads where the store can answer at once.
    pub(super) fn try_load(&self, key: &StoreKey, now: Timestamp) -> Option<Result<Option<Record>>> {
        let watch = self.events.stopwatch();
        let answer = self.store.try_load(key, now)?;
        self.events.answered("load", watch, &answer, 1);
        Some(answer)
    }

    pub(super) async fn load(&self, patience: &Patience, key: &StoreKey, now: Timestamp) -> Result<Option<Record>> {
        match self.try_load(key, now) {
            Some(answer) => answer,
            None => Ok(self.attempt("load", patience, || self.store.load(key, now)).await?.0),
        }
    }

    /// Creates a record under a key that no other session has. Fails with `Ended` if an attempt took effect whose answer was
    /// lost, and the session was ended since.
    pub(super) async fn create(
        &self,
        patience: &Patience,
        key: &StoreKey,
        record: &Record,
        now: Timestamp,
    ) -> Result<Created> {
        let (created, tries) = self.attempt("create", patience, || self.store.create(key, record, now)).await?;
        if created == Created::AlreadyExists && tries > 1 {
            return Box::pin(self.created(patience, key, record, now)).await;
        }
        Ok(created)
    }

    /// Whether a key is taken by this very record, whose answer was lost.
    async fn created(&self, patience: &Patience, key: &StoreKey, record: &Record, now: Timestamp) -> Result<Created> {
        let Some(found) = self.load(patience, key, now.by_slowest_clock()).await? else {
            return Ok(Created::AlreadyExists);
        };
        match found.kind {
            kind if kind == record.kind && found.revision.tag == record.revision.tag => Ok(Created::Created),
            RecordKind::Ended if record.kind != RecordKind::Ended => Err(ended()),
            _ => Ok(Created::AlreadyExists),
        }
    }

    /// Swaps a record: if there is a conflict with this very record, an answer was lost.
    pub(super) async fn swap(
        &self,
        patience: &Patience,
        key: &StoreKey,
        expected: Revision,
        record: &Record,
        now: Timestamp,
    ) -> Result<Swap> {
        let (swapped, tries) = self.attempt("swap", patience, || self.store.swap(key, expected, record, now)).await?;
        match Repeated::of(swapped, record, tries > 1) {
            Repeated::Swap(swap) => Ok(swap),
            Repeated::Unknown(_) => Err(not_known()),
        }
    }

    /// Repeats a swap that an earlier commit could not see the end of.
    pub(super) async fn repeat_swap(
        &self,
        patience: &Patience,
        key: &StoreKey,
        expected: Revision,
        record: &Record,
        now: Timestamp,
    ) -> Result<Repeated> {
        let (swapped, _) = self.attempt("swap", patience, || self.store.swap(key, expected, record, now)).await?;
        Ok(Repeated::of(swapped, record, true))
    }

    /// Puts a record in the place of each of these, where that is still as the index found it, some at a time; returns the
    /// keys of those that were replaced.
    pub(super) async fn swap_many(
        &self,
        patience: &Patience,
        swaps: &[(StoreKey, Revision, Record)],
        now: Timestamp,
    ) -> Result<HashSet<StoreKey>> {
        let mut replaced = HashSet::with_capacity(swaps.len());
        for swaps in swaps.chunks(AT_ONCE) {
            let swap_all = || -> BoxFuture<'_, _> {
                let swaps = swaps.iter().map(|(key, over, record)| -> BoxFuture<'_, _> {
                    Box::pin(async move { Ok((key, record, self.store.swap(key, *over, record, now).await?)) })
                });
                Box::pin(all_of(swaps.collect()))
            };
            let (swapped, tries) = self.attempt("swap", patience, swap_all).await?;
            for (key, record, swap) in swapped {
                if matches!(Repeated::of(swap, record, tries > 1), Repeated::Swap(Swap::Swapped)) {
                    replaced.insert(*key);
                }
            }
        }
        Ok(replaced)
    }

    pub(super) async fn touch(
        &self,
        patience: &Patience,
        key: &StoreKey,
        revision: Revision,
        idle_deadline: Timestamp,
        now: Timestamp,
    ) -> Result<Touched> {
        let watch = self.events.stopwatch();
        let answer = patience.wait(self.store.touch(key, revision, idle_deadline, now)).await;
        self.events.answered("touch", watch, &answer, 1);
        answer
    }

    /// Deletes a record that nobody has the token of.
    pub(super) async fn delete(&self, patience: &Patience, key: &StoreKey, now: Timestamp) -> Result<()> {
        self.attempt("delete", patience, || self.store.delete(key, now)).await.map(drop)
    }

    /// Deletes records as an index found them, and returns the keys of those that it removed.
    pub(super) async fn delete_many(
        &self,
        patience: &Patience,
        entries: &[IndexEntry],
        now: Timestamp,
    ) -> Result<HashSet<StoreKey>> {
        if entries.is_empty() {
            return Ok(HashSet::new());
        }
        let (removed, tries) = self.attempt("delete", patience, || self.store.delete_many(entries, now)).await?;
        if tries > 1 {
            // An answer was lost: what is not there any more was removed by the attempt before.
            return Ok(entries.iter().map(|entry| entry.key).collect());
        }
        Ok(removed.into_iter().collect())
    }

    async fn attempt<'a, T>(
        &self,
        verb: &'static str,
        patience: &Patience,
        call: impl Fn() -> BoxFuture<'a, Result<T>>,
    ) -> Result<(T, u32)> {
        let watch = self.events.stopwatch();
        let answer = patience.wait(call()).await;
        self.events.answered(verb, watch, &answer, 1);
        let error = match answer {
            Ok(answer) => return Ok((answer, 1)),
            Err(error) => error,
        };
        if error.kind() != ErrorKind::Unavailable {
            return Err(error);
        }
        Box::pin(self.attempt_again(verb, patience, call, error)).await
    }

    async fn attempt_again<'a, T>(
        &self,
        verb: &'static str,
        patience: &Patience,
        call: impl Fn() -> BoxFuture<'a, Result<T>>,
        mut error: Error,
    ) -> Result<(T, u32)> {
        for tries in 2..=TRIES {
            if !patience.pause(Duration::from_millis(20)).await {
                return Err(error);
            }
            let watch = self.events.stopwatch();
            let answer = patience.wait(call()).await;
            self.events.answered(verb, watch, &answer, tries);
            match answer {
                Ok(answer) => return Ok((answer, tries)),
                Err(again) if again.kind() == ErrorKind::Unavailable => error = again,
                // It says nothing of the attempts before.
                Err(_) => return Err(error),
            }
        }
        Err(error)
    }
}
