//! The law of lost answers: the store does what it was asked, and the answer does not arrive.

use cloakroom::testing::Verb;
use cloakroom::{ErrorKind, Session};

use crate::harness::*;

type Change = fn(&Session) -> Result;

const INCREMENT: Change = |session| session.update("n", one_more).map(drop);

fn renewing_increment(session: &Session) -> Result {
    session.renew().and_then(|()| INCREMENT(session))
}

fn login_increment(session: &Session) -> Result {
    session.login("ana").and_then(|()| INCREMENT(session))
}

/// Every call of every flow loses its answer, up to three times in a row.
#[tokio::test(start_paused = true)]
async fn an_increment_is_neither_lost_nor_doubled() -> Result {
    const RENEWAL: [(Verb, usize); 3] = [(Verb::Create, 1), (Verb::Swap, 1), (Verb::Swap, 2)];
    let flows = [
        ("a change", INCREMENT, &RENEWAL[1..2]),
        ("a renewal", renewing_increment as Change, &RENEWAL[..]),
        ("a login", login_increment, &RENEWAL[..]),
        ("a periodic renewal", INCREMENT, &RENEWAL[..]),
    ];
    for (what, change, calls) in flows {
        for &(verb, nth) in calls {
            for times in 1..=2 {
                let site = Site::renewing();
                let mut visitor = Visitor::with(&site, &[("n", 1)]).await?;
                let handle = visitor.arrive(&site).await?.handle()?.expect("a session");
                let old = visitor.clone();
                if what == "a periodic renewal" {
                    site.clock.advance(HOUR);
                }
                for time in 0..times {
                    site.store.on(verb).nth(nth + time).fail_after();
                }
                visitor.visit(&site, change).await?;
                let label = format!("{what}, {verb:?} {nth}, {times} times");
                assert_eq!(visitor.number(&site, "n").await?, Some(2), "{label}");
                let renewed = what != "a change";
                assert_eq!((visitor != old, site.count().await), (renewed, 1), "{label}");
                assert_eq!(site.traces(handle).await, 1 + usize::from(renewed), "{label}: nothing is left over");
            }
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_session_whose_creation_was_not_answered_is_created_once() -> Result {
    for times in 1..=2 {
        let site = Site::new();
        for nth in 1..=times {
            site.store.on(Verb::Create).nth(nth).fail_after();
        }
        let mut visitor = Visitor::with(&site, &[("n", 1)]).await?;
        assert_eq!((visitor.number(&site, "n").await?, site.count().await), (Some(1), 1));
    }
    Ok(())
}

/// Somebody else writes between the write whose answer was lost and the second attempt.
#[tokio::test(start_paused = true)]
async fn what_cannot_be_known_is_said_and_not_done_twice() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, &[("n", 0)]).await?;
    let session = visitor.arrive(&site).await?;
    session.update("n", one_more)?;
    site.store.on(Verb::Swap).nth(1).fail_after();
    site.store.on(Verb::Swap).nth(2).delay(SECOND);
    let task = commit(&session);
    tokio::time::sleep(SECOND / 2).await;
    visitor.visit(&site, |session| session.set("other", 1)).await?;
    let committed = task.await.expect("no panic");
    assert_eq!(error_of(&committed), Some(ErrorKind::Unavailable));
    assert_eq!(visitor.number(&site, "n").await?, Some(1));
    Ok(())
}

/// The same where the first attempt did not take effect: then it is known, by the revision.
#[tokio::test(start_paused = true)]
async fn a_write_that_failed_before_another_is_merged_with_it() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, &[("n", 0)]).await?;
    let session = visitor.arrive(&site).await?;
    session.update("n", one_more)?;
    site.store.on(Verb::Swap).nth(1).fail_before();
    site.store.on(Verb::Swap).nth(2).delay(SECOND);
    let task = commit(&session);
    tokio::time::sleep(SECOND / 2).await;
    visitor.visit(&site, |session| session.update("n", one_more).map(drop)).await?;
    assert_eq!(error_of(&task.await.expect("no panic")), None);
    assert_eq!(visitor.number(&site, "n").await?, Some(2));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_end_whose_answer_was_lost_is_an_end() -> Result {
    for renewed in [false, true] {
        for times in 1..=3 {
            let site = Site::new();
            let mut visitor = Visitor::logged_in(&site, "ana").await?;
            let old = visitor.clone();
            let ending = visitor.arrive(&site).await?;
            let handle = ending.handle()?.expect("a session");
            if renewed {
                visitor.visit(&site, |session| session.renew()).await?;
            }
            for nth in 1..=times {
                site.store.on(Verb::Swap).nth(nth).fail_after();
            }
            ending.logout()?;
            let committed = ending.commit(200).await;
            let known = old.is_known(&site).await? || visitor.is_known(&site).await?;
            assert!(!known || committed.error.is_some(), "renewed: {renewed}, {times} times");
            assert!(times == 3 || (!known && committed.error.is_none() && site.traces(handle).await == 0));
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_revocation_whose_answer_was_lost_is_one_or_says_so() -> Result {
    for by_user in [false, true] {
        for times in 1..=3 {
            let site = Site::new();
            let mut visitor = Visitor::logged_in(&site, "ana").await?;
            visitor.visit(&site, |session| session.renew()).await?;
            let handle = visitor.arrive(&site).await?.handle()?.expect("a session");
            for nth in 1..=times {
                site.store.on(Verb::Swap).nth(nth).fail_after();
            }
            let result = if by_user {
                site.sessions.revoke_user("ana").await.map(drop)
            } else {
                site.sessions.revoke(handle).await.map(drop)
            };
            assert!(result.is_err() || site.traces(handle).await == 0, "{times} times");
            assert_eq!(site.sessions.revoke_user("ana").await.map(drop).ok(), Some(()), "asking again mends it");
            assert_eq!(site.traces(handle).await, 0);
        }
    }
    Ok(())
}

/// Whatever one call does, whichever it is: the visitor is told the truth, and nothing is left that should not be.
#[tokio::test(start_paused = true)]
async fn any_one_failure_of_any_flow_is_made_up_for() -> Result {
    let flows: [(&str, Change); 5] = [
        ("a change", INCREMENT),
        ("a renewal", renewing_increment),
        ("a login", login_increment),
        ("a logout", |session| session.logout()),
        ("another user", |session| session.login("bob").and_then(|()| INCREMENT(session))),
    ];
    for (what, change) in flows {
        for nth in 2..8 {
            for after in [false, true] {
                let site = Site::new();
                let mut visitor = Visitor::logged_in(&site, "ana").await?;
                visitor.visit(&site, INCREMENT).await?;
                let mut old = visitor.clone();
                let when = site.store.on_any().nth(nth);
                if after {
                    when.fail_after()
                } else {
                    when.fail_before()
                }
                visitor.visit(&site, change).await?;
                site.store.forget_faults();
                let label = format!("{what}, call {nth}, after: {after}");
                let expected = match what {
                    "a logout" => None,
                    "another user" => Some(1),
                    _ => Some(2),
                };
                assert_eq!(visitor.number(&site, "n").await?, expected, "{label}");
                assert_eq!(site.count().await, u64::from(expected.is_some()), "{label}");
                assert!(what == "a change" || old.number(&site, "n").await?.is_none(), "{label}");
            }
        }
    }
    Ok(())
}
