//! In memory: the work grows with the number of sessions and not with its square, and others run in between.

use std::sync::Arc;
use std::time::Duration;

use cloakroom::{Data, MemoryStore, SessionManager, SessionStore, Timestamp};

use crate::measure::{Other, alone};
use crate::{Result, new_key, of_ana};

/// How long it takes to revoke so many sessions of one user, in work of this thread, and the longest pause of another task.
async fn revoke(count: usize) -> Result<(Duration, Duration)> {
    let store = Arc::new(MemoryStore::new());
    let data = Data::from(&b""[..]);
    for _ in 0..count {
        store.create(&new_key(), &of_ana(&data), Timestamp::now()).await?;
    }
    let sessions = SessionManager::builder(Arc::clone(&store)).without_sweeper().build().expect("valid");
    let other = Other::start();
    let start = std::time::Instant::now();
    assert_eq!(sessions.revoke_user("ana").await?, count);
    let took = start.elapsed();
    assert_eq!(sessions.count().await?, 0);
    Ok((took, other.longest_pause()))
}

#[tokio::test]
async fn a_hundred_thousand_sessions_are_ended_in_linear_time_and_keep_nobody_waiting() -> Result {
    let _alone = alone().await;
    let (few, _) = revoke(10_000).await?;
    let (many, pause) = revoke(100_000).await?;
    assert!(many < few * 40, "ten times as many take {many:?} instead of {few:?}");
    assert!(pause < Duration::from_millis(20), "another task was kept waiting for {pause:?}");
    Ok(())
}

#[tokio::test]
async fn a_list_shows_the_newest_thousand_and_pages_show_all() -> Result {
    let _alone = alone().await;
    const COUNT: usize = 2_500;
    let store = Arc::new(MemoryStore::new());
    let (data, start) = (Data::from(&b""[..]), Timestamp::now());
    let mut handles = Vec::new();
    for n in 0..COUNT {
        let mut record = of_ana(&data);
        record.created = Timestamp::from_millis(start.as_millis() - (COUNT - n) as u64);
        handles.push(record.handle);
        store.create(&new_key(), &record, start).await?;
    }
    let sessions = SessionManager::builder(store).without_sweeper().build().expect("valid");
    let newest: Vec<_> = sessions.sessions_of("ana").await?.iter().map(|info| info.handle).collect();
    handles.reverse();
    assert_eq!(newest, handles[..1_000]);
    let (mut all, mut next) = (Vec::new(), None);
    loop {
        let page = sessions.list_of("ana", next, 700).await?;
        assert!(page.sessions.len() <= 700);
        all.extend(page.sessions.iter().map(|info| info.handle));
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    all.sort_unstable();
    handles.sort_unstable();
    assert_eq!(all, handles);
    Ok(())
}
