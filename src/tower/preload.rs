//! Loads the session before the handler runs.

use std::task::{Context, Poll};

use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use crate::adapter::{ErrorAnswer, SessionBody};
use crate::session::Session;
use crate::store::BoxFuture;

/// Loads the session of every request that passes, for routes whose models or templates use it without the handler
/// asking for it. It goes inside of the [session layer](super::SessionLayer).
///
/// ```
/// use axum::{Router, routing::get};
/// # use cloakroom::{MemoryStore, SessionManager};
/// # let sessions = SessionManager::new(MemoryStore::new());
/// let app: Router = Router::new()
///     .route("/account", get(|| async { "a page whose template says who is signed in" }))
///     .route_layer(cloakroom::tower::preload())
///     .layer(sessions.layer());
/// ```
pub fn preload() -> PreloadLayer {
    PreloadLayer(())
}

/// The layer of [`preload`].
#[derive(Debug, Clone, Copy)]
pub struct PreloadLayer(());

impl<S> Layer<S> for PreloadLayer {
    type Service = PreloadService<S>;

    fn layer(&self, inner: S) -> PreloadService<S> {
        PreloadService(inner)
    }
}

/// The service of [`preload`].
#[derive(Debug, Clone)]
pub struct PreloadService<S>(S);

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for PreloadService<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone + Send + 'static,
    S::Future: Send,
    ReqBody: Send + 'static,
{
    type Response = Response<SessionBody<ResBody>>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        // The clone is not ready; the one that is takes the request.
        let clone = self.0.clone();
        let mut ready = std::mem::replace(&mut self.0, clone);
        Box::pin(async move {
            let loaded = match Session::current() {
                Ok(session) => session.load().await,
                Err(error) => Err(error),
            };
            match loaded {
                Ok(()) => Ok(ready.call(request).await?.map(SessionBody::plain)),
                Err(error) => Ok(Response::from(ErrorAnswer::new(error)).map(SessionBody::text)),
            }
        })
    }
}
