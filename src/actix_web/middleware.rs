//! The middleware.

use std::fmt;
use std::future::{Ready, ready};
use std::rc::Rc;
use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};

use super::future::{Handler, status};
use super::preload::load_then_call;
use super::{SessionBody, SessionFuture};
use crate::adapter::Head;
use crate::error::Error;
use crate::manager::SessionManager;

/// How an application answers where its sessions fail.
pub(super) type OnError = Arc<dyn Fn(&Error) -> HttpResponse + Send + Sync>;

/// Gives every request its session, and commits it when the head of the response is ready:
/// [`SessionManager::middleware`].
///
/// ```
/// use actix_web::{App, web};
/// use cloakroom::SessionManager;
/// use cloakroom::actix_web::SessionMiddleware;
///
/// fn app(sessions: &SessionManager) {
///     let sessions: SessionMiddleware = sessions.middleware();
///     let app = App::new().route("/", web::get().to(async || "hello")).wrap(sessions);
/// }
/// ```
#[derive(Clone)]
pub struct SessionMiddleware {
    manager: SessionManager,
    on_error: Option<OnError>,
    preloads: bool,
}

impl SessionMiddleware {
    pub(super) fn new(manager: SessionManager) -> Self {
        Self { manager, on_error: None, preloads: false }
    }

    /// Answers in the application's own way where the session fails: when it cannot be loaded, when it cannot be
    /// committed, and when a handler answers an [`Error`] of ours. Without it the answer is the status of the error and a
    /// line of plain text that tells nothing of the application.
    ///
    /// ```
    /// use actix_web::HttpResponse;
    /// use actix_web::http::StatusCode;
    /// # use cloakroom::{MemoryStore, SessionManager};
    /// # let sessions = SessionManager::new(MemoryStore::new());
    /// let middleware = sessions.middleware().on_error(|error| {
    ///     let status = StatusCode::from_u16(error.status()).unwrap_or_default();
    ///     HttpResponse::build(status).body(format!("<h1>Sorry</h1><p>{}</p>", error.kind()))
    /// });
    /// ```
    #[must_use]
    pub fn on_error(mut self, answer: impl Fn(&Error) -> HttpResponse + Send + Sync + 'static) -> Self {
        self.on_error = Some(Arc::new(answer));
        self
    }

    /// Loads the session of every request before its handler runs, so that models and templates find it without any
    /// handler having asked for it. It costs a look-up for every request that brings a ticket; [`preload`](super::preload)
    /// does it for some routes only.
    ///
    /// ```
    /// # use cloakroom::{MemoryStore, SessionManager};
    /// # let sessions = SessionManager::new(MemoryStore::new());
    /// let app = actix_web::App::new().wrap(sessions.middleware().preload());
    /// ```
    #[must_use]
    pub fn preload(mut self) -> Self {
        self.preloads = true;
        self
    }
}

impl<S, B> Transform<S, ServiceRequest> for SessionMiddleware
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = actix_web::Error> + 'static,
    S::Future: 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<SessionBody<B>>;
    type Error = actix_web::Error;
    type Transform = SessionService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        ready(Ok(SessionService { inner: Rc::new(inner), middleware: self.clone() }))
    }
}

/// A service whose requests have a session: made by [`SessionMiddleware`].
pub struct SessionService<S> {
    inner: Rc<S>,
    middleware: SessionMiddleware,
}

impl<S, B> Service<ServiceRequest> for SessionService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = actix_web::Error> + 'static,
    S::Future: 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<SessionBody<B>>;
    type Error = actix_web::Error;
    type Future = SessionFuture<S::Future, B>;

    forward_ready!(inner);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let SessionMiddleware { manager, on_error, preloads } = &self.middleware;
        let arrival = manager.arrive(|| Head::of(&request, manager));
        let handler = if *preloads {
            Handler::Preloads { future: Box::pin(load_then_call(Rc::clone(&self.inner), request)) }
        } else {
            // A handler may look at its session before it is polled.
            Handler::Called { future: arrival.session.enter(|| self.inner.call(request)) }
        };
        SessionFuture::new(arrival.serve(handler, status), on_error.clone())
    }
}

impl fmt::Debug for SessionMiddleware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionMiddleware")
            .field("manager", &self.manager)
            .field("preloads", &self.preloads)
            .finish_non_exhaustive()
    }
}

impl<S> fmt::Debug for SessionService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionService").field("middleware", &self.middleware).finish_non_exhaustive()
    }
}
