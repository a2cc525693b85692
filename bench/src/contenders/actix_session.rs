//! actix-session.

use actix_session::storage::CookieSessionStore;
use actix_session::{Session, SessionMiddleware};
use actix_web::cookie::Key;
use actix_web::{App, Result, web};

use super::actix::Actix;
use super::{ACTIX, Contender};
use crate::work::{COUNTER, EMAIL, VALUES};

pub(super) fn cookie() -> Contender {
    let key = Key::generate();
    let app =
        move || App::new().configure(handlers).wrap(SessionMiddleware::new(CookieSessionStore::default(), key.clone()));
    Contender::new("actix-session", "cookie", ACTIX, Actix(app).into_application())
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
