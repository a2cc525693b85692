//! Routes and catchers that run with the session of their request.

use std::fmt;
use std::future::Future;

use rocket::http::Status;
use rocket::{Catcher, Data, Request, Route, catcher, route};

use super::visit::Visit;
use crate::error::Error;
use crate::manager::SessionManager;

/// Routes with the session: made by [`SessionManager::routes`], taken by `mount`.
///
/// ```
/// # use cloakroom::{MemoryStore, SessionManager};
/// # let sessions = SessionManager::new(MemoryStore::new());
/// let rocket = rocket::build().attach(sessions.fairing()).mount("/", sessions.routes(rocket::routes![]));
/// ```
#[derive(Clone)]
#[must_use = "routes do nothing until they are mounted"]
pub struct SessionRoutes {
    manager: SessionManager,
    routes: Vec<Route>,
    preload: bool,
}

/// Catchers with the session: made by [`SessionManager::catchers`], taken by `register`.
///
/// ```
/// # use cloakroom::{MemoryStore, SessionManager};
/// # let sessions = SessionManager::new(MemoryStore::new());
/// let rocket = rocket::build().attach(sessions.fairing()).register("/", sessions.catchers(rocket::catchers![]));
/// ```
#[derive(Clone)]
#[must_use = "catchers do nothing until they are registered"]
pub struct SessionCatchers {
    manager: SessionManager,
    catchers: Vec<Catcher>,
    preload: bool,
}

impl SessionRoutes {
    pub(super) fn new(manager: SessionManager, routes: Vec<Route>) -> Self {
        Self { manager, routes, preload: false }
    }

    /// Loads the session before the handlers run, for routes whose models or templates use it without the handler asking
    /// for it. It costs a look-up for every request that brings a ticket.
    ///
    /// ```
    /// use rocket::{get, routes};
    /// # use cloakroom::{MemoryStore, Session, SessionManager};
    ///
    /// #[get("/account")]
    /// fn account() -> cloakroom::Result<String> {
    ///     Ok(Session::current()?.get("name")?.unwrap_or_default())
    /// }
    ///
    /// # let sessions = SessionManager::new(MemoryStore::new());
    /// let rocket = rocket::build().attach(sessions.fairing()).mount("/", sessions.routes(routes![account]).preload());
    /// ```
    pub fn preload(mut self) -> Self {
        self.preload = true;
        self
    }
}

impl SessionCatchers {
    pub(super) fn new(manager: SessionManager, catchers: Vec<Catcher>) -> Self {
        Self { manager, catchers, preload: false }
    }

    /// Loads the session before the catchers run: they take no guards.
    ///
    /// ```
    /// use rocket::{catch, catchers};
    /// # use cloakroom::{MemoryStore, Session, SessionManager};
    ///
    /// #[catch(404)]
    /// fn not_found() -> cloakroom::Result<String> {
    ///     Ok(format!("Not found, {}.", Session::current()?.user()?.unwrap_or_else(|| "stranger".into())))
    /// }
    ///
    /// # let sessions = SessionManager::new(MemoryStore::new());
    /// let catchers = sessions.catchers(catchers![not_found]).preload();
    /// let rocket = rocket::build().attach(sessions.fairing()).register("/", catchers);
    /// ```
    pub fn preload(mut self) -> Self {
        self.preload = true;
        self
    }
}

impl From<SessionRoutes> for Vec<Route> {
    fn from(SessionRoutes { manager, routes, preload }: SessionRoutes) -> Self {
        let wrap = |mut route: Route| {
            route.handler = Box::new(WithSession { manager: manager.clone(), preload, handler: route.handler });
            route
        };
        routes.into_iter().map(wrap).collect()
    }
}

impl From<SessionCatchers> for Vec<Catcher> {
    fn from(SessionCatchers { manager, catchers, preload }: SessionCatchers) -> Self {
        let wrap = |mut catcher: Catcher| {
            catcher.handler = Box::new(WithSession { manager: manager.clone(), preload, handler: catcher.handler });
            catcher
        };
        catchers.into_iter().map(wrap).collect()
    }
}

/// A handler of a route or a catcher, with the session.
#[derive(Clone)]
struct WithSession<H> {
    manager: SessionManager,
    preload: bool,
    handler: H,
}

#[rocket::async_trait]
impl route::Handler for WithSession<Box<dyn route::Handler>> {
    async fn handle<'r>(&self, request: &'r Request<'_>, data: Data<'r>) -> route::Outcome<'r> {
        let failed = |outcome: &route::Outcome<'_>| outcome.as_ref().failed().map(|status| status.code);
        match self.run(request, self.handler.handle(request, data), failed).await {
            Ok(outcome) => outcome,
            Err(status) => route::Outcome::Error(status),
        }
    }
}

#[rocket::async_trait]
impl catcher::Handler for WithSession<Box<dyn catcher::Handler>> {
    async fn handle<'r>(&self, status: Status, request: &'r Request<'_>) -> catcher::Result<'r> {
        let failed = |result: &catcher::Result<'_>| result.as_ref().err().map(|status| status.code);
        self.run(request, self.handler.handle(status, request), failed).await?
    }
}

impl<H> WithSession<H> {
    /// Runs a handler inside of the session's scope; `failed` is the status that Rocket will answer for what the handler
    /// said, if it failed.
    async fn run<T>(
        &self,
        request: &Request<'_>,
        handler: impl Future<Output = T>,
        failed: impl FnOnce(&T) -> Option<u16>,
    ) -> Result<T, Status> {
        let visit = Visit::of(request, &self.manager);
        let Some((session, earlier)) = visit.begin(request) else {
            // Nobody would commit it. What is no request to Rocket meets catchers, but no fairings.
            return Ok(handler.await);
        };
        let _unwinding = Unwinding(visit);
        let handled = session.clone().scope(async {
            if self.preload {
                session.load().await?;
            }
            Ok(handler.await)
        });
        match handled.await {
            Ok(handled) => {
                visit.settle(earlier, failed(&handled));
                Ok(handled)
            }
            Err(error) => {
                let status = Status::new(Error::status(&error));
                visit.note(error);
                Err(status)
            }
        }
    }
}

/// Rocket makes a response of a panic, which commits nothing of what the handler changed.
struct Unwinding<'r>(&'r Visit);

impl Drop for Unwinding<'_> {
    // behaviour 99
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.forget();
        }
    }
}

impl fmt::Debug for SessionRoutes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionRoutes")
            .field("manager", &self.manager)
            .field("routes", &self.routes)
            .field("preload", &self.preload)
            .finish()
    }
}

impl fmt::Debug for SessionCatchers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionCatchers")
            .field("manager", &self.manager)
            .field("catchers", &self.catchers)
            .field("preload", &self.preload)
            .finish()
    }
}
