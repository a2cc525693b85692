//! Sessions on Rocket, in process: what a client over HTTP cannot see.

mod bodies;
mod errors;
mod launch;
mod panics;
mod requests;
mod sharing;
mod users;

use cloakroom::testing::FaultStore;
use cloakroom::{MemoryStore, Session, SessionManager};
use rocket::config::LogLevel;
use rocket::http::Header;
use rocket::local::asynchronous::{Client, LocalRequest, LocalResponse};
use rocket::{Build, Config, Rocket, get};

/// A Rocket that tells nothing.
fn quiet() -> Rocket<Build> {
    let base = Config { log_level: LogLevel::Off, ..Config::debug_default() };
    rocket::custom(Config { port: 0, ..base })
}

fn sessions() -> SessionManager {
    SessionManager::new(MemoryStore::new())
}

/// Sessions on a store that can be told to fail.
fn failing() -> (FaultStore<MemoryStore>, SessionManager) {
    let store = FaultStore::new(MemoryStore::new());
    (store.clone(), SessionManager::new(store))
}

async fn client(rocket: Rocket<Build>) -> Client {
    Client::untracked(rocket).await.expect("it launches")
}

/// The cookie of a response as the next request sends it.
fn cookie(response: &LocalResponse<'_>) -> Option<String> {
    let header = response.headers().get_one("set-cookie")?;
    Some(header.split(';').next()?.to_owned())
}

/// A request with a cookie in its header, as browsers send it.
fn with<'c>(request: LocalRequest<'c>, cookie: &str) -> LocalRequest<'c> {
    request.header(Header::new("Cookie", cookie.to_owned()))
}

async fn text(response: LocalResponse<'_>) -> String {
    response.into_string().await.expect("a body")
}

/// What another request sees.
async fn stored(client: &Client, cookie: &str, key: &str) -> String {
    text(with(client.get(format!("/value/{key}")), cookie).dispatch().await).await
}

#[get("/")]
fn visit(session: Session) -> cloakroom::Result<String> {
    let visits = session.update("visits", |n: Option<u32>| n.unwrap_or(0) + 1)?;
    Ok(format!("visit {visits}"))
}

#[get("/value/<key>")]
fn value(session: Session, key: &str) -> cloakroom::Result<String> {
    Ok(session.get::<u32>(key)?.map_or("none".to_owned(), |value| value.to_string()))
}
