//! Two processes on one file, whose clocks are five minutes apart.

use std::path::Path;
use std::time::Duration;

use cloakroom::testing::FakeClock;
use cloakroom::{Clock, FileStore, Lifetime, SessionManager, Timestamp};

use crate::workshop::{begin, folder, value};

const HOUR: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);

async fn process(path: &Path, clock: &FakeClock) -> SessionManager {
    let store = FileStore::open(path).await.expect("the store opens");
    let builder = SessionManager::builder(store).clock(clock.clone()).lifetime(Lifetime::default().idle(HOUR));
    builder.without_sweeper().build().expect("is valid")
}

#[tokio::test]
async fn a_process_whose_clock_is_ahead_sweeps_no_session_that_is_live() {
    let (_folder, path) = folder();
    let (clock, ahead) = (FakeClock::new(), FakeClock::new());
    let (here, there) = (process(&path, &clock).await, process(&path, &ahead).await);
    let cookie = begin(&here, "email", "ana@example.org").await.expect("is kept");
    clock.advance(HOUR - MINUTE * 3);
    ahead.set(clock.now() + MINUTE * 5);
    assert_eq!(there.count().await.ok(), Some(0), "it has expired there");
    assert_eq!(there.sweep().await.ok(), Some(0));
    assert_eq!(value(&here, &cookie, "email").await.ok().flatten().as_deref(), Some("ana@example.org"));
    ahead.set(clock.now() + MINUTE * 3 + Timestamp::MAX_SKEW);
    assert_eq!(there.sweep().await.ok(), Some(1), "by no clock it is live");
}
