//! The layer.

use std::fmt;
use std::sync::Arc;

use http::Response;
use tower_layer::{Layer, Stack};

use super::{PreloadLayer, SessionService, preload};
use crate::error::Error;
use crate::manager::SessionManager;

/// How an application answers where its sessions fail.
pub(super) type OnError = Arc<dyn Fn(&Error) -> Response<String> + Send + Sync>;

/// Gives every request its session, and commits it when the head of the response is ready:
/// [`SessionManager::layer`](SessionManager::layer).
///
/// ```
/// use axum::{Router, routing::get};
/// use cloakroom::tower::SessionLayer;
///
/// fn app(sessions: SessionLayer) -> Router {
///     Router::new().route("/", get(async || "hello")).layer(sessions)
/// }
/// ```
#[derive(Clone)]
pub struct SessionLayer {
    manager: SessionManager,
    on_error: Option<OnError>,
}

impl SessionLayer {
    pub(super) fn new(manager: SessionManager) -> Self {
        Self { manager, on_error: None }
    }

    /// Answers in the application's own way where the session fails: when it cannot be loaded, when it cannot be
    /// committed, and when a handler answers an [`Error`] of ours. Without it the answer is the status of the error and a
    /// line of plain text that tells nothing of the application.
    ///
    /// ```
    /// # use cloakroom::{MemoryStore, SessionManager};
    /// # let sessions = SessionManager::new(MemoryStore::new());
    /// let layer = sessions.layer().on_error(|error| {
    ///     let mut response = http::Response::new(format!("<h1>Sorry</h1><p>{}</p>", error.kind()));
    ///     *response.status_mut() = http::StatusCode::from_u16(error.status()).unwrap_or_default();
    ///     response
    /// });
    /// ```
    #[must_use]
    pub fn on_error(mut self, answer: impl Fn(&Error) -> Response<String> + Send + Sync + 'static) -> Self {
        self.on_error = Some(Arc::new(answer));
        self
    }

    /// Loads the session of every request before its handler runs, so that models and templates find it without any
    /// handler having asked for it. It costs a look-up for every request that brings a ticket; [`preload`] does it for
    /// some routes only.
    ///
    /// ```
    /// # use cloakroom::{MemoryStore, SessionManager};
    /// # let sessions = SessionManager::new(MemoryStore::new());
    /// let app: axum::Router = axum::Router::new().layer(sessions.layer().preload());
    /// ```
    #[must_use]
    pub fn preload(self) -> Stack<PreloadLayer, Self> {
        Stack::new(preload(), self)
    }
}

impl<S> Layer<S> for SessionLayer {
    type Service = SessionService<S>;

    fn layer(&self, inner: S) -> SessionService<S> {
        SessionService::new(inner, self.manager.clone(), self.on_error.clone())
    }
}

impl fmt::Debug for SessionLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionLayer").field("manager", &self.manager).finish_non_exhaustive()
    }
}
