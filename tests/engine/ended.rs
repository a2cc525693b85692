//! What was ended stays ended, whatever is under way.

use cloakroom::testing::Verb;
use cloakroom::{ErrorKind, Session};

use crate::harness::*;

/// The three ways to end a session from elsewhere.
#[derive(Debug, Clone, Copy)]
enum End {
    Logout,
    Revoke,
    RevokeUser,
}

const ENDS: [End; 3] = [End::Logout, End::Revoke, End::RevokeUser];

impl End {
    /// Ends the session that `witness`, a request from before, has loaded.
    async fn carry_out(self, site: &Site, witness: &Session) -> Result {
        match self {
            Self::Logout => {
                witness.logout()?;
                assert_eq!(error_of(&witness.commit(200).await), None);
            }
            Self::Revoke => {
                assert!(site.sessions.revoke(witness.handle()?.expect("a session")).await?);
            }
            Self::RevokeUser => {
                assert_eq!(site.sessions.revoke_user("ana").await?, 1);
            }
        }
        Ok(())
    }
}

async fn assert_dead(site: &Site, visitors: &[&Visitor], handle: cloakroom::Handle, what: &str) -> Result {
    for wait in [0, 6, 200] {
        site.clock.advance(SECOND * wait);
        for visitor in visitors {
            assert!(!visitor.is_known(site).await?, "{what}");
        }
        assert_eq!(site.count().await, 0, "{what}");
    }
    assert_eq!(site.traces(handle).await, 0, "{what}");
    Ok(())
}

// behaviours 6, 40, 41, 42 and 135, defects 3 and 4
#[tokio::test]
async fn no_request_under_way_brings_a_session_back() -> Result {
    for end in ENDS {
        let site = Site::new();
        let visitor = Visitor::logged_in(&site, "ana").await?;
        site.clock.advance(2 * DAY);
        let [witness, reading, writing, saving, updating, renewing, late] = [
            visitor.arrive(&site).await?,
            visitor.arrive(&site).await?,
            visitor.arrive(&site).await?,
            visitor.arrive(&site).await?,
            visitor.arrive(&site).await?,
            visitor.arrive(&site).await?,
            visitor.arrive(&site).await?,
        ];
        let handle = witness.handle()?.expect("a session");
        reading.get::<u32>("a")?;
        writing.set("a", 1)?;
        saving.set("a", 1)?;
        renewing.renew()?;
        end.carry_out(&site, &witness).await?;
        for session in [&reading, &writing, &renewing] {
            assert!(is_plain(&session.commit(200).await), "the response goes out as it is: {end:?}");
        }
        assert_eq!(kind(saving.save().await), Some(ErrorKind::Ended));
        assert_eq!(kind(updating.update_now("n", one_more).await), Some(ErrorKind::Ended));
        for session in [&saving, &updating] {
            assert_eq!(kind(session.get::<u32>("a")), Some(ErrorKind::Ended), "nobody reads on as if nothing were");
            assert_eq!(kind(session.save().await), Some(ErrorKind::Ended));
            assert!(is_plain(&session.commit(200).await));
        }
        late.login("ana")?;
        assert!(is_plain(&late.commit(200).await), "an old ticket is no way to log in again");
        assert_dead(&site, &[&visitor], handle, "under way").await?;
    }
    Ok(())
}

// behaviours 40, 41 and 42
#[tokio::test]
async fn no_call_of_the_store_under_way_brings_a_session_back() -> Result {
    for end in ENDS {
        for (verb, change) in [(Verb::Touch, false), (Verb::Swap, true)] {
            for after in [false, true] {
                let site = Site::new();
                let visitor = Visitor::logged_in(&site, "ana").await?;
                site.clock.advance(2 * DAY);
                let (witness, session) = (visitor.arrive(&site).await?, visitor.arrive(&site).await?);
                let handle = witness.handle()?.expect("a session");
                session.get::<u32>("a")?;
                if change {
                    session.set("a", 1)?;
                }
                let stop = Point { verb, nth: 1, after }.stop(&site);
                let task = commit_until(&session, &stop).await;
                end.carry_out(&site, &witness).await?;
                stop.resume();
                assert_eq!(error_of(&task.await.expect("no panic")), None);
                assert_dead(&site, &[&visitor], handle, &format!("{end:?}, {verb:?}")).await?;
            }
        }
    }
    Ok(())
}

// behaviours 18, 22, 40 and 135
#[tokio::test]
async fn an_end_at_any_point_of_a_renewal_is_an_end() -> Result {
    for end in ENDS {
        for point in points_of_a_renewal() {
            for periodic in [false, true] {
                let site = Site::renewing();
                let mut visitor = Visitor::logged_in(&site, "ana").await?;
                let old = visitor.clone();
                let (witness, renewing) = (visitor.arrive(&site).await?, visitor.arrive(&site).await?);
                let handle = witness.handle()?.expect("a session");
                renewing.set("a", 1)?;
                if periodic {
                    site.clock.advance(HOUR);
                } else {
                    renewing.renew()?;
                }
                let stop = point.stop(&site);
                let task = commit_until(&renewing, &stop).await;
                end.carry_out(&site, &witness).await?;
                stop.resume();
                let committed = task.await.expect("no panic");
                assert_eq!(error_of(&committed), None);
                visitor.take(&committed);
                let what = format!("{end:?} at {point:?}, periodic: {periodic}");
                assert_dead(&site, &[&old, &visitor], handle, &what).await?;
            }
        }
    }
    Ok(())
}

// behaviour 135
#[tokio::test]
async fn a_login_under_way_when_its_user_is_revoked_does_not_come_about() -> Result {
    // Before its first call it has not begun: that is a login after the revocation.
    for point in points_of_a_renewal().skip(1) {
        let site = Site::new();
        let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
        let login = visitor.arrive(&site).await?;
        login.login("ana")?;
        let stop = point.stop(&site);
        let task = commit_until(&login, &stop).await;
        site.sessions.revoke_user("ana").await?;
        stop.resume();
        let committed = task.await.expect("no panic");
        assert_eq!(error_of(&committed), None);
        visitor.take(&committed);
        for wait in [0, 6, 200] {
            site.clock.advance(SECOND * wait);
            assert!(!visitor.is_known(&site).await?, "{point:?}");
            assert_eq!(site.sessions.sessions_of("ana").await?.len(), 0, "{point:?}");
        }
    }
    Ok(())
}

// behaviour 40
#[tokio::test]
async fn an_end_with_the_old_ticket_reaches_a_session_that_was_renewed_twice() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::logged_in(&site, "ana").await?;
    let (old, witness) = (visitor.clone(), visitor.arrive(&site).await?);
    let handle = witness.handle()?.expect("a session");
    visitor.visit(&site, |session| session.renew()).await?;
    let between = visitor.clone();
    visitor.visit(&site, |session| session.renew()).await?;
    End::Logout.carry_out(&site, &witness).await?;
    assert_dead(&site, &[&old, &between, &visitor], handle, "a chain").await
}

// behaviours 135 and 131
#[tokio::test]
async fn revoking_ends_one_or_the_others_or_all() -> Result {
    let site = Site::new();
    let mut ana = Vec::new();
    for _ in 0..4 {
        ana.push(Visitor::logged_in(&site, "ana").await?);
        site.clock.advance(SECOND);
    }
    let bob = Visitor::logged_in(&site, "bob").await?;
    let known = async |visitors: &[Visitor]| {
        let mut known = String::new();
        for visitor in visitors {
            known.push(if visitor.is_known(&site).await? { 'y' } else { 'n' });
        }
        Result::Ok(known)
    };
    let listed = site.sessions.sessions_of("ana").await?;
    assert_eq!(listed.len(), 4);
    assert!(listed.is_sorted_by(|a, b| a.created > b.created));
    let handle = ana[1].arrive(&site).await?.handle()?.expect("a session");
    assert!(!site.sessions.revoke_of("bob", handle).await?, "a handle of somebody else");
    assert!(site.sessions.revoke_of("ana", handle).await? && !site.sessions.revoke(handle).await?);
    assert_eq!(known(&ana).await?, "ynyy");

    // The one that stays is the one that asks, even while it is being renewed.
    ana[0].visit(&site, |session| session.renew()).await?;
    let session = ana[0].arrive(&site).await?;
    assert_eq!(site.sessions.revoke_others(&session).await?, 2);
    assert_eq!(known(&ana).await?, "ynnn");
    assert_eq!(site.sessions.revoke_others(&Visitor::new().arrive(&site).await?).await?, 0);
    assert_eq!(site.sessions.revoke_user("ana").await?, 1);
    assert_eq!((known(&ana).await?.as_str(), site.sessions.revoke_user("ana").await?), ("nnnn", 0));
    assert!(bob.is_known(&site).await?);
    Ok(())
}

// behaviour 135
#[tokio::test]
async fn revoking_the_others_spares_a_session_that_is_being_renewed() -> Result {
    for point in points_of_a_renewal() {
        let site = Site::new();
        let mut visitor = Visitor::logged_in(&site, "ana").await?;
        let other = Visitor::logged_in(&site, "ana").await?;
        let (witness, renewing) = (visitor.arrive(&site).await?, visitor.arrive(&site).await?);
        renewing.renew()?;
        let stop = point.stop(&site);
        let task = commit_until(&renewing, &stop).await;
        assert_eq!(site.sessions.revoke_others(&witness).await?, 1);
        stop.resume();
        visitor.take(&task.await.expect("no panic"));
        assert!(visitor.is_known(&site).await? && !other.is_known(&site).await?, "{point:?}");
        assert_eq!(site.count().await, 1);
    }
    Ok(())
}

#[tokio::test]
async fn a_session_that_ended_after_a_save_gives_out_no_ticket() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::new();
    let session = visitor.arrive(&site).await?;
    session.set("a", 1)?;
    session.save().await?;
    site.sessions.revoke(session.handle()?.expect("a session")).await?;
    session.set("a", 2)?;
    assert!(is_plain(&visitor.leave(&session).await));
    Ok(())
}
