//! The application in process: what a browser cannot see, and what it would take it long to see.

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode, header};
use cloakroom::operators::History;
use cloakroom::testing::{FaultStore, Verb};
use cloakroom::{MemoryStore, SessionManager};
use http_body_util::BodyExt;
use tower::ServiceExt;

/// A browser with one cookie.
#[derive(Clone)]
struct Browser {
    app: Router,
    cookie: Option<String>,
}

impl Browser {
    fn new(sessions: &SessionManager) -> Self {
        Self { app: guestbook::app(sessions, History::new()).expect("templates"), cookie: None }
    }

    async fn send(&mut self, mut request: Request<Body>) -> Response<Body> {
        if let Some(cookie) = &self.cookie {
            request.headers_mut().insert(header::COOKIE, cookie.parse().expect("a header"));
        }
        let response = self.app.clone().oneshot(request).await.expect("infallible");
        if let Some(set) = response.headers().get(header::SET_COOKIE) {
            let set = set.to_str().expect("text");
            let pair = set.split(';').next().expect("never empty");
            self.cookie = (!set.contains("Max-Age=0")).then(|| pair.to_owned());
        }
        response
    }

    async fn page(&mut self, path: &str) -> String {
        let response = self.send(get(path)).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
        text(response).await
    }

    async fn post(&mut self, path: &str, form: impl Into<Body>) -> Response<Body> {
        self.send(post(path, form)).await
    }

    async fn posted(&mut self, path: &str, form: impl Into<Body>) {
        assert_eq!(self.post(path, form).await.status(), StatusCode::SEE_OTHER, "{path}");
    }
}

fn get(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).expect("a request")
}

fn post(path: &str, form: impl Into<Body>) -> Request<Body> {
    let request = Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    request.body(form.into()).expect("a request")
}

async fn text(response: Response<Body>) -> String {
    let bytes = response.into_body().collect().await.expect("a body").to_bytes();
    String::from_utf8(bytes.to_vec()).expect("text")
}

fn sessions() -> SessionManager {
    SessionManager::new(MemoryStore::new())
}

#[tokio::test]
async fn looking_around_begins_no_session() {
    let sessions = sessions();
    let mut browser = Browser::new(&sessions);
    assert!(browser.page("/shop").await.contains("Enamel mug"));
    assert!(browser.page("/sign-in").await.contains("You have no cookie of ours"));
    assert_eq!(browser.send(get("/")).await.headers()[header::LOCATION], "/sign-in");
    assert_eq!(browser.send(get("/nothing")).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(browser.cookie, None);
    assert_eq!(sessions.count().await.expect("counts"), 0);
}

#[tokio::test]
async fn what_visitors_type_is_escaped_and_refused_forms_keep_it() {
    let mut browser = Browser::new(&sessions());
    browser.posted("/sign-in", "name=Ana+%3Cb%3E").await;
    let page = browser.page("/").await;
    assert!(page.contains("Welcome, Ana &lt;b&gt;.") && page.contains("ana.b@example.org"), "{page}");
    assert!(!page.contains("<b>"), "{page}");
    assert!(!browser.page("/").await.contains("Welcome"), "a message is shown once");

    browser.posted("/", "text=%3Cscript%3E").await;
    let page = browser.page("/").await;
    assert!(page.contains("&lt;script&gt;") && !page.contains("<script>"), "{page}");

    let refused = browser.post("/", format!("text={}", "x".repeat(300))).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = text(refused).await;
    assert!(page.contains("of at most 280 letters") && page.contains("xxx</textarea>"), "{page}");
    assert!(!browser.page("/").await.contains("at most 280"), "that message was for the refused form");
}

#[tokio::test]
async fn the_cart_of_many_tabs_is_one_cart_and_survives_signing_in() {
    let mut browser = Browser::new(&sessions());
    browser.posted("/shop/add", "article=mug").await;
    let tabs = (0..10).map(|_| {
        let mut tab = browser.clone();
        tokio::spawn(async move { tab.posted("/shop/add", "article=pen").await })
    });
    for tab in tabs.collect::<Vec<_>>() {
        tab.await.expect("a tab");
    }
    let before = browser.cookie.clone();
    browser.posted("/sign-in", "name=Ana").await;
    assert_ne!(browser.cookie, before, "a login renews the ticket");
    let page = browser.page("/shop").await;
    assert!(page.contains("<b>1</b> × Enamel mug") && page.contains("<b>10</b> × Fountain pen"), "{page}");

    browser.posted("/shop/remove", "article=mug").await;
    browser.posted("/shop/order", "").await;
    let page = browser.page("/shop").await;
    assert!(page.contains("Ordered 10 articles.") && page.contains("Orders so far: 1"), "{page}");
    browser.posted("/shop/order", "").await;
    assert!(browser.page("/shop").await.contains("Your cart is empty."));
    assert_eq!(browser.post("/shop/add", "article=moon").await.status(), StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_renewed_ticket_opens_the_same_session_and_the_old_one_nothing() {
    let mut browser = Browser::new(&sessions());
    browser.posted("/sign-in", "name=Ana&shared_computer=on").await;
    let page = browser.page("/").await;
    assert!(page.contains("in 1 hour") && page.contains("in 1 day"), "{page}");

    let mut thief = browser.clone();
    browser.posted("/renew", "from=%2Fshop").await;
    assert_ne!(browser.cookie, thief.cookie);
    assert!(browser.page("/").await.contains("You have a new ticket."));
    assert_eq!(thief.send(get("/")).await.headers()[header::LOCATION], "/sign-in");
}

#[tokio::test]
async fn after_signing_out_nothing_is_left() {
    let mut browser = Browser::new(&sessions());
    browser.posted("/sign-in", "name=Ana").await;
    browser.posted("/", "text=milk").await;
    let mut second_tab = browser.clone();
    browser.posted("/sign-out", "").await;
    let page = browser.page("/sign-in").await;
    assert!(page.contains("You are signed out.") && !page.contains("milk") && !page.contains("ana@"), "{page}");
    assert_eq!(second_tab.send(get("/")).await.headers()[header::LOCATION], "/sign-in");
}

#[tokio::test]
async fn a_bearer_token_signs_in_for_one_request_and_leaves_nothing() {
    let sessions = sessions();
    let mut program = Browser::new(&sessions);
    let mut ask = async |token: Option<&str>| {
        let mut request = get("/api/whoami");
        if let Some(token) = token {
            request.headers_mut().insert(header::AUTHORIZATION, token.parse().expect("a header"));
        }
        let response = program.send(request).await;
        assert!(!response.headers().contains_key(header::SET_COOKIE));
        (response.status(), text(response).await)
    };
    let (status, body) = ask(Some("Bearer demo-token")).await;
    assert_eq!(
        (status, body.as_str()),
        (StatusCode::OK, r#"{"user":"robot@example.org","email":"robot@example.org"}"#)
    );
    assert_eq!(ask(Some("Bearer guess")).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(ask(Some("Basic demo-token")).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(ask(None).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(sessions.count().await.expect("counts"), 0);

    let mut browser = Browser::new(&sessions);
    browser.posted("/sign-in", "name=Ana").await;
    assert!(text(browser.send(get("/api/whoami")).await).await.contains("ana@example.org"));
}

#[tokio::test]
async fn a_form_of_another_site_is_refused() {
    let sessions = sessions();
    let mut browser = Browser::new(&sessions);
    let mut request = post("/sign-in", "name=Mallory");
    request.headers_mut().insert("sec-fetch-site", "cross-site".parse().expect("a header"));
    assert_eq!(browser.send(request).await.status(), StatusCode::FORBIDDEN);
    assert_eq!((browser.cookie, sessions.count().await.expect("counts")), (None, 0));
}

#[tokio::test]
async fn the_page_for_operators_is_for_the_operator() {
    let sessions = sessions();
    let mut ana = Browser::new(&sessions);
    assert_eq!(ana.send(get("/operators")).await.status(), StatusCode::FORBIDDEN);
    ana.posted("/sign-in", "name=Ana").await;
    assert_eq!(ana.send(get("/operators")).await.status(), StatusCode::FORBIDDEN);
    assert!(!ana.page("/").await.contains("Operators"), "no link to what is not for Ana");

    let mut admin = Browser::new(&sessions);
    admin.posted("/sign-in", "name=Admin").await;
    assert!(admin.page("/").await.contains(">Operators</a>"));
    assert!(admin.page("/operators").await.contains("ana@example.org"));
    let mut request = post("/operators/revoke-user", "user=ana@example.org");
    request.headers_mut().insert("sec-fetch-site", "same-origin".parse().expect("a header"));
    assert_eq!(admin.send(request).await.headers()[header::LOCATION], "/operators?user=ana%40example.org&ended=1");
    assert_eq!(ana.send(get("/")).await.headers()[header::LOCATION], "/sign-in");
}

#[tokio::test]
async fn a_store_that_is_away_is_told_and_signs_nobody_out() {
    let store = FaultStore::new(MemoryStore::new());
    let mut browser = Browser::new(&SessionManager::new(store.clone()));
    browser.posted("/sign-in", "name=Ana").await;
    store.on(Verb::Load).always().fail_before();
    let response = browser.send(get("/")).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let page = text(response).await;
    assert!(page.contains("<h1>Service Unavailable</h1>") && page.contains("Back to the guestbook"), "{page}");
    store.forget_faults();
    assert!(browser.page("/").await.contains("Good to see you, Ana."));

    store.on(Verb::Swap).always().fail_before();
    let response = browser.post("/", "text=milk").await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(text(response).await.contains("<h1>Service Unavailable</h1>"), "what was not kept is not said to be");
}
