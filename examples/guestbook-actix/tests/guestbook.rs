//! The guestbook under actix-web, in process: the pages are those of the guestbook under axum.

use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{Payload, Service, ServiceResponse};
use actix_web::http::header::{
    CONNECTION, CONTENT_TYPE, COOKIE, LOCATION, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, SET_COOKIE, UPGRADE,
    USER_AGENT,
};
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::web::Bytes;
use cloakroom::testing::{FaultStore, Verb};
use cloakroom::{MemoryStore, SessionManager};
use futures_util::stream;
use guestbook_core::Pages;

/// A browser with one cookie.
#[derive(Clone)]
struct Browser<'a, S> {
    app: &'a S,
    cookie: Option<String>,
}

struct Response {
    status: u16,
    location: Option<String>,
    text: String,
}

impl<S, B> Browser<'_, S>
where
    S: Service<actix_http::Request, Response = ServiceResponse<B>, Error = actix_web::Error>,
    B: MessageBody,
{
    async fn send(&mut self, mut request: TestRequest) -> Response {
        if let Some(cookie) = &self.cookie {
            request = request.insert_header((COOKIE, cookie.as_str()));
        }
        let response = call_service(self.app, request.to_request()).await;
        let text = |name| response.headers().get(name).map(|value| value.to_str().expect("text").to_owned());
        if let Some(set) = text(SET_COOKIE) {
            let pair = set.split(';').next().expect("never empty");
            self.cookie = (!set.contains("Max-Age=0")).then(|| pair.to_owned());
        }
        let (status, location) = (response.status().as_u16(), text(LOCATION));
        let body = read_body(response).await;
        Response { status, location, text: String::from_utf8_lossy(&body).into_owned() }
    }

    async fn page(&mut self, path: &str) -> String {
        let response = self.send(TestRequest::get().uri(path)).await;
        assert_eq!(response.status, 200, "{path}");
        response.text
    }

    async fn posted(&mut self, path: &str, form: impl Into<Bytes>) {
        assert_eq!(self.send(post(path, form)).await.status, 303, "{path}");
    }
}

fn post(path: &str, form: impl Into<Bytes>) -> TestRequest {
    TestRequest::post().uri(path).insert_header((CONTENT_TYPE, "application/x-www-form-urlencoded")).set_payload(form)
}

#[actix_web::test]
async fn a_visitor_fills_a_cart_signs_in_orders_writes_and_signs_out() {
    let sessions = SessionManager::new(MemoryStore::new());
    let app = init_service(guestbook_actix::app(&sessions, &Pages::new(None).expect("templates"))).await;
    let mut browser = Browser { app: &app, cookie: None };
    assert!(browser.page("/sign-in").await.contains("You have no cookie of ours"));
    assert_eq!(browser.send(TestRequest::get()).await.location.as_deref(), Some("/sign-in"));
    assert_eq!(browser.send(TestRequest::get().uri("/nothing")).await.status, 404);
    assert!(browser.page("/style.css").await.contains("color-scheme"));
    assert_eq!(sessions.count().await.expect("counts"), 0);

    browser.posted("/shop/add", "article=mug").await;
    browser.posted("/shop/add", "article=pen").await;
    let before = browser.cookie.clone();
    browser.posted("/sign-in", "name=Ana+%3Cb%3E&shared_computer=on&device=My+phone").await;
    assert_ne!(browser.cookie, before, "a login renews the ticket");
    let page = browser.page("/").await;
    assert!(page.contains("Welcome, Ana &lt;b&gt;.") && page.contains("ana.b@example.org"), "{page}");
    assert!(page.contains("in 1 hour") && page.contains("in 1 day"), "{page}");
    let page = browser.page("/shop").await;
    assert!(page.contains("<b>1</b> × Enamel mug") && page.contains("<b>1</b> × Fountain pen"), "{page}");
    browser.posted("/shop/remove", "article=mug").await;
    browser.posted("/shop/order", "").await;
    let page = browser.page("/shop").await;
    assert!(page.contains("Ordered 1 article.") && page.contains("Orders so far: 1"), "{page}");

    browser.posted("/", "text=milk").await;
    assert!(browser.page("/").await.contains("milk"));
    let refused = browser.send(post("/", "text=")).await;
    assert!(refused.status == 422 && refused.text.contains("of at most 280 letters"), "{}", refused.text);
    assert!(browser.page("/devices").await.contains("My phone"));
    let before = browser.cookie.clone();
    browser.posted("/renew", "from=%2F").await;
    assert_ne!(browser.cookie, before);
    browser.posted("/sign-out", "").await;
    let page = browser.page("/sign-in").await;
    assert!(page.contains("You are signed out.") && !page.contains("milk") && !page.contains("ana."), "{page}");
}

/// What a button of the page that is for this device sends.
fn handle_of<'a>(page: &'a str, label: &str) -> &'a str {
    let card = page.split("<article").find(|card| card.contains(label)).expect("the device is listed");
    let value = card.split("name=\"handle\" value=\"").nth(1).expect("a button with a handle");
    value.split('"').next().expect("never empty")
}

#[actix_web::test]
async fn a_visitor_signs_out_on_one_device_on_all_others_and_everywhere() {
    let sessions = SessionManager::new(MemoryStore::new());
    let app = init_service(guestbook_actix::app(&sessions, &Pages::new(None).expect("templates"))).await;
    let new = || Browser { app: &app, cookie: None };
    let (mut laptop, mut phone, mut tablet, mut mallory) = (new(), new(), new(), new());
    let linux = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    let page = laptop.send(TestRequest::get().uri("/sign-in").insert_header((USER_AGENT, linux))).await;
    assert!(page.text.contains("Firefox on Linux"), "{}", page.text);
    assert_eq!(laptop.send(TestRequest::get().uri("/devices")).await.location.as_deref(), Some("/sign-in"));
    laptop.posted("/sign-in", "name=Ana&device=Laptop").await;
    phone.posted("/sign-in", "name=Ana&device=Phone").await;
    tablet.posted("/sign-in", "name=Ana&device=Tablet").await;
    mallory.posted("/sign-in", "name=Mallory&device=Elsewhere").await;

    let page = laptop.page("/devices").await;
    assert!(!page.contains("Elsewhere"), "{page}");
    let chosen = format!("handle={}", handle_of(&page, "Phone"));
    // What is not Mallory's is not ended for her.
    mallory.posted("/devices/sign-out", chosen.clone()).await;
    assert!(mallory.page("/devices").await.contains("That device was signed out already."));
    assert!(phone.page("/").await.contains("Good to see you, Ana."));
    laptop.posted("/devices/sign-out", chosen).await;
    let page = laptop.page("/devices").await;
    assert!(page.contains("That device is signed out.") && !page.contains("Phone"), "{page}");
    assert_eq!(phone.send(TestRequest::get()).await.location.as_deref(), Some("/sign-in"));

    laptop.posted("/devices/sign-out-others", "").await;
    assert!(laptop.page("/devices").await.contains("1 other device signed out."));
    assert_eq!(tablet.send(TestRequest::get()).await.location.as_deref(), Some("/sign-in"));

    tablet.posted("/sign-in", "name=Ana&device=Tablet").await;
    tablet.posted("/devices/sign-out-all", "").await;
    assert!(tablet.page("/sign-in").await.contains("You are signed out everywhere."));
    assert_eq!(laptop.send(TestRequest::get()).await.location.as_deref(), Some("/sign-in"));
    assert!(mallory.page("/").await.contains("Good to see you, Mallory."));
}

/// The handshake of a socket.
fn upgrade() -> TestRequest {
    TestRequest::get()
        .uri("/live")
        .insert_header((CONNECTION, "upgrade"))
        .insert_header((UPGRADE, "websocket"))
        .insert_header((SEC_WEBSOCKET_VERSION, "13"))
        .insert_header((SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ=="))
}

#[actix_web::test]
async fn a_socket_is_closed_when_its_visitor_signs_out() {
    let sessions = SessionManager::new(MemoryStore::new());
    let app = init_service(guestbook_actix::app(&sessions, &Pages::new(None).expect("templates"))).await;
    let mut browser = Browser { app: &app, cookie: None };
    assert!(browser.page("/live.js").await.contains("WebSocket"));
    assert_eq!(browser.send(upgrade()).await.location.as_deref(), Some("/sign-in"));
    browser.posted("/sign-in", "name=Ana").await;
    let elsewhere = browser.send(upgrade().insert_header(("sec-fetch-site", "cross-site"))).await;
    assert_eq!(elsewhere.status, 403);

    let cookie = browser.cookie.clone().expect("signed in");
    let request = upgrade().insert_header((COOKIE, cookie)).to_request();
    // A browser that says nothing, and does not hang up.
    let silence: Payload = Payload::Stream { payload: Box::pin(stream::pending()) };
    let response = call_service(&app, request.replace_payload(silence).0).await;
    assert_eq!(response.status(), 101);
    let said = actix_web::rt::spawn(read_body(response));
    browser.posted("/renew", "from=%2F").await;
    assert!(!said.is_finished(), "the session goes on");
    browser.posted("/sign-out", "").await;
    let said = tokio::time::timeout(Duration::from_secs(5), said).await.expect("closed in time").expect("no panic");
    // One frame: a close of 12 bytes with the code 1000.
    assert_eq!(said, [b"\x88\x0c\x03\xe8".as_slice(), b"signed out"].concat());
}

#[actix_web::test]
async fn a_bearer_token_signs_in_for_one_request_and_leaves_nothing() {
    let sessions = SessionManager::new(MemoryStore::new());
    let app = init_service(guestbook_actix::app(&sessions, &Pages::new(None).expect("templates"))).await;
    let mut program = Browser { app: &app, cookie: None };
    let ask = |token: &str| TestRequest::get().uri("/api/whoami").insert_header(("authorization", token.to_owned()));
    let answer = program.send(ask("Bearer demo-token")).await;
    assert_eq!(
        (answer.status, answer.text.as_str()),
        (200, r#"{"user":"robot@example.org","email":"robot@example.org"}"#)
    );
    assert_eq!(program.send(ask("Bearer guess")).await.status, 401);
    assert_eq!((program.cookie, sessions.count().await.expect("counts")), (None, 0));
}

#[actix_web::test]
async fn a_form_of_another_site_is_refused() {
    let sessions = SessionManager::new(MemoryStore::new());
    let app = init_service(guestbook_actix::app(&sessions, &Pages::new(None).expect("templates"))).await;
    let mut browser = Browser { app: &app, cookie: None };
    let form = post("/sign-in", "name=Mallory").insert_header(("sec-fetch-site", "cross-site"));
    assert_eq!(browser.send(form).await.status, 403);
    assert_eq!((browser.cookie, sessions.count().await.expect("counts")), (None, 0));
}

#[actix_web::test]
async fn a_store_that_is_away_is_told_and_signs_nobody_out() {
    let store = FaultStore::new(MemoryStore::new());
    let sessions = SessionManager::new(store.clone());
    let app = init_service(guestbook_actix::app(&sessions, &Pages::new(None).expect("templates"))).await;
    let mut browser = Browser { app: &app, cookie: None };
    browser.posted("/sign-in", "name=Ana").await;
    store.on(Verb::Load).always().fail_before();
    let answer = browser.send(TestRequest::get()).await;
    assert!(answer.status == 503 && answer.text.contains("<h1>Service Unavailable</h1>"), "{}", answer.text);
    store.forget_faults();
    assert!(browser.page("/").await.contains("Good to see you, Ana."));
}
