//! Processes that die in the middle, and what the visitor finds when they come back.

use cloakroom::testing::Verb;
use cloakroom::{ErrorKind, Lifetime, Session};
use tokio::task::JoinHandle;

use crate::harness::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Renewal {
    Asked,
    Login,
    Periodic,
}

const RENEWALS: [Renewal; 3] = [Renewal::Asked, Renewal::Login, Renewal::Periodic];

impl Renewal {
    /// A request that changes `b` and is about to renew its session when it commits.
    async fn begin(self, site: &Site, visitor: &Visitor) -> Result<Session> {
        if self == Self::Periodic {
            site.clock.advance(HOUR);
        }
        let session = visitor.arrive(site).await?;
        session.set("b", 1)?;
        match self {
            Self::Asked => session.renew()?,
            Self::Login => session.login("ana")?,
            Self::Periodic => {}
        }
        Ok(session)
    }
}

/// Where a process dies: at its nth call of the store from now, before or after that has taken effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Death {
    pub(crate) nth: usize,
    pub(crate) after: bool,
}

impl Death {
    pub(crate) fn at_one_of(calls: usize) -> impl Iterator<Item = Self> {
        (1..=calls).flat_map(|nth| [false, true].map(|after| Self { nth, after }))
    }

    /// How many calls have taken effect.
    fn effects(self) -> usize {
        if self.after { self.nth } else { self.nth - 1 }
    }

    /// Does the work until its process dies; answers what came of it if it was quicker.
    pub(crate) async fn meets<T: Send + 'static>(
        self,
        site: &Site,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let when = site.store.on_any().nth(self.nth);
        let stop = if self.after { when.pause_after() } else { when.pause_before() };
        let mut task: JoinHandle<T> = tokio::spawn(work);
        let done = tokio::select! {
            () = stop.reached() => None,
            done = &mut task => Some(done.expect("no panic")),
        };
        site.store.go_away();
        stop.resume();
        if done.is_none() {
            task.await.expect("no panic");
        }
        done
    }
}

/// A renewal that was cut off after so many calls: the pending record, the marker, the promotion.
async fn cut_off(renewal: Renewal, death: Death) -> Result<(Site, Visitor)> {
    let site = Site::renewing();
    let visitor = Visitor::with(&site, &[("a", 1)]).await?;
    let session = renewal.begin(&site, &visitor).await?;
    assert!(death.meets(&site, session.commit(200)).await.is_none());
    Ok((site.restarted(renews_hourly), visitor))
}

#[tokio::test(start_paused = true)]
async fn a_visitor_comes_back_after_a_renewal_that_was_cut_off() -> Result {
    for renewal in RENEWALS {
        for death in Death::at_one_of(3) {
            for wait in [0, 6, 15, 69] {
                let (site, mut visitor) = cut_off(renewal, death).await?;
                let old = visitor.clone();
                site.clock.advance(SECOND * wait);
                let explicit = renewal != Renewal::Periodic;
                let promoted = death.effects() == 3;
                let what = format!("{renewal:?}, {death:?}, {wait} s");

                // Looking never is an error, and the old values are there unless the renewal was completed.
                let session = visitor.arrive(&site).await?;
                let (found, user) = (session.get::<u32>("a")?, session.user()?);
                let opens = match (explicit, death.effects()) {
                    (_, 0 | 1) => true,
                    (true, 2) => wait >= 6, // before, whoever renews it may still be at it
                    (true, _) => false,
                    (false, 2) => true,
                    (false, _) => wait < 10, // a lost answer, within the grace period
                };
                assert_eq!(found, opens.then_some(1), "{what}");
                assert_eq!(user, None, "{what}: a login that was not answered did not happen");
                let committed = visitor.leave(&session).await;
                assert_eq!(error_of(&committed), None, "{what}");
                assert!(site.count().await <= 1, "{what}");

                // Writing works, at once or when the grace period is over.
                let written = visitor.visit(&site, |session| session.set("c", 1)).await;
                if !opens && wait < 10 {
                    assert_eq!(kind(written), Some(ErrorKind::ReadOnly), "{what}");
                    assert_eq!(visitor, old, "{what}: the cookie is not given up");
                    site.clock.advance(SECOND * 10);
                    visitor.visit(&site, |session| session.set("c", 1)).await?;
                } else {
                    written?;
                }
                let session = visitor.arrive(&site).await?;
                assert_eq!(session.get::<u32>("c")?, Some(1), "{what}");
                assert_eq!(session.get::<u32>("a")?, if promoted && !opens { None } else { Some(1) }, "{what}");

                // The old ticket opens this session or none.
                let by_old = old.arrive(&site).await?.handle()?;
                assert!(by_old.is_none() || by_old == session.handle()?, "{what}");
                assert!(!(explicit && promoted && by_old.is_some()), "{what}");
                // The exception: promoted, and nobody was told the ticket. That session expires idle.
                let phantom = promoted && !opens;
                assert_eq!(site.count().await, 1 + u64::from(phantom), "{what}");
                site.clock.advance(PAST_MARKERS);
                site.sessions.sweep().await?;
                let handle = visitor.arrive(&site).await?.handle()?.expect("a session");
                assert_eq!(site.traces(handle).await, 1, "{what}: nothing is left over");
            }
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_visitor_who_comes_back_too_late_finds_nothing_and_leaves_no_trace() -> Result {
    for renewal in RENEWALS {
        for death in Death::at_one_of(2).filter(|death| death.effects() == 2) {
            let (site, mut visitor) = cut_off(renewal, death).await?;
            site.clock.advance(SECOND * 70);
            assert!(!visitor.is_known(&site).await?);
            assert_eq!(site.count().await, 0);
            visitor.visit(&site, |session| session.set("c", 1)).await?;
            assert_eq!(site.count().await, 1);
        }
    }
    Ok(())
}

// behaviour 44
#[tokio::test(start_paused = true)]
async fn an_explicit_renewal_that_was_answered_cuts_the_old_ticket_for_good() -> Result {
    for renewal in [Renewal::Asked, Renewal::Login] {
        for wait in [0, 6, 15, 69, 131] {
            let site = Site::renewing();
            let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
            let mut old = visitor.clone();
            let session = renewal.begin(&site, &visitor).await?;
            let committed = Death { nth: 4, after: false }.meets(&site, session.commit(200)).await;
            visitor.take(&committed.expect("answered before its process died"));
            let site = site.restarted(renews_hourly);
            site.clock.advance(SECOND * wait);
            assert_eq!(old.number(&site, "a").await?, None, "{renewal:?}, {wait} s");
            assert_eq!(visitor.number(&site, "a").await?, Some(1));
            assert_eq!(site.count().await, 1);
        }
    }
    Ok(())
}

/// The process that takes a renewal back dies as well, at every call.
#[tokio::test(start_paused = true)]
async fn taking_a_renewal_back_can_be_cut_off_too() -> Result {
    for death in Death::at_one_of(5) {
        let (site, mut visitor) = cut_off(Renewal::Login, Death { nth: 2, after: true }).await?;
        let old = visitor.clone();
        site.clock.advance(SECOND * 6);
        let session = visitor.request(&site);
        assert!(death.meets(&site, async move { session.load().await }).await.is_none(), "{death:?}");
        let site = site.restarted(renews_hourly);
        assert_eq!(visitor.number(&site, "a").await?, Some(1), "{death:?}");
        visitor.visit(&site, |session| session.set("c", 1)).await?;
        assert_eq!((&visitor, site.count().await), (&old, 1), "{death:?}");
        site.clock.advance(PAST_MARKERS);
        assert_eq!(visitor.arrive(&site).await?.keys()?, ["a", "c"], "{death:?}");
    }
    Ok(())
}

/// The calls of a request that takes a renewal back: stop the pending record, revive the old one, clean up.
fn points_of_taking_back() -> impl Iterator<Item = Point> {
    let calls = [(Verb::Load, 2), (Verb::Swap, 1), (Verb::Swap, 2), (Verb::Delete, 1)];
    calls.into_iter().flat_map(|(verb, nth)| [false, true].map(|after| Point { verb, nth, after }))
}

#[tokio::test(start_paused = true)]
async fn two_requests_take_a_renewal_back_once() -> Result {
    for point in points_of_taking_back() {
        let (site, mut visitor) = cut_off(Renewal::Asked, Death { nth: 2, after: true }).await?;
        site.clock.advance(SECOND * 6);
        let slow = visitor.request(&site);
        let stop = point.stop(&site);
        let task = load_until(&slow, &stop).await;
        visitor.visit(&site, |session| session.update("a", one_more).map(drop)).await?;
        stop.resume();
        task.await.expect("no panic")?;
        slow.update("a", one_more)?;
        assert_eq!(error_of(&visitor.leave(&slow).await), None, "{point:?}");
        assert_eq!((visitor.number(&site, "a").await?, site.count().await), (Some(3), 1), "{point:?}");
    }
    Ok(())
}

// behaviours 40 and 135
#[tokio::test(start_paused = true)]
async fn an_end_while_a_renewal_is_taken_back_is_an_end() -> Result {
    for point in points_of_taking_back() {
        let site = Site::new();
        let visitor = Visitor::with(&site, &[("a", 1)]).await?;
        let session = Renewal::Asked.begin(&site, &visitor).await?;
        let handle = session.handle()?.expect("a session");
        assert!(Death { nth: 2, after: true }.meets(&site, session.commit(200)).await.is_none());
        let site = site.restarted(|builder| builder);
        site.clock.advance(SECOND * 6);
        let slow = visitor.request(&site);
        let stop = point.stop(&site);
        let task = load_until(&slow, &stop).await;
        site.sessions.revoke(handle).await?;
        stop.resume();
        task.await.expect("no panic")?;
        if slow.handle()?.is_some() {
            slow.set("c", 1)?;
        }
        assert!(is_plain(&slow.commit(200).await), "{point:?}");
        for wait in [0, 10, 200] {
            site.clock.advance(SECOND * wait);
            assert!(!visitor.is_known(&site).await?, "{point:?}");
        }
        assert_eq!((site.count().await, site.traces(handle).await), (0, 0), "{point:?}");
    }
    Ok(())
}

/// The process that renews is not dead but slow, and comes to itself while its renewal is taken back.
#[tokio::test(start_paused = true)]
async fn a_slow_renewal_and_its_taking_back_do_not_both_succeed() -> Result {
    for point in points_of_taking_back() {
        let site = Site::renewing();
        let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
        let old = visitor.clone();
        let renewing = Renewal::Asked.begin(&site, &visitor).await?;
        let promotion = site.store.on(Verb::Swap).nth(2).pause_before();
        let renewal = commit_until(&renewing, &promotion).await;
        let other = site.restarted(renews_hourly);
        other.clock.advance(SECOND * 6);
        let back = old.request(&other);
        let stop = point.stop(&other);
        let task = load_until(&back, &stop).await;
        promotion.resume();
        let committed = renewal.await.expect("no panic");
        assert_eq!(error_of(&committed), None, "{point:?}");
        visitor.take(&committed);
        stop.resume();
        task.await.expect("no panic")?;
        let renewed = visitor != old;
        assert_eq!(old.is_known(&other).await?, !renewed, "{point:?}");
        assert_eq!(back.handle()?.is_some(), !renewed, "{point:?}");
        assert!(visitor.is_known(&other).await?, "{point:?}: the visitor's ticket opens the session");
        assert_eq!(other.count().await, 1, "{point:?}");
    }
    Ok(())
}

// behaviours 9 and 57
#[tokio::test(start_paused = true)]
async fn what_was_cut_off_lives_no_longer_than_its_deadlines() -> Result {
    let short = Lifetime::default().idle(SECOND * 20).absolute(SECOND * 30);
    for renewal in RENEWALS {
        for (wait, opens) in [(12, true), (19, true), (20, false), (30, false), (60, false)] {
            let renewing = short.renew_every(if renewal == Renewal::Periodic { SECOND / 1000 } else { HOUR });
            let site = Site::with(|builder| builder.lifetime(renewing));
            let visitor = Visitor::with(&site, &[("a", 1)]).await?;
            site.clock.advance(SECOND / 1000);
            let session = visitor.arrive(&site).await?;
            session.set("b", 1)?;
            if renewal != Renewal::Periodic {
                session.login("ana")?;
            }
            assert!(Death { nth: 2, after: true }.meets(&site, session.commit(200)).await.is_none());
            let site = site.restarted(|builder| builder.lifetime(renewing));
            site.clock.advance(SECOND * wait);
            assert_eq!(visitor.is_known(&site).await?, opens, "{renewal:?}, {wait} s");
            assert_eq!(site.count().await, u64::from(opens), "{renewal:?}, {wait} s");
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_session_whose_end_was_cut_off_is_there_or_not() -> Result {
    for death in Death::at_one_of(2) {
        let site = Site::new();
        let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
        let session = visitor.arrive(&site).await?;
        session.destroy()?;
        assert!(death.meets(&site, session.commit(200)).await.is_none());
        let site = site.restarted(|builder| builder);
        let is_left = death.effects() < 2; // the look where it went, and the delete
        assert_eq!((visitor.is_known(&site).await?, site.count().await), (is_left, u64::from(is_left)));
        visitor.visit(&site, |session| session.set("c", 1)).await?;
        assert_eq!(site.count().await, 1);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_session_whose_beginning_was_cut_off_is_nobodys() -> Result {
    for death in Death::at_one_of(1) {
        let site = Site::new();
        let mut visitor = Visitor::new();
        let session = visitor.arrive(&site).await?;
        session.set("a", 1)?;
        assert!(death.meets(&site, session.commit(200)).await.is_none());
        let site = site.restarted(|builder| builder);
        visitor.visit(&site, |session| session.set("c", 1)).await?;
        assert_eq!(visitor.arrive(&site).await?.keys()?, ["c"]);
        // As with an answer that was lost on its way to the browser: it expires idle.
        assert_eq!(site.count().await, 1 + u64::from(death.after));
        site.clock.advance(31 * DAY);
        assert_eq!(site.count().await, 0);
    }
    Ok(())
}
