//! Sessions on axum where a request goes other ways than most.

use std::convert::Infallible;

use axum::body::Body;
use axum::http::{Request, header};
use axum::routing::get;
use axum::{Router, response::IntoResponse};
use cloakroom::{MemoryStore, OutagePolicy, Session, SessionManager};
use futures_util::StreamExt;
use tower::ServiceExt;

fn cookie(response: &axum::response::Response) -> Option<String> {
    let header = response.headers().get(header::SET_COOKIE)?.to_str().expect("text");
    Some(header.split(';').next()?.to_owned())
}
async fn send(app: &Router, path: &str, cookie: Option<&str>) -> axum::response::Response {
    let mut request = Request::builder().uri(path);
    if let Some(cookie) = cookie {
        request = request.header(header::COOKIE, cookie);
    }
    app.clone().oneshot(request.body(Body::empty()).expect("works")).await.expect("works")
}

async fn text(response: axum::response::Response) -> String {
    String::from_utf8(axum::body::to_bytes(response.into_body(), usize::MAX).await.expect("works").to_vec())
        .expect("works")
}

fn streamed(session: Session, length: bool) -> axum::response::Response {
    let stream = futures_util::stream::iter(0..2).then(move |n| {
        let session = session.clone();
        async move {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            if n == 1 {
                session.set("streamed", true).expect("works");
            }
            Ok::<_, Infallible>(http_body::Frame::data(axum::body::Bytes::from_static(b"12345")))
        }
    });
    let body = Body::new(http_body_util::StreamBody::new(stream));
    if length { ([(header::CONTENT_LENGTH, "10")], body).into_response() } else { body.into_response() }
}

#[tokio::test]
async fn body_changes_are_saved_with_and_without_a_content_length() {
    let app = Router::new()
        .route("/new", get(|s: Session| async move { s.set("a", 1) }))
        .route("/chunked", get(|s: Session| async move { streamed(s, false) }))
        .route("/length", get(|s: Session| async move { streamed(s, true) }))
        .route(
            "/read",
            get(|s: Session| async move { s.get::<bool>("streamed").expect("works").is_some().to_string() }),
        )
        .layer(SessionManager::new(MemoryStore::new()).layer());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("works");
    let address = listener.local_addr().expect("works");
    let served = app.clone();
    tokio::spawn(async move { axum::serve(listener, served).await });
    for path in ["/chunked", "/length"] {
        let cookie = cookie(&send(&app, "/new", None).await).expect("works");
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n");
        let all = tokio::task::spawn_blocking(move || {
            use std::io::{Read, Write};
            let mut socket = std::net::TcpStream::connect(address).expect("works");
            socket.write_all(request.as_bytes()).expect("works");
            let mut all = String::new();
            socket.read_to_string(&mut all).expect("works");
            all
        })
        .await
        .expect("works");
        let kept = text(send(&app, "/read", Some(&cookie)).await).await;
        assert_eq!(kept, "true", "{path} {all}");
    }
}

#[tokio::test]
async fn a_caught_panic_discards() {
    async fn panics(s: Session) -> String {
        s.set("half", 1).expect("works");
        panic!("oops")
    }
    let app = Router::new()
        .route("/new", get(|s: Session| async move { s.set("a", 1) }))
        .route("/panic", get(panics))
        .route("/read", get(|s: Session| async move { s.get::<u32>("half").expect("works").is_some().to_string() }))
        // what tower_http::catch_panic does
        .layer(axum::middleware::from_fn(|r: axum::extract::Request, next: axum::middleware::Next| async move {
            tokio::spawn(Session::current().expect("works").scope(next.run(r)))
                .await
                .unwrap_or_else(|_| axum::http::StatusCode::INTERNAL_SERVER_ERROR.into_response())
        }))
        .layer(SessionManager::new(MemoryStore::new()).layer());
    let cookie = cookie(&send(&app, "/new", None).await).expect("works");
    assert_eq!(send(&app, "/panic", Some(&cookie)).await.status(), 500);
    assert_eq!(text(send(&app, "/read", Some(&cookie)).await).await, "false");
}

#[tokio::test]
async fn an_outage_page_is_not_for_caches() {
    use cloakroom::testing::FaultStore;
    let store = FaultStore::new(MemoryStore::new());
    let sessions = SessionManager::builder(store.clone()).outage(OutagePolicy::Anonymous).build().expect("works");
    let app = Router::new()
        .route("/", get(|s: Session| async move { s.get::<u32>("a").expect("works").is_some().to_string() }))
        .route("/new", get(|s: Session| async move { s.set("a", 1) }))
        .layer(sessions.layer());
    let c = cookie(&send(&app, "/new", None).await).expect("works");
    store.go_away();
    let r = send(&app, "/", Some(&c)).await;
    assert_eq!(r.headers()[header::CACHE_CONTROL], "no-store");
}

#[tokio::test(start_paused = true)]
async fn a_load_that_is_not_polled_blocks_nobody_for_ever() {
    use cloakroom::testing::{FaultStore, Verb};
    let store = FaultStore::new(MemoryStore::new());
    let sessions = SessionManager::new(store.clone());
    let s = sessions.open("__Host-sid=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned());
    let stop = store.on(Verb::Load).pause_before();
    let mut first = Box::pin(s.load());
    assert!(std::future::poll_fn(|cx| std::task::Poll::Ready(first.as_mut().poll(cx))).await.is_pending());
    stop.resume();
    let second = tokio::time::timeout(std::time::Duration::from_secs(8), s.load()).await;
    assert!(second.is_ok(), "load() waits beyond store_timeout");
}

#[test]
fn a_deserialize_that_looks_at_the_session_does_not_deadlock() {
    fn locale() -> String {
        Session::current().ok().and_then(|s| s.get::<String>("locale").ok().flatten()).unwrap_or_default()
    }
    #[derive(serde::Deserialize)]
    struct Prefs {
        #[serde(default = "locale")]
        locale: String,
    }
    let (tx, rx) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("works");
        runtime.block_on(async {
            let s = SessionManager::new(MemoryStore::new()).open(());
            s.load().await.expect("works");
            s.set("prefs", std::collections::BTreeMap::<String, u8>::new()).expect("works");
            let found = s.enter(|| s.get::<Prefs>("prefs")).expect("works").expect("works");
            let _ = tx.send(found.locale);
        });
    });
    assert!(rx.recv_timeout(std::time::Duration::from_secs(5)).is_ok(), "deadlock");
}

#[tokio::test]
async fn a_reader_whose_renewal_comes_second_rewrites_nothing() {
    use cloakroom::Lifetime;
    use cloakroom::testing::{FakeClock, FaultStore, Verb};
    let (store, clock) = (FaultStore::new(MemoryStore::new()), FakeClock::new());
    let sessions = SessionManager::builder(store.clone())
        .clock(clock.clone())
        .lifetime(Lifetime::default().renew_every(std::time::Duration::from_secs(3600)))
        .build()
        .expect("works");
    let s = sessions.open(());
    s.load().await.expect("works");
    s.set("a", 1).expect("works");
    let c = s.commit(200).await.edits.set_cookies().next().expect("works").split(';').next().expect("works").to_owned();
    clock.advance(std::time::Duration::from_secs(3600));
    let (one, two) = (sessions.open(c.clone()), sessions.open(c.clone()));
    for s in [&one, &two] {
        s.load().await.expect("works");
        s.get::<u32>("a").expect("works");
    }
    let _ = one.commit(200).await;
    let swaps = store.calls(Verb::Swap);
    let _ = two.commit(200).await;
    assert_eq!(store.calls(Verb::Swap), swaps + 1, "it tries the marker, and finds that it is there");
}

// behaviour 104
#[tokio::test(start_paused = true)]
async fn a_body_whose_changes_cannot_be_saved_is_cut_off() {
    use cloakroom::testing::FaultStore;
    let store = FaultStore::new(MemoryStore::new());
    let app = Router::new()
        .route("/new", get(|s: Session| async move { s.set("a", 1) }))
        .route("/stream", get(|s: Session| async move { streamed(s, false) }))
        .layer(SessionManager::new(store.clone()).layer());
    let cookie = cookie(&send(&app, "/new", None).await).expect("works");
    let response = send(&app, "/stream", Some(&cookie)).await;
    assert!(response.status().is_success(), "the head is on its way");
    store.go_away();
    assert!(axum::body::to_bytes(response.into_body(), usize::MAX).await.is_err());
}
