//! The application in a real browser: headless Chromium, led by WebDriver.
//!
//! With `SCREENSHOTS=directory` it leaves pictures there.

mod driver;

use std::time::Duration;

use cloakroom::{MemoryStore, SessionManager};
use driver::{Browser, Look, with_browser};
use tokio::net::TcpListener;

/// The application, listening on a port of its own.
async fn serve() -> String {
    let app = guestbook::app(&SessionManager::new(MemoryStore::new())).expect("templates");
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
        laptop.wear(look).await;
        assert_eq!(laptop.script(include_str!("contrast.js")).await, serde_json::json!([]), "{look:?}");
        assert_eq!(laptop.script(include_str!("nameless.js")).await, serde_json::json!([]));
        let width = laptop.script("return document.documentElement.scrollWidth").await;
        assert!(width.as_u64() <= Some(look.width), "{width} wide as {look:?}");
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
