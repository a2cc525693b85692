//! Sessions on Salvo 1: [`SessionHoop`], `Session` as an extractor, `Error` as a response. Salvo needs Rust 1.95.
//!
//! Where Salvo is not as other frameworks:
//!
//! - Hoops run in the order in which they are added. What should see the session is added after
//!   [`SessionManager::hoop`], or on a router within. The hoop of a `Router` sees the requests that match a route of it, that
//!   of a `Service` every request.
//! - A handler without extractors, of the trait `Handler`, takes [`Session::current`](crate::Session::current), and
//!   [loads](crate::Session::load) it. So does one that goes on where the session cannot be loaded: Salvo's macro knows no
//!   `Result` and no `Option` as an extractor.
//! - A catcher makes the page of an error whose response has no body, after all hoops. It has no session: what it shows of
//!   one has to be in the `Depot`, or be rendered by a hoop that is added after that of the session.
//! - Cookies that the application puts into Salvo's own jar go out even if the commit fails and its response is replaced.
//! - A panic closes the connection, unless `CatchPanic` is added before the session's hoop. What the request changed is
//!   discarded in both cases.
//! - What runs in a task of its own, as the handler of a WebSocket does, takes the session along:
//!   `session.clone().scope(future)`.

mod hoop;
mod preload;
mod session;

pub use hoop::SessionHoop;
pub use preload::{Preload, preload};

use crate::manager::SessionManager;

impl SessionManager {
    /// The hoop that gives every request of a Salvo router or service its session.
    ///
    /// ```
    /// use cloakroom::{MemoryStore, SessionManager};
    /// use salvo::prelude::*;
    ///
    /// #[handler]
    /// async fn hello() -> &'static str {
    ///     "hello"
    /// }
    ///
    /// let sessions = SessionManager::new(MemoryStore::new());
    /// let app = Router::new().hoop(sessions.hoop()).get(hello);
    /// ```
    pub fn hoop(&self) -> SessionHoop {
        SessionHoop::new(self.clone())
    }
}
