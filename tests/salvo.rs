//! Sessions on Salvo, in process.

use std::time::Duration;

use cloakroom::testing::{FaultStore, Verb};
use cloakroom::{Error, ErrorKind, FreshUser, MemoryStore, Policy, Require, Session, SessionManager, User};
use futures_util::{FutureExt, StreamExt};
use http_body_util::BodyExt;
use salvo::conn::SocketAddr;
use salvo::http::uri::Scheme;
use salvo::http::{HeaderMap, HeaderValue, ReqBody, ResBody, header};
use salvo::prelude::*;

fn sessions() -> SessionManager {
    SessionManager::new(MemoryStore::new())
}

#[handler]
async fn visit(session: Session) -> cloakroom::Result<String> {
    let visits = session.update("visits", |n: Option<u32>| n.unwrap_or(0) + 1)?;
    Ok(format!("visit {visits}"))
}

/// What a client sees.
#[derive(Debug)]
struct Seen {
    status: u16,
    headers: HeaderMap,
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

/// The response as a server has it before it sends the body.
async fn head(app: &Service, path: &str, cookie: Option<&str>) -> Response {
    let mut request = salvo::hyper::Request::builder().uri(path);
    if let Some(cookie) = cookie {
        request = request.header(header::COOKIE, cookie);
    }
    let request = Request::from_hyper(request.body(ReqBody::None).expect("a request"), Scheme::HTTP);
    let (here, there) = (SocketAddr::Unknown, SocketAddr::Unknown);
    app.hyper_handler(here, there, Scheme::HTTP, None, ConnCtrl::new(), None).handle(request).await
}

async fn send(app: &Service, path: &str, cookie: Option<&str>) -> Seen {
    let mut response = head(app, path, cookie).await;
    let status = response.status_code.expect("a status").as_u16();
    let bytes = BodyExt::collect(response.take_body()).await.expect("a whole body").to_bytes();
    let text = String::from_utf8(bytes.to_vec()).expect("text");
    Seen { status, headers: response.headers().clone(), text }
}

// behaviours 51 to 55, 92 and 95
#[tokio::test]
async fn what_one_request_sets_the_next_one_gets() {
    let app = Service::new(Router::new().get(visit)).hoop(sessions().hoop());
    let first = send(&app, "/", None).await;
    assert_eq!((first.status, first.text.as_str()), (200, "visit 1"));
    assert_eq!(first.header(header::VARY), Some("Cookie"));
    assert_eq!(first.header(header::CACHE_CONTROL), Some("no-store"));
    let second = send(&app, "/", first.cookie()).await;
    assert_eq!((second.text.as_str(), second.cookie()), ("visit 2", None));
    let nowhere = send(&app, "/nowhere", first.cookie()).await;
    assert_eq!((nowhere.status, nowhere.header(header::VARY)), (404, None));
    assert!(nowhere.text.contains("404"), "Salvo's own page: {nowhere:?}");
}

#[tokio::test]
async fn a_missing_hoop_is_said_in_one_clear_line() {
    let seen = send(&Service::new(Router::new().get(visit)), "/", None).await;
    assert_eq!(seen.status, 500);
    assert!(seen.text.contains(".hoop(sessions.hoop())"), "{seen:?}");
}

// behaviour 98
#[tokio::test]
async fn a_router_within_wraps_nothing_twice() {
    let sessions = sessions();
    let inner = Router::with_path("inner").hoop(sessions.hoop()).get(visit);
    let app = Service::new(Router::new().push(inner)).hoop(sessions.hoop());
    let first = send(&app, "/inner", None).await;
    assert_eq!(first.headers.get_all(header::SET_COOKIE).iter().count(), 1, "{first:?}");
    assert_eq!(send(&app, "/inner", first.cookie()).await.text, "visit 2");
}

#[handler]
async fn full(response: &mut Response) -> cloakroom::Result<String> {
    response.headers_mut().insert(header::ETAG, HeaderValue::from_static("\"whole\""));
    response.render("half a page");
    Err(Error::new(ErrorKind::Full, "no room"))
}

/// Says something before the handler runs, which is none of the handler's.
#[handler]
async fn before(response: &mut Response) {
    response.headers_mut().insert(header::SERVER, HeaderValue::from_static("salvo"));
}

/// Renders a page of its own over whatever was answered.
#[handler]
async fn paints_over(request: &mut Request, depot: &mut Depot, response: &mut Response, rest: &mut FlowCtrl) {
    rest.call_next(request, depot, response).await;
    response.take_body();
    response.render("painted over");
}

// behaviour 101
#[tokio::test]
async fn the_application_chooses_how_errors_look() {
    let own = |error: &Error, response: &mut Response| {
        response.status_code(StatusCode::IM_A_TEAPOT);
        response.render(format!("sorry: {}", error.kind()));
    };
    let app = || {
        Router::new()
            .get(visit)
            .push(Router::with_path("full").get(full))
            .push(Router::with_path("painted").hoop(paints_over).get(full))
    };
    // What cannot be loaded, and what cannot be committed.
    for verb in [Verb::Load, Verb::Swap] {
        let store = FaultStore::new(MemoryStore::new());
        let sessions = SessionManager::new(store.clone());
        let plain = Service::new(app()).hoop(before).hoop(sessions.hoop());
        let pretty = Service::new(app()).hoop(before).hoop(sessions.hoop().on_error(own));
        let eager = Service::new(app()).hoop(before).hoop(sessions.hoop().preload().on_error(own));
        let seen = send(&plain, "/full", None).await;
        assert_eq!((seen.status, seen.text.as_str()), (503, "session error: full\n"));
        assert_eq!(seen.header(header::CONTENT_TYPE), Some("text/plain; charset=utf-8"));
        assert_eq!((seen.header(header::SERVER), seen.header(header::ETAG)), (Some("salvo"), None));
        let seen = send(&pretty, "/full", None).await;
        assert_eq!((seen.status, seen.text.as_str()), (418, "sorry: full"));
        assert_eq!((seen.header(header::SERVER), seen.header(header::ETAG)), (Some("salvo"), None));
        let seen = send(&pretty, "/painted", None).await;
        assert_eq!((seen.status, seen.text.as_str()), (503, "painted over"));

        let first = send(&plain, "/", None).await;
        store.on(verb).always().fail_before();
        let seen = send(&plain, "/", first.cookie()).await;
        assert_eq!((seen.status, seen.text.as_str()), (503, "session error: unavailable\n"), "{verb:?}");
        assert_eq!(seen.header(header::SERVER), Some("salvo"));
        let seen = send(&pretty, "/", first.cookie()).await;
        assert_eq!((seen.status, seen.text.as_str()), (418, "sorry: unavailable"), "{verb:?}");
        assert_eq!(seen.header(header::SERVER), Some("salvo"));
        let seen = send(&eager, "/nowhere", first.cookie()).await;
        assert_eq!(seen.status, if verb == Verb::Load { 418 } else { 404 });
    }
}

/// An application's own error, as Salvo has it: whatever can be written.
struct Refused;

impl Scribe for Refused {
    fn render(self, response: &mut Response) {
        response.render(StatusError::forbidden());
    }
}

#[handler]
async fn refuses(session: Session) -> Result<String, Refused> {
    session.update("refused", |n: Option<u32>| n.unwrap_or(0) + 1).map_err(|_| Refused)?;
    Err(Refused)
}

// defect 29; behaviour 96
#[tokio::test]
async fn an_error_keeps_the_session_and_its_page() {
    let app = Service::new(Router::new().get(refuses)).hoop(sessions().hoop());
    let first = send(&app, "/", None).await;
    assert_eq!(first.status, 403);
    assert!(first.text.contains("Forbidden"), "Salvo's own page: {first:?}");
    assert!(first.cookie().is_some(), "{first:?}");

    let sessions = SessionManager::builder(MemoryStore::new()).roll_back_on(|status| status == 403).build();
    let app = Service::new(Router::new().get(refuses)).hoop(sessions.expect("a valid configuration").hoop());
    assert_eq!(send(&app, "/", None).await.cookie(), None);
}

#[handler]
async fn panics(session: Session) -> String {
    session.set("half", true).expect("it is loaded");
    panic!("the request asked for a panic")
}

#[handler]
async fn half(session: Session) -> cloakroom::Result<String> {
    Ok(format!("{:?}", session.get::<bool>("half")?))
}

#[tokio::test]
async fn a_panic_discards() {
    let routes =
        Router::new().get(visit).push(Router::with_path("panic").get(panics)).push(Router::with_path("half").get(half));
    let app = Service::new(routes).hoop(sessions().hoop());
    let first = send(&app, "/", None).await;
    let panicked = std::panic::AssertUnwindSafe(send(&app, "/panic", first.cookie())).catch_unwind().await;
    assert!(panicked.is_err());
    assert_eq!(send(&app, "/half", first.cookie()).await.text, "None");
}

/// Sends two parts, and changes the session between them.
#[handler]
async fn streams(session: Session, response: &mut Response) {
    response.stream(futures_util::stream::iter(0..2).then(move |n| {
        let session = session.clone();
        async move {
            if n == 1 {
                session.set("half", true)?;
            }
            // As a model or a template does.
            Ok::<_, Error>(format!("{}", Session::current().is_ok()))
        }
    }));
}

// behaviour 104
#[tokio::test]
async fn what_a_body_changes_is_saved_or_the_body_is_cut_off() {
    let store = FaultStore::new(MemoryStore::new());
    let routes = Router::new()
        .get(visit)
        .push(Router::with_path("stream").get(streams))
        .push(Router::with_path("half").get(half));
    let app = Service::new(routes).hoop(SessionManager::new(store.clone()).hoop());
    let first = send(&app, "/", None).await;
    let whole = send(&app, "/stream", first.cookie()).await;
    assert_eq!(whole.text, "truetrue");
    assert_eq!(send(&app, "/half", first.cookie()).await.text, "Some(true)");

    let second = send(&app, "/", None).await;
    let mut cut = head(&app, "/stream", second.cookie()).await;
    store.on(Verb::Swap).always().fail_before();
    assert!(BodyExt::collect(cut.take_body()).await.is_err());
}

#[tokio::test]
async fn a_body_that_is_there_stays_as_it_is() {
    let app = Service::new(Router::new().get(visit)).hoop(sessions().hoop());
    let body = head(&app, "/", None).await.take_body();
    assert!(matches!(&body, ResBody::Once(bytes) if bytes == "visit 1"), "{body:?}");
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
    let routes =
        Router::new().get(visit).push(Router::with_path("waits").get(waits)).push(Router::with_path("half").get(half));
    let app = Service::new(routes).hoop(SessionManager::new(store.clone()).hoop());
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
async fn page() -> cloakroom::Result<String> {
    greeting()
}

#[tokio::test]
async fn preload_loads_for_whoever_does_not_ask() {
    let sessions = sessions();
    let app = || {
        Router::new()
            .get(visit)
            .push(Router::with_path("model").get(page))
            .push(Router::with_path("page").hoop(cloakroom::salvo::preload()).get(page))
    };
    let some = Service::new(app()).hoop(sessions.hoop());
    let all = Service::new(app()).hoop(sessions.hoop().preload());
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
async fn login(session: Session, request: &mut Request) -> cloakroom::Result<&'static str> {
    session.login(request.param::<String>("name").expect("the route has it").as_str())?;
    Ok("welcome")
}

#[handler]
async fn user(known: User) -> String {
    known.to_string()
}

#[handler]
async fn fresh(known: FreshUser<600>) -> String {
    known.to_string()
}

#[handler]
async fn stale(known: FreshUser<0>) -> String {
    known.to_string()
}

#[handler]
async fn both(_session: Session, known: Require<Editor>) -> String {
    known.to_string()
}

#[tokio::test]
async fn users_fresh_users_and_policies_are_arguments() {
    let routes = Router::new()
        .push(Router::with_path("login/{name}").get(login))
        .push(Router::with_path("user").get(user))
        .push(Router::with_path("fresh").get(fresh))
        .push(Router::with_path("stale").get(stale))
        .push(Router::with_path("both").get(both));
    let app = Service::new(routes).hoop(sessions().hoop());
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
    let to_login = |error: &Error, response: &mut Response| {
        if error.kind() == ErrorKind::Unauthenticated {
            response.render(Redirect::other("/login"));
        }
    };
    let routes = Router::new().push(Router::with_path("user").get(user)).push(Router::with_path("editor").get(both));
    let app = Service::new(routes).hoop(sessions().hoop().on_error(to_login));
    for path in ["/user", "/editor"] {
        let seen = send(&app, path, None).await;
        assert_eq!((seen.status, seen.header(header::LOCATION), seen.cookie()), (303, Some("/login"), None), "{path}");
    }
}

#[handler]
async fn logout(session: Session) -> cloakroom::Result<&'static str> {
    session.logout()?;
    Ok("signed out")
}

/// Signs Ana out everywhere.
struct Everybody(SessionManager);

#[handler]
impl Everybody {
    async fn handle(&self) -> cloakroom::Result<String> {
        Ok(self.0.revoke_user("ana").await?.to_string())
    }
}

/// Whatever the client does, once the first session is about to be deleted.
#[tokio::test(start_paused = true)]
async fn an_end_goes_on_when_the_client_hangs_up() {
    let store = FaultStore::new(MemoryStore::new());
    let sessions = SessionManager::new(store.clone());
    let routes = Router::new()
        .push(Router::with_path("login/{name}").get(login))
        .push(Router::with_path("logout").get(logout))
        .push(Router::with_path("everybody").get(Everybody(sessions.clone())));
    let app = Service::new(routes).hoop(sessions.hoop());
    for (path, left) in [("/logout", 9), ("/everybody", 0)] {
        let mut ana = None;
        while sessions.count().await.expect("memory counts") < 10 {
            ana = send(&app, "/login/ana", None).await.cookie().map(str::to_owned);
        }
        let stop = store.on(Verb::Swap).pause_before();
        tokio::select! {
            _ = send(&app, path, ana.as_deref()) => panic!("it stops before"),
            () = stop.reached() => {}
        }
        stop.resume();
        // The paused clock moves when nobody has anything to do any more.
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(sessions.count().await.expect("memory counts"), left, "{path}");
    }
}
