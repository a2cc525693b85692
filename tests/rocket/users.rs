//! Who may go on.

use cloakroom::{ErrorKind, FreshUser, LimitPolicy, MemoryStore, Policy, Require, Session, SessionManager, User};
use rocket::http::Status;
use rocket::response::Redirect;
use rocket::{get, post, routes, uri};

use crate::{client, cookie, quiet, text, with};

struct Editor;

impl Policy for Editor {
    fn check(session: &Session) -> cloakroom::Result<()> {
        session.require_tokens(["page.edit"]).map(drop)
    }
}

#[post("/login")]
fn login(session: Session) -> cloakroom::Result<()> {
    session.set("tokens", ["page.*"])?;
    session.login("ana")
}

#[post("/drop")]
fn drop_tokens(session: Session) -> cloakroom::Result<()> {
    session.remove("tokens").map(drop)
}

#[get("/user")]
fn user(user: User) -> String {
    user.to_string()
}

#[get("/fresh")]
fn fresh(user: FreshUser<60>) -> String {
    user.to_string()
}

#[get("/stale")]
fn stale(user: FreshUser<0>) -> String {
    user.to_string()
}

#[get("/editor")]
fn editor(user: Require<Editor>) -> String {
    user.to_string()
}

// behaviour 140
#[rocket::async_test]
async fn pages_are_for_users_for_fresh_logins_and_for_those_with_tokens() {
    let builder = SessionManager::builder(MemoryStore::new()).sessions_per_user(1, LimitPolicy::Refuse);
    let sessions = builder.build().expect("valid");
    let routes = sessions.routes(routes![login, drop_tokens, user, fresh, stale, editor]);
    let client = client(quiet().mount("/", routes).attach(sessions.fairing())).await;
    for path in ["/user", "/fresh", "/editor"] {
        let response = client.get(path).dispatch().await;
        assert_eq!((response.status(), cookie(&response)), (Status::Unauthorized, None), "{path}");
    }
    let cookie = cookie(&client.post("/login").dispatch().await).expect("a cookie");
    for path in ["/user", "/fresh", "/editor"] {
        assert_eq!(text(with(client.get(path), &cookie).dispatch().await).await, "ana", "{path}");
    }
    assert_eq!(with(client.get("/stale"), &cookie).dispatch().await.status(), Status::Unauthorized);
    assert_eq!(client.post("/login").dispatch().await.status(), Status::Forbidden, "one session, and no more");
    with(client.post("/drop"), &cookie).dispatch().await;
    assert_eq!(with(client.get("/editor"), &cookie).dispatch().await.status(), Status::Forbidden);
}

#[rocket::async_test]
async fn an_application_sends_those_who_may_not_go_on_where_it_likes() {
    let sessions = SessionManager::new(MemoryStore::new());
    let fairing = sessions.fairing().on_error(|error| match error.kind() {
        ErrorKind::Unauthenticated => Ok(Redirect::to(uri!("/login"))),
        _ => Err(Status::new(error.status())),
    });
    let client = client(quiet().mount("/", sessions.routes(routes![user, editor])).attach(fairing)).await;
    for path in ["/user", "/editor"] {
        let response = client.get(path).dispatch().await;
        assert_eq!((response.status(), response.headers().get_one("location")), (Status::SeeOther, Some("/login")));
    }
}
