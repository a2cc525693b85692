//! Sessions on Poem 3: [`SessionMiddleware`], `Session` as an extractor, `Error` as a response.
//!
//! Where Poem is not as other frameworks:
//!
//! - The middleware that is added last, by the last `.with(..)`, is the outermost. What should see the session, and what
//!   turns errors into responses (`catch_error`, `catch_all_error`), is added before
//!   [`SessionManager::poem_middleware`].
//! - Poem makes a response of an error as far out as it can, and has no place in an error for a header of that response.
//!   Inside of the outermost session middleware every error keeps its type. Out of it comes the error as it is where the
//!   session has nothing to say, and otherwise the error's response with the session's headers: an error that went on
//!   without them would lose a new session, and sign out whoever got a new ticket. Where an error has to keep its type
//!   beyond a session middleware, as in a nested application, add the middleware once more outside of what catches the
//!   error. The outermost one commits.
//! - `Option<Session>` and `poem::Result<Session>` are Poem's own extractors. The first makes nothing of every error, an
//!   outage too.
//! - A panic closes the connection, unless `CatchPanic` is added after the session middleware, outside of it. What the
//!   request changed is discarded in both cases.
//! - What runs in a task of its own, as the handler of a WebSocket does, takes the session along:
//!   `session.clone().scope(future)`.

mod middleware;
mod preload;
mod session;

pub use middleware::{SessionEndpoint, SessionMiddleware};
pub use preload::{Preload, PreloadEndpoint, preload};

use crate::manager::SessionManager;

impl SessionManager {
    /// The middleware that gives every request of a Poem application its session.
    ///
    /// ```
    /// use cloakroom::{MemoryStore, SessionManager};
    /// use poem::{EndpointExt, Route, get, handler};
    ///
    /// #[handler]
    /// fn hello() -> &'static str {
    ///     "hello"
    /// }
    ///
    /// let sessions = SessionManager::new(MemoryStore::new());
    /// let app = Route::new().at("/", get(hello)).with(sessions.poem_middleware());
    /// ```
    pub fn poem_middleware(&self) -> SessionMiddleware {
        SessionMiddleware::new(self.clone())
    }
}
