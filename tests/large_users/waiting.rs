//! Very many who wait for the end of their sessions, and what that costs those who share their thread.

use std::time::Duration;

use cloakroom::{MemoryStore, Session, SessionManager};
use tokio::task::{JoinSet, yield_now};

use crate::Result;
use crate::measure::{Other, alone};

const MANY: usize = 100_000;

/// How long another task may be kept from running.
const PAUSE: Duration = Duration::from_millis(20);

/// Waits for the ends of these sessions, each in a task of its own.
async fn wait_for(sessions: &[Session]) -> JoinSet<()> {
    let mut waiting = JoinSet::new();
    for session in sessions {
        waiting.spawn(session.ended());
        // Fewer than a runtime takes in a turn.
        if waiting.len() % 25 == 0 {
            yield_now().await;
        }
    }
    waiting
}

#[tokio::test]
async fn a_hundred_thousand_who_wait_are_looked_after_and_keep_nobody_waiting() -> Result {
    let _alone = alone().await;
    let sessions = SessionManager::builder(MemoryStore::new()).without_sweeper().build().expect("valid");
    let mut begun = Vec::with_capacity(MANY);
    for _ in 0..MANY {
        let session = sessions.open(());
        session.load().await?;
        session.set("a", 1)?;
        session.save().await?;
        begun.push(session);
    }
    let other = Other::start();
    let waiting = wait_for(&begun).await;
    // Some looks at all of them.
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(waiting.len(), MANY);
    let pause = other.longest_pause();
    assert!(pause < PAUSE, "another task was kept waiting by the looks for {pause:?}");
    Ok(())
}

/// Visitors who have no session yet, each with a socket that waits for one.
#[tokio::test]
async fn a_hundred_thousand_without_a_session_keep_nobody_waiting() -> Result {
    let _alone = alone().await;
    let sessions = SessionManager::builder(MemoryStore::new()).without_sweeper().build().expect("valid");
    let mut visitors = Vec::with_capacity(MANY);
    for _ in 0..MANY {
        let session = sessions.open(());
        session.load().await?;
        visitors.push(session);
    }
    let last = &visitors[MANY - 1];
    let mut waiting = wait_for(&visitors).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let other = Other::start();
    for _ in 0..5 {
        let session = sessions.open(());
        session.load().await?;
        session.set("a", 1)?;
        session.save().await?;
        for _ in 0..10 {
            yield_now().await;
        }
    }
    let pause = other.longest_pause();
    assert!(pause < PAUSE, "another task was kept waiting for {pause:?}");
    // Whoever begins a session is waited for from then on.
    last.set("a", 1)?;
    last.save().await?;
    yield_now().await;
    last.destroy()?;
    last.save().await?;
    assert!(waiting.join_next().await.is_some());
    assert_eq!(waiting.len(), MANY - 1);
    Ok(())
}
