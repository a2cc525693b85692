//! Waiting for the end of a session, as a WebSocket does.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;

use cloakroom::testing::{FakeClock, FaultStore, Verb};
use cloakroom::{
    BoxFuture, CookieConfig, CookieStore, ErrorKind, Handle, Lifetime, MemoryStore, Secrets, Session, SessionManager,
    SessionStore,
};
use tokio::time::{Instant, timeout};

use crate::asked::Asked;
use crate::harness::*;

/// Whether it is over within a second. Time is paused in these tests, so that it passes where all wait.
pub(crate) async fn ends(ended: impl Future<Output = ()>) -> bool {
    timeout(SECOND, ended).await.is_ok()
}

/// Whether it is over without any time passing: nobody had to look.
pub(crate) async fn ends_at_once(ended: impl Future<Output = ()>) -> bool {
    let start = Instant::now();
    ends(ended).await && start.elapsed().is_zero()
}

/// Whether it still waits after many looks.
pub(crate) async fn waits<F: Future<Output = ()>>(ended: &mut Pin<&mut F>) -> bool {
    timeout(SECOND * 10, ended.as_mut()).await.is_err()
}

/// The session of a WebSocket: the head of its response has been sent.
pub(crate) async fn socket(visitor: &Visitor, site: &Site) -> Result<Session> {
    let session = visitor.arrive(site).await?;
    assert_eq!(error_of(&session.commit(101).await), None);
    Ok(session)
}

/// Another process on the store of `site`, which sees it through `around`.
pub(crate) fn through<S: SessionStore>(site: &Site, around: impl FnOnce(FaultStore<Arc<MemoryStore>>) -> S) -> Site {
    let site = site.restarted(|builder| builder);
    let store = around(site.store.clone());
    let sessions = SessionManager::builder(store).clock(site.clock.clone()).without_sweeper();
    let sessions = sessions.lifetime(Lifetime::default().idle(DAY)).build().expect("a valid configuration");
    Site { sessions, ..site }
}

// behaviours 135 and 139
#[tokio::test(start_paused = true)]
async fn an_end_in_this_process_is_known_at_once() -> Result {
    type End = fn(&Site, &Session, Handle) -> BoxFuture<'static, Result>;
    let ends: [(&str, End); 5] = [
        ("logout", |_, request, _| {
            let request = request.clone();
            Box::pin(async move {
                request.logout()?;
                assert_eq!(error_of(&request.commit(200).await), None);
                Ok(())
            })
        }),
        ("login as another user", |_, request, _| {
            let request = request.clone();
            Box::pin(async move {
                request.login("bob")?;
                assert_eq!(error_of(&request.commit(200).await), None);
                Ok(())
            })
        }),
        ("revoke", |site, _, handle| {
            let sessions = site.sessions.clone();
            Box::pin(async move { sessions.revoke(handle).await.map(|ended| assert!(ended)) })
        }),
        ("revoke_user", |site, _, _| {
            let sessions = site.sessions.clone();
            Box::pin(async move { sessions.revoke_user("ana").await.map(|ended| assert_eq!(ended, 2)) })
        }),
        ("revoke_others", |site, _, _| {
            let site = site.clone();
            Box::pin(async move {
                let other = Visitor::logged_in(&site, "ana").await?.arrive(&site).await?;
                site.sessions.revoke_others(&other).await.map(|ended| assert_eq!(ended, 2))
            })
        }),
    ];
    for (what, end) in ends {
        let site = Site::new();
        let (visitor, bystander) = (Visitor::logged_in(&site, "ana").await?, Visitor::logged_in(&site, "ana").await?);
        let socket = socket(&visitor, &site).await?;
        let mut ended = pin!(socket.ended());
        assert!(waits(&mut ended).await, "{what}");
        let handle = socket.handle()?.expect("a session");
        end(&site, &visitor.arrive(&site).await?, handle).await?;
        assert!(ends_at_once(ended).await, "{what}");
        assert!(ends_at_once(socket.ended()).await, "whoever asks again learns it again: {what}");
        let other = bystander.arrive(&site).await?;
        if !what.starts_with("revoke_") {
            assert!(waits(&mut pin!(other.ended())).await, "another session of the user goes on: {what}");
        }
    }
    Ok(())
}

/// The stores that learn of ends in different ways.
fn readers(site: &Site) -> [(&'static str, Site); 2] {
    [
        ("a store with an index", through(site, |store| Asked::new(store, true))),
        ("a store of five verbs", through(site, |store| Asked::new(store, false))),
    ]
}

// behaviours 135 and 139
#[tokio::test(start_paused = true)]
async fn an_end_in_another_process_is_known_within_a_second() -> Result {
    let site = Site::new();
    for (what, reader) in readers(&site) {
        let mut visitor = Visitor::logged_in(&site, "ana").await?;
        let sockets = [socket(&visitor, &reader).await?, socket(&visitor, &reader).await?];
        let mut ended = pin!(sockets[0].ended());
        assert!(waits(&mut ended).await, "{what}");
        visitor.visit(&site, Session::logout).await?;
        assert!(ends(ended).await, "{what}");
        assert!(ends(sockets[1].ended()).await, "who begins to wait for what is over is told so: {what}");
        for revoked_at in points_of_a_renewal() {
            let visitor = Visitor::logged_in(&site, "ana").await?;
            let socket = socket(&visitor, &reader).await?;
            let handle = socket.handle()?.expect("a session");
            let mut ended = pin!(socket.ended());
            let renewing = visitor.arrive(&site).await?;
            renewing.renew()?;
            let stop = revoked_at.stop(&site);
            let task = commit_until(&renewing, &stop).await;
            assert!(waits(&mut ended).await, "a renewal is no end, at {revoked_at:?}: {what}");
            site.sessions.revoke(handle).await?;
            assert!(ends(ended).await, "{revoked_at:?}: {what}");
            stop.resume();
            task.await.expect("no panic");
        }
    }
    Ok(())
}

/// The session was looked for where its renewal would have taken it, and has gone back meanwhile.
#[tokio::test(start_paused = true)]
async fn a_renewal_that_is_taken_back_is_no_end() -> Result {
    let site = Site::new();
    let visitor = Visitor::with(&site, &[("a", 1)]).await?;
    let reader = through(&site, |store| Asked::new(store, false));
    let socket = socket(&visitor, &reader).await?;
    let mut ended = pin!(socket.ended());
    let renewing = visitor.arrive(&site).await?;
    renewing.renew()?;
    let promotion = Point { verb: Verb::Swap, nth: 2, after: false }.stop(&site);
    let task = commit_until(&renewing, &promotion).await;
    site.store.go_away();
    promotion.resume();
    task.await.expect("no panic");
    let stop = Point { verb: Verb::Load, nth: 2, after: false }.stop(&reader);
    assert!(timeout(SECOND, ended.as_mut()).await.is_err());
    stop.reached().await;
    site.clock.advance(SECOND * 6);
    assert!(visitor.is_known(&site.restarted(|builder| builder)).await?, "it is taken back");
    stop.resume();
    assert!(waits(&mut ended).await);
    Ok(())
}

// behaviours 15 and 139
#[tokio::test(start_paused = true)]
async fn it_goes_with_the_session_through_renewals_and_logins() -> Result {
    let site = Site::renewing();
    for (what, reader) in readers(&site) {
        for elsewhere in [false, true] {
            let at = if elsewhere { &site } else { &reader };
            let mut visitor = Visitor::logged_in(&site, "ana").await?;
            let socket = socket(&visitor, &reader).await?;
            let mut ended = pin!(socket.ended());
            for round in 0..3 {
                visitor.visit(at, Session::renew).await?;
                assert!(waits(&mut ended).await, "renew: {what}");
                visitor.visit(at, |session| session.login("ana")).await?;
                assert!(waits(&mut ended).await, "a login of the same user: {what}");
                site.clock.advance(HOUR);
                let before = visitor.cookie.clone();
                visitor.number(&site, "a").await?;
                assert_ne!(visitor.cookie, before, "a periodic renewal");
                assert!(waits(&mut ended).await, "a periodic renewal: {what}, {round}");
                site.clock.advance(PAST_MARKERS);
                assert!(waits(&mut ended).await, "when the marker is gone: {what}, {round}");
            }
            visitor.visit(at, Session::renew).await?;
            visitor.visit(&site, Session::logout).await?;
            assert!(ends(ended).await, "a marker is left, and is no session: {what}");
        }
    }
    Ok(())
}

// behaviours 11, 12 and 139
#[tokio::test(start_paused = true)]
async fn it_ends_at_the_deadlines_and_activity_moves_the_idle_one() -> Result {
    let lifetime = Lifetime::default().idle(HOUR).absolute(HOUR * 3);
    let site = Site::with(|builder| builder.lifetime(lifetime));
    for (what, reader) in readers(&site) {
        let mut visitor = Visitor::logged_in(&site, "ana").await?;
        let session = socket(&visitor, &reader).await?;
        let mut ended = pin!(session.ended());
        for _ in 0..3 {
            assert!(waits(&mut ended).await, "{what}");
            site.clock.advance(HOUR - SECOND);
            visitor.number(&site, "a").await?;
        }
        site.clock.advance(SECOND * 2);
        assert!(waits(&mut ended).await, "not at a deadline that has moved: {what}");
        site.clock.advance(SECOND);
        assert!(ends(ended).await, "at the absolute deadline: {what}");

        let visitor = Visitor::logged_in(&site, "ana").await?;
        let session = socket(&visitor, &reader).await?;
        let mut ended = pin!(session.ended());
        site.clock.advance(HOUR - SECOND);
        assert!(waits(&mut ended).await, "{what}");
        site.clock.advance(SECOND);
        assert!(ends(ended).await, "at the idle deadline: {what}");
    }
    Ok(())
}

// behaviours 120 and 139
#[tokio::test(start_paused = true)]
async fn an_outage_ends_nothing() -> Result {
    let site = Site::new();
    for (what, reader) in readers(&site) {
        let mut visitor = Visitor::logged_in(&site, "ana").await?;
        let socket = socket(&visitor, &reader).await?;
        let mut ended = pin!(socket.ended());
        reader.store.go_away();
        assert!(timeout(PAST_MARKERS, ended.as_mut()).await.is_err(), "away: {what}");
        reader.store.come_back();
        reader.store.on(Verb::Load).always().hang();
        assert!(waits(&mut ended).await, "does not answer: {what}");
        reader.store.forget_faults();
        visitor.visit(&site, Session::logout).await?;
        // A question that was under way is waited for as long as any.
        assert!(timeout(SECOND * 6, ended).await.is_ok(), "back: {what}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn where_there_is_no_session_it_waits_for_one() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::new();
    let unloaded = visitor.request(&site);
    let mut ended = pin!(unloaded.ended());
    assert!(waits(&mut ended).await);
    unloaded.load().await?;
    assert!(waits(&mut ended).await, "nobody came with a session");
    unloaded.set("a", 1)?;
    assert!(waits(&mut ended).await, "it is not saved");
    visitor.leave(&unloaded).await;
    assert!(waits(&mut ended).await, "it lives");
    let late = visitor.request(&site);
    let mut late_ended = pin!(late.ended());
    assert!(waits(&mut late_ended).await);
    late.load().await?;
    assert!(waits(&mut late_ended).await);
    assert!(site.sessions.revoke(late.handle()?.expect("a session")).await?);
    assert!(ends_at_once(ended).await);
    assert!(ends_at_once(late_ended).await);

    let request = Visitor::logged_in(&site, "ana").await?.arrive(&site).await?;
    request.destroy()?;
    let mut ended = pin!(request.ended());
    assert!(waits(&mut ended).await, "it is not committed");
    assert_eq!(error_of(&request.commit(200).await), None);
    assert!(ends_at_once(ended).await);
    assert!(ends_at_once(request.ended()).await, "this request has ended it itself");
    Ok(())
}

// behaviour 139
#[tokio::test(start_paused = true)]
async fn a_sealed_session_ends_at_its_deadlines_and_where_it_is_destroyed() -> Result {
    let site = Site::new();
    let sealed = |clock: &FakeClock| {
        let store = CookieStore::new(Secrets::new(["0123456789abcdef0123456789abcdef"]).expect("a secret"));
        let builder = SessionManager::builder(store).clock(clock.clone()).cookie(CookieConfig::default());
        builder.lifetime(Lifetime::default().idle(HOUR)).build().expect("a valid configuration")
    };
    let site = Site { sessions: sealed(&site.clock), ..site };
    let mut visitor = Visitor::logged_in(&site, "ana").await?;
    let session = socket(&visitor, &site).await?;
    let mut ended = pin!(session.ended());
    for _ in 0..3 {
        assert!(waits(&mut ended).await);
        site.clock.advance(HOUR - SECOND);
        visitor.number(&site, "a").await?;
    }
    let stale = visitor.clone();
    site.clock.advance(HOUR - SECOND * 2);
    visitor.number(&site, "a").await?;
    stale.arrive(&site).await?;
    site.clock.advance(SECOND * 2);
    assert!(waits(&mut ended).await, "an older copy of the cookie moves nothing back");
    site.clock.advance(HOUR);
    assert!(ends(ended).await);

    let mut visitor = Visitor::logged_in(&site, "ana").await?;
    let session = socket(&visitor, &site).await?;
    let mut ended = pin!(session.ended());
    assert!(waits(&mut ended).await);
    visitor.visit(&site, Session::logout).await?;
    assert!(ends_at_once(ended).await);
    Ok(())
}

// behaviours 13 and 139
#[tokio::test(start_paused = true)]
async fn a_socket_that_saves_at_each_message_keeps_its_session() -> Result {
    let site = Site::with(|builder| builder.lifetime(Lifetime::default().idle(HOUR).absolute(DAY)));
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    let socket = socket(&visitor, &site).await?;
    let touches = |site: &Site| site.store.calls(Verb::Touch);
    for _ in 0..3 {
        site.clock.advance(HOUR - SECOND);
        socket.save().await?;
        let before = touches(&site);
        socket.save().await?;
        assert_eq!(touches(&site), before, "once is enough for a while");
    }
    // Another request changes the session, which the socket does not know.
    site.clock.advance(HOUR / 2);
    visitor.visit(&site, |session| session.set("a", 2)).await?;
    site.clock.advance(HOUR - SECOND);
    socket.save().await?;
    assert_eq!(socket.get::<u32>("a")?, Some(2), "its values are seen");
    site.clock.advance(HOUR - SECOND);
    assert!(visitor.is_known(&site).await?, "the socket's activity counted");
    // A store that fails is no reason to end a socket.
    site.store.on(Verb::Touch).fail_before();
    socket.save().await?;
    visitor.visit(&site, Session::logout).await?;
    site.clock.advance(HOUR / 2);
    assert_eq!(kind(socket.save().await), Some(ErrorKind::Ended));
    Ok(())
}
