//! The middleware.

use std::fmt;
use std::io;
use std::sync::Arc;

use http::StatusCode;
use http_body_util::BodyExt;
use http_body_util::combinators::BoxBody;
use poem::{Body, Endpoint, IntoResponse, Middleware, Request, Response};

use super::preload::load;
use crate::adapter::{BodySession, Committed, Head, Served, SessionBody};
use crate::error::Error;
use crate::events;
use crate::manager::SessionManager;

/// How an application answers where its sessions fail.
type OnError = Arc<dyn Fn(&Error) -> Response + Send + Sync>;

/// Gives every request its session, and commits it when the head of the response is ready:
/// [`SessionManager::poem_middleware`].
///
/// ```
/// use cloakroom::poem::SessionMiddleware;
/// use poem::{Endpoint, EndpointExt, Route, endpoint::make_sync};
///
/// fn app(sessions: SessionMiddleware) -> impl Endpoint {
///     Route::new().at("/", make_sync(|_| "hello")).with(sessions)
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
    /// use poem::Response;
    /// use poem::http::StatusCode;
    /// # use cloakroom::{MemoryStore, SessionManager};
    /// # let sessions = SessionManager::new(MemoryStore::new());
    /// let middleware = sessions.poem_middleware().on_error(|error| {
    ///     let status = StatusCode::from_u16(error.status()).unwrap_or_default();
    ///     Response::builder().status(status).body(format!("<h1>Sorry</h1><p>{}</p>", error.kind()))
    /// });
    /// ```
    #[must_use]
    pub fn on_error(mut self, answer: impl Fn(&Error) -> Response + Send + Sync + 'static) -> Self {
        self.on_error = Some(Arc::new(answer));
        self
    }

    /// Loads the session of every request before its handler runs, so that models and templates find it without any
    /// handler having asked for it. It costs a look-up for every request that brings a ticket; [`preload`](super::preload())
    /// does it for some routes only.
    ///
    /// ```
    /// use poem::{EndpointExt, Route};
    /// # use cloakroom::{MemoryStore, SessionManager};
    /// # let sessions = SessionManager::new(MemoryStore::new());
    /// let app = Route::new().with(sessions.poem_middleware().preload());
    /// ```
    #[must_use]
    pub fn preload(mut self) -> Self {
        self.preloads = true;
        self
    }
}

impl<E: Endpoint> Middleware<E> for SessionMiddleware {
    type Output = SessionEndpoint<E>;

    fn transform(&self, inner: E) -> SessionEndpoint<E> {
        SessionEndpoint { inner, middleware: self.clone() }
    }
}

/// An endpoint whose requests have a session: made by [`SessionMiddleware`].
pub struct SessionEndpoint<E> {
    inner: E,
    middleware: SessionMiddleware,
}

/// What the application answers: a response, or an error that becomes one further out.
type Outcome = poem::Result<Response>;

impl<E: Endpoint> Endpoint for SessionEndpoint<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Outcome {
        let manager = &self.middleware.manager;
        let head = || Head::of(&(request.uri(), request.headers(), Some(request.scheme())), manager);
        let arrival = manager.arrive(head);
        let session = arrival.session.clone();
        let Served { answer, committed, body } = arrival.serve(self.respond(request), status).await;
        // A nested request keeps its error, too: whoever it was passed on by may know its type.
        let Some(Committed { edits, error, .. }) = committed else { return answer };
        let mut response = match error.map_or(answer, |failed| Err(failed.into())) {
            Ok(response) if edits.is_empty() => return Ok(response),
            Ok(response) => with_session(response, body),
            Err(error) => match (error.downcast_ref(), &self.middleware.on_error) {
                (Some(ours), Some(on_error)) => {
                    events::failed(ours);
                    on_error(ours)
                }
                _ if edits.is_empty() => return Err(error),
                // Its page may show the session.
                _ => with_session(session.enter(|| error.into_response()), body),
            },
        };
        edits.apply(response.headers_mut());
        Ok(response)
    }
}

impl<E: Endpoint> SessionEndpoint<E> {
    async fn respond(&self, request: Request) -> Outcome {
        if self.middleware.preloads {
            load().await?;
        }
        // What is rendered here may look at the session.
        self.inner.call(request).await.map(IntoResponse::into_response)
    }
}

/// The status that will be answered.
fn status(outcome: &Outcome) -> Option<u16> {
    Some(match outcome {
        Ok(response) => response.status().as_u16(),
        Err(error) => error.status().as_u16(),
    })
}

fn with_session(mut response: Response, session: BodySession) -> Response {
    // What goes on after an upgrade is a conversation, which saves what it changes itself.
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        let body: BoxBody<_, _> = response.take_body().into();
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| match error.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(error) => io::Error::other(error),
        };
        response.set_body(Body::from(SessionBody::new(body, session).map_err(failed).boxed()));
    }
    response
}

impl fmt::Debug for SessionMiddleware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionMiddleware").field("manager", &self.manager).finish_non_exhaustive()
    }
}

impl<E> fmt::Debug for SessionEndpoint<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionEndpoint").field("middleware", &self.middleware).finish_non_exhaustive()
    }
}
