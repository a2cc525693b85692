//! Two hosts on one store, whose clocks are five minutes apart: neither ends a session of the other.

use cloakroom::{Lifetime, SessionManagerBuilder, Timestamp};

use crate::harness::*;

fn hourly(builder: SessionManagerBuilder) -> SessionManagerBuilder {
    builder.lifetime(Lifetime::default().idle(HOUR))
}

/// A host with a visitor who is logged in and whose session has three minutes left, and a host by whose clock it is
/// over.
async fn hosts() -> Result<(Site, Site, Visitor)> {
    let behind = Site::with(hourly);
    let visitor = Visitor::logged_in(&behind, "ana").await?;
    behind.clock.advance(HOUR - SECOND * 180);
    let ahead = behind.ahead(SECOND * 300, hourly);
    Ok((behind, ahead, visitor))
}

#[tokio::test]
async fn a_host_whose_clock_is_ahead_sweeps_no_session_that_is_live() -> Result {
    let (behind, ahead, mut visitor) = hosts().await?;
    assert!(!visitor.is_known(&ahead).await?, "it has expired there");
    assert_eq!(ahead.sessions.count().await?, 0);
    assert_eq!(ahead.sessions.sessions_of("ana").await?, []);
    assert_eq!(ahead.sessions.sweep().await?, 0);
    assert_eq!(behind.sessions.sessions_of("ana").await?.len(), 1);
    assert!(visitor.is_known(&behind).await?);
    // It goes on, and is swept when it has expired by all clocks that there may be.
    visitor.number(&behind, "a").await?;
    behind.clock.advance(HOUR);
    ahead.clock.set(behind.now() + (Timestamp::MAX_SKEW - SECOND));
    assert_eq!(ahead.sessions.sweep().await?, 0);
    ahead.clock.advance(SECOND);
    assert_eq!(ahead.sessions.sweep().await?, 1);
    Ok(())
}

#[tokio::test]
async fn a_revocation_ends_what_is_live_by_another_clock() -> Result {
    let (behind, ahead, visitor) = hosts().await?;
    assert_eq!(ahead.sessions.revoke_user("ana").await?, 0, "none that is live there");
    assert!(!visitor.is_known(&behind).await?);

    let (behind, ahead, visitor) = hosts().await?;
    let handle = behind.record().await.record.handle;
    assert!(!ahead.sessions.revoke(handle).await?);
    assert!(!visitor.is_known(&behind).await?);
    Ok(())
}
