//! How an application answers where its sessions fail.

use std::sync::atomic::{AtomicUsize, Ordering};

use cloakroom::testing::{FaultStore, Verb};
use cloakroom::{Error, ErrorKind, MemoryStore, Session, SessionManager};
use rocket::http::Status;
use rocket::local::asynchronous::{Client, LocalResponse};
use rocket::{Build, Request, Rocket, catch, catchers, get, routes};

use crate::{client, cookie, failing, quiet, text, value, visit, with};

#[get("/busy")]
fn busy(_session: Session) -> Result<&'static str, Error> {
    Err(Error::new(ErrorKind::Conflict, "busy at 10.0.0.7"))
}

/// Goes on without its session, and says so.
#[get("/stoic")]
fn stoic(session: cloakroom::Result<Session>) -> (Status, &'static str) {
    (Status::ImATeapot, if session.is_ok() { "with" } else { "without" })
}

#[get("/plain-503")]
fn plain() -> Status {
    Status::ServiceUnavailable
}

#[catch(503)]
fn patience(status: Status, _request: &Request<'_>) -> String {
    format!("patience, {}", status.code)
}

#[catch(503)]
fn no_patience() -> &'static str {
    panic!("the test asked for a panic")
}

#[catch(default)]
fn anything(status: Status, _request: &Request<'_>) -> (Status, String) {
    (status, format!("anything, {}", status.code))
}

fn app(sessions: &SessionManager) -> Rocket<Build> {
    quiet().mount("/", sessions.routes(routes![visit, value, busy, stoic, plain]))
}

/// The answers to a load, a commit and a handler that fail.
async fn failures(client: &Client, store: &FaultStore<MemoryStore>) -> Vec<(Status, String)> {
    let cookie = cookie(&client.get("/").dispatch().await).expect("a cookie");
    let mut answers = Vec::new();
    for (path, verb) in [("/", Some(Verb::Load)), ("/", Some(Verb::Swap)), ("/busy", None)] {
        if let Some(verb) = verb {
            store.on(verb).always().fail_before();
        }
        let response = with(client.get(path), &cookie).dispatch().await;
        store.forget_faults();
        assert_eq!(response.headers().get_one("x-content-type-options"), Some("nosniff"), "{path} {verb:?}");
        assert_eq!(response.headers().get_one("server"), Some("Rocket"), "{path} {verb:?}");
        assert_eq!(response.headers().get_one("set-cookie"), None, "{path} {verb:?}");
        answers.push((response.status(), text(response).await));
    }
    assert_eq!(text(with(client.get("/value/visits"), &cookie).dispatch().await).await, "1", "nothing was kept");
    answers
}

fn all(status: Status, text: &str) -> Vec<(Status, String)> {
    vec![(status, text.to_owned()); 3]
}

// behaviours 101 and 103
#[tokio::test]
async fn the_application_chooses_how_errors_look() {
    let (store, sessions) = failing();
    let fairing = sessions.fairing().on_error(|error| (Status::ImATeapot, format!("our words for {}", error.status())));
    let client = client(app(&sessions).attach(fairing).register("/", sessions.catchers(catchers![anything]))).await;
    assert_eq!(failures(&client, &store).await, all(Status::ImATeapot, "our words for 503"));
    // What is no error of a session is none of its business.
    assert_eq!(text(client.get("/plain-503").dispatch().await).await, "anything, 503");
    store.go_away();
    let stoic = with(client.get("/stoic"), "__Host-sid=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").dispatch().await;
    assert_eq!(text(stoic).await, "without");
}

#[tokio::test]
async fn its_catchers_answer_unless_it_does() {
    let (store, sessions) = failing();
    let rocket = app(&sessions).attach(sessions.fairing());
    let client =
        client(rocket.register("/", catchers![patience, anything]).register("/busy", catchers![anything])).await;
    let answers = failures(&client, &store).await;
    assert_eq!(answers[..2], all(Status::ServiceUnavailable, "patience, 503")[..2]);
    assert_eq!(answers[2], (Status::ServiceUnavailable, "anything, 503".to_owned()), "the longest base wins");
}

/// Where a commit fails, it is not Rocket that looks for the catcher.
#[tokio::test]
async fn the_catcher_is_the_one_that_rocket_would_ask() {
    let (store, sessions) = failing();
    let rocket = app(&sessions).attach(sessions.fairing()).mount("/shop/old", sessions.routes(routes![visit]));
    let rocket = rocket.register("/", catchers![patience]).register("/shop", catchers![anything]);
    let client = client(rocket.register("/shopping", catchers![no_patience])).await;
    store.on(Verb::Create).always().fail_before();
    assert_eq!(text(client.get("/shop/old").dispatch().await).await, "anything, 503");
    assert_eq!(text(client.get("/").dispatch().await).await, "patience, 503");
}

#[tokio::test]
async fn a_catcher_is_asked_once() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    #[catch(503)]
    fn counting() -> String {
        format!("asked {}", ASKED.fetch_add(1, Ordering::Relaxed) + 1)
    }
    let (store, sessions) = failing();
    let client = client(app(&sessions).attach(sessions.fairing()).register("/", catchers![counting])).await;
    assert_eq!(text(client.get("/busy").dispatch().await).await, "asked 1");
    store.on(Verb::Create).always().fail_before();
    assert_eq!(text(client.get("/").dispatch().await).await, "asked 2");
}

#[tokio::test]
async fn without_either_a_line_says_what_kind_it_is() {
    let (store, sessions) = failing();
    let client = client(app(&sessions).attach(sessions.fairing())).await;
    let answers = failures(&client, &store).await;
    let line = |kind: &str| (Status::ServiceUnavailable, format!("session error: {kind}\n"));
    assert_eq!(answers, [line("unavailable"), line("unavailable"), line("conflict")]);
}

/// It is asked where Rocket does not catch panics.
#[tokio::test]
async fn a_catcher_that_panics_brings_nothing_down() {
    let (store, sessions) = failing();
    let client = client(app(&sessions).attach(sessions.fairing()).register("/", catchers![no_patience])).await;
    let cookie = cookie(&client.get("/").dispatch().await).expect("a cookie");
    store.on(Verb::Swap).always().fail_before();
    let response = with(client.get("/"), &cookie).dispatch().await;
    assert_eq!(response.status(), Status::ServiceUnavailable);
    assert_eq!(text(response).await, "session error: unavailable\n");
}

/// A page of an error shows who is signed in, as any other page.
#[tokio::test]
async fn a_catcher_that_is_asked_for_a_commit_has_the_session() {
    #[catch(503)]
    fn page() -> cloakroom::Result<String> {
        let session = Session::current()?;
        Ok(format!("{:?} {}", session.get::<u32>("visits")?, session.set("a", 1).is_err()))
    }
    let (store, sessions) = failing();
    let client =
        client(app(&sessions).attach(sessions.fairing()).register("/", sessions.catchers(catchers![page]))).await;
    let cookie = cookie(&client.get("/").dispatch().await).expect("a cookie");
    store.on(Verb::Swap).always().fail_before();
    let calls = store.calls(Verb::Load);
    let response: LocalResponse<'_> = with(client.get("/"), &cookie).dispatch().await;
    assert_eq!(text(response).await, "Some(1) true");
    assert_eq!(store.calls(Verb::Load), calls + 1);
}
