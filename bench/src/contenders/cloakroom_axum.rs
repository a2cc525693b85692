//! cloakroom on axum.

use axum::Router;
use axum::routing::get;
use cloakroom::{CookieStore, MemoryStore, Result, Secrets, Session, SessionManager};

use super::axum::Axum;
use super::{AXUM, Contender};
use crate::work::{COUNTER, EMAIL, VALUES};

const WHO: &str = "cloakroom-axum";

pub(super) fn memory() -> Contender {
    let sessions = || SessionManager::new(MemoryStore::with_limit(10_000_000));
    Contender::new(WHO, "memory", AXUM, Axum(move || app(&sessions())))
}

pub(super) fn cookie() -> Contender {
    let sessions = || SessionManager::new(CookieStore::new(Secrets::random_for_development()));
    Contender::new(WHO, "cookie", AXUM, Axum(move || app(&sessions())))
}

pub(crate) fn app(sessions: &SessionManager) -> Router {
    Router::new()
        .route("/untouched", get(|| async { "ok" }))
        .route("/read", get(read))
        .route("/write", get(write))
        .route("/fill", get(fill))
        .layer(sessions.layer())
}

async fn read(session: Session) -> Result<String> {
    Ok(session.get(EMAIL.0)?.unwrap_or_default())
}

async fn write(session: Session) -> Result<String> {
    Ok(session.update(COUNTER, |n: Option<u64>| n.unwrap_or(0) + 1)?.to_string())
}

async fn fill(session: Session) -> Result<&'static str> {
    for (key, value) in VALUES {
        session.set(key, value)?;
    }
    Ok("ok")
}
