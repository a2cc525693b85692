//! tower-sessions.

use axum::Router;
use axum::routing::get;
use tower_sessions::cookie::Key;
use tower_sessions::{MemoryStore, SessionManagerLayer};
use tower_sessions_redis_store::RedisStore;
use tower_sessions_redis_store::fred::prelude::{ClientLike, Config, Pool};
use tower_sessions_rusqlite_store::{RusqliteStore, tokio_rusqlite};

use super::axum::Axum;
use super::{AXUM, Contender, database};
use crate::work::{COUNTER, EMAIL, VALUES};

const WHO: &str = "tower-sessions";

/// The handlers, for one version of the library: sessions of the two are types of their own.
macro_rules! handlers {
    ($version:ident) => {{
        use $version::Session;

        fn told(error: $version::session::Error) -> String {
            error.to_string()
        }

        async fn read(session: Session) -> Result<String, String> {
            Ok(session.get(EMAIL.0).await.map_err(told)?.unwrap_or_default())
        }

        async fn write(session: Session) -> Result<String, String> {
            let count = session.get::<u64>(COUNTER).await.map_err(told)?.unwrap_or(0) + 1;
            session.insert(COUNTER, count).await.map_err(told)?;
            Ok(count.to_string())
        }

        async fn fill(session: Session) -> Result<&'static str, String> {
            for (key, value) in VALUES {
                session.insert(key, value).await.map_err(told)?;
            }
            Ok("ok")
        }

        Router::new()
            .route("/untouched", get(|| async { "ok" }))
            .route("/read", get(read))
            .route("/write", get(write))
            .route("/fill", get(fill))
    }};
}

pub(super) fn memory() -> Contender {
    let app = async || handlers().layer(SessionManagerLayer::new(MemoryStore::default()));
    Contender::new(WHO, "memory", AXUM, Axum(app))
}

/// In a file, by the one published store for SQLite that takes the newest version.
pub(super) fn file() -> Contender {
    let app = async || {
        let connection = tokio_rusqlite::Connection::open(database()).await.expect("a file");
        let wal = connection.call(|connection| connection.pragma_update(None, "journal_mode", "wal"));
        wal.await.expect("a write-ahead log");
        let store = RusqliteStore::new(connection);
        store.migrate().await.expect("a table");
        handlers().layer(SessionManagerLayer::new(store))
    };
    Contender::new(WHO, "file", AXUM, Axum(app))
}

/// The same with a signature on the cookie.
pub(super) fn memory_signed() -> Contender {
    let app = async || handlers().layer(SessionManagerLayer::new(MemoryStore::default()).with_signed(Key::generate()));
    Contender::new("tower-sessions-signed", "memory", AXUM, Axum(app))
}

/// In Redis, for which the published store takes the version before the newest.
pub(super) fn redis(url: String) -> Contender {
    let app = async move || {
        let pool = Pool::new(Config::from_url(&url).expect("an address"), None, None, None, 6).expect("a pool");
        // Goes on in a task of its own.
        drop(pool.connect());
        pool.wait_for_connect().await.expect("a server");
        let layer = tower_sessions_0_14::SessionManagerLayer::new(RedisStore::new(pool));
        handlers!(tower_sessions_0_14).layer(layer)
    };
    Contender::new("tower-sessions-0.14", "redis", AXUM, Axum(app))
}

fn handlers() -> Router {
    handlers!(tower_sessions)
}
