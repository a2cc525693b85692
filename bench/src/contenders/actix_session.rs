//! actix-session.

use actix_session::storage::{CookieSessionStore, RedisSessionStore};
use actix_session::{Session, SessionMiddleware};
use actix_web::cookie::Key;
use actix_web::{App, Result, web};

use super::actix::Actix;
use super::{ACTIX, Contender};
use crate::work::{COUNTER, EMAIL, VALUES};

const WHO: &str = "actix-session";

pub(super) fn cookie() -> Contender {
    let key = Key::generate();
    let prepare = async move || {
        let key = key.clone();
        move || App::new().configure(handlers).wrap(SessionMiddleware::new(CookieSessionStore::default(), key.clone()))
    };
    Contender::new(WHO, "cookie", ACTIX, Actix(prepare).into_application())
}

pub(super) fn redis(url: String) -> Contender {
    let key = Key::generate();
    let prepare = async move || {
        let (key, store) = (key.clone(), RedisSessionStore::new(url.clone()).await.expect("a server"));
        move || App::new().configure(handlers).wrap(SessionMiddleware::new(store.clone(), key.clone()))
    };
    Contender::new(WHO, "redis", ACTIX, Actix(prepare).into_application())
}

fn handlers(config: &mut web::ServiceConfig) {
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
    let count = session.get::<u64>(COUNTER)?.unwrap_or(0) + 1;
    session.insert(COUNTER, count)?;
    Ok(count.to_string())
}

async fn fill(session: Session) -> Result<&'static str> {
    for (key, value) in VALUES {
        session.insert(key, value)?;
    }
    Ok("ok")
}
