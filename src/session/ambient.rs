//! The session of the current task, for code with no request in sight.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::Session;
use crate::error::{Error, ErrorKind, Result};

thread_local! {
    /// Put in its place for as long as a task of its request is polled. `tokio::task_local!` does the same at thrice the
    /// cost, on every poll of every request.
    static CURRENT: Cell<Option<Session>> = const { Cell::new(None) };
}

impl Session {
    /// The session of the request that this code serves, from any depth of the application.
    ///
    /// It is the one that the request's extractor loaded. Where nothing asked for it, load it first: see
    /// [`load`](Session::load). A spawned task takes it along with [`scope`](Session::scope).
    ///
    /// # Errors
    ///
    /// [`NotLoaded`](ErrorKind::NotLoaded) outside of a request, or if the session layer is missing.
    ///
    /// ```
    /// use cloakroom::Session;
    ///
    /// /// A model: nobody passes it a session.
    /// fn cart() -> cloakroom::Result<Vec<String>> {
    ///     Ok(Session::current()?.get("cart")?.unwrap_or_default())
    /// }
    /// ```
    pub fn current() -> Result<Self> {
        Self::ambient().ok_or_else(|| {
            Error::new(
                ErrorKind::NotLoaded,
                "there is no session here: the session layer is missing (axum: `.layer(sessions.layer())` after the routes; \
                 actix-web: `.wrap(sessions.middleware())` around them; Rocket: the routes as \
                 `sessions.routes(routes![…])`, beside `.attach(sessions.fairing())`; Poem: \
                 `.with(sessions.poem_middleware())`; Salvo: `.hoop(sessions.hoop())`), or this task was spawned without it \
                 (spawn `session.scope(future)`)",
            )
        })
    }

    /// The same where there being none is no mistake.
    pub(crate) fn ambient() -> Option<Self> {
        CURRENT
            .try_with(|current| {
                let session = current.take();
                current.set(session.clone());
                session
            })
            .ok()
            .flatten()
    }

    /// Runs `future` with this session as the [current](Session::current) one: for tasks that outlive the handler, and
    /// for adapters.
    ///
    /// ```
    /// # async fn example(session: cloakroom::Session) {
    /// tokio::spawn(session.clone().scope(async {
    ///     let email: Option<String> = cloakroom::Session::current()?.get("email")?;
    ///     Ok::<_, cloakroom::Error>(email)
    /// }));
    /// # }
    /// ```
    pub fn scope<F: Future>(self, future: F) -> Scope<F> {
        Scope { session: Some(self), future: Some(future) }
    }

    /// Runs `f` with this session as the [current](Session::current) one.
    ///
    /// ```
    /// # use cloakroom::Session;
    /// # fn example(session: Session) {
    /// let same = session.enter(Session::current);
    /// # }
    /// ```
    pub fn enter<R>(&self, f: impl FnOnce() -> R) -> R {
        let mut session = Some(self.clone());
        let _entered = Entered::new(&mut session);
        f()
    }
}

pin_project! {
    /// A future that runs with a session as the [current](Session::current) one: [`Session::scope`].
    pub struct Scope<F> {
        session: Option<Session>,
        #[pin]
        future: Option<F>,
    }

    impl<F> PinnedDrop for Scope<F> {
        /// What is dropped with the future has the session, too.
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.future.is_some() {
                let _entered = Entered::new(this.session);
                this.future.set(None);
            }
        }
    }
}

impl<F: Future> Future for Scope<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let _entered = Entered::new(this.session);
        let Some(future) = this.future.as_mut().as_pin_mut() else { panic!("polled after it was ready") };
        let output = std::task::ready!(future.poll(cx));
        this.future.set(None);
        Poll::Ready(output)
    }
}

impl<F> fmt::Debug for Scope<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("session", &self.session).finish_non_exhaustive()
    }
}

/// Exchanges the current session for this one, and back when it is dropped, as in a panic.
struct Entered<'a>(&'a mut Option<Session>);

impl<'a> Entered<'a> {
    fn new(session: &'a mut Option<Session>) -> Self {
        exchange(session);
        Self(session)
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        exchange(self.0);
    }
}

/// On a thread that is ending there is no current session any more.
fn exchange(session: &mut Option<Session>) {
    let _ = CURRENT.try_with(|current| *session = current.replace(session.take()));
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::task::Waker;

    use super::*;
    use crate::{MemoryStore, SessionManager};

    fn is_current(session: &Session) -> bool {
        Session::ambient().is_some_and(|current| std::sync::Arc::ptr_eq(&current.0, &session.0))
    }

    /// Asks which session is current when it is dropped.
    struct Asks<'a>(&'a Session, &'a Cell<bool>);

    impl Drop for Asks<'_> {
        fn drop(&mut self) {
            self.1.set(is_current(self.0));
        }
    }

    #[test]
    fn a_session_is_current_inside_of_its_scope_only() {
        let sessions = SessionManager::new(MemoryStore::new());
        let (outer, inner) = (sessions.open(()), sessions.open(()));
        outer.enter(|| {
            assert!(is_current(&outer));
            inner.enter(|| assert!(is_current(&inner)));
            let unwound = catch_unwind(AssertUnwindSafe(|| inner.enter(|| panic!("of the application"))));
            assert!(unwound.is_err() && is_current(&outer));
        });
        assert!(Session::ambient().is_none());
    }

    #[test]
    fn a_scope_is_left_between_polls_and_entered_for_what_is_dropped() {
        let session = SessionManager::new(MemoryStore::new()).open(());
        let dropped_inside = Cell::new(false);
        let asks = Asks(&session, &dropped_inside);
        let mut scope = Box::pin(session.clone().scope(async move {
            let _asks = asks;
            std::future::pending::<()>().await;
        }));
        assert!(scope.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert!(Session::ambient().is_none());
        drop(scope);
        assert!(dropped_inside.get() && Session::ambient().is_none());
    }
}
