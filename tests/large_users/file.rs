//! In the file: the data of what is ended is never read, and other writes go on in between.

use std::sync::Arc;
use std::time::Duration;

use cloakroom::{Data, FileStore, SessionManager, SessionStore, Timestamp};
use rusqlite::Connection;

use crate::measure::{Memory, alone, latencies, percentile};
use crate::{Result, new_key, of_ana};

const COUNT: usize = 1_200;

/// All together they are 480 MB.
const SIZE: usize = 400_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twelve_hundred_large_sessions_are_listed_and_ended() -> Result {
    let _alone = alone().await;
    let folder = tempfile::tempdir().expect("a folder");
    let store = Arc::new(FileStore::open(folder.path()).await.expect("it opens"));
    // One by one it would take minutes.
    let other = Connection::open(store.path()).expect("it opens");
    let expires = (Timestamp::now() + crate::HOUR).as_millis();
    let fill = format!(
        "PRAGMA synchronous = OFF;
         WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {COUNT})
         INSERT INTO sessions (key, kind, counter, tag, handle, created, seen, idle_deadline, absolute_deadline, user, data)
         SELECT randomblob(32), 0, 1, n, randomblob(16), n, n, {expires}, {expires}, 'ana', zeroblob({SIZE}) FROM n;
         PRAGMA wal_checkpoint(TRUNCATE);"
    );
    other.execute_batch(&fill).expect("it is filled");
    drop(other);
    let sessions = SessionManager::builder(Arc::clone(&store)).without_sweeper().build().expect("valid");

    let memory = Memory::new();
    let listed = sessions.sessions_of("ana").await?;
    assert_eq!(listed.len(), 1_000);
    let oldest = listed.last().expect("some").created;
    assert_eq!(oldest, std::time::SystemTime::from(Timestamp::from_millis(201)), "the newest are listed");

    let others = Arc::clone(&store);
    let (task, all) = latencies(move || {
        let store = Arc::clone(&others);
        async move {
            let (key, mut record) = (new_key(), of_ana(&Data::from(&b""[..])));
            record.user = Some("bob".into());
            store.create(&key, &record, Timestamp::now()).await.expect("it is kept");
        }
    });
    assert_eq!(sessions.revoke_user("ana").await?, COUNT);
    task.abort();
    // The slowest ones wait for the disk, whoever else uses it.
    let (usual, count) = percentile(50, &all);
    assert!(usual < Duration::from_millis(500), "of {count} sessions that began meanwhile, half waited for {usual:?}");
    assert!(count > 5, "{count} sessions began meanwhile");
    assert_eq!(sessions.sessions_of("ana").await?, []);
    let peak = memory.peak();
    assert!(peak < 60, "the process grew by {peak} MB");
    Ok(())
}
