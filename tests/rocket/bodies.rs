//! Bodies that go on after the head.

use cloakroom::Session;
use rocket::fs::NamedFile;
use rocket::futures::stream::{self, StreamExt};
use rocket::http::Status;
use rocket::response::stream::TextStream;
use rocket::{get, routes};

use crate::{client, cookie, failing, quiet, sessions, stored, text, value, visit, with};

#[get("/stream")]
fn streamed(session: Session) -> TextStream<impl stream::Stream<Item = String>> {
    let changed = async move {
        rocket::tokio::task::yield_now().await;
        assert!(Session::current().is_ok(), "the body runs with the session");
        session.set("streamed", 1).map_or_else(|error| error.kind().to_string(), |()| "done".to_owned())
    };
    TextStream(stream::iter(["head ".to_owned()]).chain(stream::once(changed)))
}

#[get("/sized")]
fn sized(session: Session) -> cloakroom::Result<String> {
    Ok(format!("visits {}", session.get::<u32>("visits")?.unwrap_or(0)))
}

#[get("/file")]
async fn file(_session: Session) -> Option<NamedFile> {
    NamedFile::open(rocket::fs::relative!("docs/guide/stores.md")).await.ok()
}

// behaviours 79 and 80
#[tokio::test]
async fn a_body_saves_what_it_changes_when_it_ends() {
    let sessions = sessions();
    let routes = sessions.routes(routes![visit, value, streamed]);
    let client = client(quiet().attach(sessions.fairing()).mount("/", routes)).await;
    assert_eq!(text(client.get("/stream").dispatch().await).await, "head needs_cookie");
    let cookie = cookie(&client.get("/").dispatch().await).expect("a cookie");
    assert_eq!(text(with(client.get("/stream"), &cookie).dispatch().await).await, "head done");
    assert_eq!(stored(&client, &cookie, "streamed").await, "1");
}

/// So that their answers say how long they are.
#[tokio::test]
async fn bodies_of_known_size_stay_as_they_are() {
    let sessions = sessions();
    let routes = sessions.routes(routes![visit, sized, file]);
    let client = client(quiet().attach(sessions.fairing()).mount("/", routes)).await;
    let cookie = cookie(&client.get("/").dispatch().await).expect("a cookie");
    let response = with(client.get("/sized"), &cookie).dispatch().await;
    assert_eq!(response.body().preset_size(), Some("visits 1".len()));
    let response = with(client.get("/file"), &cookie).dispatch().await;
    assert_eq!(response.headers().get_one("vary"), Some("Cookie"));
    let size = response.body().preset_size().expect("a size");
    assert_eq!(text(response).await.len(), size);
}

// behaviour 104
#[tokio::test]
async fn a_body_whose_changes_cannot_be_saved_is_cut_off() {
    let (store, sessions) = failing();
    let routes = sessions.routes(routes![visit, value, streamed]);
    let client = client(quiet().attach(sessions.fairing()).mount("/", routes)).await;
    let cookie = cookie(&client.get("/").dispatch().await).expect("a cookie");
    let response = with(client.get("/stream"), &cookie).dispatch().await;
    assert_eq!(response.status(), Status::Ok, "the head is on its way");
    store.go_away();
    assert_eq!(response.into_string().await, None);
}

/// As Rocket does with the body of a client that is gone.
#[tokio::test]
async fn a_body_that_is_dropped_saves_what_it_changed() {
    use rocket::tokio::io::AsyncReadExt;

    let sessions = sessions();
    let routes = sessions.routes(routes![visit, value, streamed]);
    let client = client(quiet().attach(sessions.fairing()).mount("/", routes)).await;
    let cookie = cookie(&client.get("/").dispatch().await).expect("a cookie");
    let mut response = with(client.get("/stream"), &cookie).dispatch().await;
    let mut all = [0; "head done".len()];
    response.read_exact(&mut all).await.expect("a body");
    assert_eq!(stored(&client, &cookie, "streamed").await, "none", "it has not ended");
    drop(response);
    while stored(&client, &cookie, "streamed").await != "1" {
        rocket::tokio::task::yield_now().await;
    }
}
