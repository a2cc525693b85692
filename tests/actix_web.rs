//! Sessions on actix-web, in process.

use std::fmt;

use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, COOKIE, SET_COOKIE, VARY};
use actix_web::middleware::{Next, from_fn};
use actix_web::test::{TestRequest, init_service, read_body, try_call_service};
use actix_web::{App, HttpResponse, ResponseError, web};
use cloakroom::testing::{FaultStore, Verb};
use cloakroom::{Error, ErrorKind, FreshUser, MemoryStore, Policy, Require, Session, SessionManager, User};

fn sessions() -> SessionManager {
    SessionManager::new(MemoryStore::new())
}

async fn visit(session: Session) -> cloakroom::Result<String> {
    let visits = session.update("visits", |n: Option<u32>| n.unwrap_or(0) + 1)?;
    Ok(format!("visit {visits}"))
}

/// What a client sees: an error that comes out of the application is a response, as the server makes it one.
#[derive(Debug)]
struct Seen {
    status: u16,
    headers: Vec<(String, String)>,
    text: String,
}

impl Seen {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The cookie as the next request sends it.
    fn cookie(&self) -> Option<&str> {
        self.header(SET_COOKIE.as_str())?.split(';').next()
    }
}

async fn send<S, B>(app: &S, path: &str, cookie: Option<&str>) -> Seen
where
    S: Service<actix_http::Request, Response = ServiceResponse<B>, Error = actix_web::Error>,
    B: MessageBody + 'static,
{
    let mut request = TestRequest::with_uri(path);
    if let Some(cookie) = cookie {
        request = request.insert_header((COOKIE, cookie));
    }
    let request = request.to_request();
    let response = match try_call_service(app, request).await {
        Ok(response) => response.map_into_boxed_body(),
        Err(error) => ServiceResponse::new(TestRequest::default().to_http_request(), error.error_response()),
    };
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let headers = response.headers().iter().map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect();
    Seen { status: response.status().as_u16(), headers, text: text(&read_body(response).await) }
}

// behaviours 51 to 55, 92 and 95
#[actix_web::test]
async fn what_one_request_sets_the_next_one_gets() {
    let app = init_service(App::new().route("/", web::get().to(visit)).wrap(sessions().middleware())).await;
    let first = send(&app, "/", None).await;
    assert_eq!((first.status, first.text.as_str()), (200, "visit 1"));
    assert_eq!(first.header(VARY.as_str()), Some("Cookie"));
    assert_eq!(first.header(CACHE_CONTROL.as_str()), Some("no-store"));
    let second = send(&app, "/", first.cookie()).await;
    assert_eq!((second.text.as_str(), second.cookie()), ("visit 2", None));
    let nowhere = send(&app, "/nowhere", first.cookie()).await;
    assert_eq!((nowhere.status, nowhere.header(VARY.as_str())), (404, None));
}

#[actix_web::test]
async fn a_missing_middleware_is_said_in_one_clear_line() {
    let app = init_service(App::new().route("/", web::get().to(visit))).await;
    let seen = send(&app, "/", None).await;
    assert_eq!(seen.status, 500);
    assert!(seen.text.contains(".wrap(sessions.middleware())"), "{seen:?}");
}

// behaviour 98
#[actix_web::test]
async fn a_scope_within_wraps_nothing_twice() {
    let sessions = sessions();
    let inner = web::scope("/inner").route("/", web::get().to(visit)).wrap(sessions.middleware());
    let app = init_service(App::new().service(inner).wrap(from_fn(notes)).wrap(sessions.middleware())).await;
    let first = send(&app, "/inner/", None).await;
    assert_eq!(first.headers.iter().filter(|(name, _)| name == "set-cookie").count(), 1, "{first:?}");
    assert_eq!(send(&app, "/inner/", first.cookie()).await.text, "visit 2");
}

/// A middleware between the two, which uses the session of the outer one.
async fn notes(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let session = Session::current()?;
    session.load().await?;
    session.set("noted", true)?;
    next.call(request).await
}

// behaviour 101
#[actix_web::test]
async fn the_application_chooses_how_errors_look() {
    let own = |error: &Error| HttpResponse::ImATeapot().body(format!("sorry: {}", error.kind()));
    let app = || {
        App::new()
            .route("/", web::get().to(visit))
            .route("/full", web::get().to(async || Err::<String, _>(Error::new(ErrorKind::Full, "no room"))))
            .service(web::resource("/within").wrap(from_fn(fails)).to(visit))
    };
    // What cannot be loaded, and what cannot be committed.
    for verb in [Verb::Load, Verb::Swap] {
        let store = FaultStore::new(MemoryStore::new());
        let sessions = SessionManager::new(store.clone());
        let plain = init_service(app().wrap(sessions.middleware())).await;
        let pretty = init_service(app().wrap(sessions.middleware().on_error(own))).await;
        let eager = init_service(app().wrap(sessions.middleware().preload().on_error(own))).await;
        // What a handler answers, and what a middleware further in fails with.
        for (path, kind, status) in [("/full", "full", 503), ("/within", "too_large", 413)] {
            let seen = send(&plain, path, None).await;
            assert_eq!((seen.status, seen.text), (status, format!("session error: {kind}\n")));
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

async fn fails(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    if request.path() != "/" {
        return Err(Error::new(ErrorKind::TooLarge, "2 MiB").into());
    }
    next.call(request).await
}

/// An application's own error, of a middleware.
#[derive(Debug)]
struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("refused")
    }
}

impl ResponseError for Refused {
    fn status_code(&self) -> StatusCode {
        StatusCode::FORBIDDEN
    }
}

/// Counts, and then refuses.
async fn refuses(
    _request: ServiceRequest,
    _next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let session = Session::current()?;
    session.load().await?;
    session.update("refused", |n: Option<u32>| n.unwrap_or(0) + 1)?;
    Err::<ServiceResponse, _>(Refused.into())
}

// defect 29; behaviour 96
#[actix_web::test]
async fn an_error_of_a_middleware_keeps_the_session_and_its_type() {
    let sessions = sessions();
    let rolls_back = SessionManager::builder(MemoryStore::new()).roll_back_on(|status| status == 403).build();
    let app = init_service(
        App::new()
            .service(web::resource("/refused").wrap(from_fn(refuses)).to(visit))
            .route(
                "/count",
                web::get().to(async |session: Session| session.get::<u32>("refused").map(|n| format!("{n:?}"))),
            )
            .wrap(sessions.middleware())
            .wrap(from_fn(knows_it)),
    )
    .await;
    let first = send(&app, "/refused", None).await;
    assert_eq!((first.status, first.text.as_str()), (403, "refused"));
    assert_eq!(first.header("x-known"), Some("refused"));
    assert!(first.cookie().is_some(), "{first:?}");
    send(&app, "/refused", first.cookie()).await;
    assert_eq!(send(&app, "/count", first.cookie()).await.text, "Some(2)");

    let sessions = rolls_back.expect("a valid configuration");
    let app = init_service(
        App::new().service(web::resource("/refused").wrap(from_fn(refuses)).to(visit)).wrap(sessions.middleware()),
    )
    .await;
    assert_eq!(send(&app, "/refused", None).await.cookie(), None);
}

/// A middleware further out, which still knows the error.
async fn knows_it(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    next.call(request).await.map_err(|mut error| {
        if error.as_error::<Refused>().is_some() {
            error.add_response_mapper(|mut response| {
                let known = actix_web::http::header::HeaderValue::from_static("refused");
                response.headers_mut().insert(actix_web::http::header::HeaderName::from_static("x-known"), known);
                response
            });
        }
        error
    })
}

/// A model: nobody passes it a session.
fn greeting() -> cloakroom::Result<String> {
    Ok(format!("{:?}", Session::current()?.get::<u32>("visits")?))
}

#[actix_web::test]
async fn preload_loads_for_whoever_does_not_ask() {
    let sessions = sessions();
    let app = |of_all: bool| {
        let middleware = sessions.middleware();
        App::new()
            .route("/", web::get().to(visit))
            .route("/model", web::get().to(async || greeting()))
            .service(web::resource("/page").wrap(cloakroom::actix_web::preload()).to(async || greeting()))
            .wrap(if of_all { middleware.preload() } else { middleware })
    };
    let (some, all) = (init_service(app(false)).await, init_service(app(true)).await);
    let first = send(&some, "/", None).await;
    assert_eq!(send(&some, "/page", first.cookie()).await.text, "Some(1)");
    assert_eq!(send(&all, "/model", first.cookie()).await.text, "Some(1)");
    let seen = send(&some, "/model", first.cookie()).await;
    assert_eq!(seen.status, 500);
    assert!(seen.text.contains("preload()"), "{seen:?}");
}

/// The session is `Send + Sync` here, too.
#[actix_web::test]
async fn a_handler_takes_its_session_to_other_threads() {
    let handler = async |session: Session| {
        let text = tokio::spawn(session.scope(async { greeting() })).await.expect("no panic")?;
        Ok::<_, Error>(text)
    };
    let app = App::new()
        .route("/", web::get().to(visit))
        .route("/spawned", web::get().to(handler))
        .wrap(sessions().middleware());
    let app = init_service(app).await;
    let first = send(&app, "/", None).await;
    assert_eq!(send(&app, "/spawned", first.cookie()).await.text, "Some(1)");
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

#[actix_web::test]
async fn users_fresh_users_and_policies_are_arguments() {
    let login = async |session: Session, name: web::Path<String>| session.login(name.as_str()).map(|()| "welcome");
    let app = App::new()
        .route("/login/{name}", web::get().to(login))
        .route("/user", web::get().to(async |user: User| user.to_string()))
        .route("/fresh", web::get().to(async |user: FreshUser<600>| user.to_string()))
        .route("/stale", web::get().to(async |user: FreshUser<0>| user.to_string()))
        .route("/both", web::get().to(async |_: Session, user: Require<Editor>| user.to_string()))
        .wrap(sessions().middleware());
    let app = init_service(app).await;
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

#[actix_web::test]
async fn an_application_sends_those_who_may_not_go_on_where_it_likes() {
    let to_login = |error: &Error| match error.kind() {
        ErrorKind::Unauthenticated => HttpResponse::SeeOther().insert_header(("location", "/login")).finish(),
        _ => HttpResponse::new(error.status_code()),
    };
    let app = App::new()
        .route("/user", web::get().to(async |user: User| user.to_string()))
        .route("/editor", web::get().to(async |user: Require<Editor>| user.to_string()))
        .route("/asks", web::get().to(async |user: cloakroom::Result<User>| user.is_ok().to_string()))
        .wrap(sessions().middleware().on_error(to_login));
    let app = init_service(app).await;
    for path in ["/user", "/editor"] {
        let seen = send(&app, path, None).await;
        assert_eq!((seen.status, seen.header("location"), seen.cookie()), (303, Some("/login"), None), "{path}");
    }
    assert_eq!(send(&app, "/asks", None).await.text, "false", "a handler that takes a result decides itself");
}
