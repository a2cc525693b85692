//! What a request, and whoever revokes, is told of what became of a session.

use cloakroom::testing::Verb;

use crate::harness::*;

// behaviour 105
#[tokio::test(start_paused = true)]
async fn a_periodic_renewal_that_fails_fails_no_reader() -> Result {
    let site = Site::renewing();
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    site.clock.advance(HOUR);
    site.store.on(Verb::Create).always().fail_before();
    assert_eq!(visitor.number(&site, "a").await?, Some(1));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_login_that_failed_half_way_is_not_answered_as_if_it_had_worked() -> Result {
    for nth in 1..=3 {
        for after in [false, true] {
            let site = Site::new();
            let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
            let session = visitor.arrive(&site).await?;
            session.login("ana")?;
            for failing in nth..nth + 3 {
                let verb = site.store.on_any().nth(failing);
                if after { verb.fail_after() } else { verb.fail_before() }
            }
            // The application does not look at what became of its save.
            let _ = session.save().await;
            let committed = visitor.leave(&session).await;
            let user = visitor.arrive(&site).await?.user()?;
            assert!(
                committed.error.is_some() || user.as_deref() == Some("ana"),
                "call {nth}, after its effect: {after}"
            );
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_a_logout_ended_is_not_there_to_revoke() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::logged_in(&site, "ana").await?;
    visitor.visit(&site, |session| session.renew()).await?;
    let handle = visitor.arrive(&site).await?.handle()?.expect("a session");
    visitor.visit(&site, |session| session.logout()).await?;
    assert!(!site.sessions.revoke(handle).await?);
    assert_eq!(site.sessions.revoke_user("ana").await?, 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_goes_on_after_the_response_may_wait_for_the_store_again_and_again() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    let session = visitor.arrive(&site).await?;
    visitor.leave(&session).await;
    site.store.on(Verb::Swap).always().delay(SECOND);
    for n in 2..20 {
        session.set("a", n)?;
        session.save().await?;
    }
    Ok(())
}
