//! axum_session.

use std::fmt::Debug;

use axum::Router;
use axum::routing::get;
use axum_session::{DatabasePool, Key, Session, SessionConfig, SessionLayer, SessionNullPool, SessionStore};
use axum_session_redispool::SessionRedisPool;
use redis_pool::RedisPool;

use super::axum::Axum;
use super::{AXUM, Contender};
use crate::work::{COUNTER, EMAIL, VALUES};

const WHO: &str = "axum_session";

pub(super) fn memory() -> Contender {
    let app = async || app::<SessionNullPool>(None, SessionConfig::default()).await;
    Contender::new(WHO, "memory", AXUM, Axum(app))
}

/// The same with a signature on the cookie.
pub(super) fn memory_signed() -> Contender {
    let app = async || app::<SessionNullPool>(None, SessionConfig::default().with_key(Key::generate())).await;
    Contender::new("axum_session-signed", "memory", AXUM, Axum(app))
}

pub(super) fn redis(url: String) -> Contender {
    let app = async move || {
        let client = redis::Client::open(url.as_str()).expect("an address");
        let pool = RedisPool::from(client);
        app(Some(SessionRedisPool::from(pool)), SessionConfig::default()).await
    };
    Contender::new(WHO, "redis", AXUM, Axum(app))
}

/// What it asks of a database.
trait Pool: DatabasePool + Clone + Debug + Send + Sync + 'static {}

impl<P: DatabasePool + Clone + Debug + Send + Sync + 'static> Pool for P {}

async fn app<P: Pool>(pool: Option<P>, config: SessionConfig) -> Router {
    let store = SessionStore::<P>::new(pool, config).await.expect("a store");
    Router::new()
        .route("/untouched", get(|| async { "ok" }))
        .route("/read", get(read::<P>))
        .route("/write", get(write::<P>))
        .route("/fill", get(fill::<P>))
        .layer(SessionLayer::new(store))
}

async fn read<P: Pool>(session: Session<P>) -> String {
    session.get(EMAIL.0).unwrap_or_default()
}

async fn write<P: Pool>(session: Session<P>) -> String {
    let count = session.get::<u64>(COUNTER).unwrap_or(0) + 1;
    session.set(COUNTER, count);
    count.to_string()
}

async fn fill<P: Pool>(session: Session<P>) -> &'static str {
    for (key, value) in VALUES {
        session.set(key, value);
    }
    "ok"
}
