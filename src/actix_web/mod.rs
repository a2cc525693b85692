//! Sessions on actix-web 4: [`SessionMiddleware`], `Session` as an extractor, `Error` as a response.
//!
//! Where actix-web is not as other frameworks:
//!
//! - Of the middlewares of an `App`, the one that is wrapped last is the outermost. What should see the session is wrapped
//!   before [`SessionManager::middleware`].
//! - `Option<Session>` is actix-web's own extractor, which makes nothing of every error, an outage too. Take
//!   `cloakroom::Result<Session>` instead.
//! - It catches no panic: the connection is closed, and what its request changed is discarded.
//! - What runs in a task of its own, as the handler of a WebSocket does, takes the session along:
//!   `actix_web::rt::spawn(session.clone().scope(future))`.
//! - A commit whose client hung up goes on in a task of its worker. A worker that is stopped drops its tasks, as the end of
//!   the process does elsewhere. A commit that is cut off there is one that a crash interrupts, after which a session opens
//!   as it was before, or as it is after.

mod body;
mod future;
mod head;
mod middleware;
mod preload;
mod session;

pub use body::SessionBody;
pub use future::SessionFuture;
pub use middleware::{SessionMiddleware, SessionService};
pub use preload::{Preload, PreloadService, preload};
pub use session::Loading;

use crate::manager::SessionManager;

impl SessionManager {
    /// The middleware that gives every request of an actix-web application its session. Make the manager outside of the
    /// closure of `HttpServer::new`, which runs once for each worker: workers share one manager.
    ///
    /// ```
    /// use actix_web::{App, HttpServer, web};
    /// use cloakroom::{MemoryStore, SessionManager};
    ///
    /// let sessions = SessionManager::new(MemoryStore::new());
    /// let server = HttpServer::new(move || {
    ///     App::new().route("/", web::get().to(async || "hello")).wrap(sessions.middleware())
    /// });
    /// ```
    pub fn middleware(&self) -> SessionMiddleware {
        SessionMiddleware::new(self.clone())
    }
}
