//! Logging out with more than one token, and with one that was replaced.

use cloakroom::adapter::RequestHead;
use cloakroom::{LimitPolicy, Session};

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
