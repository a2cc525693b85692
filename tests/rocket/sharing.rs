//! One session for all that a request passes: forwards, `HEAD`, catchers, wrappings inside of others.

use cloakroom::testing::Verb;
use cloakroom::{CookieConfig, MemoryStore, Session, SessionManager};
use rocket::http::Status;
use rocket::{Request, catch, catchers, get, routes};

use crate::{client, cookie, failing, quiet, sessions, stored, text, value, visit, with};

struct Forwarding;

#[rocket::async_trait]
impl<'r> rocket::request::FromRequest<'r> for Forwarding {
    type Error = std::convert::Infallible;

    async fn from_request(request: &'r Request<'_>) -> rocket::request::Outcome<Self, Self::Error> {
        let session = request.guard::<Session>().await.succeeded().expect("a session");
        session.set("a", 1).expect("it can be set");
        rocket::request::Outcome::Forward(Status::NotFound)
    }
}

#[get("/forward", rank = 1)]
fn first(_forwarding: Forwarding) {}

#[get("/forward", rank = 2)]
fn second(session: Session) -> cloakroom::Result<String> {
    session.set("b", 2)?;
    Ok(format!("{:?}", session.get::<u32>("a")?))
}

#[tokio::test]
async fn a_forwarded_request_keeps_its_session_and_is_committed_once() {
    let (store, sessions) = failing();
    let routes = sessions.routes(routes![first, second, value]);
    let client = client(quiet().attach(sessions.fairing()).mount("/", routes)).await;
    let response = client.get("/forward").dispatch().await;
    let cookie = cookie(&response).expect("a cookie");
    assert_eq!(text(response).await, "Some(1)");
    assert_eq!((store.calls(Verb::Create), store.total_calls()), (1, 1));
    assert_eq!(stored(&client, &cookie, "a").await, "1");
    assert_eq!(stored(&client, &cookie, "b").await, "2");
}

// behaviour 78
#[tokio::test]
async fn a_forward_that_nobody_takes_is_committed_with_the_404() {
    let sessions = sessions();
    let client = client(quiet().attach(sessions.fairing()).mount("/", sessions.routes(routes![first, value]))).await;
    let response = client.get("/forward").dispatch().await;
    assert_eq!(response.status(), Status::NotFound);
    assert_eq!(stored(&client, &cookie(&response).expect("a cookie"), "a").await, "1");
}

/// Rocket routes it as such, and then as `GET`.
// behaviour 78
#[tokio::test]
async fn head_is_get_without_a_body() {
    let (store, sessions) = failing();
    let client = client(quiet().attach(sessions.fairing()).mount("/", sessions.routes(routes![visit, value]))).await;
    let response = client.head("/").dispatch().await;
    assert_eq!(response.status(), Status::Ok);
    let cookie = cookie(&response).expect("a cookie");
    assert_eq!(response.into_bytes().await.unwrap_or_default(), b"");
    assert_eq!((store.calls(Verb::Create), store.total_calls()), (1, 1));
    assert_eq!(stored(&client, &cookie, "visits").await, "1");
    with(client.head("/"), &cookie).dispatch().await;
    assert_eq!(stored(&client, &cookie, "visits").await, "2");
}

#[catch(404)]
async fn lost(request: &Request<'_>) -> cloakroom::Result<String> {
    let session = request
        .guard::<Session>()
        .await
        .success_or_else(|| cloakroom::Error::new(cloakroom::ErrorKind::NotLoaded, "a catcher without a session"))?;
    let times = session.update("visits", |n: Option<u32>| n.unwrap_or(0) + 1)?;
    Ok(format!("lost {times} times"))
}

#[catch(400)]
fn bad(_request: &Request<'_>) -> &'static str {
    if Session::current().is_ok() { "with a session" } else { "without a session" }
}

#[catch(default)]
fn preloaded() -> cloakroom::Result<String> {
    Ok(format!("{:?}", Session::current()?.get::<u32>("visits")?))
}

#[tokio::test]
async fn catchers_have_the_session_too() {
    let sessions = sessions();
    let rocket = quiet()
        .attach(sessions.fairing())
        .mount("/", sessions.routes(routes![visit, value]))
        .register("/", sessions.catchers(catchers![lost, bad]))
        .register("/page", sessions.catchers(catchers![preloaded]).preload());
    let client = client(rocket).await;
    let response = client.get("/nowhere").dispatch().await;
    assert_eq!(response.status(), Status::NotFound);
    let cookie = cookie(&response).expect("a cookie");
    assert_eq!(text(response).await, "lost 1 times");
    assert_eq!(text(with(client.get("/nowhere"), &cookie).dispatch().await).await, "lost 2 times");
    assert_eq!(stored(&client, &cookie, "visits").await, "2");
    assert_eq!(text(with(client.get("/page/nowhere"), &cookie).dispatch().await).await, "Some(2)");
    // What is no request meets no fairing.
    assert_eq!(text(client.get("not a path").dispatch().await).await, "without a session");
}

// behaviour 98
#[tokio::test]
async fn nested_wrappings_and_fairings_commit_once() {
    let (store, sessions) = failing();
    let routes: Vec<_> = sessions.routes(sessions.routes(routes![visit])).into();
    let rocket = quiet().attach(sessions.fairing()).attach(sessions.fairing()).mount("/", routes);
    let client = client(rocket).await;
    let response = client.get("/").dispatch().await;
    assert_eq!(response.headers().get("set-cookie").count(), 1);
    assert_eq!(response.headers().get("vary").count(), 1);
    assert_eq!(text(response).await, "visit 1");
    assert_eq!(store.total_calls(), 1);
}

#[tokio::test]
async fn two_managers_go_side_by_side() {
    let named = |name: &'static str| {
        SessionManager::builder(MemoryStore::new()).cookie(CookieConfig::new(name)).build().expect("it is valid")
    };
    let (shop, office) = (named("shop"), named("office"));
    let rocket = quiet()
        .attach(shop.fairing())
        .attach(office.fairing())
        .mount("/", shop.routes(routes![visit, value]))
        .mount("/office", office.routes(routes![visit, value]))
        .mount("/both", shop.routes(office.routes(routes![visit])));
    let client = client(rocket).await;
    let of = |name: &str, response: &rocket::local::asynchronous::LocalResponse<'_>| {
        let name = format!("__Host-{name}=");
        response.headers().get("set-cookie").filter(|cookie| cookie.starts_with(&name)).count()
    };
    for (path, cookies) in [("/", (1, 0)), ("/office", (0, 1)), ("/both", (0, 1))] {
        let response = client.get(path).dispatch().await;
        assert_eq!((of("shop", &response), of("office", &response)), cookies, "{path}");
    }
    assert_eq!((shop.count().await.expect("counts"), office.count().await.expect("counts")), (1, 2));
}

#[tokio::test]
async fn ambient_access_needs_a_loaded_session() {
    #[get("/model")]
    fn model() -> cloakroom::Result<String> {
        Ok(Session::current()?.get::<String>("email")?.unwrap_or_default())
    }
    let sessions = sessions();
    let rocket = quiet()
        .attach(sessions.fairing())
        .mount("/", sessions.routes(routes![model]))
        .mount("/preloaded", sessions.routes(routes![model]).preload());
    let client = client(rocket).await;
    let unloaded = client.get("/model").dispatch().await;
    assert_eq!(unloaded.status(), Status::InternalServerError);
    assert!(text(unloaded).await.contains("preload()"));
    assert_eq!(client.get("/preloaded/model").dispatch().await.status(), Status::Ok);
}
