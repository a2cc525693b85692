//! What an observer is told.

use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use cloakroom::testing::Verb;
use cloakroom::{
    CookieConfig, CookieStore, Event, Handle, Lifetime, MemoryStore, OutagePolicy, RenewalReason, Secrets, Session,
    SessionManager, SessionManagerBuilder, Timestamp,
};

use crate::harness::*;

/// An observer, and what it was told: in a word, with the name of the session.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<Line>>>);

type Line = (String, Option<Handle>);

impl Told {
    fn observe(&self, builder: SessionManagerBuilder) -> SessionManagerBuilder {
        let told = self.clone();
        builder.observer(move |event: &Event<'_>| {
            // How long the store took differs every time.
            if !matches!(event, Event::StoreAnswered { .. }) {
                told.lock().push(in_a_word(event));
            }
        })
    }

    /// What was told since the last time.
    fn since(&self) -> Vec<String> {
        std::mem::take(&mut *self.lock()).into_iter().map(|(word, _)| word).collect()
    }

    /// The same of one session only.
    fn of(&self, handle: Handle) -> Vec<String> {
        let told = std::mem::take(&mut *self.lock());
        assert!(told.iter().all(|(_, of)| *of == Some(handle)), "{told:?}");
        told.into_iter().map(|(word, _)| word).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Line>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn in_a_word(event: &Event<'_>) -> Line {
    let of = |word: &str, handle: &Handle, user: &Option<&str>| {
        (format!("{word} {}", user.unwrap_or("nobody")), Some(*handle))
    };
    match event {
        Event::Created { handle, user, .. } => of("created", handle, user),
        Event::Loaded { handle, user, .. } => of("loaded", handle, user),
        Event::Saved { handle, user, .. } => of("saved", handle, user),
        Event::Touched { handle, user, .. } => of("touched", handle, user),
        Event::Dropped { handle, user, .. } => of("dropped", handle, user),
        Event::Renewed { handle, user, why: RenewalReason::Asked, .. } => of("renewed", handle, user),
        Event::Renewed { handle, user, why: RenewalReason::Periodic, .. } => of("renewed in time", handle, user),
        Event::Renewed { handle, user, .. } => of("taken back", handle, user),
        Event::LoggedIn { handle, user, .. } => of("logged in", handle, &Some(*user)),
        Event::Destroyed { handle, user, .. } => of("destroyed", handle, user),
        Event::Revoked { handle, user, .. } => of("revoked", handle, user),
        Event::Expired { handle, user, .. } => of("expired", handle, user),
        Event::Evicted { handle, user, .. } => of("evicted", handle, user),
        Event::Conflict { handle, attempt, .. } => (format!("conflict {attempt}"), Some(*handle)),
        Event::Refused { why, .. } => (format!("refused {why:?}"), None),
        Event::StoreFailed { verb, error, attempt, .. } => (format!("{verb} failed {attempt}: {}", error.kind()), None),
        Event::Outage { error, .. } => (format!("outage: {}", error.kind()), None),
        Event::Swept { deleted, .. } => (format!("swept {deleted}"), None),
        other => (format!("{other:?}"), None),
    }
}

// behaviour 137
#[tokio::test]
async fn each_event_of_a_life_is_told_once() -> Result {
    let told = Told::default();
    let site = Site::with(|builder| renews_hourly(told.observe(builder)));
    let mut visitor = Visitor::new();
    visitor.visit(&site, |_| Ok(())).await?;
    assert_eq!(told.since(), [""; 0], "nothing happened");
    visitor.visit(&site, |session| session.set("a", 1)).await?;
    let handle = visitor.arrive(&site).await?.handle()?.expect("a session");
    assert_eq!(told.of(handle), ["created nobody", "loaded nobody"]);
    visitor.visit(&site, |session| session.login("ana")).await?;
    assert_eq!(told.of(handle), ["loaded nobody", "renewed ana", "logged in ana"]);
    visitor.visit(&site, |session| session.set("a", 2)).await?;
    assert_eq!(told.of(handle), ["loaded ana", "saved ana"]);
    let (one, other) = (visitor.arrive(&site).await?, visitor.arrive(&site).await?);
    one.set("b", 1)?;
    other.set("c", 1)?;
    visitor.leave(&one).await;
    visitor.leave(&other).await;
    assert_eq!(told.of(handle), ["loaded ana", "loaded ana", "saved ana", "conflict 1", "saved ana"]);
    site.clock.advance(HOUR);
    visitor.number(&site, "a").await?;
    assert_eq!(told.of(handle), ["loaded ana", "renewed in time ana"]);
    site.clock.advance(HOUR / 2);
    visitor.number(&site, "a").await?;
    assert_eq!(told.of(handle), ["loaded ana"]);
    let under_way = visitor.arrive(&site).await?;
    under_way.set("a", 3)?;
    visitor.visit(&site, Session::logout).await?;
    assert_eq!(told.of(handle), ["loaded ana", "loaded ana", "destroyed ana"]);
    under_way.commit(200).await;
    assert_eq!(told.of(handle), ["dropped ana"]);

    let site = Site::with(|builder| told.observe(builder).lifetime(Lifetime::default().idle(HOUR)));
    let mut visitor = Visitor::logged_in(&site, "ana").await?;
    let handle = visitor.arrive(&site).await?.handle()?.expect("a session");
    told.of(handle);
    site.clock.advance(HOUR / 2);
    visitor.number(&site, "a").await?;
    assert_eq!(told.of(handle), ["loaded ana", "touched ana"]);
    assert!(site.sessions.revoke(handle).await?);
    assert!(!site.sessions.revoke(handle).await?);
    assert_eq!(told.of(handle), ["revoked ana"]);
    Visitor::logged_in(&site, "bob").await?;
    Visitor::logged_in(&site, "bob").await?;
    site.sessions.revoke_user("bob").await?;
    assert_eq!(
        told.since(),
        ["created bob", "logged in bob", "created bob", "logged in bob", "revoked bob", "revoked bob"]
    );
    Ok(())
}

// behaviour 137
#[tokio::test]
async fn a_session_that_expires_or_is_given_up_is_told_of_once() -> Result {
    let told = Told::default();
    let site = Site::with(|builder| told.observe(builder).lifetime(Lifetime::default().idle(HOUR)));
    let visitor = Visitor::logged_in(&site, "ana").await?;
    let handle = visitor.arrive(&site).await?.handle()?.expect("a session");
    told.of(handle);
    site.clock.advance(HOUR);
    visitor.arrive(&site).await?;
    assert_eq!(told.since(), ["refused Unknown"]);
    site.sessions.sweep().await?;
    assert_eq!(told.since(), ["swept 0"], "it may be live by another clock");
    site.clock.advance(Timestamp::MAX_SKEW);
    site.sessions.sweep().await?;
    let swept = std::mem::take(&mut *told.lock());
    assert_eq!(swept, [("expired ana".to_owned(), Some(handle)), ("swept 1".to_owned(), None)]);
    site.sessions.sweep().await?;
    assert_eq!(told.since(), ["swept 0"]);
    // What has expired by every clock is no more there to end: it is told of when it is swept.
    let visitor = Visitor::logged_in(&site, "ana").await?;
    let late = visitor.arrive(&site).await?;
    site.clock.advance(HOUR + Timestamp::MAX_SKEW);
    late.destroy()?;
    late.commit(200).await;
    assert_eq!(told.since(), ["created ana", "logged in ana", "loaded ana"]);
    site.sessions.sweep().await?;
    assert_eq!(told.since(), ["expired ana", "swept 1"]);

    let told = Told::default();
    let store = MemoryStore::with_limit(1);
    let sessions = told.observe(SessionManager::builder(store)).build().expect("a valid configuration");
    for number in 0..2 {
        let session = sessions.open(());
        session.load().await?;
        session.set("a", number)?;
        assert_eq!(error_of(&session.commit(200).await), None);
    }
    assert_eq!(told.since(), ["created nobody", "evicted nobody", "created nobody"]);
    Ok(())
}

// behaviours 74 and 137
#[tokio::test]
async fn a_ticket_that_opens_nothing_is_told_of_with_the_reason() -> Result {
    let told = Told::default();
    let site = Site::with(|builder| told.observe(builder));
    let bring = async |cookie: String| Visitor { cookie: Some(cookie) }.arrive(&site).await.map(|_| told.since());
    let unknown = format!("__Host-sid={}", "A".repeat(43));
    assert_eq!(bring(unknown.clone()).await?, ["refused Unknown"]);
    assert_eq!(bring("__Host-sid=forged".to_owned()).await?, ["refused Forged"]);
    assert_eq!(bring(format!("__Host-sid=forged; {unknown}")).await?, ["refused Forged", "refused Unknown"]);
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    let old = visitor.clone();
    visitor.visit(&site, Session::renew).await?;
    told.since();
    assert_eq!(bring(old.cookie.clone().expect("a cookie")).await?, ["refused Replaced"]);
    site.clock.advance(SECOND * 30);
    assert_eq!(bring(old.cookie.expect("a cookie")).await?, ["refused Unknown"]);
    site.overwrite(&site.record().await, |record| record.data = (&[9_u8, 9, 9][..]).into()).await?;
    assert_eq!(bring(visitor.cookie.expect("a cookie")).await?, ["refused Unreadable"]);
    Ok(())
}

// behaviour 137
#[tokio::test]
async fn a_sealed_session_s_events_are_told_once() -> Result {
    let told = Told::default();
    let site = Site::new();
    let store = CookieStore::new(Secrets::new(["0123456789abcdef0123456789abcdef"]).expect("a secret"));
    let builder =
        told.observe(SessionManager::builder(store)).clock(site.clock.clone()).cookie(CookieConfig::default());
    let sessions = builder.lifetime(Lifetime::default().idle(HOUR)).build().expect("a valid configuration");
    let site = Site { sessions, ..site };
    let mut visitor = Visitor::logged_in(&site, "ana").await?;
    visitor.visit(&site, |session| session.set("a", 1)).await?;
    site.clock.advance(HOUR / 2);
    visitor.number(&site, "a").await?;
    visitor.visit(&site, Session::renew).await?;
    let before = [
        "created ana",
        "logged in ana",
        "loaded ana",
        "saved ana",
        "loaded ana",
        "touched ana",
        "loaded ana",
        "renewed ana",
    ];
    assert_eq!(told.since(), before);
    let copy = visitor.clone();
    visitor.visit(&site, Session::logout).await?;
    assert_eq!(told.since(), ["loaded ana", "destroyed ana"]);
    site.clock.advance(HOUR);
    copy.arrive(&site).await?;
    Visitor { cookie: Some("__Host-sid=forged".to_owned()) }.arrive(&site).await?;
    assert_eq!(told.since(), ["refused Expired", "refused Forged"]);
    Ok(())
}

// behaviours 120 and 137
#[tokio::test(start_paused = true)]
async fn failures_of_the_store_are_told_of() -> Result {
    let told = Told::default();
    let site = Site::with(|builder| told.observe(builder).outage(OutagePolicy::Anonymous));
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    told.since();
    site.store.on(Verb::Swap).fail_before();
    visitor.visit(&site, |session| session.set("a", 2)).await?;
    assert_eq!(told.since(), ["loaded nobody", "swap failed 1: unavailable", "saved nobody"]);
    site.store.go_away();
    visitor.arrive(&site).await?;
    let failed = ["load failed 1: unavailable", "load failed 2: unavailable", "load failed 3: unavailable"];
    assert_eq!(told.since(), [&failed[..], &["outage: unavailable"]].concat());
    site.store.come_back();
    // A logout whose answer is lost is found out by the handle, and is one logout.
    site.store.on(Verb::Swap).fail_after();
    visitor.visit(&site, Session::logout).await?;
    assert_eq!(told.since(), ["loaded nobody", "swap failed 1: unavailable", "destroyed nobody"]);

    // And with it the word where the session has gone meanwhile.
    let site = Site::with(|builder| renews_hourly(told.observe(builder)));
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    site.clock.advance(HOUR);
    let leaving = visitor.arrive(&site).await?;
    visitor.number(&site, "a").await?;
    told.since();
    site.store.on(Verb::Swap).fail_after();
    leaving.logout()?;
    assert_eq!(error_of(&leaving.commit(200).await), None);
    assert_eq!(told.since(), ["swap failed 1: unavailable", "destroyed nobody"]);
    Ok(())
}

#[tokio::test]
async fn a_renewal_that_is_taken_back_is_told_of() -> Result {
    let told = Told::default();
    let site = Site::new();
    let visitor = Visitor::with(&site, &[("a", 1)]).await?;
    let session = visitor.arrive(&site).await?;
    session.renew()?;
    let stop = Point { verb: Verb::Swap, nth: 2, after: false }.stop(&site);
    let task = commit_until(&session, &stop).await;
    site.store.go_away();
    stop.resume();
    task.await.expect("no panic");
    let site = site.restarted(|builder| told.observe(builder));
    site.clock.advance(SECOND * 6);
    visitor.arrive(&site).await?;
    assert_eq!(told.since(), ["taken back nobody", "loaded nobody"]);
    Ok(())
}

/// An observer that panics is a defect of the application's that costs no visitor anything.
// behaviour 137
#[tokio::test]
async fn an_observer_that_panics_breaks_no_request() -> Result {
    let site = Site::with(|builder| builder.observer(|_: &Event<'_>| panic!("on purpose")));
    let mut visitor = Visitor::logged_in(&site, "ana").await?;
    visitor.visit(&site, |session| session.set("a", 1)).await?;
    visitor.visit(&site, Session::renew).await?;
    assert_eq!(visitor.number(&site, "a").await?, Some(1));
    assert_eq!(site.sessions.revoke_user("ana").await?, 1);
    Ok(())
}

/// An observer may look at the very session that the event is about, and at the store of all.
#[test]
fn no_lock_is_held_while_an_observer_runs() {
    let (done, finished) = mpsc::channel();
    std::thread::spawn(move || {
        let looked_at: Arc<Mutex<Option<Session>>> = Arc::default();
        let watched = Arc::clone(&looked_at);
        let observer = move |_: &Event<'_>| {
            let session = watched.lock().expect("nothing panics").clone();
            if let Some(session) = session {
                let _ = (session.handle(), session.get::<u32>("a"), session.is_loaded());
            }
        };
        let site = Site::with(|builder| renews_hourly(builder).observer(observer));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let result: Result = runtime.block_on(async {
            let mut visitor = Visitor::logged_in(&site, "ana").await?;
            let changes: [fn(&Session) -> Result; 4] =
                [|session| session.set("a", 1), Session::renew, |session| session.login("bob"), Session::logout];
            for change in changes {
                let session = visitor.request(&site);
                *looked_at.lock().expect("nothing panics") = Some(session.clone());
                session.load().await?;
                change(&session)?;
                visitor.leave(&session).await;
            }
            let visitor = Visitor::logged_in(&site, "ana").await?;
            let (session, late) = (visitor.arrive(&site).await?, visitor.arrive(&site).await?);
            *looked_at.lock().expect("nothing panics") = Some(late.clone());
            session.destroy()?;
            session.commit(200).await;
            late.set("a", 1)?;
            late.commit(200).await;
            Ok(())
        });
        let _ = done.send(result);
    });
    let result = finished.recv_timeout(Duration::from_secs(60)).expect("an observer waits for a lock");
    assert!(result.is_ok(), "{result:?}");
}

/// A login whose answer was lost is told of when it is found, and then too nobody holds the session's lock.
#[tokio::test(start_paused = true)]
async fn no_lock_is_held_when_a_login_is_told_that_was_found_late() -> Result {
    let (current, could) = (Arc::new(Mutex::new(None::<Session>)), Arc::new(Mutex::new(None)));
    let (asked, answer) = (Arc::clone(&current), Arc::clone(&could));
    let site = Site::with(|builder| {
        builder.observer(move |event: &Event<'_>| {
            if let Event::LoggedIn { .. } = event {
                let session = asked.lock().expect("no panic").clone().expect("a session");
                let (done, is_done) = mpsc::channel();
                std::thread::spawn(move || done.send(session.user().is_ok()));
                *answer.lock().expect("no panic") = is_done.recv_timeout(Duration::from_secs(5)).ok();
            }
        })
    });
    let mut visitor = Visitor::new();
    let session = visitor.arrive(&site).await?;
    *current.lock().expect("no panic") = Some(session.clone());
    session.login("ana")?;
    for nth in 1..=3 {
        site.store.on(Verb::Create).nth(nth).fail_after();
    }
    assert!(session.save().await.is_err());
    assert_eq!(error_of(&visitor.leave(&session).await), None);
    assert_eq!(*could.lock().expect("no panic"), Some(true));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn changes_that_are_dropped_before_they_are_repeated_are_told_of() -> Result {
    let told = Told::default();
    let site = Site::with(|builder| told.observe(builder));
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    let session = visitor.arrive(&site).await?;
    session.set("a", 2)?;
    for nth in 1..=3 {
        site.store.on(Verb::Swap).nth(nth).fail_before();
    }
    assert!(session.save().await.is_err());
    site.sessions.revoke(session.handle()?.expect("a session")).await?;
    told.since();
    visitor.leave(&session).await;
    assert_eq!(told.since(), ["dropped nobody"]);
    Ok(())
}
