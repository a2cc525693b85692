//! The life of a session: it begins with the first write, keeps its ticket, and ends when it is told to.

use cloakroom::adapter::RequestHead;
use cloakroom::testing::Verb;
use cloakroom::{ErrorKind, Flash, Key, Lifetime, StoreKey};

use crate::harness::*;

const VISITS: Key<u32> = Key::new("visits");
const FOREIGN: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

// behaviours 50, 51 and 64
#[tokio::test]
async fn an_empty_session_costs_nothing() -> Result {
    let site = Site::new();
    let untouched = Visitor::new().request(&site);
    assert!(untouched.commit(200).await.edits.is_empty());
    let session = Visitor::new().arrive(&site).await?;
    assert_eq!(session.handle()?, None);
    assert_eq!(session.created()?, None);
    assert_eq!((session.get::<u32>("a")?, session.len()?, session.user()?), (None, 0, None));
    assert!(!session.contains("a")? && !session.remove("a")? && session.is_empty()?);
    assert_eq!((session.take::<u32>("a")?, session.flashes()?), (None, vec![]));
    session.clear()?;
    session.renew()?;
    session.logout()?;
    let committed = session.commit(200).await;
    assert!(is_plain(&committed) && !committed.edits.is_empty(), "looking is seen by caches, and by nobody else");
    assert_eq!(site.store.total_calls(), 0);
    Ok(())
}

// behaviours 52, 53, 54 and 55
#[tokio::test]
async fn the_first_write_begins_it_and_later_requests_go_on_with_it() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::new();
    let session = visitor.arrive(&site).await?;
    session.set("a", 1)?;
    session.set("b", 2)?;
    let handle = session.handle()?;
    assert!(visitor.leave(&session).await.edits.set_cookies().next().is_some());
    assert_eq!((site.store.total_calls(), site.store.calls(Verb::Create)), (1, 1));
    let first = visitor.clone();

    let session = visitor.arrive(&site).await?;
    assert_eq!((session.get::<u32>("a")?, session.handle()?), (Some(1), handle));
    assert!(is_plain(&visitor.leave(&session).await));
    assert_eq!(site.store.total_calls(), 2, "a read is one load");

    visitor.visit(&site, |session| session.set("a", 3)).await?;
    assert_eq!(visitor, first);
    assert_eq!((site.store.calls(Verb::Swap), site.count().await), (1, 1));
    assert_eq!(visitor.number(&site, "a").await?, Some(3));
    Ok(())
}

// behaviours 46, 121, 122 and 123
#[tokio::test]
async fn what_changes_nothing_writes_nothing() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    visitor.visit(&site, |session| session.set("a", 1)).await?;
    visitor.visit(&site, |session| session.remove("missing").map(drop)).await?;
    visitor.visit(&site, |session| session.take::<u32>("missing").map(drop)).await?;
    visitor.visit(&site, |session| session.set("b", 1).and_then(|()| session.remove("b"))).await?;
    visitor.visit(&site, |session| session.update("a", |a: Option<u32>| a.unwrap_or(0))).await?;
    visitor.visit(&site, |session| session.transaction(|view| view.get::<u32>("a"))).await?;
    assert_eq!(site.store.calls(Verb::Swap), 0);
    assert_eq!(site.store.calls(Verb::Create), 1);
    Ok(())
}

#[tokio::test]
async fn what_is_set_and_removed_again_begins_no_session() -> Result {
    let site = Site::new();
    let session = Visitor::new().arrive(&site).await?;
    session.set("a", 1)?;
    session.remove("a")?;
    assert!(is_plain(&session.commit(200).await));
    assert_eq!(site.store.total_calls(), 0);
    Ok(())
}

// behaviours 121 and 129
#[tokio::test]
async fn values_are_read_taken_updated_and_listed() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, &[("b", 2), ("a", 1)]).await?;
    let session = visitor.arrive(&site).await?;
    assert_eq!(session.keys()?, ["a", "b"]);
    assert_eq!(session.take::<u32>("a")?, Some(1));
    assert_eq!((session.take::<u32>("a")?, session.len()?), (None, 1));
    assert_eq!(session.update("b", one_more)?, 3);
    session.set(VISITS, 7)?;
    assert_eq!(session.get(VISITS)?, session.get::<u32>("visits")?);
    session.update("list", |list: Option<Vec<u8>>| list.into_iter().flatten().chain([9]).collect())?;
    visitor.leave(&session).await;
    let session = visitor.arrive(&site).await?;
    assert_eq!(session.keys()?, ["b", "list", "visits"]);
    assert_eq!(session.get::<Vec<u8>>("list")?, Some(vec![9]));
    // appier 78: a value of nothing is a value
    session.set("none", None::<u32>)?;
    assert!(session.contains("none")?);
    Ok(())
}

// behaviour 109
#[tokio::test]
async fn a_wrong_type_is_an_error_and_leaves_the_value() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    let session = visitor.arrive(&site).await?;
    assert_eq!(kind(session.get::<String>("a")), Some(ErrorKind::Decode));
    assert_eq!(kind(session.take::<String>("a")), Some(ErrorKind::Decode));
    assert_eq!(kind(session.update("a", |a: Option<String>| a.unwrap_or_default())), Some(ErrorKind::Decode));
    assert_eq!(session.get::<u32>("a")?, Some(1));
    assert_eq!(error_of(&visitor.leave(&session).await), None);
    Ok(())
}

// behaviour 66
#[tokio::test]
async fn clearing_keeps_the_session_its_user_and_its_messages() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::logged_in(&site, "ana").await?;
    visitor.visit(&site, |session| session.set("a", 1).and_then(|()| session.flash("info", "hello"))).await?;
    let before = visitor.clone();
    visitor.visit(&site, |session| session.clear()).await?;
    assert_eq!(visitor, before);
    let session = visitor.arrive(&site).await?;
    assert_eq!((session.len()?, session.user()?.as_deref()), (0, Some("ana")));
    assert_eq!(session.flashes()?.len(), 1);
    Ok(())
}

// behaviours 63 and 65
#[tokio::test]
async fn destroying_removes_values_record_and_cookie() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    let old = visitor.clone();
    let session = visitor.arrive(&site).await?;
    session.destroy()?;
    assert_eq!((session.get::<u32>("a")?, session.handle()?), (None, None));
    let committed = visitor.leave(&session).await;
    assert!(committed.edits.set_cookies().next().is_some_and(|cookie| cookie.contains("Max-Age=0")));
    assert_eq!((visitor.cookie.as_ref(), site.count().await), (None, 0));
    assert!(!old.is_known(&site).await?);
    Ok(())
}

// behaviour 64
#[tokio::test]
async fn what_the_visitor_never_had_is_not_taken_away() -> Result {
    let site = Site::new();
    let session = Visitor::new().arrive(&site).await?;
    session.set("a", 1)?;
    session.save().await?;
    session.destroy()?;
    assert!(is_plain(&session.commit(200).await));
    assert_eq!((site.store.calls(Verb::Create), site.count().await), (1, 0));
    Ok(())
}

// behaviour 63, defect 1
#[tokio::test]
async fn what_is_written_after_destroying_begins_another_session() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    let old = visitor.clone();
    let (before, after) = visitor
        .visit(&site, |session| {
            let before = session.handle()?;
            session.destroy()?;
            session.set("b", 2)?;
            Ok((before, session.handle()?))
        })
        .await?;
    assert!(before != after && visitor != old);
    assert_eq!(visitor.arrive(&site).await?.keys()?, ["b"]);
    assert!(!old.is_known(&site).await?);
    assert_eq!(site.count().await, 1);
    Ok(())
}

// behaviours 67, 68, 69, 71 and 72, defect 2
#[tokio::test]
async fn a_foreign_ticket_is_never_adopted() -> Result {
    let site = Site::new();
    let real = Visitor::with(&site, &[("a", 1)]).await?;
    let text = real.cookie.clone().expect("a cookie");
    for (foreign, loads) in [(FOREIGN, 1), ("", 0), ("short", 0), ("../../../../etc/passwd", 0), (&FOREIGN[1..], 0)] {
        let cookie = format!("__Host-sid={foreign}");
        let mut visitor = Visitor { cookie: Some(cookie.clone()) };
        let before = site.store.calls(Verb::Load);
        let session = visitor.arrive(&site).await?;
        assert_eq!(site.store.calls(Verb::Load) - before, loads, "{foreign}");
        session.clear()?;
        session.logout()?;
        assert!(is_plain(&visitor.leave(&session).await), "an anonymous logout leaves the cookie to who issued it");
        assert_eq!(site.count().await, 1);

        visitor.visit(&site, |session| session.set("b", 1)).await?;
        assert!(visitor.cookie != Some(cookie.clone()) && visitor.is_known(&site).await?);
        visitor.visit(&site, |session| session.destroy()).await?;

        let mut both = Visitor { cookie: Some(format!("{cookie}; {text}")) };
        assert_eq!(both.number(&site, "a").await?, Some(1), "behaviour 71: the ticket that opens is used");
    }
    Ok(())
}

// behaviour 71
#[tokio::test]
async fn at_most_four_tickets_are_tried() -> Result {
    let site = Site::new();
    let text = Visitor::with(&site, &[("a", 1)]).await?.cookie.expect("a cookie");
    let foreign = format!("__Host-sid={FOREIGN}; ");
    for (before, found) in [(3, Some(1)), (4, None)] {
        let loads = site.store.calls(Verb::Load);
        let mut visitor = Visitor { cookie: Some(foreign.repeat(before) + &text) };
        assert_eq!(visitor.number(&site, "a").await?, found);
        assert_eq!(site.store.calls(Verb::Load) - loads, 4);
    }
    Ok(())
}

// behaviour 33
#[tokio::test]
async fn the_key_in_the_store_is_no_ticket() -> Result {
    use base64_of_a_key as text;
    let site = Site::new();
    Visitor::with(&site, &[("a", 1)]).await?;
    let thief = Visitor { cookie: Some(format!("__Host-sid={}", text(&site.record().await.key))) };
    assert!(!thief.is_known(&site).await?);
    Ok(())
}

fn base64_of_a_key(key: &StoreKey) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bits: Vec<u8> = key.as_bytes().iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
    let sixes = bits.chunks(6).map(|six| (0..6).fold(0, |n, bit| n << 1 | six.get(bit).copied().unwrap_or(0)));
    sixes.map(|six| char::from(ALPHABET[usize::from(six)])).collect()
}

#[tokio::test]
async fn nothing_answers_before_it_is_loaded() -> Result {
    let site = Site::new();
    let session = Visitor::with(&site, &[("a", 1)]).await?.request(&site);
    let answers = [
        kind(session.get::<u32>("a")),
        kind(session.set("a", 1)),
        kind(session.remove("a")),
        kind(session.take::<u32>("a")),
        kind(session.contains("a")),
        kind(session.keys()),
        kind(session.len()),
        kind(session.is_empty()),
        kind(session.clear()),
        kind(session.update("a", one_more)),
        kind(session.update_now("a", one_more).await),
        kind(session.transaction(|view| view.set("a", 1))),
        kind(session.set_transient("a", 1)),
        kind(session.get_transient::<u32>("a")),
        kind(session.remove_transient("a")),
        kind(session.write_transient(true)),
        kind(session.login_transient("ana")),
        kind(session.flash("info", "a")),
        kind(session.flash_now("info", "a")),
        kind::<Vec<Flash>>(session.flashes()),
        kind(session.peek_flashes()),
        kind(session.login("ana")),
        kind(session.logout()),
        kind(session.user()),
        kind(session.renew()),
        kind(session.destroy()),
        kind(session.handle()),
        kind(session.lifetime()),
        kind(session.set_lifetime(Lifetime::default())),
        kind(session.remember(DAY)),
        kind(session.idle_deadline()),
        kind(session.absolute_deadline()),
        kind(session.created()),
        kind(session.expires_in()),
        kind(session.authenticated_at()),
        kind(session.save().await),
    ];
    assert_eq!(answers, [Some(ErrorKind::NotLoaded); 36]);
    assert!(!session.is_loaded() && session.commit(200).await.edits.is_empty());
    assert_eq!(site.store.calls(Verb::Load), 0);
    Ok(())
}

#[tokio::test]
async fn all_clones_share_one_load() -> Result {
    let site = Site::new();
    let session = Visitor::with(&site, &[("a", 1)]).await?.request(&site);
    let clone = session.clone();
    tokio::try_join!(session.load(), clone.load(), session.load())?;
    clone.set("a", 2)?;
    assert_eq!((session.get::<u32>("a")?, site.store.calls(Verb::Load)), (Some(2), 1));
    Ok(())
}

/// A client that keeps no cookies.
struct Header(Option<String>, Option<String>);

impl RequestHead for Header {
    fn cookie_headers(&self, show: &mut dyn FnMut(&[u8])) {
        self.1.iter().for_each(|cookie| show(cookie.as_bytes()));
    }

    fn ticket_header(&self) -> Option<&[u8]> {
        self.0.as_ref().map(String::as_bytes)
    }
}

// behaviour 97
#[tokio::test]
async fn a_ticket_leaves_by_the_channel_that_it_came_in() -> Result {
    let site = Site::with(|builder| builder.ticket_header("X-Session-Id"));
    let open = async |ticket: Option<&str>, cookie: Option<&String>| {
        let session = site.sessions.open(Header(ticket.map(str::to_owned), cookie.cloned()));
        session.load().await?;
        Result::Ok(session)
    };
    let by_header = open(Some(""), None).await?;
    by_header.set("a", 1)?;
    let committed = by_header.commit(200).await;
    assert!(committed.edits.set_cookies().next().is_none());
    assert!(format!("{:?}", committed.edits).contains("Header"));

    let cookie = Visitor::with(&site, &[("b", 1)]).await?.cookie;
    let text = cookie.as_ref().and_then(|cookie| cookie.strip_prefix("__Host-sid=")).expect("a cookie");
    let as_header = open(Some(text), None).await?;
    assert_eq!(as_header.get::<u32>("b")?, Some(1));
    as_header.renew()?;
    assert!(as_header.commit(200).await.edits.set_cookies().next().is_none());

    let mut other = Visitor::with(&site, &[("c", 1)]).await?;
    let both = open(Some(FOREIGN), other.cookie.as_ref()).await?;
    assert_eq!(both.get::<u32>("c")?, Some(1), "a bad header counts as none");
    both.renew()?;
    assert!(
        other.leave(&both).await.edits.set_cookies().next().is_some(),
        "what came by cookie never leaves in a header"
    );

    let ignored = Site::new();
    ignored.sessions.open(Header(Some(text.to_owned()), None)).load().await?;
    assert_eq!(ignored.store.calls(Verb::Load), 0, "off by default");
    Ok(())
}

#[tokio::test]
async fn a_value_beyond_the_limit_leaves_all_as_it_was() -> Result {
    let site = Site::with(|builder| builder.record_limit(1024));
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    let session = visitor.arrive(&site).await?;
    let large = "x".repeat(1024);
    assert_eq!(kind(session.set("a", &large)), Some(ErrorKind::TooLarge));
    assert_eq!(kind(session.update("b", |_: Option<String>| "x".repeat(1024))), Some(ErrorKind::TooLarge));
    assert_eq!(kind(session.flash("info", &large)), Some(ErrorKind::TooLarge));
    let both = session.transaction(|view| view.set("b", 1).and_then(|()| view.set("c", "x".repeat(1024))));
    assert_eq!(kind(both), Some(ErrorKind::TooLarge));
    assert_eq!((session.keys()?, session.get::<u32>("a")?), (vec!["a".to_owned()], Some(1)));
    session.set("d", 4)?;
    assert!(is_plain(&visitor.leave(&session).await));
    assert_eq!(visitor.arrive(&site).await?.keys()?, ["a", "d"]);
    Ok(())
}
