//! A shop, and its tests as an application writes them: with what `cloakroom::testing` has for it.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::routing::{get, post};
use cloakroom::testing::{self, CookieChange, FakeClock, FaultStore, Visitor};
use cloakroom::{
    Backend, CookieStore, ErrorKind, Key, Lifetime, MemoryStore, Result, Secrets, Session, SessionManager,
};

/// The application.
mod shop {
    use super::*;

    pub(crate) const CART: Key<Vec<String>> = Key::new("cart");

    pub(crate) fn app(sessions: &SessionManager) -> Router {
        Router::new()
            .route("/", get(|| async { "a page that needs no session" }))
            .route("/account", get(account))
            .route("/cart", get(cart))
            .route("/cart/{item}", post(add))
            .route("/login/{user}", post(login))
            .route("/remember", post(remember))
            .route("/logout", post(logout))
            .layer(sessions.layer())
    }

    pub(crate) async fn account(session: Session) -> Result<(StatusCode, String)> {
        Ok(match session.user()? {
            Some(user) => (StatusCode::OK, format!("account of {user}")),
            None => (StatusCode::UNAUTHORIZED, "log in first".to_owned()),
        })
    }

    pub(crate) async fn cart(_session: Session) -> Result<String> {
        in_cart().map(|count| format!("{count} in your cart"))
    }

    /// A model: nobody passes it a session.
    pub(crate) fn in_cart() -> Result<usize> {
        Ok(Session::current()?.get(CART)?.map_or(0, |cart| cart.len()))
    }

    pub(crate) async fn add(session: Session, Path(item): Path<String>) -> Result<()> {
        session.update(CART, move |cart| {
            let mut cart = cart.unwrap_or_default();
            cart.push(item.clone());
            cart
        })?;
        Ok(())
    }

    async fn login(session: Session, Path(user): Path<String>) -> Result<()> {
        session.login(user)?;
        session.flash("info", "welcome")
    }

    async fn remember(session: Session) -> Result<()> {
        session.remember(Duration::from_secs(90 * 86_400))
    }

    pub(crate) async fn logout(session: Session) -> Result<()> {
        session.logout()
    }
}

fn request(method: &str, path: &str) -> Request<Body> {
    Request::builder().method(method).uri(path).body(Body::empty()).expect("a request")
}

async fn page(app: &Router, visitor: &mut Visitor, path: &str) -> (StatusCode, String) {
    let response = visitor.send(app, request("GET", path)).await.expect("infallible");
    let status = response.status();
    let bytes = axum::body::to_bytes(Body::new(response.into_body()), usize::MAX).await.expect("a body");
    (status, String::from_utf8(bytes.to_vec()).expect("text"))
}

async fn submit(app: &Router, visitor: &mut Visitor, path: &str) -> CookieChange {
    let response = visitor.send(app, request("POST", path)).await.expect("infallible");
    assert_eq!(response.status(), StatusCode::OK);
    visitor.change()
}

fn items(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// The shop on each of the backends, by one clock.
fn shops() -> Vec<(SessionManager, Router, FakeClock)> {
    let backends: [Backend; 2] =
        [MemoryStore::new().into(), CookieStore::new(Secrets::random_for_development()).into()];
    backends
        .into_iter()
        .map(|backend| {
            let clock = FakeClock::new();
            let sessions = SessionManager::builder(backend).clock(clock.clone()).build().expect("a configuration");
            let app = shop::app(&sessions);
            (sessions, app, clock)
        })
        .collect()
}

#[tokio::test]
async fn a_handler_is_called_as_a_function() -> Result<()> {
    let ana = testing::session().logged_in_as("ana").build()?;
    assert_eq!(shop::account(ana).await?, (StatusCode::OK, "account of ana".to_owned()));
    assert_eq!(shop::account(testing::session().build()?).await?.0, StatusCode::UNAUTHORIZED);

    let session = testing::session().with(shop::CART, items(&["tea"])).build()?;
    shop::add(session.clone(), Path("cup".to_owned())).await?;
    assert_eq!(session.get(shop::CART)?, Some(items(&["tea", "cup"])));
    assert_eq!(session.clone().scope(shop::cart(session)).await?, "2 in your cart");
    Ok(())
}

#[tokio::test]
async fn what_a_handler_did_can_be_saved() -> Result<()> {
    let session = testing::session().with("email", "ana@example.org").logged_in_as("ana").build()?;
    shop::logout(session.clone()).await?;
    session.save().await?;
    assert_eq!(session.user()?, None);
    assert!(session.is_empty()? && session.handle()?.is_none());
    Ok(())
}

#[test]
fn a_model_is_tested_without_a_runtime() -> Result<()> {
    let cart = items(&["tea", "cup"]);
    let session = testing::session().with("cart", &cart).build()?;
    assert_eq!(session.enter(shop::in_cart)?, 2);
    assert_eq!(session.get(shop::CART)?, Some(cart));
    let left = session.idle_deadline()?.map(|deadline| deadline > std::time::SystemTime::now());
    assert_eq!(left, Some(true));
    Ok(())
}

#[tokio::test]
async fn a_task_may_build_as_many_sessions_as_it_likes() -> Result<()> {
    for number in 0..1_000 {
        testing::session().with("number", number).build()?;
    }
    Ok(())
}

#[tokio::test]
async fn a_login_renews_the_session_and_keeps_the_cart() -> Result<()> {
    for (sessions, app, _) in shops() {
        let mut ana = Visitor::new(&sessions);
        assert_eq!(page(&app, &mut ana, "/account").await, (StatusCode::UNAUTHORIZED, "log in first".to_owned()));
        assert_eq!((ana.change(), ana.cookie()), (CookieChange::Unchanged, None));

        assert_eq!(submit(&app, &mut ana, "/cart/tea").await, CookieChange::Created);
        let before = ana.session().await?.handle()?;
        assert!(before.is_some());

        assert_eq!(submit(&app, &mut ana, "/login/ana").await, CookieChange::Replaced);
        let after = ana.session().await?;
        assert_eq!(after.handle()?, before);
        assert_eq!(after.user()?.as_deref(), Some("ana"));
        assert_eq!(after.get(shop::CART)?, Some(items(&["tea"])));
        assert_eq!(after.peek_flashes()?[0].text, "welcome");
        assert_eq!(page(&app, &mut ana, "/account").await, (StatusCode::OK, "account of ana".to_owned()));
    }
    Ok(())
}

#[tokio::test]
async fn a_logout_takes_the_cookie_and_the_cart() -> Result<()> {
    for (sessions, app, _) in shops() {
        let cart = items(&["tea"]);
        let mut ana = testing::session().with(shop::CART, cart).logged_in_as("ana").visitor(&sessions).await?;
        assert_eq!(page(&app, &mut ana, "/cart").await.1, "1 in your cart");
        assert_eq!(ana.change(), CookieChange::Unchanged);
        assert_eq!(submit(&app, &mut ana, "/logout").await, CookieChange::Removed);
        assert_eq!(ana.cookie(), None);
        assert_eq!(page(&app, &mut ana, "/cart").await.1, "0 in your cart");
    }
    Ok(())
}

#[tokio::test]
async fn who_copied_a_cookie_before_the_login_gets_nothing() -> Result<()> {
    let sessions = SessionManager::new(MemoryStore::new());
    let app = shop::app(&sessions);
    let mut ana = testing::session().with(shop::CART, items(&["tea"])).visitor(&sessions).await?;
    let mut thief = ana.clone();
    assert_eq!(submit(&app, &mut ana, "/login/ana").await, CookieChange::Replaced);
    assert_eq!(page(&app, &mut thief, "/account").await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(page(&app, &mut thief, "/cart").await.1, "0 in your cart");
    Ok(())
}

#[tokio::test]
async fn a_session_expires_after_its_idle_time() -> Result<()> {
    for (sessions, app, clock) in shops() {
        let idle = sessions.lifetime().idle_duration();
        let mut ana = testing::session().logged_in_as("ana").visitor(&sessions).await?;
        clock.advance(idle - Duration::from_secs(1));
        assert_eq!(page(&app, &mut ana, "/account").await.0, StatusCode::OK);
        clock.advance(idle - Duration::from_secs(1));
        assert_eq!(page(&app, &mut ana, "/account").await.0, StatusCode::OK, "activity moved the deadline");
        clock.advance(idle);
        assert_eq!(page(&app, &mut ana, "/account").await.0, StatusCode::UNAUTHORIZED);
        assert_eq!(ana.session().await?.handle()?, None);
    }
    Ok(())
}

#[tokio::test]
async fn remembering_keeps_the_ticket_for_longer() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let lifetime = Lifetime::default().idle(Duration::from_secs(3_600)).absolute(Duration::from_secs(7_200));
    let sessions = SessionManager::builder(MemoryStore::new()).lifetime(lifetime).build()?;
    let app = shop::app(&sessions);
    let mut ana = testing::session().logged_in_as("ana").visitor(&sessions).await?;
    let before = ana.cookie();
    assert_eq!(submit(&app, &mut ana, "/remember").await, CookieChange::Refreshed);
    assert_eq!(ana.cookie(), before);
    let left = ana.session().await?.expires_in()?;
    assert!(left > Some(Duration::from_secs(89 * 86_400)), "{left:?}");
    Ok(())
}

#[tokio::test]
async fn a_session_may_come_with_its_own_lifetime() -> Result<()> {
    let sessions = SessionManager::new(MemoryStore::new());
    let ana = testing::session().logged_in_as("ana").change(|session| session.set_lifetime(Lifetime::aal3()));
    let ana = ana.visitor(&sessions).await?;
    assert_eq!(ana.session().await?.lifetime()?, Lifetime::aal3());
    Ok(())
}

#[tokio::test]
async fn a_sealed_session_of_several_cookies_grows_and_shrinks() -> Result<()> {
    let sessions = SessionManager::new(CookieStore::new(Secrets::random_for_development()));
    // What deflate makes no smaller.
    let large: String = (0..300).map(|_| cloakroom::Handle::random().to_string()).collect();
    let cookies = |visitor: &Visitor| visitor.cookie().map_or(0, |header| header.split("; ").count());

    let mut ana = testing::session().with("large", &large).visitor(&sessions).await?;
    assert!(cookies(&ana) > 1);
    let request = ana.session().await?;
    assert_eq!(request.get::<String>("large")?, Some(large));
    request.set("large", "small")?;
    assert_eq!(ana.receive_cookies(request.commit(200).await.edits.set_cookies()), CookieChange::Replaced);
    assert_eq!(cookies(&ana), 1);
    assert_eq!(ana.session().await?.get::<String>("large")?.as_deref(), Some("small"));
    Ok(())
}

#[tokio::test]
async fn visitors_come_at_the_same_time() {
    let sessions = SessionManager::new(MemoryStore::new());
    let app = shop::app(&sessions);
    let visits: Vec<_> = ["ana", "bob", "eve"]
        .into_iter()
        .map(|name| {
            let (sessions, app) = (sessions.clone(), app.clone());
            tokio::spawn(async move {
                let mut visitor = testing::session().logged_in_as(name).visitor(&sessions).await.expect("a visitor");
                assert_eq!(page(&app, &mut visitor, "/account").await.1, format!("account of {name}"));
            })
        })
        .collect();
    for visit in visits {
        visit.await.expect("no panic");
    }
}

#[tokio::test]
async fn the_applications_own_cookies_travel_along() {
    let sessions = SessionManager::new(MemoryStore::new());
    let theme = |headers: HeaderMap| async move { format!("{:?}", headers.get("cookie")) };
    let app = Router::new().route("/", get(theme)).layer(sessions.layer());
    let mut visitor = Visitor::new(&sessions);
    visitor.receive_cookies(["theme=dark; Path=/"]);
    assert_eq!(page(&app, &mut visitor, "/").await.1, "Some(\"theme=dark\")");
}

#[tokio::test]
async fn what_cannot_be_had_is_said() {
    let error = testing::session().with("email", "x".repeat(2 << 20)).build().expect_err("is too large");
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    assert!(error.to_string().contains("\"email\""), "{error}");
    let nobody = testing::session().logged_in_as("").build().expect_err("nobody has no name");
    assert_eq!(nobody.kind(), ErrorKind::Encode);

    let store = FaultStore::new(MemoryStore::new());
    let sessions = SessionManager::new(store.clone());
    store.go_away();
    let error = testing::session().with("a", 1).visitor(&sessions).await.expect_err("the store is away");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}
