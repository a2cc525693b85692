//! The application in a real browser: headless Chromium, led by WebDriver.
//!
//! With `SCREENSHOTS=directory` it leaves pictures there.

mod driver;

use std::time::Duration;

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use cloakroom::operators::History;
use cloakroom::{MemoryStore, SessionManager};
use driver::{Browser, Look, with_browser};
use tokio::net::TcpListener;

/// The application, listening on a port of its own.
async fn serve() -> String {
    let history = History::new();
    let sessions = SessionManager::builder(MemoryStore::new()).observer(history.clone()).build().expect("is right");
    listen(guestbook::app(&sessions, history).expect("templates")).await
}

async fn listen(app: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://localhost:{port}")
}

#[tokio::test]
async fn a_visitor_signs_in_shops_in_two_tabs_and_signs_out() {
    let site = serve().await;
    with_browser(Duration::from_secs(120), async move |browser| {
        let mut browser = browser.at(site);
        signs_in(&browser).await;
        let second = browser.open_tab().await;
        fills_one_cart_from_two_tabs(&mut browser, &second).await;
        looks_good(&browser).await;
        signs_out_for_good(&mut browser, &second).await;
    })
    .await;
}

// behaviour 135
#[tokio::test]
async fn a_visitor_signs_out_on_another_device() {
    let site = serve().await;
    with_browser(Duration::from_secs(120), async move |laptop| {
        let laptop = laptop.at(site.clone());
        with_browser(Duration::from_secs(100), async move |phone| {
            sees_and_ends_the_other(&laptop, &phone.at(site)).await;
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn an_operator_finds_a_visitor_and_ends_the_session() {
    let site = serve().await;
    with_browser(Duration::from_secs(120), async move |office| {
        let office = office.at(site.clone());
        with_browser(Duration::from_secs(100), async move |home| {
            operates(&office, &home.at(site)).await;
        })
        .await;
    })
    .await;
}

async fn operates(office: &Browser, home: &Browser) {
    for (browser, name) in [(home, "Ana Lima"), (office, "Bob"), (office, "Cleo Maria"), (office, "Admin")] {
        browser.goto("/sign-in").await;
        browser.fill("name", name).await;
        browser.press("Sign in").await;
        browser.sees(&format!("Welcome, {name}.")).await;
        if ["Bob", "Cleo Maria"].contains(&name) {
            // Who forgets the cookie leaves the session where it is.
            browser.forget_cookies().await;
        }
    }
    home.misses("Operators").await;
    office.follow("Operators").await;
    office.sees("ana.lima@example.org").await;
    office.sees("4 live").await;
    for look in [Look::LIGHT, Look::DARK, Look::PHONE] {
        office.shoot("operators", look).await;
        check(office, look).await;
    }
    office.wear(Look::LIGHT).await;

    refuses_what_another_site_posts(office).await;
    home.goto("/").await;
    home.sees("Ana Lima").await;

    office.goto("/operators").await;
    office.fill("user", "ana.lima@example.org").await;
    office.press("Find").await;
    office.sees("End all of ana.lima@example.org").await;
    office.misses("bob@example.org").await;
    for look in [Look::LIGHT, Look::DARK, Look::PHONE] {
        office.shoot("operators-found", look).await;
        check(office, look).await;
    }
    office.wear(Look::LIGHT).await;
    let handle = office.script("return document.querySelector('td code').textContent").await;
    office.press(&format!("End the session {}", handle.as_str().expect("a handle"))).await;
    office.sees("One session was ended.").await;
    office.sees("3 live").await;
    // Nobody reloads the page: its socket was closed.
    home.sees("Come in, leave your coat.").await;
    home.misses("Ana Lima").await;
}

/// A page posts a form as soon as it is open: on another port of this host, which has the same cookies, and on another host.
async fn refuses_what_another_site_posts(office: &Browser) {
    let form = format!(
        "<form method=post action={}/operators/revoke-user><input name=user value=ana.lima@example.org></form>\
         <script>document.forms[0].submit()</script>",
        office.site()
    );
    let neighbour = listen(Router::new().route("/", get(async move || Html(form)))).await;
    let stranger = neighbour.replace("localhost", "127.0.0.1");
    for elsewhere in [neighbour, stranger] {
        office.visit(&elsewhere).await;
        office.sees("this form was sent by another site").await;
    }
}

async fn check(browser: &Browser, look: Look) {
    browser.wear(look).await;
    assert_eq!(browser.script(include_str!("contrast.js")).await, serde_json::json!([]), "{look:?}");
    assert_eq!(browser.script(include_str!("nameless.js")).await, serde_json::json!([]));
    let width = browser.script("return document.documentElement.scrollWidth").await;
    assert!(width.as_u64() <= Some(look.width), "{width} wide as {look:?}");
}

async fn sees_and_ends_the_other(laptop: &Browser, phone: &Browser) {
    for (browser, label) in [(laptop, "the laptop"), (phone, "the phone")] {
        browser.goto("/sign-in").await;
        let suggested = browser.script("return document.getElementsByName('device')[0].value").await;
        assert_eq!(suggested, "Chromium on Linux", "what will be kept is shown");
        browser.fill("name", "Ana Lima").await;
        browser.fill("device", &format!(", {label}")).await;
        browser.press("Sign in").await;
        browser.sees("Welcome, Ana Lima.").await;
    }
    laptop.goto("/devices").await;
    laptop.sees("Chromium on Linux, the laptop this one").await;
    laptop.sees("Chromium on Linux, the phone").await;
    laptop.shoot("devices", Look::LIGHT).await;
    for look in [Look::LIGHT, Look::DARK, Look::PHONE] {
        check(laptop, look).await;
    }
    laptop.wear(Look::LIGHT).await;

    laptop.press("Sign out: Chromium on Linux, the phone").await;
    laptop.sees("That device is signed out.").await;
    laptop.misses("the phone").await;
    // Nobody reloads the page: its socket was closed.
    phone.sees("Come in, leave your coat.").await;
    phone.misses("Ana Lima").await;

    phone.goto("/sign-in").await;
    phone.fill("name", "Ana Lima").await;
    phone.press("Sign in").await;
    phone.sees("Welcome, Ana Lima.").await;
    laptop.reload().await;
    laptop.press("Sign out all others").await;
    laptop.sees("1 other device signed out.").await;
    phone.sees("Come in, leave your coat.").await;
    laptop.press("Sign out everywhere").await;
    laptop.sees("You are signed out everywhere.").await;
    laptop.goto("/").await;
    laptop.sees("Come in, leave your coat.").await;
}

async fn signs_in(browser: &Browser) {
    browser.goto("/").await;
    browser.sees("Come in, leave your coat.").await;
    assert!(browser.cookies().await.is_empty(), "looking around leaves no cookie");
    browser.shoot("sign-in", Look::LIGHT).await;

    browser.fill("name", "Ana Lima").await;
    browser.press("Sign in").await;
    browser.sees("Welcome, Ana Lima.").await;
    let cookies = browser.cookies().await;
    let [cookie] = &cookies[..] else { panic!("one cookie, and no other: {cookies:?}") };
    assert_eq!((cookie.name(), cookie.path()), ("__Host-sid", Some("/")));
    assert_eq!((cookie.http_only(), cookie.secure()), (Some(true), Some(true)));
    assert_eq!(cookie.same_site().map(|same_site| same_site.to_string()).as_deref(), Some("Lax"));
    assert_eq!(browser.script("return document.cookie").await, "", "no script reads the ticket");

    browser.reload().await;
    browser.sees("Good to see you, Ana Lima.").await;
    browser.misses("Welcome").await;

    browser.fill("text", "The hall is warm, the soup was good, and nobody lost a glove.").await;
    browser.press("Write it down").await;
    browser.sees("Thank you for your line.").await;
    browser.sees("nobody lost a glove").await;
}

async fn fills_one_cart_from_two_tabs(browser: &mut Browser, second: &str) {
    let first = browser.tab().await;
    browser.goto("/shop").await;
    browser.switch_to(second).await;
    browser.goto("/shop").await;
    browser.sees("Ana Lima").await;

    browser.switch_to(&first).await;
    browser.press("Add: Enamel mug").await;
    browser.sees("Enamel mug is in your cart.").await;
    browser.switch_to(second).await;
    browser.misses("1 in your cart").await;
    browser.press("Add: Fountain pen").await;
    browser.sees("Fountain pen is in your cart.").await;
    browser.misses("Enamel mug is in your cart.").await;
    browser.shoot("cart", Look::LIGHT).await;
    for tab in [&first, second] {
        browser.switch_to(tab).await;
        browser.reload().await;
        browser.sees("1 × Enamel mug").await;
        browser.sees("1 × Fountain pen").await;
        browser.misses("is in your cart.").await;
    }
    browser.switch_to(&first).await;
}

/// Readable, on a phone, in the dark, and for those who do not see it.
async fn looks_good(browser: &Browser) {
    for (name, path) in [("guestbook", "/"), ("shop", "/shop")] {
        browser.goto(path).await;
        for look in [Look::LIGHT, Look::DARK, Look::PHONE] {
            browser.shoot(name, look).await;
            browser.wear(look).await;
            let faint = browser.script(include_str!("contrast.js")).await;
            assert_eq!(faint, serde_json::json!([]), "{path} as {look:?}: text without contrast");
            let nameless = browser.script(include_str!("nameless.js")).await;
            assert_eq!(nameless, serde_json::json!([]), "{path}: fields and buttons without a name");
            let width = browser.script("return document.documentElement.scrollWidth").await;
            assert!(width.as_u64() <= Some(look.width), "{path} is {width} wide as {look:?}");
        }
        browser.wear(Look::LIGHT).await;
    }
    // What visitors write without a space does not widen the page either.
    browser.goto("/").await;
    browser.fill("text", &"x".repeat(200)).await;
    browser.press("Write it down").await;
    browser.wear(Look::PHONE).await;
    assert_eq!(browser.script("return document.documentElement.scrollWidth").await, Look::PHONE.width);
    browser.wear(Look::LIGHT).await;
}

async fn signs_out_for_good(browser: &mut Browser, second: &str) {
    let ticket = browser.cookies().await[0].value().to_owned();
    browser.press("Sign out").await;
    browser.sees("You are signed out.").await;
    assert!(browser.cookies().await.iter().all(|cookie| cookie.value() != ticket), "it is another session");

    browser.back().await;
    browser.sees("Come in, leave your coat.").await;
    for left in ["Ana Lima", "ana.lima", "lost a glove", "Enamel"] {
        assert!(!browser.source().await.contains(left), "the back button shows {left}");
    }

    browser.switch_to(second).await;
    browser.sees("Ana Lima").await;
    browser.press("Order").await;
    browser.sees("Come in, leave your coat.").await;
    browser.goto("/shop").await;
    browser.misses("Ana Lima").await;
    browser.sees("Empty. Open the shop in a second tab").await;
}
