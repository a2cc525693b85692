//! Ends that are cut off: the next one that is acknowledged holds, whatever is left of those before.

use cloakroom::testing::Verb;
use cloakroom::{Handle, LimitPolicy, Session};

use crate::crashes::Death;
use crate::harness::*;

/// A logout is of one request; the others are of a page for administrators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Logout,
    Revoke,
    RevokeUser,
}

const ENDS: [End; 3] = [End::Logout, End::Revoke, End::RevokeUser];

impl End {
    /// The end of a session, by a request that brought its ticket before it was renewed.
    fn work(self, site: &Site, ending: Session, handle: Handle) -> impl Future<Output = Result> + Send + 'static {
        let sessions = site.sessions.clone();
        async move {
            match self {
                Self::Logout => ending.commit(200).await.error.map_or(Ok(()), Err),
                Self::Revoke => sessions.revoke(handle).await.map(drop),
                Self::RevokeUser => sessions.revoke_user("ana").await.map(drop),
            }
        }
    }
}

/// A session of Ana's, and everybody who has had a ticket of it.
struct Ana {
    site: Site,
    old: Visitor,
    new: Visitor,
    handle: Handle,
}

impl Ana {
    async fn new(site: Site) -> Result<Self> {
        let old = Visitor::logged_in(&site, "ana").await?;
        let handle = old.arrive(&site).await?.handle()?.expect("a session");
        Ok(Self { site, new: old.clone(), old, handle })
    }

    async fn logout(&self) -> Result<Session> {
        let session = self.old.arrive(&self.site).await?;
        session.logout()?;
        Ok(session)
    }

    /// Renews the session, if it has not ended, or dies with it.
    async fn renew(&mut self, periodic: bool, death: Option<Death>) -> Result {
        if periodic {
            self.site.clock.advance(HOUR);
        }
        let session = self.new.arrive(&self.site).await?;
        if session.handle()?.is_none() {
            return Ok(());
        }
        session.set("a", 1)?;
        if !periodic {
            session.renew()?;
        }
        let committed = match death {
            Some(death) => death.meets(&self.site, session.commit(200)).await,
            None => Some(session.commit(200).await),
        };
        if let Some(committed) = committed {
            self.new.take(&committed);
        }
        self.site.store.forget_faults();
        self.site.store.come_back();
        Ok(())
    }

    /// Nothing lives, and nothing comes back.
    async fn is_over(&self, what: &str) -> Result {
        for wait in [0, 6, 60] {
            self.site.clock.advance(SECOND * wait);
            assert!(!self.old.is_known(&self.site).await?, "{what}: the old ticket after {wait} s");
            assert!(!self.new.is_known(&self.site).await?, "{what}: the new ticket after {wait} s");
            assert_eq!(self.site.count().await, 0, "{what}: after {wait} s");
        }
        Ok(())
    }
}

/// The first end dies at each of its calls, on a session whose renewal was done, or died at each of its own.
#[tokio::test(start_paused = true)]
async fn the_end_after_one_that_was_cut_off_holds() -> Result {
    let renewals = || [None].into_iter().chain(Death::at_one_of(3).map(Some));
    for periodic in [false, true] {
        for (renewal, with_index) in renewals().flat_map(|renewal| [(renewal, true), (renewal, false)]) {
            for end in ENDS.into_iter().filter(|end| with_index || *end == End::Logout) {
                for death in Death::at_one_of(7) {
                    let what = format!("{end:?}, {death:?}, periodic: {periodic}, {renewal:?}, index: {with_index}");
                    let site = if with_index { Site::renewing() } else { Site::unindexed(renews_hourly) };
                    let mut ana = Ana::new(site).await?;
                    let (first, second) = (ana.logout().await?, ana.logout().await?);
                    ana.renew(periodic, renewal).await?;
                    death.meets(&ana.site, end.work(&ana.site, first, ana.handle)).await;
                    ana.site.store.forget_faults();
                    ana.site.store.come_back();
                    assert_eq!(kind(end.work(&ana.site, second, ana.handle).await), None, "{what}");
                    ana.is_over(&what).await?;
                }
            }
        }
    }
    Ok(())
}

/// The session is renewed in the middle of the first end, which dies afterwards.
#[tokio::test(start_paused = true)]
async fn an_end_that_a_renewal_crosses_and_that_is_cut_off_leaves_the_next_one_its_way() -> Result {
    for periodic in [false, true] {
        for end in ENDS {
            for (nth, later) in (1..=5).flat_map(|nth| (0..=2).map(move |later| (nth, later))) {
                let what = format!("{end:?}, call {nth}, dies {later} later, periodic: {periodic}");
                let mut ana = Ana::new(Site::renewing()).await?;
                let (first, second) = (ana.logout().await?, ana.logout().await?);
                ana.renew(periodic, None).await?;
                let before = ana.site.store.on_any().nth(nth).pause_before();
                let mut task = tokio::spawn(end.work(&ana.site, first, ana.handle));
                tokio::select! {
                    () = before.reached() => {
                        ana.renew(periodic, None).await?;
                        let death = ana.site.store.on_any().nth(later + 1).pause_after();
                        before.resume();
                        tokio::select! {
                            () = death.reached() => {}
                            _ = &mut task => {}
                        }
                        ana.site.store.go_away();
                        death.resume();
                    }
                    _ = &mut task => {}
                }
                ana.site.store.forget_faults();
                ana.site.store.come_back();
                assert_eq!(kind(end.work(&ana.site, second, ana.handle).await), None, "{what}");
                ana.is_over(&what).await?;
            }
        }
    }
    Ok(())
}

/// A sealed session moves in its register when somebody logs in, and is signed out by its cookie from before.
#[tokio::test(start_paused = true)]
async fn the_end_of_a_sealed_session_after_one_that_was_cut_off_holds() -> Result {
    let logins = || [None].into_iter().chain(Death::at_one_of(5).map(Some));
    for login in logins() {
        for death in Death::at_one_of(7) {
            let what = format!("{login:?}, {death:?}");
            let site = Site::registered(|builder| builder);
            let old = Visitor::with(&site, &[("a", 1)]).await?;
            let handle = old.arrive(&site).await?.handle()?.expect("a session");
            let mut ana = Ana { site, new: old.clone(), old, handle };
            let (first, second) = (ana.logout().await?, ana.logout().await?);
            let session = ana.new.arrive(&ana.site).await?;
            session.login("ana")?;
            let committed = match login {
                Some(death) => death.meets(&ana.site, session.commit(200)).await,
                None => Some(session.commit(200).await),
            };
            if let Some(committed) = committed {
                ana.new.take(&committed);
            }
            ana.site.store.come_back();
            death.meets(&ana.site, End::Logout.work(&ana.site, first, handle)).await;
            ana.site.store.forget_faults();
            ana.site.store.come_back();
            assert_eq!(kind(End::Logout.work(&ana.site, second, handle).await), None, "{what}");
            ana.is_over(&what).await?;
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_login_that_was_cut_off_while_it_ended_the_oldest_session_keeps_the_limit() -> Result {
    let configure = |builder| renews_hourly(builder).sessions_per_user(1, LimitPolicy::EndOldest);
    for periodic in [false, true] {
        for death in Death::at_one_of(12) {
            let mut ana = Ana::new(Site::with(configure)).await?;
            ana.renew(periodic, None).await?;
            let login = Visitor::new().arrive(&ana.site).await?;
            login.login("ana")?;
            death.meets(&ana.site, login.commit(200)).await;
            ana.site.store.forget_faults();
            ana.site.store.come_back();
            Visitor::logged_in(&ana.site, "ana").await?;
            let what = format!("{death:?}, periodic: {periodic}");
            assert_eq!(ana.site.sessions.sessions_of("ana").await?.len(), 1, "{what}");
            assert!(!ana.new.is_known(&ana.site).await? && !ana.old.is_known(&ana.site).await?, "{what}");
        }
    }
    Ok(())
}

/// The caller is dropped in the middle, as a handler whose client hangs up.
#[tokio::test(start_paused = true)]
async fn a_revocation_that_has_begun_goes_on_without_its_caller() -> Result {
    for which in 0..4 {
        let site = Site::new();
        let mut visitors = Vec::new();
        for _ in 0..4 {
            visitors.push(Visitor::logged_in(&site, "ana").await?);
        }
        let kept = visitors[0].arrive(&site).await?;
        let gone = visitors[1].arrive(&site).await?.handle()?.expect("a session");
        let stop = site.store.on(Verb::Swap).pause_before();
        let sessions = site.sessions.clone();
        let caller = tokio::spawn(async move {
            match which {
                0 => sessions.revoke_user("ana").await.map(drop),
                1 => sessions.revoke_others(&kept).await.map(drop),
                2 => sessions.revoke(gone).await.map(drop),
                _ => sessions.revoke_of("ana", gone).await.map(drop),
            }
        });
        stop.reached().await;
        caller.abort();
        assert!(caller.await.is_err_and(|error| error.is_cancelled()));
        stop.resume();
        let left = [0, 1, 3, 3][which];
        // The paused clock moves when nobody has anything to do any more.
        tokio::time::sleep(SECOND).await;
        assert_eq!(site.count().await, left, "{which}");
    }
    Ok(())
}

/// Without an index, too, an end is known by its revision.
#[tokio::test(start_paused = true)]
async fn without_an_index_an_end_whose_answer_was_lost_is_an_end() -> Result {
    for nth in 1..=2 {
        let mut ana = Ana::new(Site::unindexed(renews_hourly)).await?;
        let (first, second) = (ana.logout().await?, ana.logout().await?);
        ana.renew(false, None).await?;
        ana.site.store.on(Verb::Swap).nth(nth).fail_after();
        assert_eq!(error_of(&first.commit(200).await), None);
        assert_eq!(error_of(&second.commit(200).await), None);
        ana.is_over("a lost answer").await?;
    }
    Ok(())
}

/// A marker whose values are damaged does not keep a user from being signed out.
#[tokio::test(start_paused = true)]
async fn a_marker_that_cannot_be_read_stops_no_end() -> Result {
    for end in ENDS {
        let mut ana = Ana::new(Site::new()).await?;
        let first = ana.logout().await?;
        ana.renew(false, None).await?;
        let store = ana.site.store.store();
        let found = cloakroom::SessionStore::index(store).expect("memory has an index");
        let found = found.find_by_handle(ana.handle, ana.site.now()).await?;
        let marker = found.iter().find(|found| found.record.kind == cloakroom::RecordKind::Moved).expect("a marker");
        ana.site.overwrite(marker, |record| record.data = vec![9; 9].into()).await?;
        assert_eq!(kind(end.work(&ana.site, first, ana.handle).await), None, "{end:?}");
        ana.is_over("a damaged marker").await?;
    }
    Ok(())
}
