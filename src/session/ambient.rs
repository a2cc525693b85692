//! The session of the current task, for code with no request in sight.

use std::future::Future;

use tokio::task::futures::TaskLocalFuture;

use super::Session;
use crate::error::{Error, ErrorKind, Result};

tokio::task_local! {
    static CURRENT: Session;
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
        CURRENT.try_with(Clone::clone).ok()
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
    pub fn scope<F: Future>(self, future: F) -> TaskLocalFuture<Self, F> {
        CURRENT.scope(self, future)
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
        CURRENT.sync_scope(self.clone(), f)
    }
}
