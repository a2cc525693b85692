//! Values that live for one request, and messages that live until the next.

use cloakroom::testing::Verb;
use cloakroom::{ErrorKind, Session};

use crate::harness::*;

fn texts(session: &Session) -> Result<Vec<String>> {
    Ok(session.flashes()?.into_iter().map(|flash| flash.text).collect())
}

// appier 12, 13, 14, 15, 19 and 74
#[tokio::test]
async fn transient_values_are_read_like_others_and_never_stored() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::new();
    let session = visitor.arrive(&site).await?;
    session.set_transient("t", 1)?;
    assert_eq!((session.get::<u32>("t")?, session.get_transient::<u32>("t")?), (Some(1), Some(1)));
    assert!(session.contains("t")? && session.remove_transient("t")? && !session.remove_transient("t")?);
    session.set_transient("t", 1)?;
    session.login_transient("robot")?;
    assert_eq!(session.user()?.as_deref(), Some("robot"));
    assert!(is_plain(&visitor.leave(&session).await));
    assert_eq!(site.store.total_calls(), 0);

    // appier 39: they are still there when the session begins
    let session = visitor.arrive(&site).await?;
    session.set_transient("t", 1)?;
    session.set("a", 1)?;
    session.save().await?;
    assert_eq!((session.get::<u32>("t")?, session.get_transient::<u32>("a")?), (Some(1), None));
    visitor.leave(&session).await;
    let session = visitor.arrive(&site).await?;
    assert_eq!((session.keys()?, session.user()?), (vec!["a".to_owned()], None));
    Ok(())
}

// appier 67, 68, 69, 70, 71, 72 and 73
#[tokio::test]
async fn a_regular_value_hides_a_transient_one() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, &[("both", 1), ("regular", 1)]).await?;
    let session = visitor.arrive(&site).await?;
    session.set_transient("both", 2)?;
    session.set_transient("transient", 2)?;
    assert_eq!((session.get::<u32>("both")?, session.get_transient::<u32>("both")?), (Some(1), Some(2)));
    assert_eq!((session.keys()?, session.len()?), (["both", "regular", "transient"].map(String::from).to_vec(), 3));
    assert!(session.remove("both")?);
    assert_eq!(session.get::<u32>("both")?, Some(2), "then the transient one shows");
    assert_eq!(session.take::<u32>("both")?, Some(2));
    assert_eq!((session.get::<u32>("both")?, session.remove("both")?), (None, false));
    visitor.leave(&session).await;
    assert_eq!(visitor.arrive(&site).await?.keys()?, ["regular"]);
    Ok(())
}

// appier 75 and 74
#[tokio::test]
async fn transient_values_are_no_activity() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    site.clock.advance(20 * DAY);
    visitor.visit(&site, |session| session.set_transient("t", 1)).await?;
    assert_eq!((site.store.calls(Verb::Touch), site.store.calls(Verb::Swap)), (0, 0));
    Ok(())
}

// appier 76 and 77
#[tokio::test]
async fn a_request_can_leave_nothing_behind() -> Result {
    let site = Site::new();
    let session = Visitor::new().arrive(&site).await?;
    session.write_transient(true)?;
    session.set("a", 1)?;
    session.login("robot")?;
    assert_eq!(session.update("a", one_more)?, 2);
    assert_eq!(session.update_now("a", one_more).await?, 3);
    assert_eq!((session.get_transient::<u32>("a")?, session.user()?.as_deref()), (Some(3), Some("robot")));
    session.clear()?;
    assert!(session.is_empty()? && is_plain(&session.commit(200).await));
    assert_eq!(site.store.total_calls(), 0);

    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    let session = visitor.arrive(&site).await?;
    session.write_transient(true)?;
    session.set("b", 2)?;
    session.write_transient(false)?;
    session.set("c", 3)?;
    visitor.leave(&session).await;
    assert_eq!(visitor.arrive(&site).await?.keys()?, ["a", "c"], "later writes only, on a loaded session too");
    Ok(())
}

#[tokio::test]
async fn a_user_who_is_logged_in_hides_a_transient_one() -> Result {
    let site = Site::new();
    let session = Visitor::logged_in(&site, "ana").await?.arrive(&site).await?;
    session.login_transient("robot")?;
    assert_eq!(session.user()?.as_deref(), Some("ana"));
    Ok(())
}

#[tokio::test]
async fn destroying_takes_transient_values_along() -> Result {
    let site = Site::new();
    let session = Visitor::with(&site, &[("a", 1)]).await?.arrive(&site).await?;
    session.set_transient("t", 1)?;
    session.login_transient("robot")?;
    session.logout()?;
    assert_eq!((session.len()?, session.user()?), (0, None));
    Ok(())
}

// behaviours 126 and 127
#[tokio::test]
async fn a_message_waits_for_the_next_request_that_takes_messages() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::new();
    visitor
        .visit(&site, |session| {
            session.flash("info", "one")?;
            session.flash("error", "two")?;
            session.flash_now("info", "now")?;
            assert_eq!(texts(session)?, ["now"], "its own messages are for the next");
            Ok(())
        })
        .await?;
    visitor.number(&site, "unrelated").await?;
    let session = visitor.arrive(&site).await?;
    session.flash_now("info", "now")?;
    let kinds: Vec<_> = session.peek_flashes()?.into_iter().map(|flash| flash.kind).collect();
    assert_eq!(kinds, ["info", "error", "info"]);
    visitor.leave(&session).await;
    assert_eq!(visitor.visit(&site, texts).await?, ["one", "two"], "looking did not take them");
    assert!(visitor.visit(&site, texts).await?.is_empty());
    Ok(())
}

// behaviour 126
#[tokio::test]
async fn a_message_that_comes_meanwhile_is_not_taken_along() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::new();
    visitor.visit(&site, |session| session.flash("info", "one")).await?;
    let taking = visitor.arrive(&site).await?;
    assert_eq!(texts(&taking)?, ["one"]);
    visitor.visit(&site, |session| session.flash("info", "two")).await?;
    assert!(is_plain(&visitor.leave(&taking).await));
    assert_eq!(visitor.visit(&site, texts).await?, ["two"]);
    Ok(())
}

// behaviour 125
#[tokio::test]
async fn no_key_collides_with_what_is_ours() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::logged_in(&site, "ana").await?;
    let names = ["flash", "_flash", "user", "lifetime", "authenticated", "moved", "renewed", "id", "cookie", "", "\0"];
    visitor
        .visit(&site, |session| {
            session.flash("info", "hello")?;
            names.iter().try_for_each(|name| session.set(*name, "mine"))
        })
        .await?;
    visitor.visit(&site, |session| session.renew()).await?;
    let session = visitor.arrive(&site).await?;
    assert_eq!(session.len()?, names.len());
    assert_eq!((texts(&session)?, session.user()?.as_deref()), (vec!["hello".to_owned()], Some("ana")));
    assert!(session.authenticated_at()?.is_some());
    for name in names {
        assert_eq!(session.get::<String>(name)?.as_deref(), Some("mine"));
    }
    Ok(())
}

// behaviour 80
#[tokio::test]
async fn after_the_head_what_needs_a_cookie_is_an_error() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::new();
    let session = visitor.arrive(&site).await?;
    visitor.leave(&session).await;
    assert_eq!(kind(session.set("a", 1)), Some(ErrorKind::NeedsCookie));
    assert_eq!(kind(session.flash("info", "a")), Some(ErrorKind::NeedsCookie));
    assert_eq!(kind(session.login("ana")), Some(ErrorKind::NeedsCookie));
    assert_eq!((kind(session.renew()), kind(session.clear())), (None, None), "there is nothing to renew or clear");
    assert_eq!(kind(session.save().await), None);

    visitor.visit(&site, |session| session.set("a", 1)).await?;
    let session = visitor.arrive(&site).await?;
    visitor.leave(&session).await;
    session.set("a", 2)?;
    assert_eq!(session.update_now("a", one_more).await?, 3);
    for refused in [session.renew(), session.login("ana"), session.remember(DAY)] {
        assert_eq!(kind(refused), Some(ErrorKind::NeedsCookie));
    }
    assert_eq!(visitor.number(&site, "a").await?, Some(3));

    // A session that is loaded only then cannot begin either.
    let session = Visitor::new().request(&site);
    assert!(session.commit(200).await.edits.is_empty());
    session.load().await?;
    assert_eq!(kind(session.set("a", 1)), Some(ErrorKind::NeedsCookie));
    assert_eq!(site.count().await, 1);
    Ok(())
}
