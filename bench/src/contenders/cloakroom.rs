//! cloakroom, on both frameworks.

use actix_web::{App, web};
use axum::Router;
use axum::routing::get;
use cloakroom::{CookieStore, FileStore, MemoryStore, RedisStore, Result, Secrets, Session, SessionManager};

use super::actix::Actix;
use super::axum::Axum;
use super::{ACTIX, AXUM, Contender, database};
use crate::work::{COUNTER, EMAIL, VALUES};

/// Where it keeps sessions.
#[derive(Debug, Clone)]
pub(super) enum Kept {
    Memory,
    Cookie,
    File,
    Redis(String),
}

impl Kept {
    const fn name(&self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Cookie => "cookie",
            Self::File => "file",
            Self::Redis(_) => "redis",
        }
    }

    async fn sessions(&self) -> SessionManager {
        match self {
            Self::Memory => SessionManager::new(MemoryStore::with_limit(10_000_000)),
            Self::Cookie => SessionManager::new(CookieStore::new(Secrets::random_for_development())),
            Self::File => SessionManager::new(FileStore::open(database()).await.expect("a file")),
            Self::Redis(url) => SessionManager::new(RedisStore::connect(url).await.expect("a server")),
        }
    }
}

pub(super) fn on_axum(kept: Kept) -> Contender {
    let store = kept.name();
    let app = async move || app(&kept.sessions().await);
    Contender::new("cloakroom-axum", store, AXUM, Axum(app))
}

pub(super) fn on_actix(kept: Kept) -> Contender {
    let store = kept.name();
    let prepare = async move || {
        let sessions = kept.sessions().await;
        move || App::new().configure(routes).wrap(sessions.middleware())
    };
    Contender::new("cloakroom-actix", store, ACTIX, Actix(prepare).into_application())
}

pub(crate) fn app(sessions: &SessionManager) -> Router {
    Router::new()
        .route("/untouched", get(|| async { "ok" }))
        .route("/read", get(read))
        .route("/write", get(write))
        .route("/fill", get(fill))
        .layer(sessions.layer())
}

fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/untouched", web::get().to(|| async { "ok" }))
        .route("/read", web::get().to(read))
        .route("/write", web::get().to(write))
        .route("/fill", web::get().to(fill));
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
