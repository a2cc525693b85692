//! So many sessions a user, and not one more: in turn, racing, and with processes that die.

use std::time::Duration;

use cloakroom::testing::Verb;
use cloakroom::{ErrorKind, LimitPolicy, MemoryStore, RecordKind, SessionManager, SessionManagerBuilder, Timestamp};

use crate::asked::Asked;
use crate::crashes::Death;
use crate::harness::*;

const POLICIES: [LimitPolicy; 2] = [LimitPolicy::EndOldest, LimitPolicy::Refuse];

fn at_most(limit: usize, policy: LimitPolicy) -> impl Fn(SessionManagerBuilder) -> SessionManagerBuilder + Copy {
    move |builder| builder.sessions_per_user(limit, policy)
}

/// On a store, and with sealed cookies that one knows of.
fn sites(limit: usize, policy: LimitPolicy) -> [Site; 2] {
    [Site::with(at_most(limit, policy)), Site::registered(at_most(limit, policy))]
}

async fn live(site: &Site) -> Result<usize> {
    Ok(site.sessions.sessions_of("ana").await?.len())
}

// behaviour 134
#[tokio::test]
async fn the_oldest_login_makes_room() -> Result {
    for site in sites(2, LimitPolicy::EndOldest) {
        let mut visitors = Vec::new();
        for n in 0..4 {
            let mut visitor = if n % 2 == 0 { Visitor::new() } else { Visitor::with(&site, &[("a", 1)]).await? };
            visitor.visit(&site, |session| session.login("ana")).await?;
            visitors.push(visitor);
            site.clock.advance(SECOND);
        }
        let bob = Visitor::logged_in(&site, "bob").await?;
        let mut known = Vec::new();
        for visitor in &visitors {
            known.push(visitor.is_known(&site).await?);
        }
        assert_eq!(known, [false, false, true, true]);
        // It is the login that counts, not when the session began, and logging in again needs no second place.
        visitors[2].visit(&site, |session| session.login("ana")).await?;
        let last = Visitor::logged_in(&site, "ana").await?;
        assert!(visitors[2].is_known(&site).await? && last.is_known(&site).await? && bob.is_known(&site).await?);
        assert_eq!(live(&site).await?, 2);
    }
    Ok(())
}

// behaviour 134
#[tokio::test]
async fn a_refused_login_leaves_the_visitors_session_as_it_was() -> Result {
    for site in sites(1, LimitPolicy::Refuse) {
        let mut first = Visitor::logged_in(&site, "ana").await?;
        let mut cart = Visitor::with(&site, &[("a", 1)]).await?;
        let mut bob = Visitor::logged_in(&site, "bob").await?;
        let mut nobody = Visitor::new();
        for visitor in [&mut cart, &mut bob, &mut nobody] {
            let (before, user) = (visitor.clone(), visitor.arrive(&site).await?.user()?);
            let session = visitor.arrive(&site).await?;
            session.login("ana")?;
            let committed = visitor.leave(&session).await;
            assert_eq!(error_of(&committed), Some(ErrorKind::TooManySessions));
            assert_eq!(*visitor, before, "no cookie changes");
            assert_eq!(visitor.arrive(&site).await?.user()?, user);
        }
        assert_eq!(cart.number(&site, "a").await?, Some(1));
        assert!(first.is_known(&site).await?);

        // The place is free as soon as the session has ended, whatever its renewals left behind; or in the same request.
        first.visit(&site, |session| session.renew()).await?;
        first.visit(&site, |session| session.logout()).await?;
        cart.visit(&site, |session| session.login("ana")).await?;
        let again = |session: &cloakroom::Session| {
            session.logout()?;
            session.login("ana")
        };
        cart.visit(&site, again).await?;
        assert_eq!(live(&site).await?, 1);
        assert!(cart.is_known(&site).await?);
    }
    Ok(())
}

/// Stops one login at every call of the store that it makes, and lets another one through meanwhile, at once or some
/// seconds later: a place is held for as long as its login may take.
// behaviour 134
#[tokio::test]
async fn two_logins_do_not_take_one_place() -> Result {
    for policy in POLICIES {
        for with_session in [false, true] {
            for which in [0, 1] {
                for (nth, after, pause) in (1..=12)
                    .flat_map(|nth| [(nth, false, 0), (nth, true, 0), (nth, true, 5)])
                    .map(|(nth, after, seconds)| (nth, after, SECOND * seconds))
                {
                    let site = sites(1, policy)[which].clone();
                    let mut slow = if with_session { Visitor::with(&site, &[("a", 1)]).await? } else { Visitor::new() };
                    let mut quick = Visitor::new();
                    let login = slow.arrive(&site).await?;
                    login.login("ana")?;
                    let when = site.store.on_any().nth(nth);
                    let stop = if after { when.pause_after() } else { when.pause_before() };
                    let mut task = commit(&login);
                    let stopped = tokio::select! {
                        () = stop.reached() => true,
                        done = &mut task => { slow.take(&done.expect("no panic"));
                            site.store.forget_faults(); false }
                    };
                    site.clock.advance(pause);
                    let won = quick.visit(&site, |session| session.login("ana")).await;
                    stop.resume();
                    let what =
                        format!("{policy:?}, {nth}, after: {after}, {pause:?}, session: {with_session}, {which}");
                    if stopped {
                        let committed = task.await.expect("no panic");
                        slow.take(&committed);
                        if policy == LimitPolicy::Refuse {
                            let lost = error_of(&committed) == Some(ErrorKind::TooManySessions);
                            assert!(won.is_ok() == lost, "one of them, and not both: {what}");
                        }
                    }
                    assert_eq!(live(&site).await?, 1, "{what}");
                    let mut known = 0;
                    for visitor in [&slow, &quick] {
                        known += usize::from(visitor.arrive(&site).await?.user()?.is_some());
                    }
                    assert_eq!(known, 1, "{what}");
                }
            }
        }
    }
    Ok(())
}

/// A login that is slow holds its place until its pending record has expired by every clock, and so long does the record
/// that says so live.
#[tokio::test]
async fn a_slow_login_holds_its_place_for_as_long_as_it_can_still_succeed() -> Result {
    for (wait, succeeds, holds) in [(129, true, true), (130, false, true), (729, false, true), (730, false, false)] {
        for site in sites(1, LimitPolicy::Refuse) {
            let mut slow = Visitor::new();
            let login = slow.arrive(&site).await?;
            login.login("ana")?;
            // It has its place: its pending record is there, and so is the one that names it.
            let placed = site.store.on(Verb::Create).nth(2).pause_after();
            let task = commit_until(&login, &placed).await;
            site.clock.advance(SECOND * wait);
            let other = Visitor::logged_in(&site, "ana").await;
            assert_eq!(kind(other), holds.then_some(ErrorKind::TooManySessions), "{wait} s");
            placed.resume();
            slow.take(&task.await.expect("no panic"));
            let all = usize::from(succeeds || !holds);
            assert_eq!((slow.is_known(&site).await?, live(&site).await?), (succeeds, all), "{wait} s");
        }
    }
    Ok(())
}

/// A login that died is the first to make room, whatever sessions are older.
#[tokio::test]
async fn a_login_that_died_goes_before_any_session() -> Result {
    for (wait, is_dead) in [(129, false), (130, true)] {
        for site in sites(2, LimitPolicy::EndOldest) {
            let (session, mut slow) = (Visitor::logged_in(&site, "ana").await?, Visitor::new());
            site.clock.advance(SECOND);
            let login = slow.arrive(&site).await?;
            login.login("ana")?;
            let placed = site.store.on(Verb::Swap).pause_after();
            let task = commit_until(&login, &placed).await;
            site.clock.advance(SECOND * wait);
            let next = Visitor::logged_in(&site, "ana").await?;
            placed.resume();
            slow.take(&task.await.expect("no panic"));
            let known = [session.is_known(&site).await?, slow.is_known(&site).await?, next.is_known(&site).await?];
            assert_eq!(known, [is_dead, !is_dead, true], "{wait} s");
            assert_eq!(live(&site).await?, 2);
        }
    }
    Ok(())
}

/// By a clock that is ahead the pending record of a renewal has expired, and its session has not.
#[tokio::test]
async fn a_renewal_on_a_host_whose_clock_is_behind_is_no_login_that_died() -> Result {
    let configure = at_most(2, LimitPolicy::EndOldest);
    let site = Site::with(configure);
    let ahead = site.ahead(SECOND * 540, configure);
    let first = Visitor::logged_in(&site, "ana").await?;
    site.clock.advance(SECOND);
    let mut second = Visitor::logged_in(&site, "ana").await?;
    let renewing = second.arrive(&site).await?;
    renewing.renew()?;
    let moved = site.store.on(Verb::Swap).pause_after();
    let task = commit_until(&renewing, &moved).await;
    let third = Visitor::logged_in(&ahead, "ana").await?;
    moved.resume();
    second.take(&task.await.expect("no panic"));
    let known = [first.is_known(&site).await?, second.is_known(&site).await?, third.is_known(&ahead).await?];
    assert_eq!(known, [false, true, true]);
    Ok(())
}

/// A page may have been read while a session was renewed: its new record is not on it, and its old one is a marker by then.
#[tokio::test]
async fn a_session_of_which_only_markers_were_found_keeps_its_place() -> Result {
    for (renewals, cut_off) in [(1, false), (2, false), (1, true), (2, true)] {
        let site = Site::new();
        let mut visitor = Visitor::logged_in(&site, "ana").await?;
        for _ in 1..renewals {
            visitor.visit(&site, |session| session.renew()).await?;
        }
        let renewing = visitor.arrive(&site).await?;
        renewing.renew()?;
        let moved = site.store.on(Verb::Swap).pause_after();
        let task = commit_until(&renewing, &moved).await;
        if !cut_off {
            moved.resume();
            while !task.is_finished() {
                tokio::task::yield_now().await;
            }
        }
        let store = Asked { shows: |entry| entry.kind == RecordKind::Moved, ..Asked::new(site.store.clone(), true) };
        let builder = SessionManager::builder(store).clock(site.clock.clone()).without_sweeper();
        let sessions = at_most(1, LimitPolicy::Refuse)(builder).build().expect("valid");
        let other = Site { sessions, ..site.clone() };
        let what = format!("{renewals} renewals, cut off: {cut_off}");
        assert_eq!(kind(Visitor::logged_in(&other, "ana").await), Some(ErrorKind::TooManySessions), "{what}");
        moved.resume();
        visitor.take(&task.await.expect("no panic"));
        visitor.visit(&site, |session| session.logout()).await?;
        assert!(Visitor::logged_in(&other, "ana").await.is_ok(), "markers alone are no session: {what}");
    }
    Ok(())
}

/// Where many sessions have to be read to find the oldest login, they are read some at a time, and that takes as long as it
/// takes, and not as long as all of them do together.
#[tokio::test(start_paused = true)]
async fn a_login_among_very_many_is_in_time() -> Result {
    const MANY: usize = 64;
    for logged_in_later in [false, true] {
        let limit = at_most(MANY, LimitPolicy::EndOldest);
        let site = Site::with(|builder| limit(builder).store_timeout(SECOND));
        let mut visitors = Vec::new();
        for _ in 0..MANY {
            visitors.push(Visitor::with(&site, &[("a", 1)]).await?);
            if !logged_in_later {
                site.clock.advance(SECOND);
                visitors.last_mut().expect("one").visit(&site, |session| session.login("ana")).await?;
            }
        }
        for visitor in visitors.iter_mut().rev().filter(|_| logged_in_later) {
            site.clock.advance(SECOND);
            visitor.visit(&site, |session| session.login("ana")).await?;
        }
        // Their markers are gone.
        site.clock.advance(PAST_MARKERS);
        site.store.on(Verb::Load).always().delay(SECOND / 20);
        let before = site.store.calls(Verb::Load);
        let last = Visitor::logged_in(&site, "ana").await?;
        let loads = site.store.calls(Verb::Load) - before;
        assert!(logged_in_later || loads <= 24, "{loads} loads, where those that began first logged in first");
        site.store.forget_faults();
        let oldest = if logged_in_later { MANY - 1 } else { 0 };
        for (n, visitor) in visitors.iter().enumerate() {
            assert_eq!(visitor.is_known(&site).await?, n != oldest, "{n}");
        }
        assert!(last.is_known(&site).await?);
    }
    Ok(())
}

// behaviour 134
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn logins_on_many_threads_keep_the_limit() -> Result {
    for policy in POLICIES {
        let sessions = SessionManager::builder(MemoryStore::new()).sessions_per_user(3, policy).build().expect("valid");
        let logins: Vec<_> = (0..24)
            .map(|_| {
                let sessions = sessions.clone();
                tokio::spawn(async move {
                    let session = sessions.open(());
                    session.load().await?;
                    session.login("ana")?;
                    session.save().await
                })
            })
            .collect();
        let mut outcomes = Vec::new();
        for login in logins {
            outcomes.push(kind(login.await.expect("no panic")));
        }
        let done = outcomes.iter().filter(|outcome| outcome.is_none()).count();
        assert_eq!(sessions.sessions_of("ana").await?.len(), 3, "{outcomes:?}");
        if policy == LimitPolicy::Refuse {
            assert_eq!(done, 3);
            assert!(outcomes.iter().flatten().all(|kind| *kind == ErrorKind::TooManySessions), "{outcomes:?}");
        }
    }
    Ok(())
}

// behaviour 134
#[tokio::test]
async fn a_session_that_is_being_renewed_keeps_its_one_place() -> Result {
    for point in points_of_a_renewal() {
        for periodic in [false, true] {
            let configure = |builder| renews_hourly(at_most(2, LimitPolicy::Refuse)(builder));
            let site = Site::with(configure);
            let mut visitor = Visitor::logged_in(&site, "ana").await?;
            let renewing = visitor.arrive(&site).await?;
            renewing.set("a", 1)?;
            if periodic {
                site.clock.advance(HOUR);
            } else {
                renewing.renew()?;
            }
            let stop = point.stop(&site);
            let task = commit_until(&renewing, &stop).await;
            let other = site.restarted(configure);
            Visitor::logged_in(&other, "ana").await?;
            let third = Visitor::logged_in(&other, "ana").await;
            assert_eq!(kind(third), Some(ErrorKind::TooManySessions), "{point:?}, periodic: {periodic}");
            stop.resume();
            visitor.take(&task.await.expect("no panic"));
            assert!(visitor.is_known(&site).await?);
            assert_eq!(live(&site).await?, 2);
        }
    }
    Ok(())
}

// behaviour 134
#[tokio::test(start_paused = true)]
async fn a_login_that_was_cut_off_keeps_its_place_for_minutes_at_most() -> Result {
    for with_session in [false, true] {
        for death in Death::at_one_of(6) {
            let configure = at_most(1, LimitPolicy::Refuse);
            let site = Site::with(configure);
            let visitor = if with_session { Visitor::with(&site, &[("a", 1)]).await? } else { Visitor::new() };
            let session = visitor.arrive(&site).await?;
            session.login("ana")?;
            let done = death.meets(&site, session.commit(200)).await;
            let site = site.restarted(configure);
            let what = format!("{death:?}, session: {with_session}");
            for wait in [Duration::ZERO, SECOND * 6, SECOND * 125, Timestamp::MAX_SKEW] {
                site.clock.advance(wait);
                assert!(live(&site).await? <= 1, "{what}");
                let login = Visitor::logged_in(&site, "ana").await;
                assert!(login.is_ok() || kind(login) == Some(ErrorKind::TooManySessions), "{what}");
                assert!(live(&site).await? <= 1, "{what}");
            }
            assert_eq!(
                live(&site).await?,
                1,
                "after its pending record has expired by every clock there is room: {what}"
            );
            assert!(done.is_some() || with_session || !visitor.is_known(&site).await?, "{what}");
        }
    }
    Ok(())
}

// behaviour 135
#[tokio::test]
async fn a_user_who_is_revoked_during_a_login_is_not_logged_in() -> Result {
    for site in sites(2, LimitPolicy::Refuse) {
        let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
        let login = visitor.arrive(&site).await?;
        login.login("ana")?;
        let stop = site.store.on(Verb::Swap).nth(1).pause_before();
        let task = commit_until(&login, &stop).await;
        site.sessions.revoke_user("ana").await?;
        stop.resume();
        visitor.take(&task.await.expect("no panic"));
        assert_eq!(visitor.arrive(&site).await?.user()?, None);
        assert_eq!(live(&site).await?, 0);
    }
    Ok(())
}

#[tokio::test]
async fn where_logins_meet_there_is_no_session() -> Result {
    let site = Site::with(at_most(2, LimitPolicy::Refuse));
    let visitor = Visitor::logged_in(&site, "ana").await?;
    assert_eq!((site.count().await, site.records().await.len()), (1, 1));
    let handle = visitor.arrive(&site).await?.handle()?.expect("a session");
    assert_eq!(site.traces(handle).await, 1);
    assert_eq!(site.sessions.revoke_user("ana").await?, 1);
    site.clock.advance(PAST_MARKERS + Timestamp::MAX_SKEW);
    // With it goes the tombstone of the session.
    assert_eq!(site.sessions.sweep().await?, 2, "the record that logins meet at goes when it is of no use");
    Ok(())
}
