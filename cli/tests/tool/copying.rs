//! `copy`: resumable, nothing lost, nothing doubled, nobody logged out.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cloakroom::{Record, SessionIndex, SessionStore, StoreKey, Timestamp};

use crate::workshop::{Workshop, printed, text, tool};

async fn all(store: &Arc<dyn SessionStore>) -> HashMap<StoreKey, Record> {
    let index: &dyn SessionIndex = store.index().expect("the store can list");
    let mut all = HashMap::new();
    let mut after = None;
    loop {
        let page = index.list(after, 1_000, Timestamp::now()).await.expect("the store answers");
        let Some(last) = page.last() else { return all };
        after = Some(last.key);
        for found in page {
            assert!(all.insert(found.key, found.record).is_none(), "a session is there twice");
        }
    }
}

#[tokio::test]
async fn a_copy_holds_what_the_source_holds_and_again_changes_nothing() {
    let workshop = Workshop::new();
    let (from, to) = (workshop.url("old.db"), workshop.url("new.db"));
    let (sessions, source) = workshop.sessions(&from).await;
    workshop.three(&sessions).await;
    assert_eq!(
        printed(&["copy", &from, &to]),
        "copied 3: 3 new, 0 brought up to date, 0 there already, 0 newer there and left alone\n"
    );
    let (_, target) = workshop.sessions(&to).await;
    assert_eq!(all(&target).await, all(&source).await);
    assert_eq!(
        printed(&["copy", &from, &to]),
        "copied 3: 0 new, 0 brought up to date, 3 there already, 0 newer there and left alone\n"
    );
}

#[tokio::test]
async fn what_changed_since_is_brought_up_to_date_and_what_ended_can_be_deleted() {
    let workshop = Workshop::new();
    let (from, to) = (workshop.url("old.db"), workshop.url("new.db"));
    let (sessions, source) = workshop.sessions(&from).await;
    let [ana, ben, _] = workshop.three(&sessions).await;
    printed(&["copy", &from, &to]);

    // Ana's session is written again, ben's ends.
    let found = source.index().expect("it can").find_by_handle(ana, Timestamp::now()).await.expect("answers").remove(0);
    let mut newer = found.record.clone();
    newer.revision = found.record.revision.next();
    newer.idle_deadline = newer.idle_deadline + Duration::from_secs(1);
    source.swap(&found.key, found.record.revision, &newer, Timestamp::now()).await.expect("is swapped");
    assert!(sessions.revoke(ben).await.expect("is ended"));

    let output = tool(&["copy", &from, &to]).output().expect("the tool runs");
    assert_eq!(
        text(&output.stdout),
        "copied 2: 0 new, 1 brought up to date, 1 there already, 0 newer there and left alone\n"
    );
    assert!(text(&output.stderr).contains("the target has 1 sessions that the source has not"));
    let said = printed(&["copy", "--delete-others", &from, &to]);
    assert!(said.ends_with("deleted 1 from the target that the source has not\n"), "{said}");
    let (_, target) = workshop.sessions(&to).await;
    assert_eq!(all(&target).await, all(&source).await);
}

#[tokio::test]
async fn what_was_used_at_the_target_since_is_left_alone() {
    let workshop = Workshop::new();
    let (from, to) = (workshop.url("old.db"), workshop.url("new.db"));
    let (sessions, _source) = workshop.sessions(&from).await;
    let [ana, ..] = workshop.three(&sessions).await;
    printed(&["copy", &from, &to]);

    let (_, target) = workshop.sessions(&to).await;
    let found = target.index().expect("it can").find_by_handle(ana, Timestamp::now()).await.expect("answers").remove(0);
    let mut newer = found.record.clone();
    newer.revision = found.record.revision.next();
    target.swap(&found.key, found.record.revision, &newer, Timestamp::now()).await.expect("is swapped");
    assert_eq!(
        printed(&["copy", &from, &to]),
        "copied 3: 0 new, 0 brought up to date, 2 there already, 1 newer there and left alone\n"
    );
    assert_eq!(all(&target).await[&found.key], newer);
}

#[tokio::test]
async fn a_copy_that_was_killed_is_resumed_with_nothing_lost_and_nothing_doubled() {
    const SESSIONS: usize = 20_000;
    let workshop = Workshop::new();
    let (from, to) = (workshop.url("old.db"), workshop.url("new.db"));
    let (sessions, source) = workshop.sessions(&from).await;
    let begun = futures_util::future::join_all(
        (0..SESSIONS).map(|n| Workshop::make(&sessions, move |session| session.set("number", n).expect("is set"))),
    );
    begun.await;

    let (_, target) = workshop.sessions(&to).await;
    let mut child = tool(&["copy", &from, &to]).spawn().expect("the tool runs");
    let patience = Instant::now() + Duration::from_secs(60);
    let count = async || target.index().expect("it can").count(Timestamp::now()).await.expect("answers");
    while count().await < 100 {
        assert!(Instant::now() < patience, "nothing is copied");
    }
    child.kill().expect("is killed");
    child.wait().expect("it ends");
    let part = count().await;
    assert!(part < SESSIONS as u64, "it was too quick to be cut off");

    let said = printed(&["copy", &from, &to]);
    let already = format!("{} new, 0 brought up to date, {part} there already", SESSIONS as u64 - part);
    assert!(said.contains(&already), "{said}");
    assert_eq!(all(&target).await, all(&source).await);
}
