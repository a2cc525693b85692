//! One request's handle on its session.

mod access;
mod ambient;
mod data;
mod draft;
mod ended;
mod flash;
mod identity;
mod lifetime;
pub(crate) mod state;
mod transient;
mod update;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use ambient::Scope;
pub(crate) use draft::{ChangeLog, Draft};
pub(crate) use ended::Awaited;
pub use flash::Flash;
use tokio::sync::Notify;
pub use update::View;

use crate::adapter::RequestHead;
use crate::error::{Error, ErrorKind, Result};
use crate::manager::{Loaded, Patience, Search, SessionManager};
use state::Open;

/// One request's handle on the session of its visitor.
///
/// It is cheap to clone, and all clones, in handlers, models, templates and tasks, are the same session. It has to be
/// loaded once, by an extractor or by [`load`](Session::load); from then on every call is synchronous, touches memory
/// only, and what was changed is committed when the response head is ready.
///
/// Values are whatever [serde](https://serde.rs) can write and read. They are kept under string keys, or under a
/// [`Key`](crate::Key) that knows their type.
///
/// ```
/// use cloakroom::Session;
///
/// async fn handler(session: Session) -> cloakroom::Result<String> {
///     let visits = session.update("visits", |n: Option<u32>| n.unwrap_or(0) + 1)?;
///     Ok(format!("visit {visits}"))
/// }
/// ```
#[derive(Clone)]
pub struct Session(Arc<Shared<dyn RequestHead>>);

/// The request's head is last, so that one allocation holds it all, whatever the framework.
pub(crate) struct Shared<H: ?Sized> {
    manager: SessionManager,
    /// Held while the store is asked, so that several tasks of a request load once and commit one after another.
    gate: tokio::sync::Mutex<()>,
    patience: Patience,
    inner: Mutex<Inner>,
    head: H,
}

struct Inner {
    open: Option<Box<Open>>,
    /// Whether the response head has been sent.
    sent: bool,
    /// Who waits for the end of a session that there is not yet.
    waiting: Option<Arc<Notify>>,
}

impl Inner {
    /// Those who wait for a session, if there is one by now.
    fn take_waiting(&mut self, manager: &SessionManager) -> Option<Arc<Notify>> {
        let open = self.open.as_deref()?;
        self.waiting.take_if(|_| !matches!(Awaited::of(open, manager), Awaited::Nothing))
    }
}

impl Session {
    pub(crate) fn new(manager: SessionManager, head: impl RequestHead) -> Self {
        let patience = manager.new_patience();
        let inner = Mutex::new(Inner { open: None, sent: false, waiting: None });
        Self(Arc::new(Shared { manager, gate: tokio::sync::Mutex::new(()), patience, inner, head }))
    }

    pub(crate) fn manager(&self) -> &SessionManager {
        &self.0.manager
    }

    pub(crate) fn patience(&self) -> &Patience {
        &self.0.patience
    }

    pub(crate) fn head(&self) -> &dyn RequestHead {
        &self.0.head
    }

    /// The right to ask the store; no longer waited for than the store itself.
    pub(crate) async fn gate(&self) -> Result<tokio::sync::MutexGuard<'_, ()>> {
        match self.0.gate.try_lock() {
            Ok(gate) => Ok(gate),
            Err(_) => self.patience().wait(Box::pin(async { Ok(self.0.gate.lock().await) })).await,
        }
    }

    /// Loads the session, once; every later call answers at once. Extractors do it.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](ErrorKind::Unavailable) if the store does not answer and the outage policy is to fail; the next
    /// call tries again.
    ///
    /// ```
    /// use cloakroom::Session;
    ///
    /// /// Somewhere in the application, where no handler asked for the session.
    /// async fn greeting() -> cloakroom::Result<Option<String>> {
    ///     let session = Session::current()?;
    ///     session.load().await?;
    ///     session.get("name")
    /// }
    /// ```
    pub async fn load(&self) -> Result<()> {
        if self.is_loaded() {
            return Ok(());
        }
        let waiting = match self.manager().load_at_once(self)? {
            Loaded::Open(open) => {
                self.set_open(open);
                return Ok(());
            }
            // In a box, so that the future of a handler is small where nobody has to be waited for.
            Loaded::Waits(search) => Box::pin(self.load_waiting(search)),
        };
        waiting.await
    }

    async fn load_waiting(&self, search: Box<Search>) -> Result<()> {
        let _gate = self.gate().await?;
        if !self.is_loaded() {
            self.set_open(self.manager().load(self, search).await?);
        }
        Ok(())
    }

    fn set_open(&self, mut open: Box<Open>) {
        self.under_lock(|inner| {
            open.sent = inner.sent;
            open.arrived = open.standing;
            inner.open.get_or_insert(open);
        });
    }

    /// Gives `f` all of it. Those who wait for a session are woken if there is one then, without the lock.
    fn under_lock<R>(&self, f: impl FnOnce(&mut Inner) -> R) -> R {
        let (result, waiting) = {
            let mut inner = self.lock();
            (f(&mut inner), inner.take_waiting(self.manager()))
        };
        if let Some(waiting) = waiting {
            waiting.notify_waiters();
        }
        result
    }

    /// What those wait for who found no session to wait for the end of.
    pub(crate) fn waiting(&self) -> Arc<Notify> {
        Arc::clone(self.lock().waiting.get_or_insert_default())
    }

    /// Whether the session has been loaded in this request.
    ///
    /// ```
    /// # async fn example(session: cloakroom::Session) -> cloakroom::Result<()> {
    /// session.load().await?;
    /// assert!(session.is_loaded());
    /// # Ok(()) }
    /// ```
    pub fn is_loaded(&self) -> bool {
        self.lock().open.is_some()
    }

    /// Commits what was changed so far, without waiting for the response.
    ///
    /// Where the response head has been sent, in a body or a WebSocket, this is the way to keep a change. It counts as
    /// activity there, so that a WebSocket that saves at each message keeps its session alive: where nothing was changed,
    /// that costs one `touch` each time a share of the idle time has passed. If another request changed the session
    /// meanwhile, its values are seen from then on.
    ///
    /// # Errors
    ///
    /// [`Ended`](ErrorKind::Ended) if another request ended the session, [`Conflict`](ErrorKind::Conflict) if others
    /// change it faster, [`Unavailable`](ErrorKind::Unavailable) or [`Full`](ErrorKind::Full) if the store cannot take
    /// it. After an error the changes are still there, to be saved again or at the end; after `Ended` they are dropped.
    /// `Unavailable` does not say that nothing was kept. The next save, or the end, finds out whether the changes were kept
    /// before it commits anything else, so they count once. If nobody can know, because another request has written since,
    /// it fails with `Unavailable` once more and gives those changes up; what was changed after them is still there.
    ///
    /// ```
    /// # async fn example(session: cloakroom::Session) -> cloakroom::Result<()> {
    /// session.set("step", "paid")?;
    /// session.save().await?;
    /// # Ok(()) }
    /// ```
    #[doc(alias = "commit")]
    pub async fn save(&self) -> Result<()> {
        self.with(|open| {
            open.active |= open.sent;
            Ok(())
        })?;
        let session = self.clone();
        crate::manager::to_the_end(Box::pin(async move { session.manager().commit(&session).await })).await
    }

    /// Gives `f` the opened session, if anybody opened it, and notes that the head is sent where `f` answers what is in it.
    pub(crate) fn finish<R>(&self, f: impl FnOnce(&mut Open) -> Result<Option<R>>) -> Option<Result<Option<R>>> {
        self.under_lock(|inner| {
            let Some(open) = &mut inner.open else {
                inner.sent = true;
                return None;
            };
            let result = f(open);
            if let Ok(Some(_)) = result {
                open.sent = true;
                inner.sent = true;
            }
            Some(result)
        })
    }

    /// Commits nothing of what this request changed and did not save: for adapters, where the framework makes a response
    /// of a panic. A handler that unwinds with its session in hand needs no such call.
    ///
    /// ```
    /// # async fn example(session: cloakroom::Session) -> cloakroom::Result<()> {
    /// session.set("step", "paid")?;
    /// session.discard();
    /// let committed = session.commit(500).await; // without the step
    /// # Ok(()) }
    /// ```
    pub fn discard(&self) {
        self.if_loaded(|open| open.discards = true);
    }

    /// Whether there is something that `save` would commit.
    pub(crate) fn has_changes(&self) -> bool {
        self.lock().open.as_ref().is_some_and(|open| open.has_changes())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Closures of the application never run under the lock, so a poisoned one guards whole data.
        self.0.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives `f` the opened session, whatever its standing.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut Open) -> Result<R>) -> Result<R> {
        self.if_loaded(f).unwrap_or_else(|| {
            Err(Error::new(
                ErrorKind::NotLoaded,
                "the session is not loaded: take `Session` as an argument of the handler, call `.load().await` first, \
                 or set `preload()` on the layer, the middleware or the routes",
            ))
        })
    }

    /// The same where it is no mistake that nobody loaded it.
    pub(crate) fn if_loaded<R>(&self, f: impl FnOnce(&mut Open) -> R) -> Option<R> {
        self.under_lock(|inner| inner.open.as_deref_mut().map(f))
    }

    /// Reads, which is activity.
    pub(crate) fn read<R>(&self, f: impl FnOnce(&mut Open) -> Result<R>) -> Result<R> {
        self.with(|open| {
            open.begin_read()?;
            f(open)
        })
    }

    /// Writes what may begin a session.
    fn write<R>(&self, f: impl FnOnce(&mut Open) -> Result<R>) -> Result<R> {
        self.with(|open| {
            open.begin_write()?;
            f(open)
        })
    }

    /// Writes what changes the cookie in any case.
    fn write_ticket<R>(&self, f: impl FnOnce(&mut Open) -> Result<R>) -> Result<R> {
        self.with(|open| {
            open.begin_write_ticket()?;
            f(open)
        })
    }
}

impl Drop for Session {
    /// A handler that unwinds drops its session: then the request commits nothing, whatever a layer further in makes of
    /// the panic.
    // behaviour 99
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.discard();
        }
    }
}

impl fmt::Debug for Session {
    /// Its handle, and nothing that the visitor left in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = self.lock();
        let handle = inner.open.as_ref().and_then(|open| open.handle);
        f.debug_struct("Session")
            .field("loaded", &inner.open.is_some())
            .field("handle", &handle)
            .finish_non_exhaustive()
    }
}
