//! Logging out with more than one token, and with one that was replaced.

use cloakroom::adapter::RequestHead;
use cloakroom::{ErrorKind, LimitPolicy, Session};

use crate::harness::*;

/// A browser that has two cookies of the name, as for two paths.
fn both(one: &Visitor, other: &Visitor) -> Visitor {
    let cookie = |visitor: &Visitor| visitor.cookie.clone().expect("a cookie");
    Visitor { cookie: Some(format!("{}; {}", cookie(one), cookie(other))) }
}

/// A request with a token in the header, and one in the cookie.
struct Both {
    header: String,
    cookie: String,
}

impl RequestHead for Both {
    fn cookie_headers(&self, show: &mut dyn FnMut(&[u8])) {
        show(self.cookie.as_bytes());
    }

    fn ticket_header(&self) -> Option<&[u8]> {
        Some(self.header.as_bytes())
    }
}

/// On a store, without an index, and with sealed cookies that a store knows of.
fn sites() -> [Site; 3] {
    [Site::new(), Site::unindexed(|builder| builder), Site::registered(|builder| builder)]
}

#[tokio::test]
async fn a_logout_ends_every_session_whose_token_the_request_brings() -> Result {
    for site in sites() {
        let (one, other) = (Visitor::logged_in(&site, "ana").await?, Visitor::logged_in(&site, "bob").await?);
        let mut browser = both(&one, &other);
        assert_eq!(browser.arrive(&site).await?.user()?.as_deref(), Some("ana"));
        browser.visit(&site, Session::logout).await?;
        assert_eq!(browser.cookie, None, "its cookie is removed");
        assert!(!one.is_known(&site).await? && !other.is_known(&site).await?);
        assert_eq!(site.count().await, 0);
    }
    Ok(())
}

#[tokio::test]
async fn the_other_token_is_looked_up_by_a_logout_only() -> Result {
    for site in [Site::new(), Site::unindexed(|builder| builder)] {
        let (one, other) = (Visitor::logged_in(&site, "ana").await?, Visitor::logged_in(&site, "bob").await?);
        let mut browser = both(&one, &other);
        let before = site.store.total_calls();
        browser.visit(&site, |session| session.set("a", 1)).await?;
        assert_eq!(site.store.total_calls() - before, 2, "a load and a swap");
        // A login as somebody else ends the session that it replaces, and no other.
        browser.visit(&site, |session| session.login("eve")).await?;
        assert!(!one.is_known(&site).await? && other.is_known(&site).await?);
    }
    Ok(())
}

#[tokio::test]
async fn a_logout_that_is_rolled_back_ends_neither() -> Result {
    for site in sites() {
        let (one, other) = (Visitor::logged_in(&site, "ana").await?, Visitor::logged_in(&site, "bob").await?);
        let browser = both(&one, &other);
        let session = browser.arrive(&site).await?;
        session.logout()?;
        session.discard();
        assert!(is_plain(&session.commit(200).await));
        assert!(one.is_known(&site).await? && other.is_known(&site).await?);
    }
    Ok(())
}

/// Whichever call of the store fails, the visitor is told, and asking again is enough.
#[tokio::test(start_paused = true)]
async fn a_logout_of_two_sessions_is_whole_or_says_so() -> Result {
    for which in 0..3 {
        for nth in 1..=6 {
            let site = sites()[which].clone();
            let (one, other) = (Visitor::logged_in(&site, "ana").await?, Visitor::logged_in(&site, "bob").await?);
            let browser = both(&one, &other);
            let (first, second) = (browser.arrive(&site).await?, browser.arrive(&site).await?);
            first.logout()?;
            second.logout()?;
            for times in 0..3 {
                site.store.on_any().nth(nth + times).fail_before();
            }
            let failed = first.commit(200).await.error.is_some();
            site.store.forget_faults();
            assert!(failed || site.count().await == 0, "{which}, {nth}");
            assert_eq!(error_of(&second.commit(200).await), None);
            assert!(!one.is_known(&site).await? && !other.is_known(&site).await?, "{which}, {nth}");
        }
    }
    Ok(())
}

/// The session that came by header ends, and so does the one whose cookie came along.
#[tokio::test]
async fn a_logout_by_header_ends_the_session_of_the_cookie_too() -> Result {
    let site = Site::with(|builder| builder.ticket_header("X-Session-Id"));
    let (one, other) = (Visitor::logged_in(&site, "ana").await?, Visitor::logged_in(&site, "bob").await?);
    let (one, other) = (one.cookie.expect("a cookie"), other.cookie.expect("a cookie"));
    let header = one.split_once('=').expect("name=value").1.to_owned();
    let session = site.sessions.open(Both { header, cookie: other });
    session.load().await?;
    assert_eq!(session.user()?.as_deref(), Some("ana"));
    session.logout()?;
    let committed = session.commit(200).await;
    assert!(committed.edits.set_cookies().next().is_some_and(|cookie| cookie.contains("Max-Age=0")));
    assert_eq!(site.count().await, 0);
    Ok(())
}

/// A logout and a login in one request, where a user may have one session: those that end hold no place.
#[tokio::test]
async fn what_a_logout_ends_holds_no_place() -> Result {
    let one_each = |builder: cloakroom::SessionManagerBuilder| builder.sessions_per_user(1, LimitPolicy::Refuse);
    for site in [Site::with(one_each), Site::registered(one_each)] {
        let (bob, ana) = (Visitor::logged_in(&site, "bob").await?, Visitor::logged_in(&site, "ana").await?);
        let mut browser = both(&bob, &ana);
        let again = |session: &Session| session.logout().and_then(|()| session.login("ana"));
        browser.visit(&site, again).await?;
        assert_eq!((site.count().await, browser.arrive(&site).await?.user()?.as_deref()), (1, Some("ana")));
        assert!(!bob.is_known(&site).await? && !ana.is_known(&site).await?);
    }
    Ok(())
}

/// A visitor with a token that a login has just replaced.
async fn replaced(site: &Site, user: &str) -> Result<(Visitor, Visitor)> {
    let old = Visitor::with(site, &[("cart", 1)]).await?;
    let mut new = old.clone();
    new.visit(site, |session| session.login(user)).await?;
    assert_eq!(kind(old.arrive(site).await?.set("a", 1)), Some(ErrorKind::ReadOnly));
    Ok((old, new))
}

#[tokio::test]
async fn a_logout_with_a_replaced_token_ends_what_it_was_replaced_by() -> Result {
    for site in sites() {
        let (mut old, new) = replaced(&site, "ana").await?;
        old.visit(&site, Session::logout).await?;
        assert_eq!(old.cookie, None, "its cookie is removed");
        assert!(!new.is_known(&site).await?);
        assert_eq!(site.count().await, 0);

        // What is written after it begins a session.
        let (mut old, new) = replaced(&site, "ana").await?;
        old.visit(&site, |session| session.destroy().and_then(|()| session.set("b", 1))).await?;
        assert_eq!(old.arrive(&site).await?.keys()?, ["b"]);
        assert!(!new.is_known(&site).await?);
        assert_eq!(site.count().await, 1);
    }
    Ok(())
}

/// Two renewals later, whichever they were, and where only the page of a second tab is left behind.
#[tokio::test]
async fn a_logout_with_a_replaced_token_goes_to_the_end_of_the_chain() -> Result {
    for periodic in [false, true] {
        let site = Site::renewing();
        let (old, mut new) = replaced(&site, "ana").await?;
        let late = old.arrive(&site).await?;
        late.logout()?;
        if periodic {
            site.clock.advance(HOUR);
        }
        let renew = |session: &Session| if periodic { session.set("a", 1) } else { session.renew() };
        let before = new.clone();
        new.visit(&site, renew).await?;
        assert_ne!(new, before);
        assert_eq!(error_of(&late.commit(200).await), None);
        assert!(!new.is_known(&site).await? && !before.is_known(&site).await?);
        assert_eq!(site.count().await, 0);
    }
    Ok(())
}

/// A double click on 'sign in', or a retry after an answer that was lost.
#[tokio::test]
async fn a_login_with_a_replaced_token_begins_a_session_with_the_values_of_before() -> Result {
    for site in sites() {
        let mut old = Visitor::with(&site, &[("cart", 1)]).await?;
        old.visit(&site, |session| session.flash("info", "for one only")).await?;
        old.visit(&site, |session| session.note("here")).await?;
        let mut new = old.clone();
        new.visit(&site, |session| session.login("ana")).await?;
        let before = new.arrive(&site).await?.handle()?;
        old.visit(&site, |session| session.login("ana").and_then(|()| session.set("a", 1))).await?;
        let session = old.arrive(&site).await?;
        assert_eq!((session.user()?.as_deref(), session.keys()?), (Some("ana"), vec!["a".into(), "cart".into()]));
        assert_ne!(session.handle()?, before);
        assert!(session.flashes()?.is_empty(), "flashes go with one session only");
        assert!(new.is_known(&site).await?, "the first session is another one");
        assert_eq!(site.count().await, 2);
    }
    Ok(())
}

/// The values of one user are not for another.
#[tokio::test]
async fn a_login_as_somebody_else_takes_no_values_along() -> Result {
    for (user, values) in [("ana", Some(1)), ("bob", None)] {
        let site = Site::with(|builder| builder.sessions_per_user(1, LimitPolicy::Refuse));
        let (_, mut ana) = replaced(&site, "ana").await?;
        let mut old = ana.clone();
        ana.visit(&site, |session| session.renew()).await?;
        old.visit(&site, |session| session.login(user)).await?;
        let session = old.arrive(&site).await?;
        assert_eq!((session.user()?.as_deref(), session.get::<u32>("cart")?), (Some(user), values));
        assert_eq!(ana.is_known(&site).await?, user == "bob", "only a session of the same user is replaced");
    }
    Ok(())
}

#[tokio::test]
async fn a_second_login_of_one_visitor_is_not_counted_twice() -> Result {
    for policy in [LimitPolicy::EndOldest, LimitPolicy::Refuse] {
        for limit in [1, 2] {
            let limited = |builder: cloakroom::SessionManagerBuilder| builder.sessions_per_user(limit, policy);
            for site in [Site::with(limited), Site::registered(limited)] {
                let elsewhere = match limit {
                    1 => None,
                    _ => Some(Visitor::logged_in(&site, "ana").await?),
                };
                let (mut old, new) = replaced(&site, "ana").await?;
                old.visit(&site, |session| session.login("ana")).await?;
                assert!(old.is_known(&site).await? && !new.is_known(&site).await?, "{policy:?}, {limit}");
                if let Some(elsewhere) = elsewhere {
                    assert!(elsewhere.is_known(&site).await?, "{policy:?}, {limit}");
                }
                assert_eq!(site.sessions.sessions_of("ana").await?.len(), limit, "{policy:?}");
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_login_or_logout_that_is_not_kept_leaves_a_replaced_token_as_it_was() -> Result {
    for site in sites() {
        let (old, new) = replaced(&site, "ana").await?;
        for change in [|session: &Session| session.login("ana"), Session::logout] {
            let session = old.arrive(&site).await?;
            change(&session)?;
            session.set("a", 1)?;
            session.discard();
            assert!(is_plain(&session.commit(200).await));
            assert!(session.set("a", 1).is_err());
        }
        let session = old.arrive(&site).await?;
        assert_eq!(kind(session.login("")), Some(ErrorKind::Encode));
        assert_eq!(kind(session.set("a", 1)), Some(ErrorKind::ReadOnly), "a login that fails opens nothing");
        assert!(new.is_known(&site).await?);
        assert_eq!(site.count().await, 1);
    }
    Ok(())
}

/// Where the values of before leave no room for the login.
#[tokio::test]
async fn a_login_that_does_not_fit_lets_nothing_else_be_written() -> Result {
    let site = Site::with(|builder| builder.record_limit(1024));
    let mut visitor = Visitor::new();
    visitor.visit(&site, |session| session.set("full", "x".repeat(1000))).await?;
    let old = visitor.clone();
    visitor.visit(&site, |session| session.renew()).await?;
    let session = old.arrive(&site).await?;
    assert_eq!(kind(session.login("ana")), Some(ErrorKind::TooLarge));
    assert_eq!((session.keys()?.len(), kind(session.set("a", 1))), (0, Some(ErrorKind::ReadOnly)));
    Ok(())
}
