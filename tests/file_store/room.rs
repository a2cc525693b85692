//! Where there is no room, or nothing may be written.

use std::time::Duration;

use cloakroom::testing::FakeClock;
use cloakroom::{ErrorKind, FileStore, Lifetime, SessionManager};

use crate::workshop::{Disk, begin, folder, opened, sessions, value};

const PAGE: &str = "0123456789abcdef";

async fn begin_large(sessions: &SessionManager) -> cloakroom::Result<String> {
    begin(sessions, "text", &PAGE.repeat(256)).await
}

/// Begins sessions until there is no room for another one, and answers their cookies.
async fn fill(sessions: &SessionManager) -> Vec<String> {
    let mut cookies = Vec::new();
    loop {
        match begin_large(sessions).await {
            Ok(cookie) => cookies.push(cookie),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Full, "{error}");
                assert_eq!(error.status(), 503);
                return cookies;
            }
        }
        assert!(cookies.len() < 10_000, "it is never full");
    }
}

async fn end(sessions: &SessionManager, cookie: &str) -> cloakroom::Result<()> {
    let session = opened(sessions, cookie).await?;
    session.logout()?;
    session.commit(200).await.error.map_or(Ok(()), Err)
}

#[tokio::test]
async fn at_the_size_limit_sessions_are_refused_and_can_still_be_read_and_ended() {
    let (_folder, path) = folder();
    let store = FileStore::builder(&path).size_limit(1024 * 1024).open().await.expect("it opens");
    let sessions = SessionManager::new(store);
    let cookies = fill(&sessions).await;
    assert!(cookies.len() > 100, "{}", cookies.len());
    for cookie in &cookies {
        assert!(value(&sessions, cookie, "text").await.is_ok_and(|found| found.is_some()), "one is lost");
    }
    for cookie in &cookies[..10] {
        end(&sessions, cookie).await.expect("it can be ended");
    }
    assert!(begin_large(&sessions).await.is_ok(), "there is room again");
    assert!(std::fs::metadata(&path).expect("is there").len() <= 1024 * 1024);
}

#[tokio::test]
async fn at_the_size_limit_what_has_expired_makes_room() {
    let (_folder, path) = folder();
    let store = FileStore::builder(&path).size_limit(1024 * 1024).open().await.expect("it opens");
    let clock = FakeClock::new();
    let minute = Duration::from_secs(60);
    let builder = SessionManager::builder(store).clock(clock.clone()).without_sweeper();
    let sessions = builder.lifetime(Lifetime::default().idle(minute)).build().expect("is valid");
    fill(&sessions).await;
    clock.advance(minute);
    assert!(begin_large(&sessions).await.is_ok());
}

#[tokio::test]
async fn a_disk_that_is_full_loses_nothing_and_is_used_again_when_there_is_room() {
    let disk = Disk::new(4_096);
    let sessions = sessions(&disk.path()).await;
    let mut cookies = vec![begin_large(&sessions).await.expect("is kept")];
    disk.fill();
    cookies.extend(fill(&sessions).await);
    for cookie in &cookies {
        assert!(value(&sessions, cookie, "text").await.is_ok_and(|found| found.is_some()), "one is lost");
    }
    // What cannot be done is said, and nothing is pretended.
    let session = opened(&sessions, &cookies[0]).await.expect("it opens");
    session.set("text", PAGE.repeat(2_560)).expect("is set");
    assert_eq!(session.save().await.map_err(|error| error.kind()), Err(ErrorKind::Full));

    disk.empty();
    cookies.push(begin_large(&sessions).await.expect("the same store goes on"));
    end(&sessions, &cookies[0]).await.expect("it can be ended");
    assert_eq!(value(&sessions, &cookies[0], "text").await.ok(), Some(None));
    let reopened = crate::workshop::sessions(&disk.path()).await;
    for cookie in &cookies[1..] {
        assert!(value(&reopened, cookie, "text").await.is_ok_and(|found| found.is_some()), "one is lost");
    }
}

#[tokio::test]
async fn a_folder_that_becomes_read_only_is_an_outage_that_ends() {
    let disk = Disk::new(4_096);
    let sessions = sessions(&disk.path()).await;
    let cookie = begin(&sessions, "email", "ana@example.org").await.expect("is kept");
    // The file system stays writable for those who have written; a remount takes it from them as well.
    drop(sessions);
    disk.set_writable(false);
    let error = FileStore::open(disk.path()).await.expect_err("is refused");
    assert_eq!(error.setting(), "SESSION_FILE_PATH");
    disk.set_writable(true);
    let sessions = crate::workshop::sessions(&disk.path()).await;
    assert_eq!(value(&sessions, &cookie, "email").await.ok().flatten().as_deref(), Some("ana@example.org"));
}
