//! `backup` and `restore`: nothing half done, nothing taken from under a server.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use cloakroom::{SessionManager, SessionStore, Timestamp};

use crate::workshop::{Workshop, printed, refused};

async fn count(store: &dyn SessionStore) -> u64 {
    store.index().expect("it can").count(Timestamp::now()).await.expect("answers")
}

#[tokio::test]
async fn a_backup_of_a_store_in_use_is_whole_and_can_be_put_back() {
    let workshop = Workshop::new();
    let (url, copy) = (workshop.url("session.db"), workshop.path("backup.db"));
    let copy_word = copy.to_str().expect("is UTF-8");
    let (sessions, store) = workshop.sessions(&url).await;
    let [ana, ben, _] = workshop.three(&sessions).await;
    assert_eq!(printed(&["backup", &url, copy_word]), format!("backed up to {copy_word}\n"));
    assert_eq!(fs::metadata(&copy).expect("is there").permissions().mode() & 0o777, 0o600);

    assert!(sessions.revoke(ben).await.expect("is ended"));
    let said = refused(&["restore", copy_word, &url]);
    assert!(said.contains("is in use") && said.contains("stop the servers"), "{said}");
    assert_eq!(count(&*store).await, 2, "it was changed");

    drop((sessions, store));
    assert_eq!(printed(&["restore", copy_word, &url]), format!("restored from {copy_word}: 3 live sessions\n"));
    assert!(printed(&["show", &ana.to_string(), &url]).contains("ana"));
    assert!(copy.exists(), "the backup is kept");
    let (sessions, store) = workshop.sessions(&url).await;
    Workshop::make(&sessions, |session| session.set("n", 1).expect("is set")).await;
    assert_eq!(count(&*store).await, 4);
}

/// While servers write, a backup is of one moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_does_not_wait_for_a_pause_of_those_who_write() {
    let workshop = Workshop::new();
    let (url, copy) = (workshop.url("session.db"), workshop.path("backup.db"));
    let (sessions, _store) = workshop.sessions(&url).await;
    let fill = |sessions: SessionManager, many: usize| async move {
        for n in 0..many {
            Workshop::make(&sessions, move |session| {
                session.set("text", "0123456789".repeat(n % 500)).expect("is set")
            })
            .await;
        }
    };
    fill(sessions.clone(), 500).await;
    let writing = tokio::spawn(async move {
        loop {
            fill(sessions.clone(), 100).await;
        }
    });
    let word = copy.to_str().expect("is UTF-8").to_owned();
    let backed_up = tokio::task::spawn_blocking({
        let (url, word) = (url.clone(), word.clone());
        move || printed(&["backup", &url, &word])
    });
    backed_up.await.expect("it ends");
    writing.abort();
    let restored = printed(&["restore", &word, &workshop.url("other.db")]);
    let count: usize = restored.rsplit(' ').nth(2).and_then(|word| word.parse().ok()).expect("it says how many");
    assert!(count >= 500, "{restored}");
}

#[tokio::test]
async fn what_a_crash_left_is_replaced_together_with_its_log() {
    let workshop = Workshop::new();
    let (url, copy) = (workshop.url("session.db"), workshop.path("backup.db"));
    let copy = copy.to_str().expect("is UTF-8");
    let (sessions, store) = workshop.sessions(&url).await;
    workshop.three(&sessions).await;
    printed(&["backup", &url, copy]);
    workshop.three(&sessions).await;
    // What is left where nobody closes the file.
    for end in ["", "-wal"] {
        fs::copy(workshop.path(&format!("session.db{end}")), workshop.path(&format!("crashed.db{end}")))
            .expect("is there");
    }
    let said = printed(&["restore", copy, &workshop.url("crashed.db")]);
    assert!(said.ends_with("3 live sessions\n"), "{said}");
    drop((sessions, store));

    // A file that nobody can work on is in nobody's way.
    let damaged = workshop.path("damaged.db");
    fs::write(&damaged, [7; 10_000]).expect("is written");
    let said = printed(&["restore", copy, &workshop.url("damaged.db")]);
    assert!(said.ends_with("3 live sessions\n"), "{said}");
}

#[tokio::test]
async fn what_cannot_be_backed_up_or_put_back_is_said_and_left_alone() {
    let workshop = Workshop::new();
    let url = workshop.url("session.db");
    let path = |name: &str| workshop.path(name).to_str().expect("is UTF-8").to_owned();
    drop(workshop.sessions(&url).await);
    fs::write(path("other.txt"), "a text that is no database. ".repeat(100)).expect("is written");
    let whole = fs::read(path("session.db")).expect("is there");
    fs::write(path("half.db"), &whole[..whole.len() / 2]).expect("is written");
    for (arguments, part) in [
        (["backup", &url, &path("other.txt")], "is there already"),
        (["backup", &workshop.url("missing.db"), &path("new.db")], "is not there"),
        (["backup", "redis://localhost", &path("new.db")], "only a file store"),
        (["restore", &path("missing.db"), &url], "is not there"),
        (["restore", &path("other.txt"), &url], "is no session file"),
        (["restore", &path("half.db"), &url], "is damaged"),
        (["restore", &path("session.db"), "redis://localhost"], "only a file store"),
    ] {
        let said = refused(&arguments);
        assert!(said.contains(part), "{arguments:?}: {said}");
    }
    assert_eq!(fs::read(path("session.db")).expect("is there"), whole, "it was changed");
    let left: Vec<_> =
        fs::read_dir(workshop.path("")).expect("is there").map(|file| file.expect("is one").file_name()).collect();
    assert_eq!(left.len(), 3, "something unfinished is left: {left:?}");
}
