//! Rows that only a newer version can read, or nobody.

use cloakroom::{FileStore, LimitPolicy, RecordKind, SessionManager, SessionStore, Timestamp};

use crate::workshop::folder;

async fn login(sessions: &SessionManager) -> cloakroom::Result<()> {
    let session = sessions.open(());
    session.load().await?;
    session.login("ana")?;
    session.save().await
}

#[tokio::test]
async fn a_row_of_an_unknown_kind_or_a_damaged_one_hides_no_other_and_is_ended() -> cloakroom::Result<()> {
    let (_folder, path) = folder();
    let store = std::sync::Arc::new(FileStore::open(&path).await.expect("it opens"));
    let sessions = SessionManager::builder(std::sync::Arc::clone(&store)).sessions_per_user(4, LimitPolicy::EndOldest);
    let sessions = sessions.build().expect("valid");
    for _ in 0..3 {
        login(&sessions).await?;
    }
    let mut handles: Vec<_> = sessions.sessions_of("ana").await?.iter().map(|info| info.handle).collect();
    let index = store.index().expect("it has one");
    let mut keys: Vec<_> = index.list(None, 9, Timestamp::now()).await?.iter().map(|found| found.key).collect();
    let other = rusqlite::Connection::open(&path).expect("it opens");
    let damage = |column: &str, value: &str, key: &cloakroom::StoreKey| {
        let sql = format!("UPDATE sessions SET {column} = {value} WHERE key = ?1");
        assert_eq!(other.execute(&sql, [key.as_bytes()]).expect("it is written"), 1);
    };
    // The first two that a list would come to.
    damage("kind", "9", &keys[0]);
    damage("handle", "x'00'", &keys[1]);
    let key = keys.pop().expect("the third");

    let listed = sessions.list(None, 2).await?.sessions;
    assert_eq!(listed.len(), 1, "what cannot be read is skipped");
    assert_eq!(sessions.sessions_of("ana").await?, listed);
    assert_eq!(index.find_by_user("ana", Timestamp::now()).await?.len(), 2, "of every kind that can be read");
    handles.retain(|handle| *handle != listed[0].handle);
    let now = Timestamp::now();
    let alive = index.expiries(&[handles[0], handles[1], listed[0].handle], now).await?;
    assert_eq!(alive.len(), 2, "one is damaged: {alive:?}");
    login(&sessions).await?;
    assert_eq!(sessions.sessions_of("ana").await?.len(), 2);
    assert_eq!(sessions.revoke_user("ana").await?, 3);
    assert_eq!(sessions.count().await?, 1, "whose handle cannot be read is nobody's to revoke");
    assert_eq!(store.delete(&keys[1], now).await?, None, "and can be deleted");
    assert_eq!(sessions.count().await?, 0);
    assert!(store.load(&key, now).await?.is_none_or(|record| record.kind == RecordKind::Ended));
    Ok(())
}
