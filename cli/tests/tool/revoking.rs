//! `revoke` and `sweep`.

use std::time::Duration;

use cloakroom::Timestamp;
use cloakroom::testing::FakeClock;

use crate::workshop::{Workshop, printed, refused};

#[tokio::test]
async fn one_session_ends_by_its_handle() {
    let workshop = Workshop::new();
    let url = workshop.url("session.db");
    let (sessions, _store) = workshop.sessions(&url).await;
    let [ana, ..] = workshop.three(&sessions).await;
    let handle = ana.to_string();
    assert_eq!(printed(&["revoke", &handle, &url]), format!("ended {handle}\n"));
    assert_eq!(sessions.count().await.ok(), Some(2), "the server beside it sees the end");
    assert_eq!(refused(&["revoke", &handle, &url]), format!("cloakroom: there is no session {handle}\n"));
}

#[tokio::test]
async fn all_sessions_of_a_user_end_and_no_others() {
    let workshop = Workshop::new();
    let url = workshop.url("session.db");
    let (sessions, _store) = workshop.sessions(&url).await;
    workshop.three(&sessions).await;
    Workshop::make(&sessions, |session| session.login("ana").expect("is logged in")).await;
    assert_eq!(printed(&["revoke", "--user", "ana", &url]), "ended 2 sessions of ana\n");
    assert_eq!(printed(&["revoke", "--user", "ana", &url]), "ended 0 sessions of ana\n");
    assert_eq!(sessions.count().await.ok(), Some(2));
}

#[tokio::test]
async fn all_sessions_of_everybody_end() {
    let workshop = Workshop::new();
    let url = workshop.url("session.db");
    let (sessions, _store) = workshop.sessions(&url).await;
    workshop.three(&sessions).await;
    assert_eq!(printed(&["revoke", "--all", &url]), "ended 3 sessions\n");
    assert_eq!(sessions.count().await.ok(), Some(0));
}

#[tokio::test]
async fn what_has_expired_is_deleted() {
    let workshop = Workshop::new();
    let url = workshop.url("session.db");
    let (sessions, _store) = workshop.sessions(&url).await;
    let past = FakeClock::new();
    past.set(Timestamp::from(std::time::SystemTime::now() - Duration::from_secs(400 * 86_400)));
    workshop.clock.set(cloakroom::Clock::now(&past));
    workshop.three(&sessions).await;
    assert_eq!(printed(&["sweep", &url]), "3 expired records deleted\n");
    assert_eq!(printed(&["sweep", &url]), "0 expired records deleted\n");
}
