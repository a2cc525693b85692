//! Loads the session before the handler runs.

use std::fmt;

use poem::{Endpoint, Middleware, Request};

use crate::error::Result;
use crate::session::Session;

/// Loads the session of every request that passes, for routes whose models or templates use it without the handler
/// asking for it. It goes inside of the [session middleware](super::SessionMiddleware).
///
/// ```
/// use poem::{EndpointExt, Route, endpoint::make_sync};
/// # use cloakroom::{MemoryStore, SessionManager};
/// # let sessions = SessionManager::new(MemoryStore::new());
/// let account = make_sync(|_| "a page whose template says who is signed in").with(cloakroom::poem::preload());
/// let app = Route::new().at("/account", account).with(sessions.poem_middleware());
/// ```
pub fn preload() -> Preload {
    Preload(())
}

/// The middleware of [`preload`].
#[derive(Debug, Clone, Copy)]
pub struct Preload(());

impl<E: Endpoint> Middleware<E> for Preload {
    type Output = PreloadEndpoint<E>;

    fn transform(&self, inner: E) -> PreloadEndpoint<E> {
        PreloadEndpoint(inner)
    }
}

/// The endpoint of [`preload`].
pub struct PreloadEndpoint<E>(E);

impl<E: Endpoint> Endpoint for PreloadEndpoint<E> {
    type Output = E::Output;

    async fn call(&self, request: Request) -> poem::Result<E::Output> {
        load().await?;
        self.0.call(request).await
    }
}

/// The session of this request, loaded.
pub(super) async fn load() -> Result<Session> {
    let session = Session::current()?;
    session.load().await?;
    Ok(session)
}

impl<E> fmt::Debug for PreloadEndpoint<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreloadEndpoint").finish_non_exhaustive()
    }
}
