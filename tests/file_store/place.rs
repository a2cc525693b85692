//! Where the file lies, and what becomes of it.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use cloakroom::{Config, ErrorKind, FileStore, SessionIndex, SessionStore, Timestamp, store_from_url};

use crate::workshop::{begin, folder, sessions, value};

#[tokio::test]
async fn what_is_created_is_for_its_user_alone() {
    let (folder, _) = folder();
    let path = folder.path().join("new/session.db");
    let sessions = sessions(&path).await;
    begin(&sessions, "email", "ana@example.org").await.expect("is kept");
    let mode = |name: &str| fs::metadata(folder.path().join(name)).expect("is there").permissions().mode() & 0o777;
    assert_eq!(mode("new"), 0o700);
    for name in ["new/session.db", "new/session.db-wal", "new/session.db-shm"] {
        assert_eq!(mode(name), 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_folder_a_file_and_a_url_name_the_same_store() {
    let (folder, path) = folder();
    let cookie = begin(&sessions(folder.path()).await, "email", "ana@example.org").await.expect("is kept");
    let by_url = store_from_url(&format!("file:{}", path.display())).await.expect("it opens");
    assert_eq!(by_url.index().expect("it has one").count(Timestamp::now()).await.ok(), Some(1));
    let variables = |name: &str| match name {
        "SESSION" => Some("file".to_owned()),
        "SESSION_FILE_PATH" => Some(folder.path().display().to_string()),
        _ => None,
    };
    let by_environment =
        Config::default().overlaid_by(variables).expect("is understood").open().await.expect("it opens");
    assert!(value(&by_environment, &cookie, "email").await.is_ok_and(|found| found.is_some()));
}

#[tokio::test]
async fn anybody_who_may_can_look_into_it() {
    let (_folder, path) = folder();
    let sessions = sessions(&path).await;
    begin(&sessions, "email", "ana@example.org").await.expect("is kept");
    let other = rusqlite::Connection::open(&path).expect("it opens");
    let found: (i64, i64) = other
        .query_row("SELECT count(*), max(expires) FROM sessions WHERE user IS NULL", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .expect("it has the table");
    assert_eq!(found.0, 1);
    assert!(found.1 > 1_700_000_000_000, "milliseconds since 1970");
    let vacuum: i64 = other.pragma_query_value(None, "auto_vacuum", |row| row.get(0)).expect("it has one");
    assert_eq!(vacuum, 2, "it can shrink in steps");
}

/// Whoever removes the file removes its sessions, and nothing is acknowledged that went into the removed one. What is
/// left beside it does not get into the new one.
#[tokio::test]
async fn a_file_that_is_removed_is_made_again() {
    for ends in [&["", "-wal", "-shm"][..], &[""]] {
        let (_folder, path) = folder();
        let (here, there) = (sessions(&path).await, sessions(&path).await);
        let old = begin(&here, "email", "ana@example.org").await.expect("is kept");
        assert!(value(&there, &old, "email").await.is_ok_and(|found| found.is_some()));
        let left = fs::metadata(beside(&path, "-shm")).expect("is there").ino();
        for end in ends {
            fs::remove_file(beside(&path, end)).expect("is there");
        }
        let new = begin(&here, "email", "ben@example.org").await.expect("is kept");
        assert!(path.exists());
        assert_eq!(fs::metadata(&path).expect("is there").permissions().mode() & 0o777, 0o600);
        assert_ne!(
            fs::metadata(beside(&path, "-shm")).expect("is there").ino(),
            left,
            "it shares memory with the old one"
        );
        for sessions in [&here, &there, &sessions(&path).await] {
            assert_eq!(value(sessions, &old, "email").await.ok(), Some(None));
            assert_eq!(value(sessions, &new, "email").await.ok().flatten().as_deref(), Some("ben@example.org"));
        }
    }
}

fn beside(path: &Path, end: &str) -> PathBuf {
    format!("{}{end}", path.display()).into()
}

/// Processes that begin at once all find the tables, whoever makes them.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_file_that_several_create_at_once_is_one_file() {
    for _ in 0..20 {
        let (_folder, path) = folder();
        let mut opening = tokio::task::JoinSet::new();
        for _ in 0..6 {
            let path = path.clone();
            opening.spawn(async move {
                let sessions = sessions(&path).await;
                (begin(&sessions, "email", "ana@example.org").await.expect("is kept"), sessions)
            });
        }
        let all = opening.join_all().await;
        for (cookie, _) in &all {
            for (_, sessions) in &all {
                assert!(value(sessions, cookie, "email").await.is_ok_and(|found| found.is_some()), "one is lost");
            }
        }
    }
}

/// Between the moment at which another process has made a file and that at which it has its tables, it is empty.
#[tokio::test]
async fn a_file_that_is_being_made_again_is_waited_for() {
    let (_folder, path) = folder();
    let here = sessions(&path).await;
    let old = begin(&here, "email", "ana@example.org").await.expect("is kept");
    for end in ["", "-wal", "-shm"] {
        fs::remove_file(beside(&path, end)).expect("is there");
    }
    fs::write(&path, "").expect("is written");
    assert_eq!(value(&here, &old, "email").await.ok(), Some(None));
    let store = FileStore::open(&path).await.expect("it opens");
    assert_eq!(store.count(Timestamp::now()).await.ok(), Some(0));
}

#[tokio::test]
async fn a_store_without_its_file_reads_on() {
    let (_folder, path) = folder();
    let here = sessions(&path).await;
    let old = begin(&here, "email", "ana@example.org").await.expect("is kept");
    for end in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{end}", path.display()));
    }
    assert_eq!(value(&here, &old, "email").await.ok(), Some(None));
}

/// A lease that claims to last for long was taken before the clock was set back.
#[tokio::test]
async fn a_clock_that_was_set_back_does_not_keep_it_from_sweeping() {
    use std::time::Duration;
    let (_folder, path) = folder();
    let store = FileStore::open(&path).await.expect("the store opens");
    let now = Timestamp::now();
    let tomorrow = now + Duration::from_secs(86_400);
    let other = rusqlite::Connection::open(&path).expect("it opens");
    let lease = "INSERT INTO leases (name, holder, until) VALUES ('sweep', 7, ?1)";
    other.execute(lease, [i64::try_from(tomorrow.as_millis()).expect("fits")]).expect("is taken");
    let sessions = cloakroom::SessionManager::new(FileStore::open(&path).await.expect("the store opens"));
    begin(&sessions, "email", "ana@example.org").await.expect("is kept");
    let expired = now + Duration::from_secs(400 * 86_400) + Timestamp::MAX_SKEW;
    assert_eq!(store.sweep(now).await.ok(), Some(0));
    assert_eq!(store.sweep(expired).await.ok(), Some(1));

    // One that another process holds now is respected.
    begin(&sessions, "email", "ana@example.org").await.expect("is kept");
    let soon = expired + Duration::from_secs(5);
    other.execute("DELETE FROM leases", []).expect("is deleted");
    other.execute(lease, [i64::try_from(soon.as_millis()).expect("fits")]).expect("is taken");
    assert_eq!(store.sweep(expired).await.ok(), Some(0));
    assert_eq!(store.sweep(soon).await.ok(), Some(1));
}

#[tokio::test]
async fn what_cannot_be_a_place_is_refused_when_it_is_opened() {
    let (folder, _) = folder();
    fs::write(folder.path().join("file"), "").expect("is written");
    for path in
        ["", "/proc/nowhere/session.db"].map(Into::into).into_iter().chain([folder.path().join("file/session.db")])
    {
        let error = FileStore::open(&path).await.expect_err("is refused");
        assert_eq!(error.setting(), "SESSION_FILE_PATH", "{error}");
    }
    let error = FileStore::builder(folder.path()).size_limit(1_000).open().await.expect_err("is refused");
    assert_eq!(error.setting(), "file.size_limit");
    let error = store_from_url("file:").await.expect_err("is refused");
    assert_eq!(error.setting(), "SESSION_FILE_PATH");
    assert_ne!(ErrorKind::Full, ErrorKind::Unavailable);
}
