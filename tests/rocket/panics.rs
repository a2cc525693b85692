//! Panics, which Rocket turns into a 500.

use cloakroom::Session;
use rocket::http::Status;
use rocket::{catch, catchers, get, routes};

use crate::{client, cookie, quiet, sessions, stored, text, value, visit, with};

#[get("/panic")]
fn panics(session: Session) -> &'static str {
    session.set("visits", 100).expect("it can be set");
    panic!("the test asked for a panic")
}

/// No session is in hand when it panics.
#[get("/deep-panic")]
async fn deep(_session: Session) -> &'static str {
    drop(_session);
    rocket::tokio::task::yield_now().await;
    Session::current().and_then(|session| session.set("visits", 100)).expect("it can be set");
    panic!("the test asked for a panic")
}

#[catch(500)]
async fn sorry() -> cloakroom::Result<String> {
    let session = Session::current()?;
    session.load().await?;
    session.set("sorry", 1)?;
    Ok(format!("sorry, {:?}", session.get::<u32>("visits")?))
}

// behaviour 99
#[tokio::test]
async fn a_panic_discards_what_the_handler_changed() {
    let sessions = sessions();
    let routes = sessions.routes(routes![visit, value, panics, deep]);
    let client = client(quiet().attach(sessions.fairing()).mount("/", routes)).await;
    let cookie = cookie(&client.get("/").dispatch().await).expect("a cookie");
    for path in ["/panic", "/deep-panic"] {
        let response = with(client.get(path), &cookie).dispatch().await;
        assert_eq!(response.status(), Status::InternalServerError);
        assert_eq!(stored(&client, &cookie, "visits").await, "1", "{path}");
        let stranger = client.get(path).dispatch().await;
        assert_eq!(stranger.headers().get_one("set-cookie"), None, "{path}");
    }
    assert_eq!(sessions.count().await.expect("counts"), 1);
}

#[tokio::test]
async fn after_a_panic_a_catcher_has_the_session_as_it_was() {
    let sessions = sessions();
    let rocket = quiet()
        .attach(sessions.fairing())
        .mount("/", sessions.routes(routes![visit, value, panics, deep]))
        .register("/", sessions.catchers(catchers![sorry]));
    let client = client(rocket).await;
    let cookie = cookie(&client.get("/").dispatch().await).expect("a cookie");
    for path in ["/panic", "/deep-panic"] {
        assert_eq!(text(with(client.get(path), &cookie).dispatch().await).await, "sorry, Some(1)", "{path}");
    }
    assert_eq!(stored(&client, &cookie, "visits").await, "1");
    assert_eq!(stored(&client, &cookie, "sorry").await, "1");
}
