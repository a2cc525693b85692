//! Files that an operator moves, replaces or removes, and logs that belong to others.

use std::fs;
use std::path::{Path, PathBuf};

use cloakroom::SessionManager;
use tempfile::TempDir;

use crate::workshop::{begin, folder, opened, sessions, value};

fn beside(path: &Path, end: &str) -> PathBuf {
    format!("{}{end}", path.display()).into()
}

/// What a crash leaves of a file that is in use: the database and its log.
fn crashed(path: &Path) -> (TempDir, PathBuf) {
    let (left, copy) = folder();
    for end in ["", "-wal"] {
        fs::copy(beside(path, end), beside(&copy, end)).expect("is there");
    }
    (left, copy)
}

/// A copy of the sessions as they are, made by SQLite.
fn backup(path: &Path) -> PathBuf {
    let copy = beside(path, ".backup");
    let other = rusqlite::Connection::open(path).expect("it opens");
    other.execute("VACUUM INTO ?1", [copy.to_str()]).expect("is copied");
    copy
}

async fn email(sessions: &SessionManager, cookie: &str) -> Option<String> {
    value(sessions, cookie, "email").await.expect("the store answers")
}

async fn fill(sessions: &SessionManager, count: usize) {
    for n in 0..count {
        begin(sessions, "text", &format!("{n} ").repeat(400)).await.expect("is kept");
    }
}

async fn assert_whole(path: &Path) {
    let other = rusqlite::Connection::open(path).expect("it opens");
    let found: String = other.pragma_query_value(None, "integrity_check", |row| row.get(0)).expect("it answers");
    assert_eq!(found, "ok");
}

type Move = fn(&Path, &Path);

const MOVES: [Move; 2] = [
    |from, to| fs::rename(from, to).expect("is moved"),
    // Into the same inode.
    |from, to| assert!(fs::copy(from, to).expect("is copied") > 0),
];

#[tokio::test]
async fn a_backup_that_is_moved_over_the_file_after_a_crash_is_what_is_there() {
    for more in [1, 100] {
        for move_over in MOVES {
            let (_folder, path) = folder();
            let here = sessions(&path).await;
            fill(&here, 20).await;
            let kept = begin(&here, "email", "ana@example.org").await.expect("is kept");
            let backup = backup(&path);
            let lost = begin(&here, "email", "ben@example.org").await.expect("is kept");
            fill(&here, more).await;
            let (_left, path) = crashed(&path);
            move_over(&backup, &path);

            let again = sessions(&path).await;
            assert_eq!(email(&again, &kept).await.as_deref(), Some("ana@example.org"));
            assert_eq!(email(&again, &lost).await, None);
            assert!(beside(&path, "-wal-of-another").exists(), "nothing is thrown away");
            assert!(begin(&again, "email", "eve@example.org").await.is_ok());
            assert_whole(&path).await;
        }
    }
}

/// A copy of the closed file, from some logs ago.
#[tokio::test]
async fn an_older_copy_of_the_file_that_is_moved_over_it_after_a_crash_is_what_is_there() {
    for move_over in MOVES {
        let (_folder, path) = folder();
        let here = sessions(&path).await;
        let kept = begin(&here, "email", "ana@example.org").await.expect("is kept");
        drop(here);
        let copy = beside(&path, ".copy");
        fs::copy(&path, &copy).expect("is copied");
        for _ in 0..2 {
            fill(&sessions(&path).await, 50).await;
        }
        let here = sessions(&path).await;
        let lost = begin(&here, "email", "ben@example.org").await.expect("is kept");
        let (_left, path) = crashed(&path);
        move_over(&copy, &path);

        let again = sessions(&path).await;
        assert_eq!(email(&again, &kept).await.as_deref(), Some("ana@example.org"));
        assert_eq!(email(&again, &lost).await, None);
        assert_whole(&path).await;
    }
}

/// A file and its log belong together wherever they are copied to.
#[tokio::test]
async fn what_a_crash_left_is_all_there_wherever_it_is_moved() {
    let (_folder, path) = folder();
    for sessions_before in [0, 1, 50, 400] {
        let here = sessions(&path).await;
        fill(&here, sessions_before).await;
        let kept = begin(&here, "email", "ana@example.org").await.expect("is kept");
        let (_left, copy) = crashed(&path);
        let again = sessions(&copy).await;
        assert_eq!(email(&again, &kept).await.as_deref(), Some("ana@example.org"), "after {sessions_before}");
        assert!(!beside(&copy, "-wal-of-another").exists());
    }
    // The copy goes on, and its own crashes are survived, too.
    let (_left, copy) = folder();
    fs::rename(backup(&path), &copy).expect("is moved");
    let here = sessions(&copy).await;
    let kept = begin(&here, "email", "ben@example.org").await.expect("is kept");
    let (_left, copy) = crashed(&copy);
    assert_eq!(email(&sessions(&copy).await, &kept).await.as_deref(), Some("ben@example.org"));
}

#[tokio::test]
async fn a_backup_that_is_moved_over_the_file_while_it_is_in_use_is_what_is_there() {
    let (_folder, path) = folder();
    let (here, there) = (sessions(&path).await, sessions(&path).await);
    fill(&here, 20).await;
    let kept = begin(&here, "email", "ana@example.org").await.expect("is kept");
    let backup = backup(&path);
    let lost = begin(&there, "email", "ben@example.org").await.expect("is kept");
    fill(&here, 50).await;
    assert_eq!(email(&here, &lost).await.as_deref(), Some("ben@example.org"));
    fs::rename(backup, &path).expect("is moved");

    assert_eq!(email(&here, &kept).await.as_deref(), Some("ana@example.org"));
    assert_eq!(email(&here, &lost).await, None);
    for sessions in [&here, &there] {
        let new = begin(sessions, "email", "eve@example.org").await.expect("is kept");
        for sessions in [&here, &there, &self::sessions(&path).await] {
            assert_eq!(email(sessions, &new).await.as_deref(), Some("eve@example.org"));
            assert_eq!(email(sessions, &kept).await.as_deref(), Some("ana@example.org"));
            assert_eq!(email(sessions, &lost).await, None);
        }
    }
    assert_whole(&path).await;
}

/// What was acknowledged before is not lost with the log, and what is acknowledged afterwards is not, either.
#[tokio::test]
async fn a_log_that_is_removed_while_it_is_in_use_loses_nothing() {
    for ends in [&["-wal"][..], &["-wal", "-shm"]] {
        for reads_first in [false, true] {
            let (_folder, path) = folder();
            let (here, there) = (sessions(&path).await, sessions(&path).await);
            fill(&there, 20).await;
            let ended = begin(&here, "email", "ana@example.org").await.expect("is kept");
            let kept = begin(&there, "email", "ben@example.org").await.expect("is kept");
            for end in ends {
                fs::remove_file(beside(&path, end)).expect("is there");
            }
            if reads_first {
                assert_eq!(email(&here, &kept).await.as_deref(), Some("ben@example.org"));
            }
            let new = begin(&here, "email", "eve@example.org").await.expect("is kept");
            let session = opened(&there, &ended).await.expect("it opens");
            session.logout().expect("is ended");
            assert!(session.commit(200).await.error.is_none());

            let (_left, copy) = crashed(&path);
            for sessions in [&here, &there, &sessions(&copy).await] {
                assert_eq!(email(sessions, &ended).await, None, "it opens again");
                assert_eq!(email(sessions, &kept).await.as_deref(), Some("ben@example.org"));
                assert_eq!(email(sessions, &new).await.as_deref(), Some("eve@example.org"));
            }
            assert_whole(&path).await;
        }
    }
}

/// Another program may write first in a log, and change the tables.
#[tokio::test]
async fn a_log_that_another_program_began_is_the_files_own() {
    let (_folder, path) = folder();
    let here = sessions(&path).await;
    fill(&here, 20).await;
    let other = rusqlite::Connection::open(&path).expect("it opens");
    other.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).expect("it answers");
    other.execute_batch("ALTER TABLE sessions ADD COLUMN device TEXT").expect("is changed");
    let kept = begin(&here, "email", "ana@example.org").await.expect("is kept");
    let (_left, copy) = crashed(&path);
    assert_eq!(email(&sessions(&copy).await, &kept).await.as_deref(), Some("ana@example.org"));
    assert!(!beside(&copy, "-wal-of-another").exists());
}

/// As `sqlite3`'s `.backup` makes them, which begins to count the versions of the schema anew.
#[tokio::test]
async fn a_copy_that_goes_on_survives_its_own_crashes() {
    let (_folder, path) = folder();
    let here = sessions(&path).await;
    fill(&here, 20).await;
    let copy = backup(&path);
    let other = rusqlite::Connection::open(&copy).expect("it opens");
    other.pragma_update(None, "schema_version", 1).expect("is changed");
    drop(other);
    let here = sessions(&copy).await;
    for name in ["ana", "ben"] {
        let kept = begin(&here, "email", name).await.expect("is kept");
        let (_left, copy) = crashed(&copy);
        assert_eq!(email(&sessions(&copy).await, &kept).await.as_deref(), Some(name));
    }
}
