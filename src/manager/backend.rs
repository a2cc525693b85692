//! The store as the engine uses it: every wait bounded, and an answer that got lost found again.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use super::Patience;
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::events::Events;
use crate::record::{CreatedAgain, Record, Revision};
use crate::sealed::{CookieStore, Sealer};
use crate::store::{BoxFuture, Created, IndexEntry, SessionIndex, SessionStore, Swap, Touched};
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

    /// Creates a record under the key of a token that was just drawn, and makes `record` what the store has then. If that
    /// failed without saying whether it took effect, the record says from then on that its creation was repeated, even if
    /// this fails.
    pub(super) async fn create(
        &self,
        patience: &Patience,
        key: &StoreKey,
        record: &mut Record,
        now: Timestamp,
    ) -> Result<Created> {
        let watch = self.events.stopwatch();
        let answer = patience.wait(self.store.create(key, record, now)).await;
        self.events.answered("create", watch, &answer, 1);
        match answer {
            Err(error) if error.kind() == ErrorKind::Unavailable => {
                Box::pin(self.create_again(patience, key, record, now, error)).await
            }
            answer => answer,
        }
    }

    async fn create_again(
        &self,
        patience: &Patience,
        key: &StoreKey,
        record: &mut Record,
        now: Timestamp,
        error: Error,
    ) -> Result<Created> {
        CreatedAgain(now).note_in(record)?;
        let call = || self.store.create(key, record, now);
        let (created, tries) = self.attempt_again("create", patience, call, error).await?;
        if created == Created::AlreadyExists {
            self.created(patience, key, record, tries > 2, now).await
        } else {
            Ok(created)
        }
    }

    /// Repeats a creation that an earlier commit could not see the end of.
    pub(super) async fn repeat_create(
        &self,
        patience: &Patience,
        key: &StoreKey,
        record: &mut Record,
        now: Timestamp,
    ) -> Result<Created> {
        CreatedAgain(now).note_in(record)?;
        let (created, _) = self.attempt("create", patience, || self.store.create(key, record, now)).await?;
        if created == Created::AlreadyExists {
            self.created(patience, key, record, true, now).await
        } else {
            Ok(created)
        }
    }

    /// Whether a key is taken by this very record, whose answer was lost. If others of its attempts may still arrive, the
    /// record has to say so.
    async fn created(
        &self,
        patience: &Patience,
        key: &StoreKey,
        record: &mut Record,
        may_arrive: bool,
        now: Timestamp,
    ) -> Result<Created> {
        let found = self.load(patience, key, now).await?;
        let Some(mut found) = found.filter(|found| found.revision.tag == record.revision.tag) else {
            return Ok(Created::AlreadyExists);
        };
        if may_arrive && CreatedAgain::of(&found).is_none() {
            let first = found.revision;
            // The tag stays: it is how this attempt is known.
            found.revision.counter += 1;
            CreatedAgain(now).note_in(&mut found)?;
            if self.swap(patience, key, first, &found, now).await? != Swap::Swapped {
                return Ok(Created::AlreadyExists);
            }
        }
        *record = found;
        Ok(Created::Created)
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
        Self::known(swapped, record, tries > 1)
    }

    /// Repeats a swap that an earlier commit could not see the end of.
    pub(super) async fn repeat_swap(
        &self,
        patience: &Patience,
        key: &StoreKey,
        expected: Revision,
        record: &Record,
        now: Timestamp,
    ) -> Result<Swap> {
        let (swapped, _) = self.attempt("swap", patience, || self.store.swap(key, expected, record, now)).await?;
        Self::known(swapped, record, true)
    }

    /// What became of a swap, as far as the store's answer tells, that may have been tried before.
    fn known(swapped: Swap, record: &Record, is_repeated: bool) -> Result<Swap> {
        match swapped {
            Swap::Conflict(current) if current.revision == record.revision => Ok(Swap::Swapped),
            // Somebody wrote after us, or after the record that we meant to replace: making the change again might make
            // it twice.
            Swap::Conflict(current) if is_repeated && current.revision.counter > record.revision.counter => {
                Err(Error::new(ErrorKind::Unavailable, "the store failed, and whether it kept the change is not known"))
            }
            swapped => Ok(swapped),
        }
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

    /// Deletes a record. The second answer is whether a record may have been deleted that is not the first.
    pub(super) async fn delete(
        &self,
        patience: &Patience,
        key: &StoreKey,
        now: Timestamp,
    ) -> Result<(Option<Record>, bool)> {
        let (removed, tries) = self.attempt("delete", patience, || self.store.delete(key, now)).await?;
        let lost = tries > 1 && removed.is_none();
        Ok((removed, lost))
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
