//! For tests of applications, of stores, and of everything between: a session with given values, a visitor of the whole
//! application, a clock that tests turn, and a store that fails on demand.
//!
//! A handler is a function, and a test calls it with a [session](session()):
//!
//! ```
//! use cloakroom::{Session, testing};
//!
//! async fn home(session: Session) -> cloakroom::Result<String> {
//!     Ok(format!("hello {}", session.user()?.as_deref().unwrap_or("stranger")))
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> cloakroom::Result<()> {
//! let session = testing::session().logged_in_as("ana").build()?;
//! assert_eq!(home(session).await?, "hello ana");
//! # Ok(()) }
//! ```
//!
//! A [`Visitor`] goes through the whole application, and a [`FakeClock`] lets a session expire meanwhile:
//!
//! ```
//! use axum::{Router, body::Body, http::Request, routing::get};
//! use cloakroom::testing::{self, FakeClock};
//! use cloakroom::{MemoryStore, Session, SessionManager};
//!
//! async fn account(session: Session) -> cloakroom::Result<Result<String, axum::http::StatusCode>> {
//!     let user = session.user()?.ok_or(axum::http::StatusCode::UNAUTHORIZED);
//!     Ok(user.map(|user| format!("account of {user}")))
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let clock = FakeClock::new();
//! let sessions = SessionManager::builder(MemoryStore::new()).clock(clock.clone()).build()?;
//! let app = Router::new().route("/account", get(account)).layer(sessions.layer());
//! let page = || Request::get("/account").body(Body::empty());
//!
//! let mut ana = testing::session().logged_in_as("ana").visitor(&sessions).await?;
//! assert_eq!(ana.send(&app, page()?).await?.status(), 200);
//! clock.advance(sessions.lifetime().idle_duration());
//! assert_eq!(ana.send(&app, page()?).await?.status(), 401);
//! # Ok(()) }
//! ```
//!
//! A [`FaultStore`] fails, delays or stops the call that a test chooses:
//!
//! ```
//! use cloakroom::testing::{FaultStore, Verb};
//! use cloakroom::{MemoryStore, SessionManager};
//!
//! let store = FaultStore::new(MemoryStore::new());
//! let sessions = SessionManager::new(store.clone());
//! store.on(Verb::Swap).nth(2).fail_after();
//! ```

mod clock;
mod fault;
#[cfg(feature = "tower")]
mod http;
mod session;
mod store;
mod visitor;

pub use clock::FakeClock;
pub use fault::{Paused, Verb, When};
pub use session::{SessionBuilder, session};
pub use store::FaultStore;
pub use visitor::{CookieChange, Visitor};

pub use crate::random::Randomness;
