//! axum_session, without a database.

use axum::Router;
use axum::routing::get;
use axum_session::{Session, SessionConfig, SessionLayer, SessionNullPool, SessionStore};

use super::axum::Axum;
use super::{AXUM, Contender};
use crate::work::{COUNTER, EMAIL, VALUES};

type Sessions = Session<SessionNullPool>;

pub(super) fn memory() -> Contender {
    Contender::new("axum_session", "memory", AXUM, Axum(app))
}

async fn app() -> Router {
    let store = SessionStore::<SessionNullPool>::new(None, SessionConfig::default()).await.expect("a store");
    Router::new()
        .route("/untouched", get(|| async { "ok" }))
        .route("/read", get(read))
        .route("/write", get(write))
        .route("/fill", get(fill))
        .layer(SessionLayer::new(store))
}

async fn read(session: Sessions) -> String {
    session.get(EMAIL.0).unwrap_or_default()
}

async fn write(session: Sessions) -> String {
    let count = session.get::<u64>(COUNTER).unwrap_or(0) + 1;
    session.set(COUNTER, count);
    count.to_string()
}

async fn fill(session: Sessions) -> &'static str {
    for (key, value) in VALUES {
        session.set(key, value);
    }
    "ok"
}
