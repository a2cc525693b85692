//! cloakroom on axum.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::routing::get;
use cloakroom::{CookieStore, FileStore, MemoryStore, RedisStore, Result, Secrets, Session, SessionManager};

use super::axum::Axum;
use super::{AXUM, Contender};
use crate::machine;
use crate::work::{COUNTER, EMAIL, VALUES};

const WHO: &str = "cloakroom-axum";

pub(super) fn memory() -> Contender {
    let app = async || app(&SessionManager::new(MemoryStore::with_limit(10_000_000)));
    Contender::new(WHO, "memory", AXUM, Axum(app))
}

pub(super) fn cookie() -> Contender {
    let app = async || app(&SessionManager::new(CookieStore::new(Secrets::random_for_development())));
    Contender::new(WHO, "cookie", AXUM, Axum(app))
}

/// A new file each time, which goes with its folder when the measures are done.
pub(super) fn file() -> Contender {
    static FILES: AtomicUsize = AtomicUsize::new(0);
    let app = async || {
        let number = FILES.fetch_add(1, Ordering::Relaxed);
        let path = machine::folder().join(format!("sessions-{}-{number}.db", std::process::id()));
        app(&SessionManager::new(FileStore::open(path).await.expect("a file")))
    };
    Contender::new(WHO, "file", AXUM, Axum(app))
}

pub(super) fn redis(url: String) -> Contender {
    let app = async move || app(&SessionManager::new(RedisStore::connect(&url).await.expect("a server")));
    Contender::new(WHO, "redis", AXUM, Axum(app))
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
