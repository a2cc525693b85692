//! What expires leaves without anyone asking.

use cloakroom::{Clock, Lifetime, SessionIndex, Timestamp};

use crate::harness::*;

/// How many expired records are still there.
async fn left(site: &Site) -> Result<u64> {
    site.store.store().sweep(site.clock.now() + Timestamp::MAX_SKEW).await
}

// behaviours 11 and 14, defect 20
#[tokio::test(start_paused = true)]
async fn every_manager_sweeps_and_goes_on_after_an_error() -> Result {
    for _ in 0..2 {
        let site = Site::with(|builder| builder.lifetime(Lifetime::default().idle(HOUR)).sweep_every(SECOND * 10));
        Visitor::with(&site, &[("a", 1)]).await?;
        site.clock.advance(HOUR + Timestamp::MAX_SKEW);
        site.store.go_away();
        tokio::time::sleep(SECOND * 30).await;
        site.store.come_back();
        tokio::time::sleep(SECOND * 30).await;
        assert_eq!(left(&site).await?, 0, "it was swept once the store was back");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_manager_that_is_told_so_sweeps_nothing() -> Result {
    let site = Site::with(|builder| builder.lifetime(Lifetime::default().idle(HOUR)));
    Visitor::with(&site, &[("a", 1)]).await?;
    site.clock.advance(HOUR);
    tokio::time::sleep(HOUR).await;
    assert_eq!(left(&site).await?, 1);
    Ok(())
}
