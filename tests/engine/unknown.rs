//! Records of a kind that only a newer version knows, as in the middle of a deployment.

use cloakroom::{ErrorKind, LimitPolicy, RecordKind, SessionIndex};

use crate::harness::*;

/// A site on which one of ana's two sessions is of an unknown kind, and who brings it.
async fn upgraded(site: &Site) -> Result<(Visitor, Visitor)> {
    let (upgraded, plain) = (Visitor::logged_in(site, "ana").await?, Visitor::logged_in(site, "ana").await?);
    let handle = upgraded.arrive(site).await?.handle()?;
    let records = site.records().await;
    let found = records.iter().find(|found| Some(found.record.handle) == handle).expect("it is there");
    site.overwrite(found, |record| record.kind = RecordKind::Unknown(9)).await?;
    Ok((upgraded, plain))
}

#[tokio::test]
async fn it_opens_nothing_and_is_not_listed() -> Result {
    for site in [Site::new(), Site::registered(|builder| builder)] {
        let (upgraded, plain) = upgraded(&site).await?;
        assert!(!upgraded.is_known(&site).await? && plain.is_known(&site).await?);
        assert_eq!(site.sessions.sessions_of("ana").await?.len(), 1);
        assert_eq!(site.sessions.list_of("ana", None, 10).await?.sessions.len(), 1);
        assert_eq!(site.sessions.list(None, 10).await?.sessions.len(), 1);
        assert_eq!(site.sessions.count().await?, 1);
    }
    Ok(())
}

#[tokio::test]
async fn it_is_revoked_with_the_others_and_by_its_handle() -> Result {
    for which in 0..4 {
        let site = Site::new();
        let (_, plain) = upgraded(&site).await?;
        let session = plain.arrive(&site).await?;
        let found = site.store.store().find_by_user("ana", site.now()).await?;
        let unknown = found.iter().find(|found| found.record.kind == RecordKind::Unknown(9)).expect("it is there");
        let unknown = unknown.record.handle;
        match which {
            0 => assert_eq!(site.sessions.revoke_user("ana").await?, 2),
            1 => assert_eq!(site.sessions.revoke_others(&session).await?, 1),
            2 => assert!(site.sessions.revoke(unknown).await?),
            _ => {
                assert!(!site.sessions.revoke_of("bob", unknown).await?);
                assert!(site.sessions.revoke_of("ana", unknown).await?);
            }
        }
        assert_eq!(site.traces(unknown).await, 0);
        assert_eq!(plain.is_known(&site).await?, which != 0);
    }
    Ok(())
}

#[tokio::test]
async fn it_keeps_nobody_from_logging_in() -> Result {
    for policy in [LimitPolicy::EndOldest, LimitPolicy::Refuse] {
        let site = Site::with(|builder| builder.sessions_per_user(2, policy));
        upgraded(&site).await?;
        let third = Visitor::logged_in(&site, "ana").await?;
        assert!(third.is_known(&site).await?, "{policy:?}");
        assert_eq!(site.sessions.sessions_of("ana").await?.len(), 2);
    }
    Ok(())
}

/// A request that was under way when a newer version took the session over changes nothing and says so.
#[tokio::test]
async fn it_is_not_written_over() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::logged_in(&site, "ana").await?;
    let session = visitor.arrive(&site).await?;
    session.set("a", 1)?;
    site.overwrite(&site.record().await, |record| record.kind = RecordKind::Unknown(9)).await?;
    assert_eq!(error_of(&visitor.leave(&session).await), Some(ErrorKind::Decode));
    Ok(())
}
