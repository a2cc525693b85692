//! What tasks of one request do at the same time, and what comes of it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use cloakroom::testing::Verb;
use cloakroom::{CookieStore, ErrorKind, Lifetime, Secrets, Session, SessionManager};

use crate::harness::*;

#[tokio::test]
async fn old_old_ticket_in_grace_is_read_only() -> Result {
    let site = Site::renewing();
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    let straggler = visitor.clone();
    site.clock.advance(HOUR);
    visitor.number(&site, "a").await?; // periodic T1 -> T2
    assert_ne!(visitor, straggler);
    visitor.visit(&site, |s| s.login("ana")).await?; // explicit T2 -> T3
    let session = straggler.arrive(&site).await?;
    assert_eq!(kind(session.set("x", 1)), Some(ErrorKind::ReadOnly));
    let committed = session.commit(200).await;
    assert!(is_plain(&committed), "the login's cookie is overwritten: {:?}", committed.edits.set_cookies().count());
    Ok(())
}

#[tokio::test]
async fn login_during_the_head_commit_does_not_stay_on_the_old_ticket() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    let planted = visitor.clone();
    let session = visitor.arrive(&site).await?;
    session.set("b", 1)?;
    let stop = site.store.on(Verb::Swap).pause_before();
    let task = commit_until(&session, &stop).await;
    session.login("ana")?;
    stop.resume();
    visitor.take(&task.await.expect("no panic"));
    // As the end of the body does.
    let _ = session.save().await;
    let user = planted.arrive(&site).await?.user()?;
    assert_eq!(user, None, "the planted ticket is logged in");
    Ok(())
}

#[tokio::test]
async fn login_and_save_during_the_head_commit_keeps_the_visitor() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    let session = visitor.arrive(&site).await?;
    session.set("b", 1)?;
    let stop = site.store.on(Verb::Swap).pause_before();
    let task = commit_until(&session, &stop).await;
    session.login("ana")?;
    let s = session.clone();
    let save = tokio::spawn(async move { s.save().await });
    tokio::task::yield_now().await;
    stop.resume();
    visitor.take(&task.await.expect("no panic"));
    let saved = save.await.expect("no panic");
    site.clock.advance(SECOND * 20);
    assert!(saved.is_err() || visitor.is_known(&site).await?, "saved, and nobody has the ticket: {saved:?}");
    Ok(())
}

#[tokio::test]
async fn renew_during_the_head_commit_is_not_forgotten() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    let old = visitor.clone();
    let session = visitor.arrive(&site).await?;
    session.set("b", 1)?;
    let stop = site.store.on(Verb::Swap).pause_before();
    let task = commit_until(&session, &stop).await;
    session.renew()?;
    stop.resume();
    visitor.take(&task.await.expect("no panic"));
    let saved = session.save().await;
    assert!(saved.is_err() || visitor != old, "renew() and save() said Ok, and nothing was renewed");
    Ok(())
}

#[test]
fn a_closure_that_uses_the_session_does_not_deadlock() {
    let (tx, rx) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("rt");
        let result: Result = runtime.block_on(async {
            let site = Site::new();
            let visitor = Visitor::with(&site, &[("a", 1)]).await?;
            let session = visitor.arrive(&site).await?;
            session.set("b", 1)?;
            let stop = site.store.on(Verb::Swap).pause_before();
            let task = commit_until(&session, &stop).await;
            let same = session.clone();
            session
                .update("c", move |n: Option<u32>| n.unwrap_or(0) + same.get::<u32>("a").ok().flatten().unwrap_or(0))?;
            stop.resume();
            task.await.expect("no panic");
            Ok(())
        });
        let _ = tx.send(result.is_ok());
    });
    assert!(rx.recv_timeout(Duration::from_secs(10)).is_ok(), "deadlock");
}

#[tokio::test]
async fn a_later_change_that_fails_does_not_lose_the_renewal() -> Result {
    let site = Site::with(|b| b.record_limit(2048));
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    let session = visitor.arrive(&site).await?;
    session.login("ana")?;
    // another request makes the session larger meanwhile
    let mut other = visitor.clone();
    other.visit(&site, |s| s.set("big", "x".repeat(1500))).await?;
    let stop = site.store.on(Verb::Swap).nth(2).pause_before();
    let s = session.clone();
    let save = save_until(&s, &stop).await;
    session.set("mine", "y".repeat(1500))?; // fits this request's view
    stop.resume();
    let _ = save.await.expect("no panic");
    let _ = visitor.leave(&session).await;
    site.clock.advance(SECOND * 20);
    assert!(visitor.is_known(&site).await?, "the visitor lost the session");
    Ok(())
}

// behaviour 66
#[tokio::test]
async fn clear_removes_what_another_request_added() -> Result {
    let site = Site::new();
    let visitor = Visitor::logged_in(&site, "ana").await?;
    let one = visitor.arrive(&site).await?;
    // Nothing of it is left in this request's view, and what the other one adds goes all the same.
    one.set("x", 1)?;
    visitor.clone().visit(&site, |s| s.set("cart", 1)).await?;
    one.clear()?;
    one.commit(200).await;
    let left = visitor.arrive(&site).await?.keys()?;
    assert!(left.is_empty(), "{left:?}");
    Ok(())
}

#[tokio::test]
async fn who_destroyed_nothing_removes_no_cookie() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::logged_in(&site, "ana").await?;
    let late = visitor.arrive(&site).await?;
    visitor.visit(&site, |s| s.logout()).await?;
    visitor.visit(&site, |s| s.login("ana")).await?;
    late.logout()?;
    let committed = visitor.leave(&late).await;
    assert!(is_plain(&committed), "{:?}", committed.edits.set_cookies().collect::<Vec<_>>());
    assert!(visitor.is_known(&site).await?);
    Ok(())
}

#[tokio::test]
async fn remember_after_login_keeps_the_absolute_deadline_of_the_login() -> Result {
    let site = Site::with(|b| b.lifetime(Lifetime::default().idle(DAY * 31).absolute(DAY * 365)));
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    for _ in 0..20 {
        site.clock.advance(DAY * 18);
        visitor.number(&site, "a").await?;
    }
    visitor.visit(&site, |s| s.login("ana").and_then(|()| s.remember(DAY * 90))).await?;
    let deadline = visitor.arrive(&site).await?.absolute_deadline()?.expect("one");
    let now: std::time::SystemTime = site.now().into();
    let days = deadline.duration_since(now).expect("later").as_secs() / 86_400;
    assert_eq!(days, 365);
    Ok(())
}

#[tokio::test]
async fn debug_of_a_view_shows_no_value() -> Result {
    let site = Site::new();
    let visitor = Visitor::with(&site, &[("a", 1)]).await?;
    let session = visitor.arrive(&site).await?;
    let shown = session.transaction(|view| {
        view.set("password", "hunter2")?;
        Ok(format!("{view:?}"))
    })?;
    assert!(!shown.contains("104, 117, 110, 116, 101, 114, 50"), "{shown}");
    Ok(())
}

#[tokio::test]
async fn update_now_answers_only_what_is_committed() -> Result {
    let site = Site::new();
    let visitor = Visitor::with(&site, &[("n", 1)]).await?;
    let session = visitor.arrive(&site).await?;
    session.set("b", 1)?;
    let stop = site.store.on(Verb::Swap).pause_before();
    let task = commit_until(&session, &stop).await;
    let s = session.clone();
    let now = tokio::spawn(async move { s.update_now("n", one_more).await });
    tokio::task::yield_now().await;
    site.store.go_away();
    stop.resume();
    let committed = task.await.expect("no panic");
    assert!(committed.error.is_some());
    site.store.come_back();
    let answer = now.await.expect("no panic");
    let kept = visitor.clone().number(&site, "n").await?;
    assert!(answer.is_err() || kept == Some(2), "answered {answer:?}, kept {kept:?}");
    Ok(())
}

/// Whoever decides by a status may look at the session.
#[tokio::test]
async fn no_lock_is_held_when_a_status_is_judged() -> Result {
    let twos = |_| Session::current().and_then(|session| session.get("n")).is_ok_and(|n: Option<u32>| n == Some(2));
    let site = Site::with(|builder| builder.roll_back_on(twos));
    let mut visitor = Visitor::with(&site, &[("n", 1)]).await?;
    for n in [2, 3] {
        let session = visitor.arrive(&site).await?;
        session.set("n", n)?;
        let committed = session.clone().scope(session.commit(200)).await;
        assert_eq!(error_of(&committed), None);
        assert_eq!(visitor.number(&site, "n").await?, Some(if n == 2 { 1 } else { n }));
    }
    Ok(())
}

#[tokio::test]
async fn rolled_back_stays_rolled_back() -> Result {
    let site = Site::with(|b| b.roll_back_on(|status| status >= 500));
    let visitor = Visitor::with(&site, &[("n", 1)]).await?;
    let session = visitor.arrive(&site).await?;
    session.set("n", 2)?;
    let stop = site.store.on(Verb::Swap).pause_before();
    let save = save_until(&session, &stop).await;
    let commit = tokio::spawn(session.commit(500));
    tokio::task::yield_now().await;
    site.store.go_away();
    stop.resume();
    let saved = save.await.expect("no panic");
    assert!(saved.is_err());
    site.store.come_back();
    let _ = commit.await.expect("no panic");
    assert_eq!(visitor.clone().number(&site, "n").await?, Some(1));
    Ok(())
}

#[tokio::test]
async fn destroy_during_the_head_commit_is_done() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    let session = visitor.arrive(&site).await?;
    session.set("b", 1)?;
    let stop = site.store.on(Verb::Swap).pause_before();
    let task = commit_until(&session, &stop).await;
    session.destroy()?;
    stop.resume();
    visitor.take(&task.await.expect("no panic"));
    drop(session); // no body that would save
    assert!(!visitor.is_known(&site).await?, "destroy() said Ok, and the session lives");
    Ok(())
}

// A change that is made again after a commit may find that its session was destroyed by then.
#[tokio::test]
async fn destroy_while_a_change_is_made_again_takes_the_change_along() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, &[("secret", 1)]).await?;
    let session = visitor.arrive(&site).await?;
    session.set("b", 1)?;
    let stop = site.store.on(Verb::Swap).pause_before();
    let task = commit_until(&session, &stop).await;
    let (same, runs) = (session.clone(), std::sync::atomic::AtomicU32::new(0));
    session.update("n", move |n: Option<u32>| {
        if runs.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 1 {
            same.destroy().expect("it is loaded");
        }
        n.unwrap_or(0) + 1
    })?;
    stop.resume();
    visitor.take(&task.await.expect("no panic"));
    assert!(session.is_empty()?, "nothing of the old session is left: {:?}", session.keys()?);
    assert_eq!((site.count().await, visitor.is_known(&site).await?), (0, false));
    Ok(())
}

// What another task begins after its destroy() is kept, although the commit under way learns that the session has ended.
#[tokio::test]
async fn what_begins_after_a_destroy_is_kept_when_the_commit_under_way_ends() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::logged_in(&site, "ana").await?;
    let session = visitor.arrive(&site).await?;
    session.set("b", 1)?;
    let stop = site.store.on(Verb::Swap).pause_before();
    let task = commit_until(&session, &stop).await;
    session.destroy()?;
    session.set("new", 7)?;
    site.sessions.revoke_user("ana").await?;
    stop.resume();
    visitor.take(&task.await.expect("no panic"));
    assert_eq!(visitor.number(&site, "new").await?, Some(7));
    Ok(())
}

// What a session begins with is nowhere but in the draft; what comes while it is created is made again on what was created,
// and all of it is kept if it is created at the second try only.
#[tokio::test]
async fn what_comes_while_a_session_is_created_is_kept() -> Result {
    for fails in [false, true] {
        let site = Site::new();
        let mut visitor = Visitor::new();
        let session = visitor.arrive(&site).await?;
        for (key, value) in [("a", 1), ("b", 1), ("c", 1)] {
            session.set(key, value)?;
        }
        session.remove("c")?;
        let stop = site.store.on(Verb::Create).pause_before();
        if fails {
            site.store.on(Verb::Create).always().fail_before();
        }
        let saving = save_until(&session, &stop).await;
        session.set("b", 2)?;
        session.set("d", 2)?;
        session.remove("a")?;
        stop.resume();
        assert_eq!(saving.await.expect("no panic").is_err(), fails);
        site.store.forget_faults();
        assert_eq!(error_of(&visitor.leave(&session).await), None);
        let next = visitor.arrive(&site).await?;
        assert_eq!(next.keys()?, ["b", "d"], "{fails}");
        assert_eq!(next.get::<u32>("b")?, Some(2));
    }
    Ok(())
}

/// Changes a value by a closure that does something else, too, when it is run again after a commit.
fn again(session: &Session, meanwhile: impl Fn(&Session) + Send + 'static) -> Result {
    let (inner, runs) = (session.clone(), AtomicU32::new(0));
    let count = move |n: Option<u32>| {
        if runs.fetch_add(1, Ordering::Relaxed) == 1 {
            meanwhile(&inner);
        }
        n.unwrap_or(0) + 1
    };
    session.update("n", count).map(drop)
}

#[tokio::test]
async fn what_is_set_while_a_change_is_made_again_after_a_destroy_is_kept() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    let session = visitor.arrive(&site).await?;
    session.destroy()?;
    let stop = site.store.on(Verb::Swap).pause_before();
    let saving = save_until(&session, &stop).await;
    again(&session, |session| session.set("x", 1).expect("there is room"))?;
    stop.resume();
    saving.await.expect("no panic")?;
    visitor.leave(&session).await;
    assert_eq!(visitor.arrive(&site).await?.keys()?, ["n", "x"]);
    Ok(())
}

#[tokio::test]
async fn no_head_goes_out_while_a_change_is_made_again() -> Result {
    let site = Site::with(|builder| builder.roll_back_on(|status| status >= 500));
    let visitor = Visitor::with(&site, &[("a", 1)]).await?;
    let session = visitor.arrive(&site).await?;
    session.set("b", 1)?;
    let stop = site.store.on(Verb::Swap).pause_before();
    let saving = save_until(&session, &stop).await;
    let (ready, is_ready) = std::sync::mpsc::channel();
    again(&session, move |session| {
        let _ = ready.send(session.commit(500).into_ready().is_ok());
    })?;
    stop.resume();
    saving.await.expect("no panic")?;
    assert_eq!(is_ready.try_recv(), Ok(false), "what is made again could not be discarded with it");
    Ok(())
}

#[tokio::test]
async fn a_change_that_panics_when_it_is_made_again_is_answered_as_an_error() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    let session = visitor.arrive(&site).await?;
    again(&session, |_| panic!("of the application"))?;
    let stop = site.store.on(Verb::Swap).pause_before();
    let task = commit_until(&session, &stop).await;
    visitor.visit(&site, |other| other.set("a", 2)).await?;
    stop.resume();
    assert_eq!(error_of(&task.await.expect("the commit does not panic")), Some(ErrorKind::Unavailable));
    assert_eq!(visitor.arrive(&site).await?.keys()?, ["a"]);
    Ok(())
}

fn sealed() -> SessionManager {
    SessionManager::new(CookieStore::new(Secrets::new(["0123456789abcdef0123456789abcdef"]).expect("ok")))
}

#[tokio::test]
async fn sealed_destroy_after_the_head_needs_a_cookie() -> Result {
    let sessions = sealed();
    let first = sessions.open(());
    first.load().await?;
    first.set("a", 1)?;
    let committed = first.commit(200).await;
    let cookie =
        committed.edits.set_cookies().next().and_then(|set| set.split(';').next()).expect("a cookie").to_owned();
    let session: Session = sessions.open(cookie);
    session.load().await?;
    session.get::<u32>("a")?;
    let _ = session.commit(200).await;
    assert_eq!(kind(session.destroy()), Some(ErrorKind::NeedsCookie));
    Ok(())
}

#[tokio::test]
async fn longest_idle_time_does_not_panic() -> Result {
    let site =
        Site::with(|b| b.touch_share(1.0).lifetime(Lifetime::default().idle(Duration::MAX).absolute(Duration::MAX)));
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    visitor.number(&site, "a").await?;
    Ok(())
}

#[tokio::test]
async fn cut_off_request_cannot_end_the_session_that_replaced_its_own() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    let late = visitor.arrive(&site).await?;
    visitor.visit(&site, |s| s.login("ana")).await?;
    late.set("x", 1)?;
    assert_eq!(kind(late.save().await), Some(ErrorKind::Ended));
    let _ = late.destroy();
    visitor.clone().leave(&late).await;
    assert!(visitor.is_known(&site).await?, "the new session was ended by the old ticket");
    Ok(())
}
