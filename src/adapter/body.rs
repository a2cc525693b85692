//! What becomes of the session while the body of the response is sent.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use crate::error::{Error, ErrorKind, Result};
use crate::events;
use crate::session::Session;
use crate::store::BoxFuture;

/// Goes along with the body of a response whose request used its session: the body is polled with it, and what it changes
/// is saved when it ends. Servers drop a body that has sent all that it announced, or whose client is gone: then what it
/// changed is saved as well, and an error can only be logged. What a body changed before it panicked is discarded.
///
/// ```
/// use cloakroom::adapter::BodySession;
/// use std::io;
/// use std::task::{Context, Poll};
///
/// /// A framework's body.
/// trait Body {
///     fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Vec<u8>>>>;
/// }
///
/// /// The same with its session.
/// struct WithSession<B> {
///     body: B,
///     session: BodySession,
/// }
///
/// impl<B: Body> Body for WithSession<B> {
///     fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Vec<u8>>>> {
///         self.session.poll(cx, |cx| self.body.poll_chunk(cx), io::Error::other)
///     }
/// }
/// ```
#[derive(Default)]
pub struct BodySession {
    session: Option<Session>,
    /// Frameworks want bodies that are `Sync`, which this future need not be. Nobody ever waits for the lock.
    saving: Mutex<Option<BoxFuture<'static, Result<()>>>>,
}

impl BodySession {
    /// For the body of a response that was just committed. A request that did not use its session sends its body without.
    ///
    /// ```
    /// # use cloakroom::{Session, adapter::BodySession};
    /// # fn example(session: &Session) {
    /// let body = BodySession::of(session);
    /// # }
    /// ```
    pub fn of(session: &Session) -> Self {
        Self { session: session.is_loaded().then(|| session.clone()), saving: Mutex::default() }
    }

    /// Polls the body once, where `None` is its end; `fail` makes an error of the body's of one of ours.
    ///
    /// ```
    /// # use cloakroom::adapter::BodySession;
    /// # use std::{io, task::{Context, Poll}};
    /// fn poll_end(session: &mut BodySession, cx: &mut Context<'_>) -> Poll<Option<io::Result<()>>> {
    ///     session.poll(cx, |_| Poll::Ready(None), io::Error::other)
    /// }
    /// ```
    pub fn poll<T, E>(
        &mut self,
        cx: &mut Context<'_>,
        body: impl FnOnce(&mut Context<'_>) -> Poll<Option<Result<T, E>>>,
        fail: impl FnOnce(Error) -> E,
    ) -> Poll<Option<Result<T, E>>> {
        let saving = self.saving.get_mut().unwrap_or_else(PoisonError::into_inner);
        if saving.is_none() {
            // Back only if the body does not unwind.
            let Some(session) = self.session.take() else { return body(cx) };
            let part = session.enter(|| body(cx));
            let session = self.session.insert(session);
            match ready!(part) {
                None if session.has_changes() => {
                    let session = session.clone();
                    *saving = Some(Box::pin(async move { session.save().await }));
                }
                part => return Poll::Ready(part),
            }
        }
        let Some(save) = saving else { return Poll::Ready(None) };
        let saved = ready!(save.as_mut().poll(cx));
        // What could not be saved is discarded, so that the body ends.
        (*saving, self.session) = (None, None);
        match saved {
            // The bytes are on their way, so all that can still be said is that they were not the whole answer.
            Err(error) if error.kind() != ErrorKind::Ended => {
                events::body_failed(&error);
                Poll::Ready(Some(Err(fail(error))))
            }
            _ => Poll::Ready(None),
        }
    }

    /// Whether nothing is left to be saved, so that a body that says that it is at its end need not be polled again.
    ///
    /// ```
    /// # use cloakroom::adapter::BodySession;
    /// assert!(BodySession::default().is_saved());
    /// ```
    pub fn is_saved(&self) -> bool {
        !self.is_saving() && !self.session.as_ref().is_some_and(Session::has_changes)
    }

    fn is_saving(&self) -> bool {
        self.saving.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }
}

impl Drop for BodySession {
    fn drop(&mut self) {
        if let Some(session) = self.session.take().filter(Session::has_changes)
            && !self.is_saving()
            && !std::thread::panicking()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(async move {
                if let Err(error) = session.save().await {
                    events::body_failed(&error);
                }
            });
        }
    }
}

impl fmt::Debug for BodySession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodySession").field("session", &self.session).finish_non_exhaustive()
    }
}
