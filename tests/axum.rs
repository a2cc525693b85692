//! Sessions on axum, in process.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use axum::routing::{get, post};
use axum::{Router, response::IntoResponse};
use cloakroom::testing::{FaultStore, Verb};
use cloakroom::{
    Error, ErrorKind, FreshUser, LimitPolicy, MemoryStore, Policy, Require, Session, SessionManager, User,
};
use tower::ServiceExt;

type Response = axum::http::Response<Body>;

async fn send(app: &Router, method: &str, path: &str, cookie: Option<&str>) -> Response {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(cookie) = cookie {
        request = request.header(header::COOKIE, cookie);
    }
    let request = request.body(Body::empty()).expect("a request");
    app.clone().oneshot(request).await.expect("infallible")
}

async fn text(response: Response) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.expect("a body");
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// The cookie of a response as the next request sends it.
fn cookie(response: &Response) -> Option<String> {
    let header = response.headers().get(header::SET_COOKIE)?.to_str().expect("text");
    Some(header.split(';').next()?.to_owned())
}

async fn visit(session: Session) -> cloakroom::Result<String> {
    let visits = session.update("visits", |n: Option<u32>| n.unwrap_or(0) + 1)?;
    Ok(format!("visit {visits}"))
}

fn sessions() -> SessionManager {
    SessionManager::new(MemoryStore::new())
}

// behaviours 51 to 55
#[tokio::test]
async fn what_one_request_sets_the_next_one_gets() {
    let app = Router::new().route("/", get(visit)).layer(sessions().layer());
    let first = send(&app, "GET", "/", None).await;
    let cookie = cookie(&first).expect("a cookie");
    assert_eq!(text(first).await, "visit 1");
    let second = send(&app, "GET", "/", Some(&cookie)).await;
    assert!(second.headers().get(header::SET_COOKIE).is_none());
    assert_eq!(second.headers()[header::VARY], "Cookie");
    assert_eq!(text(second).await, "visit 2");
}

#[tokio::test]
async fn a_missing_layer_is_said_in_one_clear_line() {
    let app: Router = Router::new().route("/", get(visit));
    let response = send(&app, "GET", "/", None).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let text = text(response).await;
    assert!(text.contains(".layer(sessions.layer())"), "{text}");
    assert_eq!(text.lines().count(), 1);
}

#[tokio::test]
async fn an_optional_session_goes_without_the_layer() {
    async fn handler(session: Option<Session>) -> &'static str {
        if session.is_some() { "some" } else { "none" }
    }
    let app = Router::new().route("/", get(handler));
    assert_eq!(text(send(&app, "GET", "/", None).await).await, "none");
    let app = app.layer(sessions().layer());
    assert_eq!(text(send(&app, "GET", "/", None).await).await, "some");
}

async fn model() -> Result<String, Error> {
    Ok(Session::current()?.get::<String>("email")?.unwrap_or_default())
}

#[tokio::test]
async fn ambient_access_needs_a_loaded_session() {
    let app = Router::new().route("/", get(model));
    let unloaded = send(&app.clone().layer(sessions().layer()), "GET", "/", None).await;
    assert_eq!(unloaded.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(text(unloaded).await.contains("preload()"));
    for preloaded in [
        app.clone().layer(sessions().layer().preload()),
        app.clone().route_layer(cloakroom::tower::preload()).layer(sessions().layer()),
    ] {
        assert_eq!(send(&preloaded, "GET", "/", None).await.status(), StatusCode::OK);
    }
}

// behaviour 98
#[tokio::test]
async fn a_nested_layer_keeps_the_session_and_commits_once() {
    let sessions = sessions();
    let app = Router::new().route("/", get(visit)).layer(sessions.layer()).layer(sessions.layer());
    let response = send(&app, "GET", "/", None).await;
    assert_eq!(response.headers().get_all(header::SET_COOKIE).iter().count(), 1);
    assert_eq!(response.headers().get_all(header::VARY).iter().count(), 1);
    assert_eq!(sessions.count().await.expect("counts"), 1);
}

#[tokio::test]
async fn the_application_chooses_how_errors_look() {
    async fn handler(_session: Session) -> Error {
        Error::new(ErrorKind::Conflict, "busy")
    }
    let app = Router::new().route("/", get(handler)).layer(sessions().layer().on_error(|error| {
        let mut response = axum::http::Response::new(format!("our own words for {}", error.kind()));
        *response.status_mut() = StatusCode::IM_A_TEAPOT;
        response
    }));
    let response = send(&app, "GET", "/", None).await;
    assert_eq!(response.status(), StatusCode::IM_A_TEAPOT);
    assert_eq!(text(response).await, "our own words for conflict");
}

// behaviours 78, 81, 92 and 95
#[tokio::test]
async fn the_applications_own_headers_stay() {
    async fn handler(session: Session) -> cloakroom::Result<impl IntoResponse> {
        session.set("a", 1)?;
        let headers = [
            (header::SET_COOKIE, "theirs=1"),
            (header::VARY, "Accept, cookie"),
            (header::CACHE_CONTROL, "public, max-age=60"),
        ];
        Ok((StatusCode::SEE_OTHER, headers))
    }
    let app = Router::new().route("/", post(handler)).layer(sessions().layer());
    let response = send(&app, "POST", "/", None).await;
    let cookies: Vec<_> = response.headers().get_all(header::SET_COOKIE).iter().collect();
    assert_eq!(cookies.len(), 2);
    assert_eq!(cookies[0], "theirs=1");
    let vary: Vec<_> = response.headers().get_all(header::VARY).iter().collect();
    assert_eq!(vary, ["Accept, cookie"]);
    assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
}

// behaviours 79 and 80
#[tokio::test]
async fn a_body_saves_what_it_changes_when_it_ends() {
    async fn handler(session: Session) -> Body {
        let change = async move {
            session.set("streamed", true).map_err(|error| error.kind().as_str())?;
            Ok::<_, &str>("done")
        };
        Body::new(http_body_util::StreamBody::new(futures_util::stream::once(async move {
            tokio::task::yield_now().await;
            let text = change.await.unwrap_or_else(|kind| kind);
            Ok::<_, std::convert::Infallible>(http_body::Frame::data(text.into()))
        })))
    }
    async fn read(session: Session) -> cloakroom::Result<String> {
        Ok(session.get::<bool>("streamed")?.unwrap_or(false).to_string())
    }
    let app = Router::new()
        .route("/", get(visit))
        .route("/stream", get(handler))
        .route("/read", get(read))
        .layer(sessions().layer());
    assert_eq!(text(send(&app, "GET", "/stream", None).await).await, "needs_cookie");
    let cookie = cookie(&send(&app, "GET", "/", None).await).expect("a cookie");
    assert_eq!(text(send(&app, "GET", "/stream", Some(&cookie)).await).await, "done");
    assert_eq!(text(send(&app, "GET", "/read", Some(&cookie)).await).await, "true");
}

struct Editor;

impl Policy for Editor {
    fn check(session: &Session) -> cloakroom::Result<()> {
        session.require_tokens(["page.edit"]).map(drop)
    }
}

/// An application with pages for users, for those who logged in lately, and for editors.
fn guarded() -> Router {
    async fn login(session: Session) -> cloakroom::Result<()> {
        session.set("tokens", ["page.*"])?;
        session.login("ana")
    }
    Router::new()
        .route("/login", post(login))
        .route("/user", get(async |user: User| user.to_string()))
        .route("/fresh", get(async |user: FreshUser<60>| user.to_string()))
        .route("/stale", get(async |user: FreshUser<0>| user.to_string()))
        .route("/editor", get(async |user: Require<Editor>| user.to_string()))
        .route(
            "/maybe",
            get(async |user: Option<User>| user.map_or_else(|| "nobody".to_owned(), |user| user.to_string())),
        )
        .route("/drop", post(async |session: Session| session.remove("tokens").map(drop)))
}

// behaviour 140
#[tokio::test]
async fn pages_are_for_users_for_fresh_logins_and_for_those_with_tokens() {
    let app = guarded().layer(sessions().layer());
    for (path, status) in [("/user", 401), ("/fresh", 401), ("/editor", 401), ("/maybe", 200)] {
        let response = send(&app, "GET", path, None).await;
        assert_eq!(response.status(), status, "{path}");
        assert!(response.headers().get(header::SET_COOKIE).is_none(), "a check leaves nothing behind");
    }
    let cookie = cookie(&send(&app, "POST", "/login", None).await);
    for path in ["/user", "/fresh", "/editor", "/maybe"] {
        let response = send(&app, "GET", path, cookie.as_deref()).await;
        assert!(response.headers().get(header::SET_COOKIE).is_none(), "checks only read");
        assert_eq!(text(response).await, "ana", "{path}");
    }
    assert_eq!(send(&app, "GET", "/stale", cookie.as_deref()).await.status(), 401);
    send(&app, "POST", "/drop", cookie.as_deref()).await;
    assert_eq!(send(&app, "GET", "/editor", cookie.as_deref()).await.status(), 403);
}

#[tokio::test]
async fn an_application_sends_those_who_may_not_go_on_where_it_likes() {
    let layer = sessions().layer().on_error(|error| {
        let mut response = axum::http::Response::new(error.kind().to_string());
        if error.kind() == ErrorKind::Unauthenticated {
            *response.status_mut() = StatusCode::SEE_OTHER;
            response.headers_mut().insert(header::LOCATION, header::HeaderValue::from_static("/login"));
        }
        response
    });
    let app = guarded().layer(layer);
    let response = send(&app, "GET", "/user", None).await;
    assert_eq!(
        (response.status().as_u16(), &response.headers()[header::LOCATION]),
        (303, &header::HeaderValue::from_static("/login"))
    );
}

#[tokio::test]
async fn a_login_beyond_the_limit_is_answered_by_its_status() {
    let sessions = SessionManager::builder(MemoryStore::new()).sessions_per_user(1, LimitPolicy::Refuse).build();
    let app = guarded().layer(sessions.expect("valid").layer());
    assert_eq!(send(&app, "POST", "/login", None).await.status(), 200);
    let refused = send(&app, "POST", "/login", None).await;
    assert_eq!((refused.status().as_u16(), cookie(&refused)), (403, None));
}

/// Whatever the client does, once the first session is about to be deleted.
#[tokio::test(start_paused = true)]
async fn an_end_goes_on_when_the_client_hangs_up() {
    let store = FaultStore::new(MemoryStore::new());
    let sessions = SessionManager::new(store.clone());
    let revoking = sessions.clone();
    let everybody = async move || revoking.revoke_user("ana").await.map(|ended| ended.to_string());
    let app = guarded()
        .route("/logout", post(async |session: Session| session.logout()))
        .route("/everybody", post(everybody))
        .layer(sessions.layer());
    for (path, left) in [("/logout", 9), ("/everybody", 0)] {
        let mut ana = None;
        while sessions.count().await.expect("memory counts") < 10 {
            ana = cookie(&send(&app, "POST", "/login", None).await);
        }
        let stop = store.on(Verb::Swap).pause_before();
        tokio::select! {
            _ = send(&app, "POST", path, ana.as_deref()) => panic!("it stops before"),
            () = stop.reached() => {}
        }
        stop.resume();
        // The paused clock moves when nobody has anything to do any more.
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(sessions.count().await.expect("memory counts"), left, "{path}");
    }
}
