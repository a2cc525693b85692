//! tower-sessions in its version before the newest, for its store on Redis.

use axum::Router;
use axum::routing::get;
use tower_sessions_0_14::{Session, SessionManagerLayer};
use tower_sessions_redis_store::RedisStore;
use tower_sessions_redis_store::fred::prelude::{ClientLike, Config, Pool};

use super::axum::Axum;
use super::{AXUM, Contender};
use crate::work::{COUNTER, EMAIL, VALUES};

pub(super) fn redis(url: String) -> Contender {
    let app = async move || {
        let pool = Pool::new(Config::from_url(&url).expect("an address"), None, None, None, 6).expect("a pool");
        // Goes on in a task of its own.
        drop(pool.connect());
        pool.wait_for_connect().await.expect("a server");
        handlers().layer(SessionManagerLayer::new(RedisStore::new(pool)))
    };
    Contender::new("tower-sessions-0.14", "redis", AXUM, Axum(app))
}

type Result<T> = std::result::Result<T, String>;

fn told(error: tower_sessions_0_14::session::Error) -> String {
    error.to_string()
}

fn handlers() -> Router {
    Router::new()
        .route("/untouched", get(|| async { "ok" }))
        .route("/read", get(read))
        .route("/write", get(write))
        .route("/fill", get(fill))
}

async fn read(session: Session) -> Result<String> {
    Ok(session.get(EMAIL.0).await.map_err(told)?.unwrap_or_default())
}

async fn write(session: Session) -> Result<String> {
    let count = session.get::<u64>(COUNTER).await.map_err(told)?.unwrap_or(0) + 1;
    session.insert(COUNTER, count).await.map_err(told)?;
    Ok(count.to_string())
}

async fn fill(session: Session) -> Result<&'static str> {
    for (key, value) in VALUES {
        session.insert(key, value).await.map_err(told)?;
    }
    Ok("ok")
}
