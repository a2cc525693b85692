//! A page for operators: who is here, what the store does, and how to end sessions.
//!
//! It is a router that an application mounts, behind an authorisation of the application's own: it cannot be made without
//! one. It is rendered on the server, loads nothing from elsewhere, and works without scripts.
//!
//! ```
//! use axum::Router;
//! use cloakroom::operators::{self, History};
//! use cloakroom::{MemoryStore, SessionManager};
//!
//! let history = History::new();
//! let sessions = SessionManager::builder(MemoryStore::new()).observer(history.clone()).build()?;
//! let page = operators::router(&sessions, history, async |session| Ok(session.user()?.as_deref() == Some("admin")))?;
//! let app: Router = Router::new().nest("/operators", page).layer(sessions.layer());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod history;
mod page;
mod plot;
mod protection;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use ::axum::Router;
use ::axum::extract::{OriginalUri, Request, State};
use ::axum::http::{StatusCode, header};
use ::axum::middleware::{Next, from_fn, from_fn_with_state};
use ::axum::response::{IntoResponse, Response};
use ::axum::routing::{get, post};
use minijinja::Environment;

pub use history::History;

use crate::error::Result;
use crate::manager::SessionManager;
use crate::session::Session;

/// What the page works with.
#[derive(Clone)]
struct Desk {
    sessions: SessionManager,
    history: History,
    environment: Arc<Environment<'static>>,
    authorize: Authorize,
}

type Authorize = Arc<dyn Fn(Session) -> Pin<Box<dyn Future<Output = Result<bool>> + Send>> + Send + Sync>;

/// The page, to be mounted inside of a [session layer](SessionManager::layer): `.nest("/operators", page)`. It has no state, so
/// a router with one takes it after `.with_state(..)`.
///
/// `authorize` is asked for every request, with the session of whoever sends it. If it answers no, the answer is 403 and
/// tells nothing. `sessions` may be another manager than that of the layer: one application may look after another's
/// sessions.
///
/// # Errors
///
/// A template that is not well formed, which a test of this crate would notice first.
///
/// ```
/// # use cloakroom::{MemoryStore, SessionManager, operators::{self, History}};
/// # let history = History::new();
/// # let sessions = SessionManager::builder(MemoryStore::new()).observer(history.clone()).build()?;
/// let page = operators::router(&sessions, history, async |session| Ok(session.user()?.as_deref() == Some("admin")))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn router<A, F>(
    sessions: &SessionManager,
    history: History,
    authorize: A,
) -> std::result::Result<Router, minijinja::Error>
where
    A: Fn(Session) -> F + Send + Sync + 'static,
    F: Future<Output = Result<bool>> + Send + 'static,
{
    let desk = Desk {
        sessions: sessions.clone(),
        history,
        environment: Arc::new(page::environment()?),
        authorize: Arc::new(move |session| Box::pin(authorize(session))),
    };
    Ok(Router::new()
        .route("/", get(page::show))
        .route("/revoke", post(page::revoke))
        .route("/revoke-user", post(page::revoke_user))
        .route("/page.css", get(page::style))
        .route("/page.js", get(page::script))
        .layer(from_fn_with_state(desk.clone(), authorized))
        .layer(from_fn(protection::protect))
        .with_state(desk))
}

/// Lets through whom the application lets through.
async fn authorized(State(desk): State<Desk>, session: Session, request: Request, next: Next) -> Response {
    match (desk.authorize)(session).await {
        Ok(true) => next.run(request).await,
        Ok(false) => (StatusCode::FORBIDDEN, "this page is for operators\n").into_response(),
        Err(error) => error.into_response(),
    }
}

/// Where the router is mounted, without a slash at the end.
fn mount(original: &OriginalUri, inner: &str) -> String {
    let path = original.path();
    path.strip_suffix(inner).unwrap_or(path).trim_end_matches('/').to_owned()
}

/// Headers of what never changes while the program runs.
fn asset(kind: &'static str, text: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "private, max-age=300")], text)
}
