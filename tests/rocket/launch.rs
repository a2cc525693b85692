//! What is said to an application that forgot a part.

use cloakroom::{ErrorKind, Session};
use rocket::http::Status;
use rocket::local::asynchronous::Client;
use rocket::{get, routes};

use crate::{client, quiet, sessions, text, visit};

#[get("/model")]
async fn model() -> cloakroom::Result<&'static str> {
    let session = Session::current()?;
    session.load().await?;
    session.set("a", 1)?;
    Ok("kept")
}

#[get("/mistake")]
fn mistake(session: cloakroom::Result<Session>) -> String {
    match session {
        Ok(_) => "a session".to_owned(),
        Err(error) => format!("{}: {error}", error.kind()),
    }
}

#[get("/optional")]
fn optional(session: Option<Session>) -> &'static str {
    if session.is_some() { "some" } else { "none" }
}

#[tokio::test]
async fn a_missing_fairing_aborts_launch() {
    let rocket = quiet().mount("/", sessions().routes(routes![visit]));
    let error = Client::untracked(rocket).await.expect_err("no launch");
    let rocket::error::ErrorKind::SentinelAborts(aborts) = error.kind() else { panic!("{error:?}") };
    assert!(aborts.iter().all(|sentry| sentry.type_name.ends_with("Session")), "{aborts:?}");
}

/// A route whose model alone uses the session would lose what it sets, and only when it runs can be known.
#[tokio::test]
async fn without_a_fairing_no_route_pretends_to_keep_anything() {
    let client = client(quiet().mount("/", sessions().routes(routes![model]))).await;
    assert_eq!(client.get("/model").dispatch().await.status(), Status::InternalServerError);
}

#[tokio::test]
async fn a_route_that_is_not_wrapped_is_told_how_to_be() {
    let client =
        client(quiet().attach(sessions().fairing()).mount("/", routes![visit, mistake, optional, model])).await;
    assert_eq!(client.get("/").dispatch().await.status(), Status::InternalServerError);
    let said = text(client.get("/mistake").dispatch().await).await;
    assert!(said.starts_with(ErrorKind::NotLoaded.as_str()) && said.contains("sessions.routes(routes!["), "{said}");
    assert_eq!(text(client.get("/optional").dispatch().await).await, "none");
    assert_eq!(client.get("/model").dispatch().await.status(), Status::InternalServerError);
}

#[tokio::test]
async fn a_wrapped_route_has_a_session() {
    let sessions = sessions();
    let routes = sessions.routes(routes![mistake, optional, model]);
    let client = client(quiet().attach(sessions.fairing()).mount("/", routes)).await;
    assert_eq!(text(client.get("/mistake").dispatch().await).await, "a session");
    assert_eq!(text(client.get("/optional").dispatch().await).await, "some");
    assert_eq!(text(client.get("/model").dispatch().await).await, "kept");
    assert_eq!(sessions.count().await.expect("counts"), 1);
}
