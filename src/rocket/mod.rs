//! Sessions on Rocket: a fairing that commits, routes and catchers that run with the session, a request guard, and
//! [`Error`](crate::Error) as a responder.
//!
//! ```
//! use cloakroom::{MemoryStore, Session, SessionManager};
//! use rocket::{get, launch, routes};
//!
//! #[launch]
//! fn rocket() -> _ {
//!     let sessions = SessionManager::new(MemoryStore::new());
//!     rocket::build().attach(sessions.fairing()).mount("/", sessions.routes(routes![home]))
//! }
//!
//! #[get("/")]
//! fn home(session: Session) -> cloakroom::Result<String> {
//!     let visits = session.update("visits", |n: Option<u32>| n.unwrap_or(0) + 1)?;
//!     Ok(format!("visit {visits}"))
//! }
//! ```
//!
//! Rocket's fairings cannot wrap a handler, so the routes and catchers are wrapped where they are mounted. Both parts are
//! needed: without the fairing launch is aborted if a handler takes a `Session`, and without either there is no session, so
//! that the guard and `Session::current()` fail. All say in the log what to add. A route that is not wrapped, as those of a
//! [`FileServer`](rocket::fs::FileServer), has no session and costs nothing.
//!
//! # What Rocket does in its own way
//!
//! - **Guards.** `Session` fails with the status of its error, as Rocket's guards do. `cloakroom::Result<Session>` decides
//!   in the handler. `Option<Session>` is Rocket's, and is `None` after any failure, an outage too: it is for handlers that
//!   serve with and without sessions, and not to tell who is signed in.
//! - **Errors.** What a session error is answered with is chosen by [`on_error`](SessionFairing::on_error), or else by the
//!   application's catcher for its status, or else it is the line of text that is the same on every framework.
//! - **Panics.** Rocket makes a 500 of them. What the handler changed is discarded, and a catcher gets the session as it was
//!   before.
//! - **Forwards, `HEAD` and catchers.** All handlers that a request passes, however often it is routed, have one session,
//!   and it is committed once, with the response that is sent.
//! - **Bodies.** A streamed body runs with its session. What it changes is saved when it ends, but if that fails, Rocket
//!   hides it: the client sees a body that ended well. A body whose changes matter says `save().await?` before its last
//!   part. A body of known size (an `AsyncSeek`) is sent as it is, and its changes count only if it saves them.
//! - **WebSockets.** Their handler runs after the response, outside of any scope: give it the session, as in
//!   `ws.channel(|stream| Box::pin(session.scope(talk(stream))))`.
//! - **Fairings** run outside of the routes, and have no [`Session::current`](crate::Session::current). A response fairing
//!   that is attached before this one has its headers replaced with the response if the commit fails, apart from those of
//!   Rocket's [`Shield`](rocket::shield::Shield).
//! - **Tests.** Rocket's local client keeps the session's cookie if it is [`tracked`](rocket::local::asynchronous::Client::tracked).
//! - **Logs.** Rocket at the log level `debug` writes every header, tickets included. Keep that level to your own machine.

mod body;
mod failure;
mod fairing;
mod guard;
mod head;
mod visit;
mod wrapped;

pub use fairing::SessionFairing;
pub use wrapped::{SessionCatchers, SessionRoutes};

use rocket::{Catcher, Route};

use crate::manager::SessionManager;

impl SessionManager {
    /// The fairing that commits the session with every response.
    ///
    /// ```
    /// # use cloakroom::{MemoryStore, SessionManager};
    /// let sessions = SessionManager::new(MemoryStore::new());
    /// let rocket = rocket::build().attach(sessions.fairing());
    /// ```
    pub fn fairing(&self) -> SessionFairing {
        SessionFairing::new(self.clone())
    }

    /// Gives these routes the session: what `mount` takes.
    ///
    /// ```
    /// # use cloakroom::{MemoryStore, Session, SessionManager};
    /// use rocket::{get, routes};
    ///
    /// #[get("/")]
    /// fn home(session: Session) -> cloakroom::Result<String> {
    ///     Ok(session.get("name")?.unwrap_or_default())
    /// }
    ///
    /// let sessions = SessionManager::new(MemoryStore::new());
    /// let rocket = rocket::build().attach(sessions.fairing()).mount("/", sessions.routes(routes![home]));
    /// ```
    pub fn routes(&self, routes: impl Into<Vec<Route>>) -> SessionRoutes {
        SessionRoutes::new(self.clone(), routes.into())
    }

    /// Gives these catchers the session: what `register` takes.
    ///
    /// ```
    /// # use cloakroom::{MemoryStore, Session, SessionManager};
    /// use rocket::{Request, catch, catchers};
    ///
    /// #[catch(404)]
    /// async fn not_found(request: &Request<'_>) -> cloakroom::Result<String> {
    ///     let session = Session::current()?;
    ///     session.load().await?;
    ///     let name = session.user()?.unwrap_or_else(|| "stranger".into());
    ///     Ok(format!("There is no {}, {name}.", request.uri()))
    /// }
    ///
    /// let sessions = SessionManager::new(MemoryStore::new());
    /// let rocket = rocket::build().attach(sessions.fairing()).register("/", sessions.catchers(catchers![not_found]));
    /// ```
    pub fn catchers(&self, catchers: impl Into<Vec<Catcher>>) -> SessionCatchers {
        SessionCatchers::new(self.clone(), catchers.into())
    }
}
