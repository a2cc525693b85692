//! Sessions on Poem, in process.

use std::fmt;
use std::time::Duration;

use cloakroom::testing::{FaultStore, Verb};
use cloakroom::{Error, ErrorKind, FreshUser, MemoryStore, Policy, Require, Session, SessionManager, User};
use futures_util::StreamExt;
use poem::error::{NotFoundError, ResponseError};
use poem::http::{StatusCode, header};
use poem::middleware::CatchPanic;
use poem::web::{Path, Redirect};
use poem::{Body, Endpoint, EndpointExt, IntoResponse, Request, Response, Route, get, handler};

fn sessions() -> SessionManager {
    SessionManager::new(MemoryStore::new())
}

#[handler]
fn visit(session: Session) -> cloakroom::Result<String> {
    let visits = session.update("visits", |n: Option<u32>| n.unwrap_or(0) + 1)?;
    Ok(format!("visit {visits}"))
}

/// What a client sees: an error that comes out of the application is a response, as the server makes it one.
#[derive(Debug)]
struct Seen {
    status: u16,
    headers: header::HeaderMap,
    text: String,
}

impl Seen {
    fn header(&self, name: header::HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The cookie as the next request sends it.
    fn cookie(&self) -> Option<&str> {
        self.header(header::SET_COOKIE)?.split(';').next()
    }
}

fn request(path: &str, cookie: Option<&str>) -> Request {
    let mut request = Request::builder().uri_str(path);
    if let Some(cookie) = cookie {
        request = request.header(header::COOKIE, cookie);
    }
    request.finish()
}

async fn send(app: &impl Endpoint, path: &str, cookie: Option<&str>) -> Seen {
    let response = app.get_response(request(path, cookie)).await;
    let (parts, body) = response.into_parts();
    let text = body.into_string().await.expect("a whole body");
    Seen { status: parts.status.as_u16(), headers: parts.headers, text }
}

// behaviours 51 to 55, 92 and 95
#[tokio::test]
async fn what_one_request_sets_the_next_one_gets() {
    let app = Route::new().at("/", get(visit)).with(sessions().poem_middleware());
    let first = send(&app, "/", None).await;
    assert_eq!((first.status, first.text.as_str()), (200, "visit 1"));
    assert_eq!(first.header(header::VARY), Some("Cookie"));
    assert_eq!(first.header(header::CACHE_CONTROL), Some("no-store"));
    let second = send(&app, "/", first.cookie()).await;
    assert_eq!((second.text.as_str(), second.cookie()), ("visit 2", None));
    let nowhere = send(&app, "/nowhere", first.cookie()).await;
    assert_eq!((nowhere.status, nowhere.header(header::VARY)), (404, None));
}

#[tokio::test]
async fn a_missing_middleware_is_said_in_one_clear_line() {
    let seen = send(&Route::new().at("/", get(visit)), "/", None).await;
    assert_eq!(seen.status, 500);
    assert!(seen.text.contains(".with(sessions.poem_middleware())"), "{seen:?}");
}

// behaviour 98
#[tokio::test]
async fn an_application_within_wraps_nothing_twice() {
    let sessions = sessions();
    let inner = Route::new().at("/", get(visit)).with(sessions.poem_middleware());
    let app = Route::new().nest("/inner", inner).with(sessions.poem_middleware());
    let first = send(&app, "/inner/", None).await;
    assert_eq!(first.headers.get_all(header::SET_COOKIE).iter().count(), 1, "{first:?}");
    assert_eq!(send(&app, "/inner/", first.cookie()).await.text, "visit 2");
}

#[handler]
fn full() -> cloakroom::Result<String> {
    Err(Error::new(ErrorKind::Full, "no room"))
}

/// A middleware further in that fails.
async fn fails<E: Endpoint>(_inner: std::sync::Arc<E>, _request: Request) -> poem::Result<Response> {
    Err(Error::new(ErrorKind::TooLarge, "2 MiB").into())
}

// behaviour 101
#[tokio::test]
async fn the_application_chooses_how_errors_look() {
    let own = |error: &Error| Response::from((StatusCode::IM_A_TEAPOT, format!("sorry: {}", error.kind())));
    let app = || Route::new().at("/", get(visit)).at("/full", get(full)).at("/within", get(visit).around(fails));
    // What cannot be loaded, and what cannot be committed.
    for verb in [Verb::Load, Verb::Swap] {
        let store = FaultStore::new(MemoryStore::new());
        let sessions = SessionManager::new(store.clone());
        let plain = app().with(sessions.poem_middleware());
        let pretty = app().with(sessions.poem_middleware().on_error(own));
        let eager = app().with(sessions.poem_middleware().preload().on_error(own));
        // What a handler answers, and what a middleware further in fails with.
        for (path, kind, status) in [("/full", "full", 503), ("/within", "too_large", 413)] {
            let seen = send(&plain, path, None).await;
            assert_eq!((seen.status, seen.text.as_str()), (status, &*format!("session error: {kind}\n")));
            assert_eq!(seen.header(header::CONTENT_TYPE), Some("text/plain; charset=utf-8"));
            let seen = send(&pretty, path, None).await;
            assert_eq!((seen.status, seen.text), (418, format!("sorry: {kind}")));
        }
        let first = send(&plain, "/", None).await;
        store.on(verb).always().fail_before();
        let seen = send(&plain, "/", first.cookie()).await;
        assert_eq!((seen.status, seen.text.as_str()), (503, "session error: unavailable\n"), "{verb:?}");
        let seen = send(&pretty, "/", first.cookie()).await;
        assert_eq!((seen.status, seen.text.as_str()), (418, "sorry: unavailable"), "{verb:?}");
        let seen = send(&eager, "/nowhere", first.cookie()).await;
        assert_eq!(seen.status, if verb == Verb::Load { 418 } else { 404 });
    }
}

/// An application's own error.
#[derive(Debug)]
struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("refused")
    }
}

impl std::error::Error for Refused {}

impl ResponseError for Refused {
    fn status(&self) -> StatusCode {
        StatusCode::FORBIDDEN
    }

    /// Shows the session.
    fn as_response(&self) -> Response {
        let refused = Session::current().and_then(|session| session.get::<u32>("refused"));
        let text = format!("{self}: {:?}", refused.unwrap_or_default());
        Response::from((StatusCode::FORBIDDEN, text))
    }
}

/// Counts, and then refuses.
#[handler]
fn refuses(session: Session) -> poem::Result<String> {
    session.update("refused", |n: Option<u32>| n.unwrap_or(0) + 1)?;
    Err(Refused.into())
}

#[handler]
fn refuses_at_once() -> poem::Result<String> {
    Err(Refused.into())
}

// defect 29; behaviour 96
#[tokio::test]
async fn an_error_keeps_the_session() {
    let app = Route::new().at("/refused", get(refuses)).with(sessions().poem_middleware());
    let first = send(&app, "/refused", None).await;
    assert_eq!((first.status, first.text.as_str()), (403, "refused: Some(1)"));
    assert!(first.cookie().is_some(), "{first:?}");
    assert_eq!(first.header(header::CACHE_CONTROL), Some("no-store"));
    assert_eq!(send(&app, "/refused", first.cookie()).await.text, "refused: Some(2)");

    let sessions = SessionManager::builder(MemoryStore::new()).roll_back_on(|status| status == 403).build();
    let app =
        Route::new().at("/refused", get(refuses)).with(sessions.expect("a valid configuration").poem_middleware());
    assert_eq!(send(&app, "/refused", None).await.cookie(), None);
}

// defect 29
#[tokio::test]
async fn an_error_keeps_its_type_within_the_outermost_middleware() {
    let sessions = sessions();
    let app = Route::new()
        .at("/refused", get(refuses))
        .with(sessions.poem_middleware())
        .catch_error(async |error: Refused| format!("known: {error}"))
        .with(sessions.poem_middleware());
    let first = send(&app, "/refused", None).await;
    assert_eq!((first.status, first.text.as_str()), (200, "known: refused"));
    assert!(first.cookie().is_some(), "{first:?}");
    assert_eq!(first.header(header::VARY), Some("Cookie"));
}

// defect 29
#[tokio::test]
async fn an_error_goes_on_as_it_is_where_the_session_has_nothing_to_say() {
    let app = Route::new().at("/refused", get(refuses_at_once)).at("/full", get(full));
    let app = app.with(sessions().poem_middleware());
    let error = app.call(request("/refused", None)).await.expect_err("it refuses");
    assert!(error.is::<Refused>(), "{error:?}");
    let error = app.call(request("/nowhere", None)).await.expect_err("there is no such route");
    assert!(error.is::<NotFoundError>(), "{error:?}");
    let error = app.call(request("/full", None)).await.expect_err("there is no room");
    assert!(error.downcast_ref::<Error>().is_some_and(|error| error.kind() == ErrorKind::Full), "{error:?}");
}

#[handler]
fn panics(session: Session) -> String {
    session.set("half", true).expect("it is loaded");
    panic!("the request asked for a panic")
}

#[handler]
fn half(session: Session) -> cloakroom::Result<String> {
    Ok(format!("{:?}", session.get::<bool>("half")?))
}

#[tokio::test]
async fn a_panic_discards() {
    let app = Route::new()
        .at("/", get(visit))
        .at("/panic", get(panics))
        .at("/half", get(half))
        .with(sessions().poem_middleware())
        .with(CatchPanic::new());
    let first = send(&app, "/", None).await;
    assert_eq!(send(&app, "/panic", first.cookie()).await.status, 500);
    assert_eq!(send(&app, "/half", first.cookie()).await.text, "None");
}

/// Sends two parts, and changes the session between them.
#[handler]
fn streams(session: Session) -> Body {
    Body::from_bytes_stream(futures_util::stream::iter(0..2).then(move |n| {
        let session = session.clone();
        async move {
            if n == 1 {
                session.set("half", true).map_err(std::io::Error::other)?;
            }
            // As a model or a template does.
            Ok::<_, std::io::Error>(format!("{}", Session::current().is_ok()))
        }
    }))
}

// behaviour 104
#[tokio::test]
async fn what_a_body_changes_is_saved_or_the_body_is_cut_off() {
    let store = FaultStore::new(MemoryStore::new());
    let app = Route::new()
        .at("/", get(visit))
        .at("/stream", get(streams))
        .at("/half", get(half))
        .with(SessionManager::new(store.clone()).poem_middleware());
    let first = send(&app, "/", None).await;
    let whole = send(&app, "/stream", first.cookie()).await;
    assert_eq!(whole.text, "truetrue");
    assert_eq!(send(&app, "/half", first.cookie()).await.text, "Some(true)");

    let second = send(&app, "/", None).await;
    let cut = app.get_response(request("/stream", second.cookie())).await;
    store.on(Verb::Swap).always().fail_before();
    assert!(cut.into_body().into_bytes().await.is_err());
}

#[tokio::test]
async fn a_body_that_is_there_keeps_its_length() {
    let app = Route::new().at("/", get(visit)).with(sessions().poem_middleware());
    let body = app.get_response(request("/", None)).await.into_body();
    let hint = http_body::Body::size_hint(&poem_body(body));
    assert_eq!(hint.exact(), Some(7));
}

fn poem_body(body: Body) -> impl http_body::Body {
    http_body_util::combinators::BoxBody::from(body)
}

#[handler]
async fn waits(session: Session) -> cloakroom::Result<String> {
    session.set("half", true)?;
    tokio::time::sleep(Duration::from_secs(60)).await;
    Ok(String::new())
}

#[tokio::test(start_paused = true)]
async fn a_client_that_hangs_up_leaves_a_whole_commit_or_none() {
    let store = FaultStore::new(MemoryStore::new());
    let app = Route::new()
        .at("/", get(visit))
        .at("/waits", get(waits))
        .at("/half", get(half))
        .with(SessionManager::new(store.clone()).poem_middleware());
    let first = send(&app, "/", None).await;
    // In the handler: what it did so far is dropped with it.
    let hung_up = tokio::time::timeout(Duration::from_secs(1), send(&app, "/waits", first.cookie())).await;
    assert!(hung_up.is_err());
    assert_eq!(send(&app, "/half", first.cookie()).await.text, "None");
    // In the commit: it goes on.
    let stop = store.on(Verb::Swap).pause_before();
    let hung_up = tokio::time::timeout(Duration::from_secs(1), send(&app, "/", first.cookie())).await;
    assert!(hung_up.is_err());
    stop.resume();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(send(&app, "/", first.cookie()).await.text, "visit 3");
}

/// A model: nobody passes it a session.
fn greeting() -> cloakroom::Result<String> {
    Ok(format!("{:?}", Session::current()?.get::<u32>("visits")?))
}

#[handler]
fn page() -> cloakroom::Result<String> {
    greeting()
}

#[tokio::test]
async fn preload_loads_for_whoever_does_not_ask() {
    let sessions = sessions();
    let app = || {
        Route::new().at("/", get(visit)).at("/model", get(page)).at("/page", get(page).with(cloakroom::poem::preload()))
    };
    let (some, all) = (app().with(sessions.poem_middleware()), app().with(sessions.poem_middleware().preload()));
    let first = send(&some, "/", None).await;
    assert_eq!(send(&some, "/page", first.cookie()).await.text, "Some(1)");
    assert_eq!(send(&all, "/model", first.cookie()).await.text, "Some(1)");
    let seen = send(&some, "/model", first.cookie()).await;
    assert_eq!(seen.status, 500);
    assert!(seen.text.contains("preload()"), "{seen:?}");
}

struct Editor;

impl Policy for Editor {
    fn check(session: &Session) -> cloakroom::Result<()> {
        match session.user()?.as_deref() {
            Some("ana") => Ok(()),
            _ => Err(Error::new(ErrorKind::Forbidden, "for editors")),
        }
    }
}

#[handler]
fn login(session: Session, Path(name): Path<String>) -> cloakroom::Result<&'static str> {
    session.login(name.as_str())?;
    Ok("welcome")
}

#[handler]
fn user(known: User) -> String {
    known.to_string()
}

#[handler]
fn fresh(known: FreshUser<600>) -> String {
    known.to_string()
}

#[handler]
fn stale(known: FreshUser<0>) -> String {
    known.to_string()
}

#[handler]
fn both(_session: Session, known: Require<Editor>) -> String {
    known.to_string()
}

#[tokio::test]
async fn users_fresh_users_and_policies_are_arguments() {
    let app = Route::new()
        .at("/login/:name", get(login))
        .at("/user", get(user))
        .at("/fresh", get(fresh))
        .at("/stale", get(stale))
        .at("/both", get(both))
        .with(sessions().poem_middleware());
    for path in ["/user", "/fresh", "/stale", "/both"] {
        assert_eq!(send(&app, path, None).await.status, 401, "{path}");
    }
    let ana = send(&app, "/login/ana", None).await;
    for path in ["/user", "/fresh", "/both"] {
        assert_eq!(send(&app, path, ana.cookie()).await.text, "ana", "{path}");
    }
    assert_eq!(send(&app, "/stale", ana.cookie()).await.status, 401);
    let eve = send(&app, "/login/eve", None).await;
    assert_eq!(send(&app, "/both", eve.cookie()).await.status, 403);
}

#[tokio::test]
async fn an_application_sends_those_who_may_not_go_on_where_it_likes() {
    let to_login = |error: &Error| match error.kind() {
        ErrorKind::Unauthenticated => Redirect::see_other("/login").into_response(),
        _ => error.as_response(),
    };
    let app = Route::new()
        .at("/user", get(user))
        .at("/editor", get(both))
        .with(sessions().poem_middleware().on_error(to_login));
    for path in ["/user", "/editor"] {
        let seen = send(&app, path, None).await;
        assert_eq!((seen.status, seen.header(header::LOCATION), seen.cookie()), (303, Some("/login"), None), "{path}");
    }
}
