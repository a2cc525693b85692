//! The page for operators, in process.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use cloakroom::operators::{self, History};
use cloakroom::testing::{self, FakeClock, Visitor};
use cloakroom::{Error, ErrorKind, MemoryStore, Session, SessionManager};
use tower::ServiceExt;

type Response = axum::http::Response<Body>;

/// An application with the page, and somebody who may see it.
struct Site {
    sessions: SessionManager,
    app: Router,
    admin: Visitor,
}

impl Site {
    async fn new() -> Self {
        Self::with(MemoryStore::new()).await
    }

    async fn with(store: MemoryStore) -> Self {
        let history = History::new();
        let sessions = SessionManager::builder(store).observer(history.clone()).build().expect("is right");
        let app = Router::new().nest("/operators", page(&sessions, history)).layer(sessions.layer());
        let admin = testing::session().logged_in_as("admin").visitor(&sessions).await.expect("is kept");
        Self { sessions, app, admin }
    }

    async fn visitor(&self, user: &str) -> Visitor {
        testing::session().logged_in_as(user).visitor(&self.sessions).await.expect("is kept")
    }

    async fn page(&self, query: &str) -> String {
        let response = self.get(&format!("/operators{query}")).await;
        assert_eq!(response.status(), StatusCode::OK);
        text(response).await
    }

    async fn get(&self, path: &str) -> Response {
        send(&self.app, &self.admin, Request::get(path).body(Body::empty())).await
    }

    /// A form, as the browser sends those of the page itself.
    async fn post(&self, path: &str, form: &[(&str, &str)]) -> Response {
        self.post_with(path, form, &[("sec-fetch-site", "same-origin")]).await
    }

    async fn post_with(&self, path: &str, form: &[(&str, &str)], headers: &[(&str, &str)]) -> Response {
        send(&self.app, &self.admin, post(path, form, headers)).await
    }

    async fn live(&self) -> u64 {
        self.sessions.count().await.expect("counts")
    }
}

fn page(sessions: &SessionManager, history: History) -> Router {
    operators::router(sessions, history, async |session: Session| Ok(session.user()?.as_deref() == Some("admin")))
        .expect("is well formed")
}

fn post(path: &str, form: &[(&str, &str)], headers: &[(&str, &str)]) -> axum::http::Result<Request<Body>> {
    let mut request = Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::from(form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish()))
}

async fn send(app: &Router, visitor: &Visitor, request: axum::http::Result<Request<Body>>) -> Response {
    let mut request = request.expect("a request");
    if let Some(cookie) = visitor.cookie() {
        request.headers_mut().insert(header::COOKIE, cookie.parse().expect("a header"));
    }
    app.clone().oneshot(request).await.expect("infallible")
}

async fn text(response: Response) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.expect("a body");
    String::from_utf8(bytes.to_vec()).expect("text")
}

async fn handle_of(visitor: &Visitor) -> String {
    let handle = visitor.session().await.and_then(|session| session.handle()).expect("is loaded");
    handle.expect("is live").to_string()
}

async fn is_live(visitor: &Visitor) -> bool {
    visitor.session().await.and_then(|session| session.handle()).expect("is loaded").is_some()
}

fn handles(html: &str) -> Vec<String> {
    let codes = html.split("<code>").skip(1);
    codes.map(|code| code.split('<').next().expect("never empty").to_owned()).collect()
}

/// What a plot of that title counts.
fn figure(html: &str, title: &str) -> String {
    let figure = html.split(&format!("<figcaption>{title}<span><b>")).nth(1).expect("there is such a plot");
    figure.split('<').next().expect("never empty").to_owned()
}

fn location(response: &Response) -> &str {
    response.headers()[header::LOCATION].to_str().expect("text")
}

/// The links, forms, styles and scripts of a page.
fn addresses(html: &str) -> Vec<String> {
    let parts = ["href=\"", "action=\"", "src=\""].into_iter().flat_map(|name| html.split(name).skip(1));
    let addresses = parts.map(|part| part.split('"').next().expect("never empty")).filter(|part| *part != "data:,");
    addresses.map(|address| address.replace("&#x2f;", "/").replace("&amp;", "&")).collect()
}

#[tokio::test]
async fn only_whom_the_application_lets_through_sees_anything() {
    let site = Site::new().await;
    let ana = site.visitor("ana").await;
    let own = handle_of(&ana).await;
    for visitor in [&ana, &Visitor::new(&site.sessions)] {
        for path in ["/operators", "/operators?user=ana", "/operators/page.css", "/operators/page.js"] {
            let response = send(&site.app, visitor, Request::get(path).body(Body::empty())).await;
            assert_eq!(response.status(), StatusCode::FORBIDDEN, "{path}");
            assert_eq!(text(response).await, "this page is for operators\n", "{path}");
        }
        let same_origin = [("sec-fetch-site", "same-origin")];
        for (path, form) in
            [("/operators/revoke", [("handle", own.as_str())]), ("/operators/revoke-user", [("user", "ana")])]
        {
            let response = send(&site.app, visitor, post(path, &form, &same_origin)).await;
            assert_eq!(response.status(), StatusCode::FORBIDDEN, "{path}");
        }
    }
    assert!(is_live(&ana).await);
    assert!(site.page("").await.contains("<b>2</b> live"));
}

#[tokio::test]
async fn the_application_chooses_how_it_refuses() {
    let sessions = SessionManager::new(MemoryStore::new());
    let refuse = async |_: Session| Err(Error::new(ErrorKind::Unauthenticated, "log in first"));
    let page = operators::router(&sessions, History::new(), refuse).expect("is well formed");
    let app = Router::new().nest("/operators", page).layer(sessions.layer());
    let response = send(&app, &Visitor::new(&sessions), Request::get("/operators").body(Body::empty())).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn sessions_are_listed_and_found_by_their_user() {
    let clock = FakeClock::new();
    let sessions = SessionManager::builder(MemoryStore::new()).clock(clock.clone()).build().expect("is right");
    let ana = testing::session().logged_in_as("ana").change(|session| session.note("the laptop"));
    let ana = ana.visitor(&sessions).await.expect("is kept");
    let nobody = testing::session().with("cart", 1).visitor(&sessions).await.expect("is kept");
    clock.advance(Duration::from_secs(2 * 3_600));
    let admin = testing::session().logged_in_as("admin").visitor(&sessions).await.expect("is kept");
    let app = Router::new().nest("/operators", page(&sessions, History::new())).layer(sessions.layer());
    let site = Site { sessions, app, admin };

    let all = site.page("").await;
    assert!(all.contains("<b>3</b> live"), "{all}");
    assert!(all.contains("<small>the laptop</small>") && all.contains(">nobody<"), "{all}");
    assert!(all.contains(">2 h ago<") && all.contains(">0 s ago<") && all.contains(">30 d<"), "{all}");
    let mut listed = handles(&all);
    let mut live = [handle_of(&ana).await, handle_of(&nobody).await, handle_of(&site.admin).await];
    listed.sort();
    live.sort();
    assert_eq!(listed, live);

    let found = site.page("?user=+ana+").await;
    assert_eq!(handles(&found), [handle_of(&ana).await]);
    assert!(!found.contains("this is yours") && found.contains("End all of ana"), "{found}");
    assert!(site.page("?user=admin").await.contains("this is yours"));
    let none = site.page("?user=bob").await;
    assert!(none.contains("bob has no live session.") && handles(&none).is_empty(), "{none}");
    assert!(!none.contains("End all of"), "{none}");
}

#[tokio::test]
async fn every_session_is_on_one_page_and_no_more() {
    let site = Site::new().await;
    for n in 0..120 {
        site.visitor(&format!("user-{n}")).await;
    }
    let mut seen = Vec::new();
    let mut query = String::new();
    let mut pages = 0;
    loop {
        let html = site.page(&query).await;
        seen.extend(handles(&html));
        pages += 1;
        let more = addresses(&html).into_iter().find(|address| address.contains("?after="));
        let Some(more) = more else { break };
        query = more.strip_prefix("/operators").expect("below the page").to_owned();
    }
    assert_eq!((pages, seen.len()), (3, 121));
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 121);
    assert_eq!(site.get("/operators?after=nonsense").await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn one_session_is_ended_or_all_of_a_user() {
    let site = Site::new().await;
    let [first, second, third] =
        [site.visitor("ana & co").await, site.visitor("ana & co").await, site.visitor("ana & co").await];
    let bob = site.visitor("bob").await;

    let handle = handle_of(&first).await;
    let response = site.post("/operators/revoke", &[("handle", &handle), ("user", "ana & co")]).await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    assert_eq!(location(&response), "/operators?user=ana+%26+co&ended=1");
    assert!(!is_live(&first).await && is_live(&second).await);
    let html = text(site.get(location(&response)).await).await;
    assert!(html.contains("One session was ended.") && html.contains("ana &amp; co"), "{html}");
    assert_eq!(handles(&html).len(), 2);

    let again = site.post("/operators/revoke", &[("handle", &handle)]).await;
    assert_eq!((again.status(), location(&again)), (StatusCode::SEE_OTHER, "/operators?user=&ended=0"));
    let nonsense = site.post("/operators/revoke", &[("handle", "nonsense")]).await;
    assert_eq!(nonsense.status(), StatusCode::BAD_REQUEST);

    let response = site.post("/operators/revoke-user", &[("user", "ana & co")]).await;
    assert_eq!((response.status(), location(&response)), (StatusCode::SEE_OTHER, "/operators?user=ana+%26+co&ended=2"));
    assert!(!is_live(&second).await && !is_live(&third).await && is_live(&bob).await);
    assert_eq!(site.live().await, 2);
}

#[tokio::test]
async fn what_another_site_posts_ends_nothing() {
    let site = Site::new().await;
    let ana = site.visitor("ana").await;
    let handle = handle_of(&ana).await;
    let forged: [&[(&str, &str)]; 6] = [
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[],
        &[("host", "shop.example")],
        &[("host", "shop.example"), ("origin", "https://evil.example")],
        &[("host", "shop.example"), ("origin", "https://shop.example"), ("sec-fetch-site", "cross-site")],
    ];
    for headers in forged {
        for (path, form) in
            [("/operators/revoke", [("handle", handle.as_str())]), ("/operators/revoke-user", [("user", "ana")])]
        {
            let response = site.post_with(path, &form, headers).await;
            assert_eq!(response.status(), StatusCode::FORBIDDEN, "{path} with {headers:?}");
        }
    }
    // Neither does an address that a picture of another site may have.
    for path in [format!("/operators/revoke?handle={handle}"), "/operators/revoke-user?user=ana".to_owned()] {
        assert_eq!(site.get(&path).await.status(), StatusCode::METHOD_NOT_ALLOWED);
    }
    assert!(is_live(&ana).await);

    let own = [("host", "shop.example"), ("origin", "https://shop.example")];
    let response = site.post_with("/operators/revoke", &[("handle", &handle)], &own).await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER, "a browser without `Sec-Fetch-Site`");
    assert!(!is_live(&ana).await);
}

#[tokio::test]
async fn names_and_notes_are_text_and_never_markup() {
    let site = Site::new().await;
    let name = "\"><script>alert(1)</script>&user=bob";
    let ana = testing::session().logged_in_as(name).change(|session| session.note("<img src=x onerror=alert(2)>"));
    ana.visitor(&site.sessions).await.expect("is kept");
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("user", name).finish();
    for html in [site.page("").await, site.page(&format!("?{query}")).await, site.page("?user=%3Cscript%3Ebob").await] {
        assert_eq!(html.matches("<script").count(), 1, "the page's own: {html}");
        assert!(html.contains("&lt;script&gt;") && !html.contains("<img"), "{html}");
    }
    // The link of the name finds it again.
    let html = site.page("").await;
    let link = addresses(&html).into_iter().find(|address| address.contains("script%3E")).expect("a link");
    assert_eq!(handles(&text(site.get(&link).await).await).len(), 1);
}

#[tokio::test]
async fn it_loads_nothing_from_elsewhere_and_stays_in_no_cache_and_no_frame() {
    let site = Site::new().await;
    let response = site.get("/operators").await;
    let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().expect("text").to_owned();
    for rule in ["default-src 'none'", "script-src 'self'", "form-action 'self'", "frame-ancestors 'none'"] {
        assert!(policy.contains(rule), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
    assert_eq!(response.headers()[header::REFERRER_POLICY], "no-referrer");
    let html = text(response).await;
    assert!(!html.contains("://") && !html.contains("style="), "{html}");
    for (path, kind) in [("page.css", "text/css; charset=utf-8"), ("page.js", "text/javascript; charset=utf-8")] {
        let response = site.get(&format!("/operators/{path}")).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[header::CONTENT_TYPE], kind);
        assert_eq!(response.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    }
}

#[tokio::test]
async fn nothing_on_it_opens_a_session() {
    let site = Site::new().await;
    let ana = testing::session().logged_in_as("ana").with("card", "4111-1111").visitor(&site.sessions).await;
    let ana = ana.expect("is kept");
    let html = site.page("").await;
    for visitor in [&ana, &site.admin] {
        let cookie = visitor.cookie().expect("a ticket");
        let (_, ticket) = cookie.split_once('=').expect("a pair");
        assert!(!html.contains(ticket));
    }
    assert!(!html.contains("4111-1111"), "no values");
    // Handles have 22 letters, and store keys and tickets 43.
    let longest =
        html.split(|letter: char| !(letter.is_ascii_alphanumeric() || "-_".contains(letter))).map(str::len).max();
    assert!(longest < Some(43), "{html}");
}

#[tokio::test]
async fn it_stays_below_where_it_is_mounted() {
    for mount in ["/", "/operators", "/deep/inside"] {
        let sessions = SessionManager::new(MemoryStore::new());
        let page = page(&sessions, History::new());
        let routes = if mount == "/" { page } else { Router::new().nest(mount, page) };
        let app = routes.layer(sessions.layer());
        let admin = testing::session().logged_in_as("admin").visitor(&sessions).await.expect("is kept");
        for n in 0..60 {
            testing::session().logged_in_as(format!("user-{n}")).visitor(&sessions).await.expect("is kept");
        }
        let html = text(send(&app, &admin, Request::get(mount).body(Body::empty())).await).await;
        let below = |address: &str| {
            let rest = address.strip_prefix(mount.trim_end_matches('/'));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
        };
        let mut addresses = addresses(&html);
        assert!(addresses.iter().all(|address| below(address) && !address.starts_with("//")), "{mount}: {addresses:?}");
        addresses.retain(|address| !address.contains("revoke") && !address.contains("user="));
        for address in &addresses {
            let response = send(&app, &admin, Request::get(address).body(Body::empty())).await;
            assert_eq!(response.status(), StatusCode::OK, "{address}");
        }
        let path = format!("{}/revoke-user", mount.trim_end_matches('/'));
        let form = post(&path, &[("user", "user-1")], &[("sec-fetch-site", "same-origin")]);
        let response = send(&app, &admin, form).await;
        assert_eq!(location(&response), format!("{mount}?user=user-1&ended=1"));
        let back = send(&app, &admin, Request::get(location(&response)).body(Body::empty())).await;
        assert_eq!(back.status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn one_application_looks_after_the_sessions_of_another() {
    let shop = SessionManager::new(MemoryStore::new());
    let ana = testing::session().logged_in_as("ana").visitor(&shop).await.expect("is kept");
    let office = SessionManager::new(MemoryStore::new());
    let admin = testing::session().logged_in_as("admin").visitor(&office).await.expect("is kept");
    let app = Router::new().nest("/operators", page(&shop, History::new())).layer(office.layer());
    let html = text(send(&app, &admin, Request::get("/operators").body(Body::empty())).await).await;
    assert_eq!(handles(&html), [handle_of(&ana).await]);
    assert!(!html.contains("this is yours"), "{html}");
    let form = post("/operators/revoke-user", &[("user", "ana")], &[("sec-fetch-site", "same-origin")]);
    assert_eq!(send(&app, &admin, form).await.status(), StatusCode::SEE_OTHER);
    assert!(!is_live(&ana).await && is_live(&admin).await);
}

#[tokio::test]
async fn plots_show_what_happened() {
    let site = Site::new().await;
    let html = site.page("").await;
    let figures = |html: &str| {
        ["Logins per hour", "Conflicts per minute", "Refused tickets per minute"].map(|title| figure(html, title))
    };
    assert_eq!(figures(&html), ["1", "0", "0"], "the operator's own login");
    let ana = site.visitor("ana").await;
    assert_eq!(figures(&site.page("").await), ["2", "0", "0"]);

    // Two requests change one session.
    let [slow, quick] = [ana.session().await.expect("loads"), ana.session().await.expect("loads")];
    quick.set("theme", "dark").expect("is loaded");
    slow.set("lang", "pt").expect("is loaded");
    quick.commit(200).await;
    slow.commit(200).await;
    // A ticket opens nothing.
    site.sessions.revoke_user("ana").await.expect("is ended");
    assert!(!is_live(&ana).await);
    let html = site.page("").await;
    assert_eq!(figures(&html), ["2", "1", "1"]);
    assert!(html.contains("aria-label=\"Logins per hour: at most ") && html.contains("<rect "), "{html}");
}
